internal import Journal
internal import Wording

/// Whether a row of a reference table can be used: its values by their columns.
enum ReferenceRowCheck {
    struct Fault {
        /// Place in the table's columns.
        var column: Int
        var message: String
    }

    /// All that is wrong with a row; its NDC is normalised.
    static func check(_ row: inout ReferenceRow) -> [Fault] {
        var faults: [Fault] = []
        for (index, column) in row.table.columns.enumerated() {
            if let message = check(column, of: row.table, &row.values[index]) {
                faults.append(Fault(column: index, message: message))
            }
        }
        if faults.isEmpty, let from = row.table.columns.firstIndex(of: "effective_from"),
            let first = CivilDate(text: row.values[from]),
            let last = CivilDate(text: row.values[from + 1]), last < first
        {
            let message =
                "\(last.text) is before effective_from, \(first.text). Correct one of them."
            faults.append(Fault(column: from + 1, message: message))
        }
        return faults
    }

    private static func check(
        _ column: String,
        of table: ReferenceTable,
        _ value: inout String
    ) -> String? {
        switch column {
        case "covered_entity_id":
            let isID =
                (1...32).contains(value.utf8.count)
                && value.utf8.allSatisfy { $0 &- 65 < 26 || $0 &- 48 < 10 || $0 == 0x2D }
            return isID
                ? nil : "\"\(value)\" is no 340B ID. Write 1 to 32 of A-Z, 0-9 and -."
        case "site_id":
            if value.utf8.count > 128 { return "it is longer than 128 bytes. Shorten it." }
            return needed(value)
        case "npi", "pharmacy_npi", "bin": return needed(value)
        case "entity_type": return table == .restrictions ? nil : needed(value)
        // A product may have no labeler; a manufacturer's policy without one means nothing.
        case "labeler": return table == .products ? nil : needed(value)
        case "medicaid_ffs", "medicaid_mco":
            if table == .pharmacies, value.isEmpty { return nil }
            return choice(value, ["carve_in", "carve_out"])
        case "relationship": return choice(value, ["employed", "contracted", "referral"])
        case "arrangement": return choice(value, ["in_house", "contract"])
        case "payer_type":
            return choice(value, ["medicaid_ffs", "medicaid_mco", "medicare_d", "commercial"])
        case "rule": return choice(value, ["no_contract", "designated_only"])
        case "billing_unit": return choice(value, BillingUnit.allCases.map(\.name))
        case "orphan": return choice(value, ["0", "1"])
        case "package_size": return size(value)
        case "ndc11": return normalise(&value)
        case "effective_from": return date(value)
        case "effective_to", "mfp_from": return value.isEmpty ? nil : date(value)
        // Names, descriptions, states, and the parts of a payer that may be empty: any text.
        default: return nil
        }
    }

    private static func needed(_ value: String) -> String? {
        value.isEmpty ? "it is empty. Write its value or delete the row." : nil
    }

    private static func choice(_ value: String, _ words: [String]) -> String? {
        if words.contains(value) { return nil }
        return "\"\(value)\" is not known here.\(didYouMean(value, among: words)) "
            + "Write \(spoken(words))."
    }

    private static func date(_ value: String) -> String? {
        if CivilDate(text: value) != nil { return nil }
        return "\"\(value)\" is no date. Write year, month and day, for example 2026-03-31."
    }

    private static func size(_ value: String) -> String? {
        let size = try? Quantity(Array(value.utf8))
        if let size, size > .zero { return nil }
        return "\"\(value)\" is no decimal greater than 0. Write for example 30 or 2.5."
    }

    /// Eleven digits, from them or from a form with dashes.
    private static func normalise(_ value: inout String) -> String? {
        guard let digits = NdcText.elevenDigits(value) else {
            let hint =
                value.utf8.count < 11 && value.utf8.allSatisfy { $0 &- 48 < 10 }
                ? " Leading zeros may have been lost in a spreadsheet." : ""
            return "\"\(value)\" is no NDC of 11 digits.\(hint)"
        }
        value = digits
        return nil
    }
}

/// The NDC forms of SEMANTICS 16 as texts, for files; the hot path has its own.
enum NdcText {
    /// Eleven digits, or nil where a text can't be normalised.
    static func elevenDigits(_ text: String) -> String? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { $0 &- 48 < 10 } }) else {
            return nil
        }
        let counts = parts.map { $0.utf8.count }
        if counts == [11] { return text }
        guard [[4, 4, 2], [5, 3, 2], [5, 4, 1], [5, 4, 2]].contains(counts) else { return nil }
        return zip(parts, [5, 4, 2]).map { part, width in
            String(repeating: "0", count: width - part.utf8.count) + part
        }.joined()
    }
}

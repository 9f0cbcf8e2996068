/// What an output record says, in one line.
enum OutputSentence {
    /// The line for a record of a topic.
    static func of(_ topic: String, _ value: JSONValue) -> String {
        switch topic {
        case "decisions": decision(value)
        case "alerts": alert(value)
        case "accumulators": increment(value)
        case "replenishments": replenishment(value)
        default: value.plain
        }
    }

    private static func decision(_ value: JSONValue) -> String {
        let account = value["account"].map { ", account \($0.plain)" } ?? ""
        let quantity =
            value["quantity"].map {
                ", \($0.plain) \(value.word("unit")) of \(value.word("ndc11"))"
            } ?? ""
        func rules(_ result: String) -> String {
            let names = (value["rules"]?.items ?? []).filter { $0["result"]?.text == result }
                .map { $0.word("rule") }
            return names.isEmpty ? "" : "; \(result): " + names.joined(separator: ", ")
        }
        let until = value["pending_until"].map { " until \($0.plain)" } ?? ""
        return "decision \(value.word("decision_id")), revision \(value.word("revision")):"
            + " \(value.word("outcome"))\(account)\(quantity)\(rules("fail"))\(rules("pending"))\(until);"
            + " because of: \(value.word("change"))"
    }

    private static func alert(_ value: JSONValue) -> String {
        let resolution = value["resolution"].map { " (\($0.plain))" } ?? ""
        return
            "alert \(value.word("alert_id")) \(value.word("state"))\(resolution): \(value.word("rule")),"
            + " \(value.word("severity")), for \(value.word("owner")): \(value.word("summary"))"
    }

    private static func increment(_ value: JSONValue) -> String {
        let sign = value["quantity"]?.text?.hasPrefix("-") ?? false ? "" : "+"
        return
            "increment \(value.word("increment_id")), number \(value.word("key_sequence")) of the accumulator:"
            + " \(sign)\(value.word("quantity")) \(value.word("unit")) (\(value.word("reason"))), account"
            + " \(value.word("account")), balance \(value.word("balance"))"
    }

    private static func replenishment(_ value: JSONValue) -> String {
        let increments = value["increments"]
        return "replenishment \(value.word("replenishment_id")) \(value.word("state")):"
            + " \(value.word("packages")) × \(value.word("package_size")) \(value.word("unit")), balance"
            + " \(value.word("balance_before")) → \(value.word("balance_after")), for increments number"
            + " \(increments?.word("first") ?? "-") to \(increments?.word("last") ?? "-")"
    }

    /// What else there is to say of the record that is explained.
    static func details(_ topic: String, _ value: JSONValue) -> [String] {
        switch topic {
        case "decisions":
            return [
                "treated as 340B: \(value.word("treated_as_340b")); eligible: \(value.word("eligible")); matched visit"
                    + " \(value.word("matched_encounter_id")), site \(value.word("site_id")), prescriber"
                    + " \(value.word("prescriber_npi"))"
            ]
        case "alerts":
            var lines = [
                "about \(value["subject"]?.pairs(skipping: []) ?? "-"); root cause \(value.word("root_cause")); opened"
                    + " \(value.word("occurrence")) time\(value["occurrence"]?.text == "1" ? "" : "s")",
                "compared: \(value["evidence"]?["values"]?.pairs(skipping: []) ?? "-")",
            ]
            if let decision = value["decision_id"] { lines.append("decision \(decision.plain)") }
            for said in value["evidence"]?["dispositions"]?.items ?? [] {
                lines.append("a person said: " + said.pairs(skipping: []))
            }
            return lines
        case "accumulators":
            var lines = ["caused by: \(value["cause"]?.pairs(skipping: []) ?? "-")"]
            if let after = Millionths(value["balance"]?.text),
                let moved = Millionths(value["quantity"]?.text)
            {
                lines.insert("balance \((after - moved).text) → \(after.text)", at: 0)
            }
            return lines
        default: return []
        }
    }
}

/// A decimal as outputs write it, exact to six places.
struct Millionths: Equatable {
    private let value: Int128

    /// Reads a decimal; nil where the text is none.
    init?(_ text: String?) {
        guard let text else { return nil }
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int128(parts[0]) else { return nil }
        let digits = parts.count == 2 ? String(parts[1]) : ""
        guard digits.count <= 6,
            let fraction = Int128(digits + String(repeating: "0", count: 6 - digits.count))
        else { return nil }
        value = (whole * 1_000_000 + fraction) * (isNegative ? -1 : 1)
    }

    private init(_ value: Int128) { self.value = value }

    static func - (left: Self, right: Self) -> Self { Self(left.value - right.value) }

    /// As outputs write it.
    var text: String {
        let magnitude = value.magnitude
        var digits = String(magnitude % 1_000_000)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return (value < 0 ? "-" : "") + "\(magnitude / 1_000_000)"
            + (digits.isEmpty ? "" : "." + digits)
    }
}

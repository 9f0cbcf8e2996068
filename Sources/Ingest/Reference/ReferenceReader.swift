public import Journal
internal import Wording

/// Something about a reference file that a person should know: `sites.csv:12:7: effective_from: …`.
public struct ReferenceDiagnostic: Sendable, Hashable, CustomStringConvertible {
    /// The name of the file.
    public var file: String
    /// Line and column, both from 1; the column counts characters.
    public var line: Int
    public var column: Int
    /// What is wrong and what to do.
    public var message: String

    public var description: String { "\(file):\(line):\(column): \(message)" }
}

/// What a reference file holds.
public struct ReferenceReading: Sendable {
    /// The rows that can be used, in the order of the file.
    public var rows: [ReferenceRow] = []
    /// What stops the start: a file with any of these is not used.
    public var errors: [ReferenceDiagnostic] = []
    /// What does not: columns that nobody knows.
    public var warnings: [ReferenceDiagnostic] = []
}

/// Reads the files of a `reference/` folder (EVENTS, "Reference data").
///
/// All that is wrong with a file is found at once. Texts stay exactly as written, since a labeler is compared as
/// exact text; only `ndc11` is normalised, since it is a key.
public enum ReferenceReader {
    /// The table that a file holds by its name, or nil.
    public static func table(fileName: String) -> ReferenceTable? {
        let name = fileName.split(separator: "/").last.map(String.init) ?? ""
        return ReferenceTable.allCases.first { $0.name + ".csv" == name }
    }

    /// Reads one table.
    public static func read(
        _ table: ReferenceTable,
        _ bytes: [UInt8],
        file: String
    ) -> ReferenceReading {
        var reading = ReferenceReading()
        var reader = CSVReader(bytes)
        var fields: [CSVReader.Field] = []
        func diagnostic(_ field: CSVReader.Field, _ message: String) -> ReferenceDiagnostic {
            ReferenceDiagnostic(
                file: file,
                line: field.line,
                column: reader.column(field.place, lineStart: field.lineStart),
                message: message
            )
        }
        func diagnostic(_ fault: CSVReader.Fault) -> ReferenceDiagnostic {
            ReferenceDiagnostic(
                file: file,
                line: fault.line,
                column: reader.column(fault.place, lineStart: fault.lineStart),
                message: fault.message
            )
        }

        switch reader.next(&fields) {
        case .row: break
        case .fault(let fault):
            reading.errors.append(diagnostic(fault))
            return reading
        case .end:
            let message =
                "the header is missing. Begin with the line \(table.columns.joined(separator: ","))"
            reading.errors.append(
                ReferenceDiagnostic(file: file, line: 1, column: 1, message: message)
            )
            return reading
        }
        guard let places = columnPlaces(table, fields, &reading, diagnostic) else { return reading }
        let width = fields.count
        var lines: [String: Int] = [:]
        while true {
            switch reader.next(&fields) {
            case .end: return reading
            case .fault(let fault): reading.errors.append(diagnostic(fault))
            case .row:
                guard let first = fields.first else { continue }
                guard fields.count == width else {
                    let message =
                        "the row has \(fields.count) fields where the header has \(width). "
                        + "Put a field with a comma between quotes."
                    reading.errors.append(diagnostic(first, message))
                    continue
                }
                var row = ReferenceRow(
                    table: table,
                    values: places.map { $0.map { fields[$0].text } ?? "" }
                )
                let faults = ReferenceRowCheck.check(&row)
                guard faults.isEmpty else {
                    reading.errors += faults.map { fault in
                        let column = table.columns[fault.column]
                        let field = places[fault.column].map { fields[$0] } ?? first
                        return diagnostic(field, "\(column): \(fault.message)")
                    }
                    continue
                }
                if let earlier = lines[row.key] {
                    let names = table.keyColumns.map { table.columns[$0] }
                    let message =
                        "line \(earlier) has the same \(spoken(names, joinedBy: "and")). "
                        + "Keep one of the two rows."
                    reading.errors.append(diagnostic(first, message))
                    continue
                }
                lines[row.key] = first.line
                reading.rows.append(row)
            }
        }
    }

    /// For each of the table's columns its place in the file, nil for one that may be absent and is; nil where the
    /// header can't be used.
    private static func columnPlaces(
        _ table: ReferenceTable,
        _ header: [CSVReader.Field],
        _ reading: inout ReferenceReading,
        _ diagnostic: (CSVReader.Field, String) -> ReferenceDiagnostic
    ) -> [Int?]? {
        let columns = table.columns
        let missing = columns.filter { column in !header.contains { $0.text == column } }
        for (index, field) in header.enumerated() {
            if columns.contains(field.text),
                header[..<index].contains(where: { $0.text == field.text })
            {
                reading.errors.append(
                    diagnostic(field, "the column \"\(field.text)\" stands twice. Delete one.")
                )
            } else if !columns.contains(field.text) {
                reading.warnings.append(
                    diagnostic(
                        field,
                        "the column \"\(field.text)\" is not known and ignored."
                            + didYouMean(field.text, among: missing)
                    )
                )
            }
        }
        let needed = missing.filter { !table.optionalColumns.contains($0) }
        if !needed.isEmpty, let first = header.first {
            let message =
                (needed.count == 1 ? "the column " : "the columns ")
                + spoken(needed, joinedBy: "and")
                + (needed.count == 1 ? " is missing. Add it." : " are missing. Add them.")
            reading.errors.append(diagnostic(first, message))
        }
        guard reading.errors.isEmpty else { return nil }
        return columns.map { column in header.firstIndex { $0.text == column } }
    }

    /// The row that a canonical line holds (``Journal/ReferenceRow/canonicalLine``): what a record of the `reference`
    /// topic carries. Checked like a row of a file.
    ///
    /// - Throws: why there is none.
    public static func row(canonicalLine bytes: [UInt8]) throws(ReferenceLineFault) -> ReferenceRow
    {
        var reader = CSVReader(bytes)
        var fields: [CSVReader.Field] = []
        switch reader.next(&fields) {
        case .row: break
        case .fault(let fault): throw ReferenceLineFault(message: fault.message)
        case .end: throw ReferenceLineFault(message: "the line is empty.")
        }
        let name = fields.removeFirst().text
        guard let table = ReferenceTable.allCases.first(where: { $0.name == name }) else {
            let hint = didYouMean(name, among: ReferenceTable.allCases.map(\.name))
            throw ReferenceLineFault(message: "\"\(name)\" is no table.\(hint)")
        }
        guard fields.count == table.columns.count else {
            throw ReferenceLineFault(
                message: "\(name) has \(table.columns.count) columns, the line \(fields.count)."
            )
        }
        var more: [CSVReader.Field] = []
        guard case .end = reader.next(&more) else {
            throw ReferenceLineFault(message: "more than one line stands in it.")
        }
        var row = ReferenceRow(table: table, values: fields.map(\.text))
        let faults = ReferenceRowCheck.check(&row)
        guard faults.isEmpty else {
            throw ReferenceLineFault(
                message: faults.map { "\(table.columns[$0.column]): \($0.message)" }
                    .joined(separator: " ")
            )
        }
        return row
    }
}

/// Why a line is no row of a reference table.
public struct ReferenceLineFault: Error, Hashable, Sendable {
    /// What is wrong, for a person.
    public var message: String
}

extension ReferenceTable {
    /// Columns that a file may lack.
    var optionalColumns: [String] { self == .pharmacies ? ["medicaid_ffs", "medicaid_mco"] : [] }
}

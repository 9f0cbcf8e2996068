public import Journal

extension ReferenceRow {
    /// The row as a line of RFC 4180: the table's name and the values in the order of its columns, quotes only around
    /// what needs them, and a line feed. Equal rows have equal lines, and no two rows share one.
    public var canonicalLine: [UInt8] {
        var line: [UInt8] = []
        for (index, value) in ([table.name] + values).enumerated() {
            if index > 0 { line.append(UInt8(ascii: ",")) }
            let needsQuotes = value.utf8.contains {
                $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 0x0A || $0 == 0x0D
            }
            guard needsQuotes else {
                line += Array(value.utf8)
                continue
            }
            line.append(UInt8(ascii: "\""))
            for byte in value.utf8 {
                if byte == UInt8(ascii: "\"") { line.append(byte) }
                line.append(byte)
            }
            line.append(UInt8(ascii: "\""))
        }
        line.append(0x0A)
        return line
    }
}

/// All rows that take effect together, in their canonical order: by table in the order of EVENTS, then as in the file.
public struct ReferencePublication: Sendable {
    /// The rows in that order.
    public let rows: [ReferenceRow]
    /// SHA-256 over the rows' ``Journal/ReferenceRow/canonicalLine`` one after another: what `sha256sum` says of a file
    /// with these lines.
    public let digest: [UInt8]

    /// The publication of these rows; rows of one table keep their order.
    public init(_ rows: [ReferenceRow]) {
        self.rows = ReferenceTable.allCases.flatMap { table in rows.filter { $0.table == table } }
        var stream = SHA256.Stream()
        // The span is used up while the line stands.
        for row in self.rows { unsafe stream.add(row.canonicalLine.span.bytes) }
        digest = stream.finish()
    }

    /// The record that ends a publication names this many rows.
    public var rowCount: Int64 { Int64(rows.count) }
}

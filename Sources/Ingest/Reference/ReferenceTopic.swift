public import Journal

/// The records of the `reference` topic, which has one partition and may be compacted.
///
///     key                                        value
///     sites␟DSH1-A␟DSH1␟2020-01-01               sites,DSH1-A,DSH1,Annex,2020-01-01,
///     sites␟DSH1-A␟DSH1␟2020-01-01               (null)
///     complete                                   {"rows":113,"sha256":"9f2c…"}
///
/// A row's key is ``Journal/ReferenceRow/key``, its value ``Journal/ReferenceRow/canonicalLine`` without the line feed;
/// a null value withdraws the row of that key. `complete` ends a publication: it names the number of *all* rows that are
/// in effect from there on, and the SHA-256 of their canonical lines, table by table in the order of EVENTS, within a
/// table in the byte order of their keys. So a publication may send all rows or only what changed, and compaction,
/// which keeps the last record of each key, takes nothing away.
public enum ReferenceTopic {
    /// One record.
    public struct Record: Sendable, Hashable {
        public var key: [UInt8]
        /// Nil withdraws the row.
        public var value: [UInt8]?
    }

    /// What a record says.
    public enum Change: Sendable, Hashable {
        case put(ReferenceRow)
        /// The key of the row that is taken away.
        case withdraw(String)
        case complete(rowCount: Int64, digest: String)
    }

    static let completeKey = "complete"

    /// The record of a row.
    public static func record(_ row: ReferenceRow) -> Record {
        var line = row.canonicalLine
        line.removeLast()
        return Record(key: Array(row.key.utf8), value: line)
    }

    /// The record that withdraws a row.
    public static func withdrawal(of row: ReferenceRow) -> Record {
        Record(key: Array(row.key.utf8), value: nil)
    }

    /// The record that ends a publication after which `rows` are in effect.
    public static func completion(of rows: [ReferenceRow]) -> Record {
        let (rowCount, digest) = summary(of: rows)
        return Record(
            key: Array(completeKey.utf8),
            value: Array("{\"rows\":\(rowCount),\"sha256\":\"\(SHA256.hex(digest))\"}".utf8)
        )
    }

    /// All records of a publication: what changed from `before` to `rows`, and the end.
    public static func publication(of rows: [ReferenceRow], after before: [ReferenceRow] = [])
        -> [Record]
    {
        let old = Dictionary(before.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        let kept = Set(rows.map(\.key))
        return rows.filter { old[$0.key] != $0 }.map(record)
            + before.filter { !kept.contains($0.key) }.map(withdrawal) + [completion(of: rows)]
    }

    /// Number and digest of rows, as a completion names them.
    public static func summary(of rows: [ReferenceRow]) -> (rowCount: Int64, digest: [UInt8]) {
        let publication = ReferencePublication(
            rows.map { (key: Array($0.key.utf8), row: $0) }
                .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.row)
        )
        return (publication.rowCount, publication.digest)
    }

    /// Reads a record.
    ///
    /// - Throws: why it is none.
    public static func read(key: [UInt8], value: [UInt8]?) throws(ReferenceLineFault) -> Change {
        let name = String(decoding: key, as: UTF8.self)
        if name == completeKey {
            guard let value, let found = completion(String(decoding: value, as: UTF8.self)) else {
                throw ReferenceLineFault(
                    message:
                        "a completion is written {\"rows\":113,\"sha256\":\"64 hexadecimal digits\"}."
                )
            }
            return found
        }
        guard let value else { return .withdraw(name) }
        let row = try ReferenceReader.row(canonicalLine: value)
        guard row.key == name else {
            throw ReferenceLineFault(message: "the record's key is not the key of its row.")
        }
        return .put(row)
    }

    /// The row that a withdrawal of this key takes away: only its key columns are filled.
    public static func withdrawnRow(key: String) -> ReferenceRow? {
        let parts = key.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(
            String.init
        )
        guard let table = ReferenceTable.allCases.first(where: { $0.name == parts[0] }),
            parts.count == 1 + table.keyColumns.count
        else { return nil }
        var values = Array(repeating: "", count: table.columns.count)
        for (place, column) in table.keyColumns.enumerated() { values[column] = parts[1 + place] }
        return ReferenceRow(table: table, values: values, isWithdrawn: true)
    }

    private static func completion(_ text: String) -> Change? {
        let head = "{\"rows\":"
        let middle = ",\"sha256\":\""
        guard text.hasPrefix(head), text.hasSuffix("\"}") else { return nil }
        let parts = text.dropFirst(head.count).dropLast(2).split(separator: ",", maxSplits: 1)
        guard parts.count == 2, let count = Int64(parts[0]), count >= 0,
            ("," + parts[1]).hasPrefix(middle)
        else { return nil }
        let digest = String(parts[1].dropFirst(middle.count - 1))
        guard digest.utf8.count == 64,
            digest.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        return .complete(rowCount: count, digest: digest)
    }
}

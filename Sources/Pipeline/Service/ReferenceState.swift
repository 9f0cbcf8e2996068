internal import Ingest
internal import Journal

/// The reference rows as the `reference` topic has them: what was copied to the journal, and what is to follow.
///
/// Rows are copied when their publication is complete and fits its number and digest, all in one transaction, so the
/// journal never holds half of one.
struct ReferenceState {
    /// Rows by key, as of the last record read.
    private var current: [String: ReferenceRow] = [:]
    /// Rows by key, as of the last publication that was taken.
    private var copied: [String: ReferenceRow] = [:]
    /// Records that can't be used and that no later record of their key replaces.
    private var unusable: [String: String] = [:]
    /// The last completion that did not fit, if nothing came after it.
    private(set) var mismatch: String?

    /// What a completion has the journal learn: rows in the order of their keys.
    struct Publication {
        var rows: [ReferenceRow]
        var rowCount: Int64
        var digest: [UInt8]
    }

    /// Takes a record; a publication where one is complete.
    mutating func apply(key: [UInt8], value: [UInt8]?, offset: Int64) -> Publication? {
        mismatch = nil
        let name = String(decoding: key, as: UTF8.self)
        do {
            switch try ReferenceTopic.read(key: key, value: value) {
            case .put(let row):
                current[name] = row
                unusable[name] = nil
                return nil
            case .withdraw:
                current[name] = nil
                unusable[name] = nil
                return nil
            case .complete(let rowCount, let digest):
                return complete(rowCount, digest, offset)
            }
        } catch {
            unusable[name] = "the record at offset \(offset) can't be used: \(error.message)"
            if name == "complete" { mismatch = unusable.removeValue(forKey: name) }
            return nil
        }
    }

    private mutating func complete(_ rowCount: Int64, _ digest: String, _ offset: Int64)
        -> Publication?
    {
        // Where compaction has taken rows that a later publication replaces, an earlier completion can't fit.
        if let first = unusable.sorted(by: { $0.key < $1.key }).first {
            mismatch = first.value
            return nil
        }
        let rows = Array(current.values)
        let found = ReferenceTopic.summary(of: rows)
        guard found.rowCount == rowCount, SHA256.hex(found.digest) == digest else {
            mismatch =
                "the completion at offset \(offset) names \(rowCount) rows with the digest \(digest), there are "
                + "\(found.rowCount) with \(SHA256.hex(found.digest))"
            return nil
        }
        var changes: [ReferenceRow] = []
        for key in Set(current.keys).union(copied.keys).sorted() {
            if let row = current[key] {
                if copied[key] != row { changes.append(row) }
            } else if let row = ReferenceTopic.withdrawnRow(key: key) {
                changes.append(row)
            }
        }
        copied = current
        return Publication(rows: changes, rowCount: rowCount, digest: found.digest)
    }
}

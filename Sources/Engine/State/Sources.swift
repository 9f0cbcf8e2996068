internal import Journal

/// The source partitions that a journal knows: their next counter, and how far they have been copied.
struct Sources: ~Copyable {
    private struct Row {
        var topic: UInt32
        var partition: Int32
        var counter: UInt64 = 0
        var reached = Instant.distantPast
        var isRegistered = false
        var isRetired = false
    }
    private var names = Texts()
    private var rows: [Row] = []
    /// The last one asked for: records of one source come in runs.
    private var last = 0

    private mutating func place(_ topic: UInt32, _ partition: Int32) -> Int {
        if last < rows.count, rows[last].topic == topic, rows[last].partition == partition {
            return last
        }
        if let found = rows.firstIndex(where: { $0.topic == topic && $0.partition == partition }) {
            last = found
        } else {
            rows.append(Row(topic: topic, partition: partition))
            last = rows.count - 1
        }
        return last
    }

    /// The counter that the next record of a source must have; asking counts it.
    mutating func expectedCounter(_ topic: UnsafeRawBufferPointer, _ partition: Int32) -> UInt64 {
        let place = unsafe place(names.number(of: topic), partition)
        rows[place].counter += 1
        return rows[place].counter - 1
    }

    mutating func register(topic: String, partition: Int32) {
        let place = place(names.number(of: topic), partition)
        rows[place].isRegistered = true
        rows[place].isRetired = false
    }

    mutating func retire(topic: String, partition: Int32) {
        rows[place(names.number(of: topic), partition)].isRetired = true
    }

    mutating func reach(_ progress: SourceProgress) {
        let place = place(names.number(of: progress.topic), progress.partition)
        rows[place].reached = max(rows[place].reached, progress.reached)
    }

    /// The smallest progress over all registered source partitions; nil while one of them has none (SEMANTICS 1).
    var time: Instant? {
        var smallest: Instant?
        for row in rows where row.isRegistered && !row.isRetired {
            if row.reached == .distantPast { return nil }
            if smallest.map({ row.reached < $0 }) ?? true { smallest = row.reached }
        }
        return smallest
    }
}

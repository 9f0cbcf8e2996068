internal import Journal

/// The source partitions that a journal knows: their next counter, and how far they have been copied.
struct Sources: ~Copyable {
    private struct Row {
        var topic: UInt32
        var partition: Int32
        var counter: UInt64 = 0
        /// Where its last record stood in it.
        var offset: Int64 = -1
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

    /// Takes the next record of a source.
    ///
    /// Its counter shows a record that is missing here, its offset one that was copied twice: a copier that began
    /// again too early would count on.
    ///
    /// - Parameters:
    ///   - topic: the source's topic, or file.
    ///   - source: partition, offset and counter.
    ///   - isEvent: whether it is an event: each has an offset of its own, rows of a publication share one.
    /// - Returns: nil, or what is wrong with its place.
    mutating func take(
        _ topic: UnsafeRawBufferPointer,
        _ source: RecordSource,
        isEvent: Bool
    ) -> String? {
        // Records of one source come in runs: its name is compared, not looked up.
        let isLast =
            unsafe last < rows.count && rows[last].partition == source.partition
            && Hash.isEqual(names.bytes(rows[last].topic), topic)
        let place = unsafe isLast ? last : place(names.number(of: topic), source.partition)
        defer {
            rows[place].counter += 1
            rows[place].offset = source.offset
        }
        if source.counter != rows[place].counter {
            return "gave record \(source.counter) where \(rows[place].counter) was due: "
                + "the journal has a gap or a repeat"
        }
        if source.offset < rows[place].offset || isEvent && source.offset == rows[place].offset {
            return "gave the record at \(source.offset) after that at \(rows[place].offset): "
                + "it stands in the journal twice"
        }
        return nil
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

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        names.visit(&archive)
        archive.list(&rows, filler: Row(topic: 0, partition: 0)) { row, archive in
            archive.value(&row.topic)
            archive.value(&row.partition)
            archive.value(&row.counter)
            archive.value(&row.offset)
            archive.value(&row.reached)
            archive.value(&row.isRegistered)
            archive.value(&row.isRetired)
        }
        if archive.isReading { last = 0 }
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

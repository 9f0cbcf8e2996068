internal import Engine
internal import Journal
internal import Kafka

/// Journal records that a machine takes together, so that it can ask beforehand for the memory they touch.
struct RecordGroup {
    private(set) var records: [RecordView] = []
    /// Their offsets in the journal.
    private(set) var offsets: [Int64] = []

    /// Takes the next records of a batch in place of those before.
    ///
    /// - Parameters:
    ///   - batch: the batch, which must stand as long as the records are used.
    ///   - index: the first record to take; then the first that was not taken.
    ///   - limit: the journal offset at which to end.
    /// - Throws: `ServiceEnd` where a record can't be read.
    mutating func fill(
        _ batch: borrowing MessageBatch,
        from index: inout Int,
        below limit: Int64
    ) throws(ServiceEnd) {
        records.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        while index < batch.count, records.count < Machine.groupSize, batch[index].offset < limit {
            records.append(try JournalScan.record(batch[index]))
            offsets.append(batch[index].offset)
            index += 1
        }
    }
}

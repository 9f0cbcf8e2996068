public import Engine
internal import Glibc

/// A state as the records of the topic `snapshots`, all of them at once: for tools and measurements. The service takes
/// them as they come, see `PartitionSnapshots`.
public enum StateSnapshot {
    /// A record: its key and its value.
    public typealias Record = (key: [UInt8], value: [UInt8])

    /// Copies and compresses a state.
    ///
    /// - Parameters:
    ///   - machine: the machine.
    ///   - partition: the journal partition.
    ///   - offset: the journal offset at which folding goes on.
    /// - Returns: pieces, then the manifest.
    public static func records(
        of machine: inout Machine,
        partition: Int32,
        offset: Int64
    ) -> [Record] {
        var receipt = Receipt()
        receipt.records = machine.nextRecordNumber
        let job = SnapshotJob(
            partition: partition,
            slot: .a,
            byteCount: machine.stateByteCount
        )
        while job.copy(&machine, at: offset, receipt) == nil { usleep(100) }
        var records: [Record] = []
        while let record = job.next() {
            records.append((Array(record.key.text(partition).utf8), record.value))
        }
        return records
    }

    /// The state that some records hold.
    ///
    /// - Throws: `StateFault` where anything is missing, damaged or of another version.
    public static func machine(
        from records: [Record],
        partition: Int32,
        offset: Int64
    ) throws(StateFault) -> Machine {
        var rest = records[...]
        let state = try SnapshotRestore.state(of: partition, at: offset) { rest.popFirst() }
        return state.machine
    }
}

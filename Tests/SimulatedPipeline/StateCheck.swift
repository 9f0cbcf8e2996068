public import Engine
internal import Simulator

/// Looks into the pipeline for those who judge it.
public enum StateCheck {
    /// Takes up the newest whole snapshot that a receipt names.
    ///
    /// - Parameters:
    ///   - machine: becomes the state.
    ///   - receipt: the metadata beside a committed offset.
    ///   - partition: the journal partition.
    ///   - records: what stands in the partition of the topic, each with its offset.
    /// - Returns: the journal offset at which folding goes on; nil where none is whole.
    public static func takeUp(
        _ machine: inout Machine,
        receipt: String,
        partition: Int32,
        _ records: [(offset: Int64, key: [UInt8], value: [UInt8])]
    ) -> Int64? {
        for place in Receipt.snapshots(in: receipt) {
            var rest = records.filter { $0.offset >= place.start }.map { ($0.key, $0.value) }[...]
            do throws(StateFault) {
                let state = try SnapshotRestore.state(of: partition, at: place.offset) {
                    () throws(StateFault) in rest.popFirst()
                }
                let offset = state.manifest.offset
                machine = state.machine
                return offset
            } catch {
                continue
            }
        }
        return nil
    }
}

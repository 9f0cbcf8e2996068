internal import Engine
internal import Journal
internal import Kafka

/// A journal partition's state behind its owner: what a take-over goes on from.
///
/// One at a time has it in hand, the standby or the partition's own thread.
final class FollowedState {
    private var machine: Machine
    private(set) var receipt: Receipt
    /// The first journal offset that was not folded.
    private(set) var offset: Int64

    private var group = RecordGroup()
    /// Records from the limit on that were fetched with those before it.
    private var ahead: [(offset: Int64, value: [UInt8])] = []

    /// The state of nothing.
    init() {
        machine = Machine()
        receipt = Receipt()
        offset = 0
    }

    /// The state of a snapshot.
    init(_ state: consuming RestoredState) {
        offset = state.manifest.offset
        receipt = state.receipt
        machine = state.machine
    }

    /// The state, whose reader folds on from ``offset``; here it is empty from then on.
    func takeMachine() -> Machine {
        var taken = Machine()
        swap(&taken, &machine)
        return taken
    }

    /// Bytes of the state's tables.
    var stateBytes: Int { machine.stateBytes }

    /// Folds what was fetched before, up to an offset.
    ///
    /// - Returns: how many records.
    /// - Throws: `MachineFault`, or `ServiceEnd` where a record can't be read.
    func foldAhead(below limit: Int64) throws -> Int {
        let count = ahead.prefix { $0.offset < limit }.count
        for index in 0..<count {
            let (offset, value) = ahead[index]
            // The view is used while the bytes stand.
            try unsafe value.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                let record = unsafe RecordView(start, count: bytes.count)
                try record.check()
                try machine.apply([record], offsets: [offset])
            }
            self.offset = offset + 1
        }
        if count > 0 {
            ahead.removeFirst(count)
            drop()
        }
        return count
    }

    /// Folds a batch silently up to an offset, and keeps the rest for later.
    ///
    /// - Throws: `MachineFault`, or `ServiceEnd` where a record can't be read.
    func fold(_ batch: borrowing MessageBatch, below limit: Int64) throws {
        var index = 0
        while index < batch.count, batch[index].offset < limit {
            try group.fill(batch, from: &index, below: limit)
            try machine.apply(group.records, offsets: group.offsets)
            if let last = group.offsets.last { offset = last + 1 }
            drop()
        }
        while index < batch.count {
            // Copied while the batch stands.
            let value = unsafe batch[index].value.withUnsafeBytes { unsafe Array($0) }
            ahead.append((batch[index].offset, value))
            index += 1
        }
    }

    /// Nothing is waiting: more can be fetched.
    var isEmptyAhead: Bool { ahead.isEmpty }

    /// Counts the outputs and forgets them: their owner has written them.
    private func drop() {
        receipt.add(machine)
        machine.removeOutputs()
    }
}

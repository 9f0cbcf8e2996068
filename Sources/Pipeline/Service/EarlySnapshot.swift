internal import Engine
internal import Kafka

/// Reads a partition's snapshot while its producer is being fenced.
///
/// A fence takes half a second where the owner before was killed in a transaction (librdkafka asks again after 500 ms), and
/// a snapshot of some ten megabytes about as long. The receipt of the last offset that is not in doubt names it; after the
/// fence it must be among those that the offset's own receipt names, and lie before that offset. Else another is read.
final class EarlySnapshot: Sendable {
    private struct Found {
        var isOver = false
        var isUnwanted = false
        var state: FollowedState?
    }

    private let search: SnapshotSearch
    private let journal: TopicPartition
    private let offsets: GroupOffsets
    private let found = Guarded(Found())

    /// - Parameters:
    ///   - search: of the partition.
    ///   - offsets: tells those that are in no doubt, also while a transaction holds later ones.
    init(_ search: SnapshotSearch, _ offsets: GroupOffsets) {
        self.search = search
        self.offsets = offsets
        journal = TopicPartition(search.configuration.journalTopic, search.partition)
    }

    /// Starts to read, in a thread of its own.
    func start() -> WorkThread {
        WorkThread("early-\(search.partition)") { [self] in
            // What fails here is tried again after the fence, and told there.
            let state = try? read()
            found.with { found in
                found.isOver = true
                if !found.isUnwanted { found.state = state }
            }
        }
    }

    private func read() throws -> FollowedState? {
        let last = try offsets.committed([journal], within: .seconds(5)).first
        guard let last, let offset = last.offset else { return nil }
        let state = search.newest(
            in: last.metadata,
            notAfter: offset,
            isWanted: { [found] in found.read { !$0.isUnwanted } }
        )
        guard let state else { return nil }
        return FollowedState(state)
    }

    /// Waits until it has been read.
    ///
    /// - Parameters:
    ///   - receipt: the receipt of the committed offset.
    ///   - live: the committed offset.
    /// - Returns: the state; nil where there is none, or another must be read.
    func take(_ receipt: String?, notAfter live: Int64) -> FollowedState? {
        while !found.wait(atMost: .seconds(1), until: { $0.isOver }) {}
        let state = found.with { found in
            defer { found.state = nil }
            return found.state
        }
        guard let state, let receipt, state.offset <= live,
            Receipt.snapshots(in: receipt).contains(where: { $0.offset == state.offset })
        else { return nil }
        return state
    }

    /// It is not wanted any more: it ends within a moment.
    func end() {
        found.with { found in
            found.isUnwanted = true
            found.state = nil
        }
    }
}

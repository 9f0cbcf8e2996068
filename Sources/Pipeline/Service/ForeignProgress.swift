internal import Journal
internal import Kafka

/// How far other workers have copied the source partitions that are theirs.
///
/// A backlog is merged by record time (`Copier`), and the partitions of one history may be shared out over several
/// workers. Each commits its progress beside its offsets, so a worker need only read the group's offsets now and then
/// to keep in step with the slowest.
final class ForeignProgress: Sendable {
    private struct State {
        var partitions: [TopicPartition] = []
        var slowest: Instant?
        /// Newest record time that any of them has copied.
        var newest = Instant.distantPast
        /// When ``slowest`` changed last, on the monotonic clock.
        var changedAt: Int64 = 0
        var isUrgent = false
        var isOver = false
    }

    /// How long others may stand still until nobody waits for them, in milliseconds.
    private static let patience: Int64 = 10_000
    /// How far ahead of the slowest other worker a record may be copied. It shortens graces by so much at most; less
    /// makes the workers wait for each other more often.
    private static let window: Int64 = 6 * 3_600_000_000

    private let state = Guarded(State())
    private let partitionCount: Int

    init(_ offsets: GroupOffsets, partitionCount: Int32, _ watchdog: Watchdog) {
        self.partitionCount = Int(partitionCount)
        _ = WorkThread("ingest-others") { [self] in
            let watch = watchdog.watch("ingest-others")
            defer { watchdog.remove(watch) }
            while true {
                watch.begin(.poll)
                let (partitions, isUrgent, isOver) = state.read {
                    ($0.partitions, $0.isUrgent, $0.isOver)
                }
                if isOver { return }
                if !partitions.isEmpty { look(offsets, partitions) }
                _ = state.wait(atMost: .milliseconds(isUrgent ? 10 : 250)) { $0.isOver }
            }
        }
    }

    private func look(_ offsets: GroupOffsets, _ partitions: [TopicPartition]) {
        guard let found = try? offsets.committed(partitions, within: .seconds(5)) else { return }
        var slowest = Instant.distantFuture
        var newest = Instant.distantPast
        for one in found {
            if one.error != nil { return }
            // Nothing committed: it has not begun.
            let metadata =
                one.offset == nil ? nil : SourceMetadata(one.metadata, partitions: partitionCount)
            // What is at its end holds nobody back: of a history its time goes on no faster than the clock.
            if metadata?.isAtEnd != true {
                slowest = min(slowest, metadata?.reached ?? .distantPast)
            }
            newest = max(newest, metadata?.newest ?? .distantPast)
        }
        state.with { state in
            state.newest = max(state.newest, newest)
            guard state.partitions == partitions, state.slowest != slowest else { return }
            state.slowest = slowest
            state.changedAt = Ticker.now
        }
    }

    /// The partitions of others, after an assignment.
    func follow(_ partitions: [TopicPartition]) {
        state.with { state in
            guard state.partitions != partitions else { return }
            state.partitions = partitions
            state.slowest = partitions.isEmpty ? nil : .distantPast
            state.changedAt = Ticker.now
        }
    }

    /// The latest record time that may be copied now; nil where nobody is waited for. It is asked for more often while
    /// it is urgent, that is, while somebody waits for it.
    func limit(isUrgent: Bool) -> Instant? {
        if state.read({ $0.isUrgent != isUrgent }) { state.with { $0.isUrgent = isUrgent } }
        return state.read { state in
            guard let slowest = state.slowest, Ticker.now - state.changedAt < Self.patience else {
                return nil
            }
            guard slowest != .distantPast, slowest != .distantFuture else { return slowest }
            return Instant(microseconds: slowest.microseconds + Self.window)
        }
    }

    /// The newest record time that others have copied, for `clock: records`.
    var newest: Instant { state.read { $0.newest } }

    /// Ends its thread.
    func end() { state.with { $0.isOver = true } }
}

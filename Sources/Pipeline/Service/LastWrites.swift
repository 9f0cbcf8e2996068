internal import Kafka

/// Looks whether what was written last is seen, in partitions to which nothing has been written for a while.
///
/// Where Kafka has lost the marker of a transaction in one partition (``HangingTransaction``), the next transaction that
/// writes there ends it. With alerts and dead letters the next may be hours away, and until then nobody sees the last one,
/// nor what others write behind it. So each is looked at some seconds after it was written. What hangs and is the
/// writer's own sets it back: the take-over drops it and writes it again (``SourceTails``, ``OutputTails``).
struct LastWrites {
    private struct Write {
        var committedAt: Int64
        /// End of the partition when it was looked at first.
        var end: Int64?
        /// What was seen then, and since when.
        var seen: Int64 = -1
        var movedAt: Int64 = 0
    }
    private let partitions: [TopicPartition]
    /// By partition: what was not looked at yet.
    private var writes: [Write?]
    private var lookedAt: Int64 = 0

    /// How long after a commit it is looked for, in milliseconds: markers arrive sooner, and traffic ends all before.
    private static let pause: Int64 = 5_000
    /// How long it may be held back, as by somebody's open transaction, which Kafka ends after 10 s.
    private static let patience: Int64 = 10_000

    init(_ partitions: [TopicPartition]) {
        self.partitions = partitions
        writes = Array(repeating: nil, count: partitions.count)
    }

    /// Notes that a transaction which wrote to a partition was committed.
    mutating func committed(_ place: Int, at now: Int64) {
        writes[place] = Write(committedAt: now)
    }

    /// Looks at what is due, once a second.
    ///
    /// - Parameters:
    ///   - now: of the `Ticker`, in milliseconds.
    ///   - all: reads what is uncommitted, too.
    ///   - stable: reads what is committed.
    /// - Returns: what stays hidden, though not for ever where it waits behind somebody else's open transaction: then it is
    ///   told again after as long a wait.
    mutating func hidden(
        at now: Int64,
        _ all: FetchConsumer,
        _ stable: FetchConsumer
    ) -> Stretch? {
        guard now - lookedAt >= 1000 else { return nil }
        lookedAt = now
        let due = partitions.indices.filter { place in
            writes[place].map { now - $0.committedAt >= Self.pause } ?? false
        }
        guard !due.isEmpty else { return nil }
        let new = due.filter { writes[$0]?.end == nil }
        for (place, bounds) in zip(new, offsets(new, all)) {
            writes[place]?.end = try? bounds.get().end
            writes[place]?.movedAt = now
        }
        for (place, bounds) in zip(due, offsets(due, stable)) {
            // Who does not answer is asked again.
            guard var write = writes[place], let end = write.end, let seen = try? bounds.get().end
            else { continue }
            if seen >= end {
                writes[place] = nil
                continue
            }
            if seen > write.seen {
                write.seen = seen
                write.movedAt = now
            }
            let isLate = now - write.movedAt >= Self.patience
            if isLate { write.movedAt = now }
            writes[place] = write
            if isLate { return Stretch(partition: partitions[place], start: seen, end: end) }
        }
        return nil
    }

    /// What becomes of a writer whose own transaction hides something.
    static func setback(_ hidden: Stretch, _ log: ServiceLog) -> Setback {
        log.warning(
            "write-hidden",
            ("partition", "\(hidden.partition)"),
            ("from", "\(hidden.start)"),
            ("end", "\(hidden.end)")
        )
        return .again("what was committed to \(hidden.partition) is not seen")
    }

    private func offsets(
        _ places: [Int],
        _ consumer: FetchConsumer
    ) -> [Result<PartitionOffsets, KafkaError>] {
        if places.isEmpty { return [] }
        return consumer.offsets(of: places.map { partitions[$0] }, within: .seconds(2))
    }
}

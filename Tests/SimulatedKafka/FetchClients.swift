import CKafka
import Simulator

// The doors of `Sources/Kafka/FetchConsumer.swift` and `FetchQueue.swift`, with simulated partitions behind them. Their
// comments stand there.

/// Fetches partitions without a group.
public final class FetchConsumer: @unchecked Sendable {
    /// Which records are shown.
    public enum Isolation: String, Sendable {
        case readCommitted = "read_committed"
        case readUncommitted = "read_uncommitted"
    }

    let isolation: Isolation
    let connection = Connection()
    fileprivate var started: Set<TopicPartition> = []

    /// Makes a consumer.
    public init(
        _ settings: ClientSettings,
        isolation: Isolation = .readCommitted
    ) throws(KafkaError) {
        self.isolation = isolation
    }

    /// A queue for the thread that asks.
    public func queue() -> FetchQueue { FetchQueue(self) }

    /// How many partitions a topic has.
    public func partitionCount(
        of topic: String,
        within limit: Duration
    ) throws(KafkaError) -> Int32 {
        try connection.partitionCount(of: topic, within: limit)
    }

    /// Nothing: lags are nobody's business here.
    public func lastKnownOffsets(of partition: TopicPartition) -> PartitionOffsets? { nil }

    /// The lowest offset and the end of each partition.
    public func offsets(
        of partitions: [TopicPartition],
        within limit: Duration
    ) -> [Result<PartitionOffsets, KafkaError>] {
        let connection = Connection()
        let deadline = connection.deadline(limit)
        return partitions.map { partition in
            let attempt = "ask for the offsets of \(partition)"
            do throws(KafkaError) {
                let found = try connection.ask(.offsets, attempt, until: deadline) {
                    connection.cluster.log(partition).map {
                        PartitionOffsets(low: $0.low, end: $0.end(for: isolation))
                    }
                }
                guard let found else {
                    throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, attempt)
                }
                return .success(found)
            } catch {
                return .failure(error)
            }
        }
    }
}

extension Connection {
    func partitionCount(of topic: String, within limit: Duration) throws(KafkaError) -> Int32 {
        let attempt = "count the partitions of \(topic)"
        let found = try ask(.metadata, attempt, until: deadline(limit)) {
            cluster.partitions(of: topic)?.count
        }
        guard let found else {
            throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, attempt)
        }
        return Int32(found)
    }
}

/// The bounds of a partition.
public struct PartitionOffsets: Sendable, Equatable {
    /// The offset of the oldest record that is still there.
    public let low: Int64
    /// The offset that the next record will get.
    public let end: Int64

    /// States the bounds.
    public init(low: Int64, end: Int64) {
        self.low = low
        self.end = end
    }
}

/// Where to begin with a partition.
public enum StartOffset: Sendable, Equatable {
    case offset(Int64)
    case beginning
    case end
    case tail(Int64)
}

/// Something a queue has to say besides records.
public enum FetchEvent: Sendable {
    case endOfPartition(source: Int, position: Int64)
    case failed(source: Int?, KafkaError)
}

/// Records of one or more partitions, read by one thread.
public struct FetchQueue: ~Copyable, @unchecked Sendable {
    private struct Source {
        let name: TopicPartition
        let log: PartitionLog
        let isApart: Bool
        var isStarted = true
        /// What the reader knows of.
        var position: Int64
        /// The next offset to fetch, behind what is not shown.
        var next: Int64
        var toldEnd: Int64 = -1
        var hasFailed = false
        /// Nothing comes before: the first fetch takes its time, and consumers have fallen silent after a broker's
        /// restart (librdkafka #5153).
        var silentUntil: Int64
    }

    private let consumer: FetchConsumer
    private var sources: [Source] = []
    private var events: [FetchEvent] = []
    private var taken: [TakenRecord] = []
    private var turn = 0

    init(_ consumer: FetchConsumer) { self.consumer = consumer }

    deinit {
        for source in sources where source.isStarted { consumer.started.remove(source.name) }
    }

    /// Starts to fetch a partition; the source's number.
    public mutating func start(
        _ partition: TopicPartition,
        at offset: StartOffset,
        apart isApart: Bool = false
    ) throws(KafkaError) -> Int {
        let attempt = "start to read \(partition)"
        let cluster = consumer.connection.cluster
        guard let log = cluster.log(partition) else {
            throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, attempt)
        }
        guard consumer.started.insert(partition).inserted else {
            throw KafkaError(RD_KAFKA_RESP_ERR__CONFLICT, "\(attempt) a second time")
        }
        let simulation = cluster.simulation
        let silentUntil = simulation.now + Int64(simulation.chance.below(5000))
        let (position, next): (Int64, Int64) =
            switch offset {
            case .offset(let offset): (offset, offset)
            case .beginning: (-1, log.low)
            case .end: (-1, log.end(for: consumer.isolation))
            case .tail(let count): (-1, max(log.low, log.end(for: consumer.isolation) - count))
            }
        if let known = sources.firstIndex(where: { $0.name == partition }) {
            sources[known].isStarted = true
            sources[known].position = position
            sources[known].next = next
            sources[known].toldEnd = -1
            sources[known].hasFailed = false
            sources[known].silentUntil = silentUntil
            return known
        }
        sources.append(
            Source(
                name: partition,
                log: log,
                isApart: isApart,
                position: position,
                next: next,
                silentUntil: silentUntil
            )
        )
        return sources.count - 1
    }

    /// Stops to fetch a source.
    public mutating func stop(_ source: Int) {
        guard sources[source].isStarted else { return }
        sources[source].isStarted = false
        consumer.started.remove(sources[source].name)
    }

    /// The next offset to read of a source.
    public func position(of source: Int) -> Int64 { sources[source].position }

    /// The partition of a source.
    public func partition(of source: Int) -> TopicPartition { sources[source].name }

    /// How many sources were ever started.
    public var sourceCount: Int { sources.count }

    /// Takes what there is to say since the last time, in order.
    public mutating func takeEvents() -> [FetchEvent] {
        if events.isEmpty { return [] }
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    /// Waits for the first record and takes along those that are there with it.
    @_lifetime(&self)
    public mutating func next(
        limit: Int,
        waiting wait: Duration
    ) throws(KafkaError) -> MessageBatch {
        take(nil, limit, wait)
        return _overrideLifetime(MessageBatch(taken), mutating: &self)
    }

    /// Like `next(limit:waiting:)`, of one source that was started apart.
    @_lifetime(&self)
    public mutating func next(
        of source: Int,
        limit: Int,
        waiting wait: Duration
    ) throws(KafkaError) -> MessageBatch {
        take(source, limit, wait)
        return _overrideLifetime(MessageBatch(taken), mutating: &self)
    }

    private mutating func take(_ only: Int?, _ limit: Int, _ wait: Duration) {
        let simulation = consumer.connection.simulation
        taken.removeAll(keepingCapacity: true)
        let deadline = simulation.clock + Int64(wait.milliseconds) * 1000
        while true {
            let wakeup = fill(only, limit)
            if !taken.isEmpty || !events.isEmpty || simulation.clock >= deadline { return }
            for index in sources.indices where isChosen(index, only) {
                sources[index].log.waiting.enter()
            }
            simulation.wait(until: min(deadline, wakeup))
        }
    }

    private func isChosen(_ index: Int, _ only: Int?) -> Bool {
        guard sources[index].isStarted, !sources[index].hasFailed else { return false }
        return only.map { $0 == index } ?? !sources[index].isApart
    }

    /// Takes what is there; when there may be more, although nothing is written.
    private mutating func fill(_ only: Int?, _ limit: Int) -> Int64 {
        let connection = consumer.connection
        let simulation = connection.simulation
        let now = simulation.now
        var wakeup = Int64.max
        guard connection.network.reaches(connection.process, connection.cluster) else {
            for index in sources.indices where simulation.chance.happens(20) {
                // Some of them stay silent when the broker is back.
                sources[index].silentUntil = max(
                    sources[index].silentUntil,
                    now + Int64(simulation.chance.below(15_000_000))
                )
            }
            return simulation.clock + 50_000
        }
        // At times little of it has come yet.
        let most =
            simulation.chance.happens(150) ? min(limit, simulation.chance.below(40) + 1) : limit
        turn += 1
        for step in sources.indices {
            let index = only ?? (turn + step) % sources.count
            guard isChosen(index, only) else { continue }
            if sources[index].silentUntil > now {
                wakeup = min(wakeup, sources[index].silentUntil)
            } else {
                read(index, most)
            }
            if only != nil { break }
        }
        return wakeup
    }

    private mutating func read(_ index: Int, _ most: Int) {
        let log = sources[index].log
        var next = sources[index].next
        guard next >= log.low, next <= log.end else {
            sources[index].hasFailed = true
            events.append(
                .failed(
                    source: index,
                    KafkaError(
                        RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
                        "read \(sources[index].name)",
                        message: "offset \(next) is out of range"
                    )
                )
            )
            return
        }
        let isCommitted = consumer.isolation == .readCommitted
        let end = log.end(for: consumer.isolation)
        if next < end {
            var place = log.index(of: next)
            while place < log.records.count, taken.count < most {
                let record = log.records[place]
                if record.offset >= end { break }
                place += 1
                if isCommitted, !log.isVisible(record) { continue }
                taken.append(TakenRecord(record: record, source: index, name: log.name))
                next = record.offset + 1
                sources[index].position = next
            }
            if place == log.records.count || log.records[place].offset >= end { next = end }
            sources[index].next = next
        }
        if next >= end, taken.count < most, sources[index].toldEnd != end {
            sources[index].toldEnd = end
            sources[index].position = max(sources[index].position, end)
            events.append(.endOfPartition(source: index, position: sources[index].position))
        }
    }
}

import CKafka
import Synchronization

/// Fetches partitions without a group: each is started at an offset and stopped on its own.
///
/// The consumer is shared by the threads that read; each thread has a `FetchQueue` of its own.
///
///     let consumer = try FetchConsumer(settings)
///     var queue = consumer.queue()
///     let source = try queue.start(TopicPartition("journal", 3), at: .offset(42))
///     while queue.position(of: source) < target {
///         let batch = try queue.next(limit: 1000, waiting: .milliseconds(100))
///         for index in 0..<batch.count { state.apply(batch[index].value) }
///     }
public final class FetchConsumer: Sendable {
    /// Which records are shown.
    public enum Isolation: String, Sendable {
        /// Those of committed transactions and those outside transactions; the end of a partition
        /// is the last stable offset.
        case readCommitted = "read_committed"
        /// All; the end of a partition is the high watermark. For bounds of a replay.
        case readUncommitted = "read_uncommitted"
    }

    let client: Client
    private let waker: Waker
    private let topics = Mutex<[String: FetchTopic]>([:])

    /// Makes a consumer; it connects when the first partition is started.
    public init(
        _ settings: ClientSettings,
        isolation: Isolation = .readCommitted
    ) throws(KafkaError) {
        client = try Client(
            .fetch,
            settings,
            own: [ClientSettings.Entry("isolation.level", isolation.rawValue)]
        )
        waker = Waker(client)
    }

    deinit { waker.stop() }

    /// A queue for the thread that asks; it can read one partition or many.
    public func queue() -> FetchQueue { FetchQueue(self) }

    /// How many partitions a topic has.
    public func partitionCount(
        of topic: String,
        within limit: Duration
    ) throws(KafkaError) -> Int32 {
        try client.partitionCount(of: topic, within: limit)
    }

    /// The lowest offset and the end of each partition, asked from the brokers.
    ///
    /// The end is the offset of the next record: the high watermark for a consumer that reads
    /// uncommitted, else the last stable offset, which an open transaction holds back.
    ///
    /// - Returns: One result a partition, in the order given.
    public func offsets(
        of partitions: [TopicPartition],
        within limit: Duration
    ) -> [Result<PartitionOffsets, KafkaError>] {
        let client = client
        let deadline = Deadline(after: limit)
        // The thread may be left behind in a call: it fills what this function has read by then.
        final class Shared: Sendable {
            let results = Mutex<[Result<PartitionOffsets, KafkaError>]>([])
        }
        let shared = Shared()
        _ = leavingBehind(after: limit, named: "kafka-offsets") {
            for partition in partitions where !deadline.isOver {
                let result = client.queryOffsets(
                    of: partition,
                    milliseconds: max(1, deadline.remainingMilliseconds)
                )
                shared.results.withLock { $0.append(result) }
            }
            return true
        }
        var results = shared.results.withLock { $0 }
        for partition in partitions.dropFirst(results.count) {
            results.append(
                .failure(
                    KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, "ask for the offsets of \(partition)")
                )
            )
        }
        return results
    }

    /// The bounds that the last fetch of a started partition told, without asking anybody; for
    /// the lag. Nothing before the first fetch.
    public func lastKnownOffsets(of partition: TopicPartition) -> PartitionOffsets? {
        var low: Int64 = -1
        var high: Int64 = -1
        // Safe: librdkafka fills the two locals.
        let code = unsafe rd_kafka_get_watermark_offsets(
            client.handle,
            partition.topic,
            partition.partition,
            &low,
            &high
        )
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return nil }
        return PartitionOffsets(low: max(0, low), end: high)
    }

    /// The handle of a topic; made once and kept as long as the consumer.
    func topic(_ name: String) throws(KafkaError) -> FetchTopic {
        let made: Result<FetchTopic, KafkaError> = topics.withLock { topics in
            if let topic = topics[name] { return .success(topic) }
            guard let topic = FetchTopic(name, client) else {
                return .failure(KafkaError(rd_kafka_last_error(), "open the topic \(name)"))
            }
            topics[name] = topic
            return .success(topic)
        }
        return try made.get()
    }

    /// Keeps a queue that may have been full from being forgotten.
    func mayHaveBeenFull() { waker.keepAwake() }
    func started(_ partition: TopicPartition) throws(KafkaError) { try waker.add(partition) }
    func stopped(_ partition: TopicPartition) { waker.remove(partition) }
}

/// The bounds of a partition.
public struct PartitionOffsets: Sendable, Equatable {
    /// The offset of the oldest record that is still there.
    public let low: Int64
    /// The offset that the next record will get; equal to `low` when the partition is empty.
    public let end: Int64

    /// States the bounds.
    public init(low: Int64, end: Int64) {
        self.low = low
        self.end = end
    }
}

/// A topic's handle.
///
/// Safe to share: the handle may be used by any thread, and the client it belongs to is held.
@safe final class FetchTopic: @unchecked Sendable {
    let handle: OpaquePointer
    let name: String
    private let client: Client

    init?(_ name: String, _ client: Client) {
        guard let handle = unsafe rd_kafka_topic_new(client.handle, name, nil) else { return nil }
        unsafe self.handle = handle
        self.name = name
        self.client = client
    }

    deinit { unsafe rd_kafka_topic_destroy(handle) }
}

extension Client {
    /// The bounds of one partition; in 2.0.2 it may take 20 s, whatever the time-out.
    func queryOffsets(
        of partition: TopicPartition,
        milliseconds: Int32
    ) -> Result<PartitionOffsets, KafkaError> {
        var low: Int64 = -1
        var high: Int64 = -1
        // Safe: librdkafka fills the two locals before it returns.
        let code = unsafe rd_kafka_query_watermark_offsets(
            handle,
            partition.topic,
            partition.partition,
            &low,
            &high,
            milliseconds
        )
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            return .success(PartitionOffsets(low: low, end: high))
        }
        return .failure(KafkaError(code, "ask for the offsets of \(partition)"))
    }
}

/// Wakes librdkafka's broker threads while there is a backlog.
///
/// librdkafka before 2.2 stops fetching when its local queue is full and looks again only when
/// something else wakes the broker's thread, at the latest after a second: 113,000 instead of
/// 700,000 records/s. A small question each 20 ms wakes it. Later versions have
/// `fetch.queue.backoff.ms`, and no thread is started.
final class Waker: Sendable {
    private struct State {
        var started: [TopicPartition] = []
        var next = 0
        var hasThread = false
        var isStopped = false
        var isAsleep = false
        var busyUntil: Int64 = 0
    }

    private let state = Mutex(State())
    private let signal = Semaphore()
    private let client: Client

    init(_ client: Client) { self.client = client }

    /// A partition is fetched from now on.
    func add(_ partition: TopicPartition) throws(KafkaError) {
        let (isNew, needsThread) = state.withLock { state -> (Bool, Bool) in
            if state.started.contains(partition) { return (false, false) }
            state.started.append(partition)
            defer { state.hasThread = true }
            return (true, !state.hasThread && !LibraryVersion.hasQueueBackoff)
        }
        guard isNew else {
            throw KafkaError(RD_KAFKA_RESP_ERR__CONFLICT, "start \(partition) a second time")
        }
        // The thread holds this object, and so the client, until it has seen `stop`.
        if needsThread { startThread(named: "kafka-waker") { self.run() } }
    }

    /// A partition is not fetched any more.
    func remove(_ partition: TopicPartition) {
        state.withLock { state in state.started.removeAll { $0 == partition } }
    }

    /// There is a backlog: wake the broker threads for the next two seconds.
    func keepAwake() {
        if LibraryVersion.hasQueueBackoff { return }
        let wasAsleep = state.withLock { state in
            state.busyUntil = Deadline.nowMilliseconds() + 2000
            defer { state.isAsleep = false }
            return state.isAsleep
        }
        if wasAsleep { signal.signal() }
    }

    /// Ends the thread, at the latest when its present question is answered.
    func stop() {
        state.withLock { $0.isStopped = true }
        signal.signal()
    }

    private func run() {
        while true {
            let (isStopped, isBusy, partition) = state.withLock {
                state -> (Bool, Bool, TopicPartition?) in
                let isBusy = state.busyUntil > Deadline.nowMilliseconds()
                state.isAsleep = !isBusy
                guard isBusy, !state.started.isEmpty else { return (state.isStopped, isBusy, nil) }
                state.next = (state.next + 1) % state.started.count
                return (state.isStopped, isBusy, state.started[state.next])
            }
            if isStopped { return }
            if let partition { _ = client.queryOffsets(of: partition, milliseconds: 1000) }
            if isBusy { _ = signal.wait(atMost: .milliseconds(20)) } else { signal.wait() }
        }
    }
}

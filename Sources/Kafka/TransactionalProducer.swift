import CKafka
import Synchronization

/// Writes records and consumed offsets in transactions.
///
/// One owner, one thread. Any failure but an abort has one answer: destroy the producer, make a new
/// one with the same identifier, `initialize()` it (which fences everything of the old one), and
/// build the state anew.
///
///     var producer = try TransactionalProducer(id: "app.score.3", settings)
///     try producer.initialize()
///     let topic = try producer.topic("alerts", within: .seconds(10))
///     try producer.begin()
///     try producer.produce(bytes, key: key, to: topic, partition: 0)
///     try producer.sendOffsets([ConsumedOffset(partition, offset: 43)], of: metadata)
///     if try producer.commit() == .committedSuspect { … }
public struct TransactionalProducer: ~Copyable, Sendable {
    private var core: ProducerCore
    /// The transactional identifier.
    public let id: String
    /// A time-out, a fatal error, a failed delivery or a repeated EndTxn or TxnOffsetCommit was seen: use the
    /// handle no more than to abort, then destroy it.
    public private(set) var isSuspect = false
    /// How often `sendOffsets` was called since `begin()`.
    private var offsetCalls = 0

    /// Makes a producer.
    ///
    /// - Parameters:
    ///   - id: The transactional identifier: the same for every owner of a partition, so that a new
    ///     owner fences the old one; no worker, host or process in it.
    ///   - settings: The user's settings.
    /// - Throws: What is wrong with the settings.
    public init(id: String, _ settings: ClientSettings) throws(KafkaError) {
        self.id = id
        core = ProducerCore(
            try Client(
                .transactionalProducer,
                settings,
                own: [ClientSettings.Entry("transactional.id", id)]
            )
        )
    }

    /// Fences every earlier producer with the same identifier, and aborts what it has left open.
    public mutating func initialize(
        within limit: Duration = .seconds(15)
    ) throws(TransactionError) {
        unsafe try call("take over the transactions of \(id)") { handle in
            unsafe rd_kafka_init_transactions(handle, limit.milliseconds)
        }
    }

    /// Opens a topic and learns its partitions; again, to learn of new ones.
    public mutating func topic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> ProducerTopic {
        try core.topic(name, within: limit)
    }

    /// Begins a transaction; nothing is sent yet.
    public mutating func begin() throws(TransactionError) {
        core.client.context.endTransactionRequests.store(0, ordering: .relaxed)
        core.client.context.offsetRequests.store(0, ordering: .relaxed)
        offsetCalls = 0
        _ = core.client.takeFailures()
        unsafe try call("begin a transaction") { handle in unsafe rd_kafka_begin_transaction(handle)
        }
    }

    /// Enqueues a copy of a record.
    ///
    /// - Parameters:
    ///   - value: The value's bytes.
    ///   - key: The key's bytes, if it has one.
    ///   - topic: The topic, opened by this producer.
    ///   - partition: The partition's number.
    ///   - limit: How long to wait for room in librdkafka's queue.
    /// - Throws: Why the record was not taken, for example `isTooLarge`; records before it are still
    ///   in the transaction.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(8)
    ) throws(KafkaError) {
        try core.produce(value, key: key, to: topic, partition: partition, waiting: limit)
    }

    /// Enqueues a copy of a record with headers or a time of its own.
    ///
    /// - Parameters:
    ///   - value: The value's bytes.
    ///   - key: The key's bytes, if it has one.
    ///   - headers: The headers, in order.
    ///   - timestampMilliseconds: The record's time since 1970; without one it is now. A time more
    ///     than an hour ahead is refused by Kafka 4.
    ///   - topic: The topic, opened by this producer.
    ///   - partition: The partition's number.
    ///   - limit: How long to wait for room in librdkafka's queue.
    /// - Throws: Why the record was not taken, for example `isTooLarge`.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        headers: [Header],
        timestampMilliseconds: Int64? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(8)
    ) throws(KafkaError) {
        try core.produce(
            value,
            key: key,
            headers: headers,
            timestampMilliseconds: timestampMilliseconds,
            to: topic,
            partition: partition,
            waiting: limit
        )
    }

    /// Enqueues copies of all records of a batch and empties it, also when it fails.
    public mutating func produce(
        _ batch: inout ProduceBatch,
        to topic: ProducerTopic,
        waiting limit: Duration = .seconds(8)
    ) throws(KafkaError) {
        try core.produce(&batch, to: topic, waiting: limit)
    }

    /// Adds consumed offsets to the transaction, fenced by the group's generation.
    ///
    /// librdkafka 2.0.2 does not keep to the limit: where the group's coordinator is not there for a moment, it asks three
    /// times within milliseconds and then waits for ever (confluentinc/librdkafka#5456). Such a call is left behind four
    /// seconds later.
    ///
    /// - Throws: `abort` when the generation has gone by, that is, a rebalance came in between; `suspect` when no answer
    ///   came.
    public mutating func sendOffsets(
        _ offsets: [ConsumedOffset],
        of group: GroupMetadata,
        within limit: Duration = .seconds(8)
    ) throws(TransactionError) {
        for offset in offsets {
            precondition(
                offset.metadata.utf8.count <= 4096
                    && offset.metadata.utf8.allSatisfy { $0 > 0 && $0 < 128 },
                "an offset's metadata is ASCII of at most 4096 bytes"
            )
        }
        offsetCalls += 1
        let attempt = "add offsets to a transaction of \(id)"
        let client = core.client
        let held = HeldOffsets(list: PartitionList(offsets), group: group)
        let answer = leavingBehind(after: limit + .seconds(4), named: "kafka-offsets") {
            // Safe: client, list and metadata live as long as the call.
            unsafe Refusal(
                error: rd_kafka_send_offsets_to_transaction(
                    client.handle,
                    held.list.pointer,
                    held.group.handle,
                    limit.milliseconds
                )
            )
        }
        guard let answer else {
            throw failed(
                KafkaError(
                    RD_KAFKA_RESP_ERR__TIMED_OUT,
                    attempt,
                    message: "no answer, long after its limit"
                )
            )
        }
        // Safe: the error is taken over.
        if let error = unsafe answer.error {
            throw failed(unsafe KafkaError(taking: error, attempt))
        }
    }

    /// What a call needs that may be left behind.
    ///
    /// Safe to share: nobody changes it.
    @safe private final class HeldOffsets: @unchecked Sendable {
        let list: PartitionList
        let group: GroupMetadata

        init(list: consuming PartitionList, group: GroupMetadata) {
            self.list = list
            self.group = group
        }
    }

    /// The error that a call returned, for whoever waits for it.
    ///
    /// Safe to share: it is handed over once.
    @safe private struct Refusal: @unchecked Sendable {
        let error: OpaquePointer?
    }

    /// Delivers all records and commits, in slices of 8 s, repeated while librdkafka says so.
    ///
    /// - Throws: `abort` when a record could not be delivered (`delivery` tells its error), `suspect` when
    ///   the result is unknown.
    public mutating func commit(
        within limit: Duration = .seconds(30)
    ) throws(TransactionError) -> CommitOutcome {
        let deadline = Deadline(after: limit)
        while true {
            let slice = max(1, min(8000, deadline.remainingMilliseconds))
            // Safe: the handle is alive; the error is taken over.
            guard
                let refusal = unsafe rd_kafka_commit_transaction(core.client.handle, slice)
            else { break }
            let error = unsafe KafkaError(taking: refusal, "commit a transaction of \(id)")
            // The commit goes on in the background: the same call waits for it again. An abort
            // meanwhile would be refused (_CONFLICT).
            if error.isRetriable, !error.isFatal, !deadline.isOver { continue }
            // What failed before the call makes librdkafka refuse it at once, with the report of the delivery unread.
            // Safe: the handle is alive.
            _ = unsafe rd_kafka_poll(core.client.handle, 0)
            throw failed(error, core.client.takeFailures().first)
        }
        if core.client.takeFailures().count > 0 { isSuspect = true }
        if hasResent { isSuspect = true }
        return isSuspect ? .committedSuspect : .committed
    }

    /// Aborts the transaction: its records are never seen, its offsets never committed.
    ///
    /// Its records are delivered first, for at most a quarter of the time: when the abort overtakes
    /// the request that adds the partition to the transaction, Kafka refuses it with
    /// INVALID_TXN_STATE.
    public mutating func abort(within limit: Duration = .seconds(8)) throws(TransactionError) {
        _ = unsafe rd_kafka_flush(core.client.handle, (limit / 4).milliseconds)
        // A failure that nobody was told of yet leaves a gap in the sequence numbers all the same.
        if core.client.takeFailures().count > 0 { isSuspect = true }
        unsafe try call("abort a transaction of \(id)") { handle in
            unsafe rd_kafka_abort_transaction(handle, limit.milliseconds)
        }
        if hasResent { isSuspect = true }
        _ = core.client.takeFailures()  // Records that were thrown away.
    }

    /// A request was sent again whose first copy, should it still be on its way, would end the next transaction, or set the
    /// offsets of the next one back: the epoch stays the same from one to the next.
    private var hasResent: Bool {
        endTransactionRequests > 1
            || core.client.context.offsetRequests.load(ordering: .relaxed) > offsetCalls
    }

    /// How many EndTxn requests were sent since `begin()`: more than one makes the handle suspect.
    public var endTransactionRequests: Int {
        core.client.context.endTransactionRequests.load(ordering: .relaxed)
    }

    /// Waits until every record of the open transaction is delivered, without ending it; for tools
    /// that ask whether they may write.
    ///
    /// - Throws: The first delivery that failed, or that the time was over.
    public mutating func deliver(within limit: Duration) throws(KafkaError) {
        try core.flush(within: limit)
        try core.checkDeliveries()
    }

    /// Serves statistics while nothing is produced.
    public mutating func serve() { core.serve(0) }

    /// Leaves the handle to the end of the process instead of destroying it.
    ///
    /// For a process that exits after it was fenced: destroying a producer with records on their way
    /// has crashed librdkafka 2.0.2 once in 169 times.
    public consuming func abandon() { core.client.abandon() }

    /// Does one call and judges its error.
    private mutating func call(
        _ attempt: String,
        _ body: (OpaquePointer) -> OpaquePointer?
    ) throws(TransactionError) {
        // Safe: the handle is alive; the error is taken over.
        guard let refusal = unsafe body(core.client.handle) else { return }
        throw failed(unsafe KafkaError(taking: refusal, attempt))
    }

    private mutating func failed(
        _ error: KafkaError,
        _ delivery: KafkaError? = nil
    ) -> TransactionError {
        let failure = TransactionError(error, delivery: delivery)
        // After a failed delivery librdkafka 2.0.2 goes on with a gap in the sequence numbers: the
        // next transaction fails with OUT_OF_ORDER_SEQUENCE_NUMBER, on the mock and on Kafka 4.3.
        if failure.verdict != .abort || delivery != nil { isSuspect = true }
        return failure
    }
}

import CKafka
import Simulator

// The doors of `Sources/Kafka/TransactionalProducer.swift` and `Producer.swift`, with simulated partitions behind them.
// Their comments stand there.

/// A topic that a producer has opened.
public struct ProducerTopic: Sendable, Equatable {
    let name: String
    /// How many partitions it had when it was opened.
    public let partitionCount: Int32
}

/// What a producer has in hand and on its way; it lives on when the producer is abandoned, as librdkafka's threads do.
final class ProducerCore: @unchecked Sendable {
    let connection = Connection()
    let id: String?
    var producer: Int64 = -1
    var epoch: Int32 = -1
    private var waiting: [(log: PartitionLog, record: LogRecord)] = []
    private var isSending = false
    private var added: [ObjectIdentifier] = []
    /// What the open transaction has told the coordinator of.
    var hasRequests = false
    var failure: KafkaError?
    var isGone = false

    init(id: String?) { self.id = id }

    var cluster: Cluster { connection.cluster }
    var simulation: Simulation { connection.simulation }

    func begin() {
        waiting = []
        added = []
        hasRequests = false
        failure = nil
    }

    func enqueue(_ record: LogRecord, _ topic: ProducerTopic, _ partition: Int32)
        throws(KafkaError)
    {
        guard partition < topic.partitionCount,
            let log = cluster.log(TopicPartition(topic.name, partition))
        else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                "write to partition \(partition) of \(topic.name)"
            )
        }
        if record.valueCount + record.keyCount + 100 > 2_000_000 {
            throw KafkaError(
                RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                "write a record to \(topic.name)"
            )
        }
        waiting.append((log, record))
    }

    /// Some of it leaves by itself, now and then, as when a batch is full or has lingered.
    func linger() {
        guard !isSending, simulation.chance.happens(300) else { return }
        isSending = true
        simulation.after(Int64(1000 + simulation.chance.below(4000))) { [self] in
            isSending = false
            guard !isGone, !waiting.isEmpty, onItsWay == nil, connection.process.isRunning,
                connection.network.reaches(connection.process, cluster)
            else { return }
            let count = 1 + simulation.chance.below(waiting.count)
            let sent = Array(waiting[..<count])
            // In order, on one connection: what follows waits until it has arrived.
            guard simulation.chance.happens(30) else {
                if arrive(sent) { waiting.removeFirst(count) }
                return
            }
            // It is on its way, and may arrive when its sender is no more.
            let delay = Int64(simulation.chance.below(2_000_000))
            waiting.removeFirst(count)
            travel(sent, delay)
        }
    }

    /// Records are on their way, whatever becomes of their sender.
    private func travel(_ sent: [(log: PartitionLog, record: LogRecord)], _ delay: Int64) {
        onItsWay = (sent, simulation.now + delay)
        simulation.after(delay) { [self] in
            if arrive(sent) { onItsWay = nil } else { travel(sent, 5000) }
        }
    }

    private var onItsWay: (sent: [(log: PartitionLog, record: LogRecord)], at: Int64)?

    /// Records reach their partitions; false where the coordinator wants to be asked again.
    private func arrive(_ sent: [(log: PartitionLog, record: LogRecord)]) -> Bool {
        guard let id else {
            for one in sent { one.log.append(one.record) }
            return true
        }
        for (log, record) in sent {
            do {
                if !added.contains(ObjectIdentifier(log)) {
                    try cluster.add(log, to: id, epoch)
                    added.append(ObjectIdentifier(log))
                    hasRequests = true
                }
            } catch Cluster.Refusal.concurrent {
                return false
            } catch {
                failure = failure ?? Self.fenced("deliver a record to \(log.name.topic)")
                return true
            }
            do {
                try log.append(record, producer, epoch) { cluster.isOpen(log, id, epoch) }
            } catch PartitionLog.Refusal.fenced {
                failure = failure ?? Self.fenced("deliver a record to \(log.name.topic)")
            } catch {
                failure =
                    failure
                    ?? KafkaError(
                        RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
                        "deliver a record to \(log.name.topic)"
                    )
            }
        }
        return true
    }

    static func fenced(_ attempt: String) -> KafkaError {
        KafkaError(RD_KAFKA_RESP_ERR__FENCED, attempt)
    }

    /// Delivers everything.
    func flush(until deadline: Int64, _ attempt: String) throws(KafkaError) {
        while true {
            if simulation.clock >= deadline, onItsWay != nil || !waiting.isEmpty {
                throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
            }
            if let late = onItsWay {
                simulation.sleep(max(late.at - simulation.clock, 0) + 500)
                if connection.process.isDead { throw Connection.gone(attempt) }
                continue
            }
            if waiting.isEmpty { return }
            let isDone = try connection.ask(.produce, attempt, until: deadline) {
                guard onItsWay == nil else { return false }
                // What was lost on its way is sent again and taken once.
                let count =
                    simulation.chance.happens(100)
                    ? 1 + simulation.chance.below(waiting.count) : waiting.count
                guard arrive(Array(waiting.prefix(count))) else { return false }
                waiting.removeFirst(min(count, waiting.count))
                return true
            }
            if !isDone { simulation.sleep(Int64(3000 + simulation.chance.below(4000))) }
        }
    }

    func topic(_ name: String, within limit: Duration) throws(KafkaError) -> ProducerTopic {
        ProducerTopic(
            name: name,
            partitionCount: try connection.partitionCount(of: name, within: limit)
        )
    }

    func record(
        _ value: RawSpan?,
        _ key: RawSpan?,
        _ headers: [Header] = [],
        _ timestamp: Int64? = nil
    ) -> LogRecord {
        var record = LogRecord()
        if let value {
            record.value = value.withUnsafeBytes { cluster.arena.copy($0) }
            record.valueCount = value.byteCount
        }
        if let key {
            record.key = key.withUnsafeBytes { cluster.arena.copy($0) }
            record.keyCount = key.byteCount
        }
        record.timestamp = timestamp ?? cluster.wall
        if !headers.isEmpty {
            record.headers = cluster.headers.count
            cluster.headers.append(headers)
        }
        return record
    }

    func enqueue(_ batch: inout ProduceBatch, _ topic: ProducerTopic) throws(KafkaError) {
        defer { batch.removeAll() }
        var records: [(LogRecord, Int32)] = []
        records.reserveCapacity(batch.count)
        let now = cluster.wall
        batch.bytes.withUnsafeBytes { bytes in
            for place in batch.places {
                var record = LogRecord()
                record.value = cluster.arena.copy(
                    UnsafeRawBufferPointer(rebasing: bytes[place.valueStart..<place.end])
                )
                record.valueCount = place.end - place.valueStart
                if place.hasKey {
                    record.key = cluster.arena.copy(
                        UnsafeRawBufferPointer(rebasing: bytes[place.start..<place.valueStart])
                    )
                    record.keyCount = place.valueStart - place.start
                }
                record.timestamp = now
                records.append((record, place.partition))
            }
        }
        for (record, partition) in records { try enqueue(record, topic, partition) }
        linger()
    }
}

/// Writes records and consumed offsets in transactions.
public struct TransactionalProducer: ~Copyable, Sendable {
    private let core: ProducerCore
    /// The transactional identifier.
    public let id: String
    /// Use the handle no more than to abort, then destroy it.
    public private(set) var isSuspect = false
    /// How many EndTxn requests were sent since `begin()`.
    public private(set) var endTransactionRequests = 0
    /// TxnOffsetCommit requests sent since `begin()`, and how many were meant.
    private var offsetRequests = 0
    private var offsetCalls = 0
    private var isOpen = false
    private var isAbandoned = false
    private var fatal: KafkaError?
    private let timeout: Int64

    /// Makes a producer.
    public init(id: String, _ settings: ClientSettings) throws(KafkaError) {
        self.id = id
        timeout = settings["transaction.timeout.ms"].flatMap { Int64($0) } ?? 10_000
        core = ProducerCore(id: id)
    }

    deinit { if !isAbandoned { core.isGone = true } }

    /// Fences every earlier producer with the same identifier, and aborts what it has left open.
    public mutating func initialize(
        within limit: Duration = .seconds(15)
    ) throws(TransactionError) {
        let attempt = "take over the transactions of \(id)"
        let connection = core.connection
        let deadline = connection.deadline(limit)
        let (id, timeout) = (id, timeout * 1000)
        do throws(KafkaError) {
            while true {
                let given: (Int64, Int32)? = try connection.ask(
                    .initialize,
                    attempt,
                    until: deadline
                ) { try? connection.cluster.initialize(id, timeout: timeout) }
                if let given {
                    (core.producer, core.epoch) = given
                    return
                }
                guard connection.simulation.clock < deadline else {
                    throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
                }
                connection.simulation.sleep(
                    Int64(5000 + connection.simulation.chance.below(20_000))
                )
            }
        } catch {
            throw failed(error)
        }
    }

    /// Opens a topic and learns its partitions.
    public mutating func topic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> ProducerTopic {
        try core.topic(name, within: limit)
    }

    /// Begins a transaction; nothing is sent yet.
    public mutating func begin() throws(TransactionError) {
        if let fatal { throw TransactionError(fatal) }
        guard core.epoch >= 0, !isOpen else {
            throw TransactionError(
                KafkaError(RD_KAFKA_RESP_ERR__STATE, "begin a transaction")
            )
        }
        isOpen = true
        endTransactionRequests = 0
        offsetRequests = 0
        offsetCalls = 0
        core.begin()
    }

    /// Enqueues a copy of a record.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(8)
    ) throws(KafkaError) {
        try core.enqueue(core.record(value, key), topic, partition)
        core.linger()
    }

    /// Enqueues a copy of a record with headers or a time of its own.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        headers: [Header],
        timestampMilliseconds: Int64? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(8)
    ) throws(KafkaError) {
        try core.enqueue(
            core.record(value, key, headers, timestampMilliseconds),
            topic,
            partition
        )
        core.linger()
    }

    /// Enqueues copies of all records of a batch and empties it.
    public mutating func produce(
        _ batch: inout ProduceBatch,
        to topic: ProducerTopic,
        waiting limit: Duration = .seconds(8)
    ) throws(KafkaError) {
        try core.enqueue(&batch, topic)
    }

    /// Adds consumed offsets to the transaction, fenced by the group's generation.
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
        let attempt = "add offsets to a transaction of \(id)"
        let connection = core.connection
        let cluster = connection.cluster
        let deadline = connection.deadline(limit)
        let (id, epoch) = (id, core.epoch)
        let known = cluster.group(group.group)
        do throws(KafkaError) {
            while true {
                let refusal: Cluster.Refusal? = try connection.ask(
                    .addOffsets,
                    attempt,
                    until: deadline
                ) {
                    do throws(Cluster.Refusal) {
                        try cluster.add(known, to: id, epoch)
                        return nil
                    } catch { return error }
                }
                switch refusal {
                case nil: break
                case .concurrent:
                    guard connection.simulation.clock < deadline else {
                        throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
                    }
                    connection.simulation.sleep(5000)
                    continue
                case .fenced, .invalidState: throw ProducerCore.fenced(attempt)
                }
                break
            }
            core.hasRequests = true
            offsetCalls += 1
            let producer = core.producer
            // As in `end`: a copy that is late takes effect in whatever transaction is open then, under the same epoch.
            let simulation = connection.simulation
            if cluster.network.strayEnds > 0, simulation.chance.happens(cluster.network.strayEnds) {
                offsetRequests += 1
                simulation.say(connection.process.name, "TxnOffsetCommit of \(id) is late")
                simulation.after(Int64(simulation.chance.below(3_000_000))) {
                    guard cluster.isOpen(known, id, epoch), known.refusal(group) == nil else {
                        return
                    }
                    simulation.say("broker", "late TxnOffsetCommit of \(id)")
                    known.stage(offsets, producer)
                }
            }
            let refusal: rd_kafka_resp_err_t? = try connection.ask(
                .commitOffsets,
                attempt,
                until: deadline,
                sends: &offsetRequests
            ) {
                guard cluster.isOpen(known, id, epoch) else {
                    return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH
                }
                if let refusal = known.refusal(group) { return refusal }
                known.stage(offsets, core.producer)
                return nil
            }
            guard let refusal else { return }
            if refusal == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH {
                throw ProducerCore.fenced(attempt)
            }
            let plain = KafkaError(refusal, attempt)
            throw KafkaError(
                code: plain.code,
                name: plain.name,
                message: plain.message,
                attempt: attempt,
                isFatal: false,
                isRetriable: false,
                requiresAbort: true
            )
        } catch {
            throw failed(error)
        }
    }

    /// Delivers all records and commits.
    public mutating func commit(
        within limit: Duration = .seconds(30)
    ) throws(TransactionError) -> CommitOutcome {
        let attempt = "commit a transaction of \(id)"
        do throws(KafkaError) {
            try core.flush(until: core.connection.deadline(limit), attempt)
        } catch {
            throw failed(error, core.failure)
        }
        if let failure = core.failure {
            throw failed(Self.verdict(failure, attempt), failure)
        }
        isOpen = false
        if core.hasRequests {
            do throws(KafkaError) { try end(isCommit: true, attempt, limit) } catch {
                throw failed(error)
            }
        }
        if hasResent { isSuspect = true }
        return isSuspect ? .committedSuspect : .committed
    }

    /// Aborts the transaction.
    public mutating func abort(within limit: Duration = .seconds(8)) throws(TransactionError) {
        let attempt = "abort a transaction of \(id)"
        do throws(KafkaError) {
            try? core.flush(until: core.connection.deadline(limit / 4), attempt)
            isOpen = false
            if core.hasRequests { try end(isCommit: false, attempt, limit) }
            core.begin()
        } catch {
            throw failed(error)
        }
        if hasResent { isSuspect = true }
    }

    /// A request was sent twice that does harm in the next transaction.
    private var hasResent: Bool {
        endTransactionRequests > 1 || offsetRequests > offsetCalls
    }

    /// Sends EndTxn until it is answered. A copy that was delayed takes effect later, under the same epoch.
    private mutating func end(
        isCommit: Bool,
        _ attempt: String,
        _ limit: Duration
    ) throws(KafkaError) {
        let connection = core.connection
        let cluster = connection.cluster
        let simulation = connection.simulation
        let deadline = connection.deadline(limit)
        let (id, epoch) = (id, core.epoch)
        while true {
            // A request that the client has given up may still be on its way.
            if cluster.network.strayEnds > 0, simulation.chance.happens(cluster.network.strayEnds) {
                endTransactionRequests += 1
                simulation.say(connection.process.name, "EndTxn of \(id) is late")
                simulation.after(Int64(simulation.chance.below(6_000_000))) {
                    simulation.say("broker", "late EndTxn of \(id)")
                    try? cluster.end(id, epoch, isCommit: isCommit)
                }
                simulation.sleep(Int64(simulation.chance.below(300_000)))
            }
            let refusal: Cluster.Refusal? = try connection.ask(
                .endTransaction,
                attempt,
                until: deadline,
                sends: &endTransactionRequests
            ) {
                do throws(Cluster.Refusal) {
                    try cluster.end(id, epoch, isCommit: isCommit)
                    return nil
                } catch { return error }
            }
            switch refusal {
            case nil: return
            case .concurrent:
                // It ends just now: an earlier copy of the request was taken.
                guard simulation.clock < deadline else {
                    throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
                }
                simulation.sleep(5000)
            case .fenced: throw ProducerCore.fenced(attempt)
            case .invalidState:
                throw Self.verdict(
                    KafkaError(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, attempt),
                    attempt
                )
            }
        }
    }

    /// A failed delivery as the error of the whole transaction.
    private static func verdict(_ error: KafkaError, _ attempt: String) -> KafkaError {
        if error.isFatal { return ProducerCore.fenced(attempt) }
        return KafkaError(
            code: error.code,
            name: error.name,
            message: error.message,
            attempt: attempt,
            isFatal: false,
            isRetriable: false,
            requiresAbort: true
        )
    }

    /// Waits until every record of the open transaction is delivered, without ending it.
    public mutating func deliver(within limit: Duration) throws(KafkaError) {
        try core.flush(until: core.connection.deadline(limit), "deliver all records")
        if let failure = core.failure { throw failure }
    }

    /// Leaves the handle to the end of the process: what it has enqueued may still be sent.
    public consuming func abandon() { isAbandoned = true }

    /// Serves statistics: simulated producers have none.
    public mutating func serve() {}

    private mutating func failed(
        _ error: KafkaError,
        _ delivery: KafkaError? = nil
    ) -> TransactionError {
        let failure = TransactionError(error, delivery: delivery)
        if failure.verdict != .abort || delivery != nil { isSuspect = true }
        if failure.verdict == .fatal { fatal = error }
        return failure
    }
}

/// Writes records without transactions; for tools.
public struct Producer: ~Copyable, Sendable {
    private let core: ProducerCore

    /// Makes a producer.
    public init(_ settings: ClientSettings) throws(KafkaError) { core = ProducerCore(id: nil) }

    /// Opens a topic.
    public mutating func topic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> ProducerTopic { try core.topic(name, within: limit) }

    /// Enqueues a copy of a record.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) { try core.enqueue(core.record(value, key), topic, partition) }

    /// Enqueues a copy of a record with headers or a time of its own.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        headers: [Header],
        timestampMilliseconds: Int64? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) {
        try core.enqueue(
            core.record(value, key, headers, timestampMilliseconds),
            topic,
            partition
        )
    }

    /// Enqueues a record without a value.
    public mutating func withdraw(
        _ key: RawSpan,
        from topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) { try core.enqueue(core.record(nil, key), topic, partition) }

    /// Waits until every record is delivered.
    public mutating func flush(within limit: Duration) throws(KafkaError) {
        try core.flush(until: core.connection.deadline(limit), "deliver all records")
        if let failure = core.failure { throw failure }
    }
}

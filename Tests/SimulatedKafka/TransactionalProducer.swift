import CKafka
import Simulator

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
        if let failure = core.failure { throw failed(Self.verdict(failure, attempt), failure) }
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

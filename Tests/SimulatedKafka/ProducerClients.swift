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
            if log.isCompacted, record.key == nil {
                failure =
                    failure
                    ?? KafkaError(
                        RD_KAFKA_RESP_ERR_INVALID_RECORD,
                        "deliver a record to \(log.name.topic)"
                    )
                continue
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

internal import Journal
internal import Kafka

/// The transactional producer of an ingest worker with its two topics.
struct IngestProducer: ~Copyable {
    private var producer: TransactionalProducer
    private let journal: ProducerTopic
    private let deadLetters: ProducerTopic
    private(set) var isOpen = false
    /// Those of the journal, then those of the dead letters.
    private let partitions: [TopicPartition]
    /// By place in `partitions`.
    private var writes: LastWrites
    /// Whether the open transaction wrote to the journal, and to which partitions of the dead letters.
    private var touchesJournal = false
    private var touchedLetters: Set<Int32> = []

    private init(
        _ producer: consuming TransactionalProducer,
        _ journal: ProducerTopic,
        _ letters: ProducerTopic,
        _ configuration: ServiceConfiguration
    ) {
        self.producer = producer
        self.journal = journal
        deadLetters = letters
        partitions = StableOffsets.partitions(
            configuration,
            journal: journal.partitionCount,
            deadLetters: letters.partitionCount
        )
        writes = LastWrites(partitions)
    }

    /// Makes it and ends what an earlier process of the same identifier has left open.
    static func make(
        _ configuration: ServiceConfiguration,
        _ clients: ClientWatch,
        id: String
    ) throws(Setback) -> IngestProducer {
        var producer: TransactionalProducer
        do {
            producer = try TransactionalProducer(
                id: id,
                clients.watched(configuration.producerSettings, as: "ingest-producer")
            )
        } catch {
            throw .end(.configuration(error.description))
        }
        do { try producer.initialize() } catch { throw Setback(error) }
        let journal: ProducerTopic
        let letters: ProducerTopic
        do {
            journal = try producer.topic(configuration.journalTopic, within: .seconds(10))
            letters = try producer.topic(configuration.deadLetterTopic, within: .seconds(10))
        } catch {
            throw Setback(error)
        }
        return IngestProducer(producer, journal, letters, configuration)
    }

    /// Begins a transaction unless one is open.
    mutating func begin() throws(Setback) {
        guard !isOpen else { return }
        do { try producer.begin() } catch { throw Setback(error) }
        isOpen = true
    }

    /// Sends journal records.
    mutating func send(_ batch: inout ProduceBatch) throws(Setback) {
        guard !batch.isEmpty else { return }
        try begin()
        touchesJournal = true
        do { try producer.produce(&batch, to: journal) } catch { throw Setback(error) }
    }

    /// Sends a record of the journal or the dead letters as it stood there before.
    mutating func send(_ record: SourceTails.LostRecord) throws(Setback) {
        try begin()
        if record.isLetter {
            touchedLetters.insert(record.partition)
        } else {
            touchesJournal = true
        }
        try produce(
            record.value,
            record.key,
            record.headers,
            record.isLetter ? deadLetters : journal,
            record.partition
        )
    }

    /// The partition of a dead letter: the entity's, or where nobody knows it, one by the source's.
    func letterPartition(entity: String?, from partition: Int32) -> Int32 {
        let count = deadLetters.partitionCount
        guard let entity else { return partition % count }
        let key = Array(entity.utf8)
        return unsafe key.withUnsafeBytes { unsafe Partitioner.partition(of: $0, count: count) }
    }

    /// Sends a dead letter to one of their partitions.
    mutating func sendLetter(
        _ value: [UInt8],
        entity: String?,
        _ headers: [(name: String, value: String)],
        to partition: Int32
    ) throws(Setback) {
        try begin()
        touchedLetters.insert(partition)
        try produce(
            value,
            entity.map { Array($0.utf8) },
            headers.map { Header($0.name, Array($0.value.utf8)) },
            deadLetters,
            partition
        )
    }

    private mutating func produce(
        _ value: [UInt8],
        _ key: [UInt8]?,
        _ headers: [Header],
        _ topic: ProducerTopic,
        _ partition: Int32
    ) throws(Setback) {
        do {
            if let key {
                // The spans are used up while the arrays stand.
                try unsafe producer.produce(
                    value.span.bytes,
                    key: key.span.bytes,
                    headers: headers,
                    to: topic,
                    partition: partition
                )
            } else {
                try unsafe producer.produce(
                    value.span.bytes,
                    headers: headers,
                    to: topic,
                    partition: partition
                )
            }
        } catch {
            throw Setback(error)
        }
    }

    /// Commits records and offsets together; nothing where no transaction is open.
    ///
    /// - Throws: `Setback` also where it was committed but the producer can't be used any more.
    mutating func commit(_ offsets: [ConsumedOffset], of group: GroupMetadata) throws(Setback) {
        guard isOpen else { return }
        do {
            try producer.sendOffsets(offsets, of: group)
            let outcome = try producer.commit()
            isOpen = false
            noteWrites()
            if outcome == .committedSuspect {
                throw Setback.again(
                    "a request of a transaction was sent twice: nothing about the next one is certain"
                )
            }
        } catch {
            throw Setback.caught(error)
        }
    }

    private mutating func noteWrites() {
        let now = Ticker.now
        if touchesJournal {
            for partition in 0..<journal.partitionCount {
                writes.committed(Int(partition), at: now)
            }
        }
        for partition in touchedLetters {
            writes.committed(Int(journal.partitionCount + partition), at: now)
        }
        touchesJournal = false
        touchedLetters.removeAll()
    }

    /// Last stable offsets of all it may write to; nil where one can't be asked now.
    func stableOffsets(_ stable: FetchConsumer) -> StableOffsets? {
        let bounds = stable.offsets(of: partitions, within: .seconds(1))
        let ends = bounds.compactMap { try? $0.get().end }
        return ends.count == partitions.count ? StableOffsets(ends) : nil
    }

    /// What was written last and stays hidden; see ``LastWrites``.
    mutating func hiddenWrite(_ all: FetchConsumer, _ stable: FetchConsumer) -> Stretch? {
        writes.hidden(at: Ticker.now, all, stable)
    }

    /// Leaves it to the end of the process: destroying a producer with records on their way has crashed librdkafka.
    consuming func abandon() { producer.abandon() }
}

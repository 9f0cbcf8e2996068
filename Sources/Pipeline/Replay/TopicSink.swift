internal import Engine
internal import Glibc
internal import Kafka

/// Sends outputs to topics of their own, to the partition with the journal's number.
///
/// What stands there already must be what the replay writes, byte by byte, and is left out: so a replay that was stopped
/// or killed goes on with its topics. An idempotent producer loses and reorders nothing, so what it has left behind is
/// the beginning of each partition.
final class TopicSink: ReplaySink {
    private var producer: Producer
    private let topics: [ProducerTopic]
    private let names: [String]
    private let consumer: FetchConsumer
    /// By topic and partition, what stood there when the replay began.
    private let bounds: [[PartitionOffsets]]
    /// What of it the partition in hand has not come by yet.
    private var written: WrittenOutputs?
    private var sender: OutputSender?
    private var partition: Int32 = -1

    /// Makes the topics that are missing, named by output topic, with as many partitions as the journal.
    init(
        _ service: ServiceConfiguration,
        names: [String],
        partitions: Int32
    ) throws(ReplayFailure) {
        do {
            let consumer = try FetchConsumer(service.consumerSettings, isolation: .readUncommitted)
            let made = try Admin(service.kafka).createTopics(
                names.map {
                    NewTopic(
                        $0,
                        partitions: partitions,
                        configuration: [("retention.ms", "-1"), ("max.message.bytes", "2097152")]
                    )
                },
                within: .seconds(30)
            )
            for one in made {
                if let error = one.error, !error.isAlreadyExisting { throw error }
            }
            var bounds: [[PartitionOffsets]] = []
            for name in names {
                let found = try Self.bounds(of: name, consumer)
                guard found.count == partitions else {
                    throw ReplayFailure(
                        "replay into \(name): it is there already and has \(found.count) partitions, the journal "
                            + "\(partitions). Give another prefix, or delete it."
                    )
                }
                bounds.append(found)
            }
            self.names = names
            self.bounds = bounds
            self.consumer = consumer
            producer = try Producer(service.producerSettings)
            var topics: [ProducerTopic] = []
            for name in names {
                topics.append(try Self.open(name, partitions, &producer))
            }
            self.topics = topics
        } catch {
            throw ReplayFailure.caught(error, "make the topics of the replay")
        }
    }

    /// Brokers learn of a new topic and of its leaders a little later.
    private static func bounds(
        of name: String,
        _ consumer: FetchConsumer
    ) throws -> [PartitionOffsets] {
        let deadline = Ticker.now + 30_000
        while true {
            do throws(KafkaError) {
                let count = try consumer.partitionCount(of: name, within: .seconds(10))
                let wanted = (0..<count).map { TopicPartition(name, $0) }
                var bounds: [PartitionOffsets] = []
                for one in consumer.offsets(of: wanted, within: .seconds(20)) {
                    bounds.append(try one.get())
                }
                return bounds
            } catch {
                guard error.isUnknownTopicOrPartition || error.isRetriable, Ticker.now < deadline
                else { throw error }
                usleep(100_000)
            }
        }
    }

    private static func open(
        _ name: String,
        _ partitions: Int32,
        _ producer: inout Producer
    ) throws -> ProducerTopic {
        let deadline = Ticker.now + 30_000
        while true {
            do {
                let topic = try producer.topic(name, within: .seconds(10))
                if topic.partitionCount == partitions || Ticker.now > deadline { return topic }
            } catch {
                guard error.isUnknownTopicOrPartition, Ticker.now < deadline else { throw error }
            }
        }
    }

    func take(
        _ machine: inout Machine,
        of partition: Int32,
        at place: PartitionFold.Place
    ) throws(ReplayFailure) {
        if self.partition != partition {
            // Entities have other numbers in another machine.
            sender = OutputSender(topics, partition)
            self.partition = partition
            written = WrittenOutputs(
                names.enumerated().map { (place, name) in
                    PublishedPartition(
                        consumer,
                        TopicPartition(name, partition),
                        bounds[place][Int(partition)]
                    )
                },
                names: names.map { "\($0)-\(partition)" }
            )
        }
        let passed = try written?.pass(machine) ?? []
        do throws(KafkaError) {
            try sender?.send(&machine, after: passed) { (batch, topic) throws(KafkaError) in
                try producer.produce(&batch, to: topic)
            }
            try producer.poll()
        } catch {
            throw ReplayFailure(error)
        }
    }

    func end(of partition: Int32, next: Int32?) throws(ReplayFailure) {
        if self.partition == partition { try written?.checkEnd() }
    }

    func finish(isInterrupted: Bool) throws(ReplayFailure) {
        do throws(KafkaError) { try producer.flush(within: .seconds(120)) } catch {
            throw ReplayFailure(error)
        }
    }
}

/// What stands in a partition of a replay's topics already, held against what the replay writes.
struct WrittenOutputs {
    private let lines: [any PublishedLines]
    private let names: [String]
    private var chunks = OutputTopic.allCases.map { _ in LineChunk() }
    /// The next line of each chunk; nil where the topic has no more.
    private var places: [Int?] = OutputTopic.allCases.map { _ in nil }
    private var counts = OutputTopic.allCases.map { _ in 0 }
    private var hasBegun = false

    /// - Parameters:
    ///   - lines: by output topic.
    ///   - names: what they are called, by output topic.
    init(_ lines: [any PublishedLines], names: [String]) {
        self.lines = lines
        self.names = names
    }

    private mutating func begin() throws(ReplayFailure) {
        guard !hasBegun else { return }
        hasBegun = true
        for topic in lines.indices {
            try lines[topic].begin(at: 0)
            try advance(topic, to: 0)
        }
    }

    /// Has the line of a place in hand, or the first of the next chunk.
    private mutating func advance(_ topic: Int, to place: Int) throws(ReplayFailure) {
        places[topic] = place
        if place == chunks[topic].lines.count {
            try lines[topic].next(into: &chunks[topic])
            places[topic] = chunks[topic].lines.isEmpty ? nil : 0
        }
    }

    /// How many of the outputs that a machine has written stand there already, by topic.
    ///
    /// - Throws: where another record stands there.
    mutating func pass(_ machine: borrowing Machine) throws(ReplayFailure) -> [Int] {
        try begin()
        var passed = lines.map { _ in 0 }
        for topic in lines.indices {
            let buffer = machine.outputs[topic]
            while passed[topic] < buffer.count, let place = places[topic] {
                let line = chunks[topic].lines[place]
                // The line lies in its chunk, and the buffer stands.
                let isSame = unsafe chunks[topic].bytes.withUnsafeBytes { bytes in
                    unsafe bytes[line].elementsEqual(buffer.value(at: passed[topic]))
                }
                guard isSame else { throw other(topic, "is not what this replay writes") }
                passed[topic] += 1
                counts[topic] += 1
                try advance(topic, to: place + 1)
            }
        }
        return passed
    }

    /// - Throws: where more stands there than the replay writes.
    mutating func checkEnd() throws(ReplayFailure) {
        try begin()
        for topic in lines.indices where places[topic] != nil {
            throw other(topic, "comes behind all that this replay writes")
        }
    }

    private func other(_ topic: Int, _ what: String) -> ReplayFailure {
        ReplayFailure(
            "go on with \(names[topic]): its record \(counts[topic] + 1) \(what). It was begun with another journal, "
                + "range or policy: give another prefix, or delete the topics."
        )
    }
}

import Ingest
import Journal
import Kafka
import Pipeline

/// Fresh topics of one measurement, under a prefix that no other has.
struct KafkaTopics: Sendable {
    let bootstrap: String
    /// Stands before every topic's name, and is the application's.
    let prefix: String
    private let partitions: Int32
    private let names = ServiceConfiguration.Topics()

    /// Topics that are not there yet.
    init(bootstrap: String, prefix: String, partitions: Int) {
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.partitions = Int32(partitions)
    }

    /// What the service is told.
    func configuration(clock: ServiceConfiguration.Clock) -> ServiceConfiguration {
        var configuration = ServiceConfiguration(
            kafka: ClientSettings(bootstrap: bootstrap),
            tokenizer: Tokenizer(.published)
        )
        configuration.application = prefix
        configuration.topics.prefix = prefix + "."
        configuration.clock = clock
        return configuration
    }

    /// The partitions of the journal.
    var journal: [TopicPartition] { all(of: names.journal) }
    /// The partitions of decisions.
    var decisions: [TopicPartition] { all(of: names.decisions) }
    /// The partitions of alerts.
    var alerts: [TopicPartition] { all(of: names.alerts) }
    /// The partitions of all outputs.
    var outputs: [TopicPartition] {
        decisions + alerts + all(of: names.accumulators) + all(of: names.replenishments)
    }

    private func all(of name: String) -> [TopicPartition] {
        (0..<partitions).map { TopicPartition("\(prefix).\(name)", $0) }
    }

    /// The full name of a source topic for events of a kind; kinds without one go to the claims.
    func source(_ body: EventBody) -> Int {
        switch body {
        case .encounter: 0
        case .dispense: 1
        case .claim: 2
        case .purchase: 3
        case .disposition, .adjustment: 4
        }
    }

    /// The source topics, in the order of ``source(_:)``.
    var sources: [String] { names.sources.map { "\(prefix).\($0)" } }

    /// Makes all topics and publishes reference rows.
    func create(_ rows: [ReferenceRow]) throws {
        let settings = ClientSettings(bootstrap: bootstrap)
        // Times are those of a history: retention by time would delete them at once.
        let kept = [("retention.ms", "-1"), ("max.message.bytes", "2097152")]
        let single = [names.reference, names.policy].map { "\(prefix).\($0)" }
        let several =
            sources
            + [
                names.journal, names.deadLetters, names.decisions, names.alerts, names.accumulators,
                names.replenishments,
            ].map { "\(prefix).\($0)" }
        let topics =
            single.map { NewTopic($0, partitions: 1, configuration: kept) }
            + several.map { NewTopic($0, partitions: partitions, configuration: kept) }
            + [
                NewTopic(
                    "\(prefix).\(names.snapshots)",
                    partitions: partitions,
                    configuration: [("cleanup.policy", "compact"), ("segment.bytes", "134217728")]
                )
            ]
        for result in try Admin(settings).createTopics(topics, within: .seconds(30)) {
            if let error = result.error { throw error }
        }
        var producer = try Producer(settings)
        let topic = try producer.topic("\(prefix).\(names.reference)", within: .seconds(20))
        for record in ReferenceTopic.publication(of: rows) {
            guard let value = record.value else { continue }
            // The spans are used up while the record stands.
            unsafe try producer.produce(
                value.span.bytes,
                key: record.key.span.bytes,
                to: topic,
                partition: 0
            )
        }
        try producer.flush(within: .seconds(30))
    }
}

/// Sends the lines of a file to their topics, each with the time at which it was recorded.
struct KafkaFeed: ~Copyable {
    private let topics: KafkaTopics
    private var producer: Producer
    private let targets: [ProducerTopic]
    private var decoder: EventDecoder
    private let source: SourceName
    private let bytes: [UInt8]
    private var place = 0
    /// Lines sent.
    private(set) var count = 0

    /// Reads at most so many lines of a file.
    init(_ path: String, limit: Int, to topics: KafkaTopics) throws {
        let bytes = try Files.read(path, lines: limit)
        var producer = try Producer(ClientSettings(bootstrap: topics.bootstrap))
        var targets: [ProducerTopic] = []
        for name in topics.sources {
            targets.append(try producer.topic(name, within: .seconds(20)))
        }
        var decoder = EventDecoder()
        source = decoder.addSource(path, isFile: true)
        self.topics = topics
        self.bytes = bytes
        self.targets = targets
        self.producer = producer
        self.decoder = decoder
    }

    /// How many lines there are.
    var lineCount: Int { bytes.count { $0 == 0x0A } }

    /// Sends the next line that is an event.
    ///
    /// - Returns: its `event_id`; nil at the end.
    mutating func send() throws -> String? {
        while place < bytes.count {
            let end = bytes[place...].firstIndex(of: 0x0A) ?? bytes.count
            let line = Array(bytes[place..<end])
            place = end + 1
            let isEvent: Bool
            do throws(Rejection) {
                // The span is used up while the line stands.
                unsafe try decoder.decode(line.span.bytes, from: source, recordedAt: nil)
                isEvent = true
            } catch {
                isEvent = false
            }
            guard isEvent else { continue }
            let header = decoder.header
            let target = targets[topics.source(decoder.body)]
            unsafe try producer.produce(
                line.span.bytes,
                headers: [],
                timestampMilliseconds: header.recordedAt.microseconds / 1000,
                to: target,
                partition: decoder.partition(count: target.partitionCount)
            )
            count += 1
            // The text is a piece of the decoder's bytes, and copied.
            let id = unsafe UnsafeRawBufferPointer(
                rebasing: decoder.texts[
                    Int(header.eventID.offset)..<Int(header.eventID.offset + header.eventID.count)
                ]
            )
            return unsafe String(decoding: id, as: UTF8.self)
        }
        return nil
    }

    /// Serves the client and finds failed deliveries.
    mutating func poll() throws { try producer.poll() }

    /// Waits until all are delivered.
    mutating func flush() throws { try producer.flush(within: .seconds(120)) }
}

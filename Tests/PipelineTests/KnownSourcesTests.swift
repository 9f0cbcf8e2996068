import Ingest
import Journal
import Kafka
import Testing

@testable import Pipeline

/// Which source partitions the journal knows, read in turns.
@Suite(.timeLimit(.minutes(20))) struct KnownSourcesTests {
    @Test func `the journal is read in turns, and what was read stays read`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("journal", partitions: 2)
        let settings = ClientSettings(bootstrap: broker.bootstrap)
        let configuration = ServiceConfiguration(
            kafka: settings,
            tokenizer: Tokenizer(.published)
        )
        let known = KnownSources(configuration, ServiceControl(StopFlag(), Operations()))

        // An empty journal knows nobody, and is at its end at once.
        try known.begin()
        #expect(try known.advance(milliseconds: 0))
        #expect(!known.contains(TopicPartition("claims", 5)))

        // Rows of a reference topic first, a registration as the very last record.
        var producer = try Producer(settings)
        try send(
            &producer,
            rows: 6_000,
            then: SourceRegistration(topic: "claims", partition: 5, firstOffset: 7)
        )
        try known.begin()
        #expect(try !known.advance(milliseconds: 0), "a turn without time reads nothing")
        while !(try known.advance(milliseconds: 1)) {}
        #expect(known.contains(TopicPartition("claims", 5)))
        #expect(known.contains(TopicPartition("roster", 3)))
        #expect(!known.contains(TopicPartition("claims", 6)))

        // What came since is read from there on; the end is the one of the question.
        try send(
            &producer,
            rows: 1,
            then: SourceRegistration(topic: "claims", partition: 6, firstOffset: 0)
        )
        #expect(try known.advance(milliseconds: 0), "nothing more is asked for")
        #expect(!known.contains(TopicPartition("claims", 6)))
        try known.begin()
        while !(try known.advance(milliseconds: 1000)) {}
        #expect(known.contains(TopicPartition("claims", 6)))
        #expect(known.contains(TopicPartition("claims", 5)))
    }

    @Test func `what is no record of ours in the journal ends the service`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("journal", partitions: 1)
        let settings = ClientSettings(bootstrap: broker.bootstrap)
        var producer = try Producer(settings)
        let topic = try producer.topic("journal", within: .seconds(10))
        try producer.produce([1, 2, 3].span.bytes, to: topic, partition: 0)
        try producer.flush(within: .seconds(10))
        let known = KnownSources(
            ServiceConfiguration(kafka: settings, tokenizer: Tokenizer(.published)),
            ServiceControl(StopFlag(), Operations())
        )
        try known.begin()
        let end = #expect(throws: ServiceEnd.self) {
            while !(try known.advance(milliseconds: 1000)) {}
        }
        #expect(end?.kind == .configuration)
    }

    private func send(
        _ producer: inout Producer,
        rows: Int,
        then registration: SourceRegistration
    ) throws {
        let batch = RecordBatch()
        let time = Instant(milliseconds: WrittenJournal.start)
        for offset in 0..<rows {
            batch.appendReferenceComplete(
                rowCount: 0,
                digest: Array(repeating: 0, count: 32),
                at: time,
                source: RecordSource(partition: 3, offset: Int64(offset), counter: UInt64(offset)),
                sourceName: "roster"
            )
        }
        batch.append(
            registration,
            at: time,
            source: RecordSource(partition: -1, offset: 0, counter: 0)
        )
        let topic = try producer.topic("journal", within: .seconds(10))
        for index in 0..<batch.count {
            let bytes = Array(batch.record(at: index).allBytes)
            try producer.produce(bytes.span.bytes, to: topic, partition: 0)
        }
        try producer.flush(within: .seconds(30))
    }
}

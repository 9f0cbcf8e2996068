import Engine
import Ingest
import Journal
import TestKit

/// A journal written by hand, record by record: genesis, registrations, ticks, tables, policies, events of any source.
struct HandJournal: ~Copyable {
    let batch = RecordBatch()
    private var decoder: EventDecoder
    private var sources: [String: SourceName] = [:]
    /// Next counter of each source.
    var counters: [String: UInt64] = [:]

    init(
        clock: MonitorClock = .records,
        horizonDays: UInt16 = 400,
        tokenizer: Tokenizer = Tokenizer(.published),
        hasGenesis: Bool = true
    ) {
        decoder = EventDecoder(tokenizer: tokenizer, horizonDays: Int32(horizonDays))
        guard hasGenesis else { return }
        batch.append(
            Genesis(
                partitionCount: 1,
                partition: 0,
                horizonDays: horizonDays,
                clock: clock,
                application: "test"
            ),
            at: .distantPast,
            source: .none
        )
    }

    /// Publishes the tables and the shipped policy.
    mutating func publish(_ tables: [String: String] = Tables.csv) throws {
        let rows = try ReferenceRow.rows(of: tables)
        for row in rows { batch.append(row, at: .distantPast, source: .none) }
        batch.appendReferenceComplete(
            rowCount: Int64(rows.count),
            digest: [],
            at: .distantPast,
            source: .none
        )
        batch.appendPolicy(Policy().canonicalBytes, at: .distantPast, source: .none)
    }

    mutating func register(_ topic: String, _ partition: Int32 = 0) {
        batch.append(
            SourceRegistration(topic: topic, partition: partition, firstOffset: 0),
            at: .distantPast,
            source: .none
        )
    }

    /// How far topics have been copied, as RFC 3339 times of partition 0.
    mutating func tick(_ reached: KeyValuePairs<String, String>) {
        batch.append(
            reached.map {
                SourceProgress(topic: $0.key, partition: 0, reached: Instant(text: $0.value))
            },
            at: .distantPast,
            source: .none
        )
    }

    /// An event as it stands in the contract; its `recorded_at` is the Kafka record's timestamp.
    mutating func event(_ line: String, from topic: String, tokenizer: Tokenizer? = nil) throws {
        if let tokenizer {
            decoder = EventDecoder(tokenizer: tokenizer)
            sources = [:]
        }
        let source = sources[topic] ?? decoder.addSource(topic, isFile: false)
        sources[topic] = source
        try decoder.decode(Array(line.utf8).span.bytes, from: source, recordedAt: nil)
        let counter = counters[topic, default: 0]
        counters[topic] = counter + 1
        decoder.append(
            to: batch,
            source: RecordSource(partition: 0, offset: Int64(counter), counter: counter)
        )
    }
}

extension Instant {
    /// A moment of a test, `2025-03-02T10:00:00Z`.
    init(text: String) {
        let date = CivilDate(text: String(text.prefix(10)))
        let clock = text.dropFirst(11).prefix(8).split(separator: ":").compactMap { Int64($0) }
        guard let date, clock.count == 3 else { preconditionFailure("\(text) is no time") }
        let seconds = clock[0] * 3600 + clock[1] * 60 + clock[2]
        self.init(microseconds: (Int64(date.day) * 86_400 + seconds) * 1_000_000)
    }
}

extension Machine {
    /// All outputs so far, by topic, as text.
    var texts: [String: String] {
        var texts: [String: String] = [:]
        for topic in OutputTopic.allCases {
            texts[topic.name] = String(decoding: outputs[Int(topic.rawValue)].bytes, as: UTF8.self)
        }
        return texts
    }

    /// The lines of one output topic so far.
    func lines(_ topic: OutputTopic) -> [String] {
        let buffer = outputs[Int(topic.rawValue)]
        return (0..<buffer.count).map { String(decoding: buffer.value(at: $0), as: UTF8.self) }
    }
}

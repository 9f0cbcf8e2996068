import Journal
import Kafka

/// When what an event causes can be seen by somebody who reads committed records.
///
/// An output names the journal's record that caused it, and that record the event: so both are read.
struct KafkaArrivals {
    /// A record of the journal.
    private struct Place: Hashable {
        let partition: Int64
        let offset: Int64
    }

    private let alertSources: Range<Int>
    private let journalSources: Range<Int>
    private var sent: [String: Double] = [:]
    private var causes: [Place: Double] = [:]
    /// Outputs whose cause has not been read yet, with their arrival.
    private var waiting: [(place: Place, isAlert: Bool, at: Double)] = []
    /// Milliseconds from sending an event to what it caused.
    private(set) var journal: [Double] = []
    private(set) var decisions: [Double] = []
    private(set) var alerts: [Double] = []

    /// Nothing has arrived yet.
    init(_ topics: KafkaTopics) {
        let first = topics.decisions.count
        alertSources = first..<first + topics.alerts.count
        journalSources = alertSources.upperBound..<Self.partitions(topics).count
    }

    private static func partitions(_ topics: KafkaTopics) -> [TopicPartition] {
        topics.decisions + topics.alerts + topics.journal
    }

    /// A queue that reads from the topics' ends on.
    static func queue(_ topics: KafkaTopics) throws -> FetchQueue {
        let consumer = try FetchConsumer(ClientSettings(bootstrap: topics.bootstrap))
        var queue = consumer.queue()
        let all = partitions(topics)
        let bounds = consumer.offsets(of: all, within: .seconds(20))
        for (partition, bound) in zip(all, bounds) {
            _ = try queue.start(partition, at: .offset(try bound.get().end))
        }
        return queue
    }

    /// An event is sent now.
    mutating func note(_ id: String, isCounted: Bool) {
        if isCounted { sent[id] = Meter.clock }
    }

    /// Takes what has arrived, waiting at most a millisecond.
    mutating func look(at queue: inout FetchQueue) throws {
        do {
            let batch = try queue.next(limit: 4096, waiting: .milliseconds(1))
            let now = Meter.clock
            for index in 0..<batch.count {
                let message = batch[index]
                if journalSources.contains(message.source) {
                    guard let id = Self.eventID(message.value), let time = sent[id] else {
                        continue
                    }
                    journal.append((now - time) * 1000)
                    let place = Place(
                        partition: Int64(message.partition),
                        offset: message.offset
                    )
                    causes[place] = time
                } else if let place = Self.cause(message.value) {
                    let isAlert = alertSources.contains(message.source)
                    waiting.append((place, isAlert, now))
                }
            }
        }
        match()
    }

    /// Outputs may be read before their cause, since they are other partitions; a deadline's is a tick's and never
    /// found.
    private mutating func match() {
        let now = Meter.clock
        var left: [(place: Place, isAlert: Bool, at: Double)] = []
        for output in waiting {
            if let time = causes[output.place] {
                let delay = (output.at - time) * 1000
                if output.isAlert { alerts.append(delay) } else { decisions.append(delay) }
            } else if now - output.at < 1 {
                left.append(output)
            }
        }
        waiting = left
    }

    /// The event that a record of the journal holds; nil for a control record.
    private static func eventID(_ value: RawSpan) -> String? {
        unsafe value.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            let record = unsafe RecordView(start, count: bytes.count)
            guard let kind = record.kind, EventType(rawValue: kind.rawValue) != nil else {
                return nil
            }
            return record.string(record.text(2))
        }
    }

    /// Partition and offset behind the first `"journal":` of an output.
    private static func cause(_ value: RawSpan) -> Place? {
        let text = unsafe value.withUnsafeBytes { unsafe Array($0.prefix(512)) }
        let mark = Array("\"journal\":{\"partition\":".utf8)
        guard text.count > mark.count else { return nil }
        for start in 0..<text.count - mark.count
        where text[start] == mark[0] && text[start...].starts(with: mark) {
            var numbers: [Int64] = []
            var number: Int64?
            for byte in text[(start + mark.count)...] {
                if (48...57).contains(byte) {
                    number = (number ?? 0) * 10 + Int64(byte - 48)
                } else if let found = number {
                    numbers.append(found)
                    number = nil
                    if numbers.count == 2 {
                        return Place(partition: numbers[0], offset: numbers[1])
                    }
                }
            }
        }
        return nil
    }

    /// The value below which a share of all lies.
    static func part(_ share: Double, of values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}

internal import Journal
internal import Kafka

/// A stretch of one partition, by offsets: from `start` up to, not including, `end`.
struct Stretch {
    var partition: TopicPartition
    var start: Int64
    var end: Int64
}

extension FetchConsumer {
    /// Reads stretches to their ends, those of several partitions at once.
    ///
    /// - Parameters:
    ///   - stretches: the stretches, of different partitions.
    ///   - control: ends the reading when the service is to stop.
    ///   - body: takes the number of a stretch and a record of it; returns whether it wants more of this stretch.
    /// - Throws: `Setback` where nothing comes for half a minute, `KafkaError`, and what `body` throws.
    func read(
        _ stretches: [Stretch],
        _ control: ServiceControl,
        _ body: (_ number: Int, borrowing Message) throws -> Bool
    ) throws {
        defer { control.operations.watchdog.begin(.offsets) }
        var queue = queue()
        var open = Set(stretches.indices.filter { stretches[$0].start < stretches[$0].end })
        var numbers: [Int: Int] = [:]
        for number in open.sorted() {
            let stretch = stretches[number]
            numbers[try queue.start(stretch.partition, at: .offset(stretch.start))] = number
        }
        var deadline = Ticker.now + 30_000
        while !open.isEmpty {
            if control.shouldStop { throw Setback.end(.stopped) }
            control.operations.watchdog.begin(.scan)
            let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
            if batch.count > 0 { deadline = Ticker.now + 30_000 }
            for index in 0..<batch.count {
                guard let number = numbers[batch[index].source], open.contains(number),
                    batch[index].offset < stretches[number].end
                else { continue }
                if !(try body(number, batch[index])) { open.remove(number) }
            }
            for event in queue.takeEvents() {
                if case .failed(_, let error) = event { throw error }
            }
            for (source, number) in numbers {
                if queue.position(of: source) >= stretches[number].end { open.remove(number) }
                if !open.contains(number) { queue.stop(source) }
            }
            if Ticker.now > deadline {
                throw Setback.again("read the end of the journal: nothing came for 30 s")
            }
        }
    }
}

extension FetchConsumer {
    /// Whether a partition shows a record, or showed one that was deleted; markers alone are none.
    func hasRecords(_ partition: TopicPartition, _ control: ServiceControl) throws -> Bool {
        let bounds = try offsets(of: [partition], within: .seconds(20))[0].get()
        if bounds.low > 0 { return true }
        var isThere = false
        try read([Stretch(partition: partition, start: 0, end: bounds.end)], control) { (_, _) in
            isThere = true
            return false
        }
        return isThere
    }
}

/// What a record of the journal or the dead letters says of the source partitions.
enum SourceTrace {
    /// It was copied from a record of the source: the counter in the journal, the source's offset for a dead letter.
    case copied(TopicPartition, place: Int64)
    /// How far sources have been copied.
    case progress([SourceProgress])
    /// A source partition was registered.
    case registered(TopicPartition)
    /// Nothing.
    case none

    /// What a record says that may be uncommitted or aborted: then it may be anybody's, as `doctor`'s, and says nothing.
    init(uncommitted message: borrowing Message, isLetter: Bool) {
        self = (try? SourceTrace(message, isLetter: isLetter)) ?? .none
    }

    /// Reads a record.
    ///
    /// - Parameters:
    ///   - message: the record.
    ///   - isLetter: it is a dead letter.
    /// - Throws: `ServiceEnd` where it stands in the journal and is no record of ours.
    init(_ message: borrowing Message, isLetter: Bool) throws(ServiceEnd) {
        if isLetter {
            self =
                DeadLetterHeaders.source(of: message.headers()).map { .copied($0, place: $1) }
                ?? .none
            return
        }
        let record = try JournalScan.record(message)
        switch record.kind {
        case .tick: self = .progress(record.progress)
        case .sourceRegistered:
            let source = record.sourceRegistration
            self = .registered(TopicPartition(source.topic, source.partition))
        default:
            self =
                JournalScan.source(of: record).map {
                    .copied($0, place: Int64(record.source.counter))
                } ?? .none
        }
    }
}

/// Where a dead letter came from.
enum DeadLetterHeaders {
    /// The source record's place, by Kafka Connect's headers; nil where a record of the topic is no letter.
    static func source(of headers: [Header]) -> (TopicPartition, Int64)? {
        var values: [String: String] = [:]
        for header in headers {
            values[header.name] = String(decoding: header.value ?? [], as: UTF8.self)
        }
        guard let topic = values["__connect.errors.topic"],
            let partition = values["__connect.errors.partition"].flatMap({ Int32($0) }),
            let offset = values["__connect.errors.offset"].flatMap({ Int64($0) })
        else { return nil }
        return (TopicPartition(topic, partition), offset)
    }
}

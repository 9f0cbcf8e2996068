internal import Journal
internal import Kafka

/// A stretch of one partition, by offsets: from `start` up to, not including, `end`.
struct Stretch {
    var partition: TopicPartition
    var start: Int64
    var end: Int64
}

/// Stretches of several partitions as they are read to their ends, in turns, so that whoever reads can do other things in
/// between.
struct StretchReading: ~Copyable {
    let stretches: [Stretch]
    private var queue: FetchQueue
    /// Numbers of stretches by the queue's of their sources, and those that are not read to their ends.
    private var numbers: [Int] = []
    private var isOpen: [Bool]
    /// What the last turn was told to have failed; librdkafka goes on by itself but where `isOffsetLost`.
    private(set) var failure: KafkaError?
    /// When a record came last.
    private(set) var heardAt = Ticker.now

    /// Begins to fetch.
    ///
    /// - Parameters:
    ///   - stretches: the stretches, of different partitions.
    ///   - queue: a queue of its own.
    /// - Throws: where one is being read already.
    init(_ stretches: [Stretch], _ queue: consuming FetchQueue) throws(KafkaError) {
        self.stretches = stretches
        self.queue = queue
        isOpen = stretches.map { $0.start < $0.end }
        for number in stretches.indices where isOpen[number] {
            let stretch = stretches[number]
            let source = try self.queue.start(stretch.partition, at: .offset(stretch.start))
            precondition(source == numbers.count, "sources are numbered as they are started")
            numbers.append(number)
        }
    }

    /// The first stretch that is not read to its end, and up to where it is.
    var slowest: (stretch: Stretch, position: Int64)? {
        guard let source = numbers.indices.first(where: { isOpen[numbers[$0]] }) else { return nil }
        return (stretches[numbers[source]], queue.position(of: source))
    }

    /// Reads on.
    ///
    /// - Parameters:
    ///   - milliseconds: for how long at most; so long, too, if nothing comes.
    ///   - body: takes the number of a stretch and a record of it; returns whether it wants more of this stretch.
    /// - Returns: whether the ends are reached.
    /// - Throws: `KafkaError`, and what `body` throws.
    mutating func advance(
        milliseconds: Int64,
        _ body: (_ number: Int, borrowing Message) throws -> Bool
    ) throws -> Bool {
        failure = nil
        let limit = Ticker.now + milliseconds
        while isOpen.contains(true) {
            let left = limit - Ticker.now
            if left <= 0 { return false }
            if try Self.take(&queue, left, numbers, stretches, &isOpen, body) {
                heardAt = Ticker.now
            }
            for event in queue.takeEvents() {
                if case .failed(_, let error) = event { failure = failure ?? error }
            }
            for (source, number) in numbers.enumerated() {
                if queue.position(of: source) >= stretches[number].end { isOpen[number] = false }
                if !isOpen[number] { queue.stop(source) }
            }
            if failure != nil { break }
        }
        return !isOpen.contains(true)
    }

    /// Takes the records that are there, or waits for one; whether there were any.
    ///
    /// They stand as long as nothing else is done with the queue, so it is not a method of what owns it.
    private static func take(
        _ queue: inout FetchQueue,
        _ milliseconds: Int64,
        _ numbers: [Int],
        _ stretches: [Stretch],
        _ isOpen: inout [Bool],
        _ body: (_ number: Int, borrowing Message) throws -> Bool
    ) throws -> Bool {
        let batch = try queue.next(limit: 4096, waiting: .milliseconds(milliseconds))
        for index in 0..<batch.count {
            let number = numbers[batch[index].source]
            guard isOpen[number], batch[index].offset < stretches[number].end else { continue }
            if !(try body(number, batch[index])) { isOpen[number] = false }
        }
        return batch.count > 0
    }
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
        var reading = try StretchReading(stretches, queue())
        while true {
            if control.shouldStop { throw Setback.end(.stopped) }
            control.operations.watchdog.begin(.scan)
            if try reading.advance(milliseconds: 100, body) { return }
            if let failure = reading.failure { throw failure }
            if Ticker.now - reading.heardAt > 30_000 {
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

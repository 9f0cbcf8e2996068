public import Journal
public import Kafka

/// A stretch of a journal partition: from its first record to before its last.
public struct JournalStretch: Sendable, Hashable {
    /// One end.
    public enum Bound: Sendable, Hashable {
        /// An offset on Kafka.
        case offset(Int64)
        /// A time; which of a record's times says the reader.
        case time(Instant)
    }
    /// The first record; nil is the beginning.
    public var from: Bound?
    /// The first record behind it; nil is the end.
    public var end: Bound?

    /// All of a partition, where nothing is given.
    public init(from: Bound? = nil, end: Bound? = nil) {
        self.from = from
        self.end = end
    }

    /// Whether the stretch begins with the journal.
    public var isFromBeginning: Bool { from == nil || from == .offset(0) }

    /// First offset to read, where the stretch names one.
    var firstOffset: Int64 { if case .offset(let offset) = from { offset } else { 0 } }
    /// Offset to stop at, where the stretch names one.
    var endOffset: Int64? { if case .offset(let offset) = end { offset } else { nil } }

    /// Whether a record is in it.
    public func holds(offset: Int64, time: Instant) -> Bool {
        !isBefore(offset: offset, time: time) && !isBehind(offset: offset, time: time)
    }

    /// Whether a record comes before it.
    func isBefore(offset: Int64, time: Instant) -> Bool {
        switch from {
        case .offset(let first): offset < first
        case .time(let first): time < first
        case nil: false
        }
    }

    /// Whether a record comes behind it.
    func isBehind(offset: Int64, time: Instant) -> Bool {
        switch end {
        case .offset(let last): offset >= last
        case .time(let last): time >= last
        case nil: false
        }
    }
}

/// A journal record with its place, for the length of a call.
public struct JournalEntry {
    /// The file, or the topic.
    public var name: String
    public var partition: Int32
    /// Its offset on Kafka.
    public var offset: Int64
    /// Its number in the partition, from 0; nil where reading did not begin with the journal.
    public var number: Int64?
    /// When it was written to the journal.
    public var written: Instant
    /// The record, checked; good for the length of the call.
    public var record: RecordView
}

/// Shows the records of a journal, from files or from Kafka, one by one; what can't be read is passed over and counted.
public struct JournalReading {
    /// Frames and records that could not be read.
    public private(set) var unreadable: Int64 = 0

    /// Nothing was read so far.
    public init() {}

    /// Shows the records of a file; `body` says whether it wants more.
    public mutating func read(
        file path: String,
        _ body: (JournalEntry) -> Bool
    ) throws(FileFailure) {
        var frames = try JournalFrames(path)
        var number: Int64 = 0
        while true {
            switch try frames.next() {
            case .record:
                let (offset, timestamp) = (frames.offset, frames.timestamp)
                // The bytes stand until the next step.
                let goesOn = unsafe show(
                    frames.record,
                    path,
                    frames.header.partition,
                    offset,
                    number,
                    timestamp,
                    body
                )
                if !goesOn { return }
                number += 1
            case .damage: unreadable += 1
            case .end: return
            case .cutOff:
                unreadable += 1
                return
            }
        }
    }

    /// Shows the records of a stretch on Kafka; times do not bound what is read.
    public mutating func read(
        _ scan: TopicScan,
        _ partition: TopicPartition,
        _ stretch: JournalStretch,
        _ body: (JournalEntry) -> Bool
    ) throws(TopicScan.Failure) {
        let bounds = try scan.bounds(of: [partition])[0]
        let first = max(bounds.low, stretch.firstOffset)
        let range = TopicScan.Range(
            partition,
            from: first,
            end: min(bounds.end, stretch.endOffset ?? bounds.end)
        )
        var number: Int64 = 0
        var reading = self
        try scan.read([range]) { (_, message) in
            let (offset, timestamp) = (message.offset, message.timestamp.milliseconds)
            defer { number += 1 }
            // The bytes stand as long as the message.
            return unsafe message.value.withUnsafeBytes { bytes in
                unsafe reading.show(
                    bytes,
                    partition.topic,
                    partition.partition,
                    offset,
                    first == 0 ? number : nil,
                    timestamp,
                    body
                )
            }
        }
        self = reading
    }

    private mutating func show(
        _ bytes: UnsafeRawBufferPointer,
        _ name: String,
        _ partition: Int32,
        _ offset: Int64,
        _ number: Int64?,
        _ timestamp: Int64,
        _ body: (JournalEntry) -> Bool
    ) -> Bool {
        guard let base = bytes.baseAddress else {
            unreadable += 1
            return true
        }
        // The caller keeps the bytes for the length of the call.
        let record = unsafe RecordView(base, count: bytes.count)
        guard (try? record.check()) != nil else {
            unreadable += 1
            return true
        }
        return body(
            JournalEntry(
                name: name,
                partition: partition,
                offset: offset,
                number: number,
                written: Instant(milliseconds: timestamp),
                record: record
            )
        )
    }
}

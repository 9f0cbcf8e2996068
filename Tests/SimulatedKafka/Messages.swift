import Simulator

// The doors of `Sources/Kafka/MessageBatch.swift` and `ProduceBatch.swift`. Their comments stand there.

struct TakenRecord {
    var record: LogRecord
    var source: Int
    var name: TopicPartition
}

/// Records of one call.
public struct MessageBatch: ~Copyable, ~Escapable {
    private let taken: [TakenRecord]
    /// How many records there are.
    public var count: Int { taken.count }

    @_lifetime(immortal)
    init(_ taken: [TakenRecord]) { self.taken = taken }

    /// One record.
    public subscript(index: Int) -> Message {
        @_lifetime(borrow self)
        borrowing get {
            let one = taken[index]
            let message = Message(one.record, source: one.source, one.name)
            return _overrideLifetime(message, borrowing: self)
        }
    }
}

/// A record of a batch; its bytes lie in the cluster's memory.
public struct Message: ~Escapable {
    private let record: LogRecord
    private let name: TopicPartition
    /// The number of the record's source.
    public let source: Int

    @_lifetime(immortal)
    init(_ record: LogRecord, source: Int, _ name: TopicPartition) {
        self.record = record
        self.source = source
        self.name = name
    }

    /// What a record's time means.
    public enum TimestampKind: Sendable {
        case created, appended, none
    }

    /// The value's bytes.
    public var value: RawSpan {
        @_lifetime(copy self)
        get {
            let span = RawSpan(_unsafeBytes: record.valueBytes)
            return _overrideLifetime(span, copying: self)
        }
    }
    /// The key's bytes.
    public var key: RawSpan {
        @_lifetime(copy self)
        get {
            let span = RawSpan(_unsafeBytes: record.keyBytes)
            return _overrideLifetime(span, copying: self)
        }
    }
    /// There is no value.
    public var isTombstone: Bool { record.value == nil }
    /// There is a key.
    public var hasKey: Bool { record.key != nil }
    /// The value of a header: simulated records have none.
    public func header(_ name: String) -> [UInt8]? { nil }
    /// The record's offset.
    public var offset: Int64 { record.offset }
    /// The partition's number.
    public var partition: Int32 { name.partition }
    /// The topic's name.
    public var topic: String { name.topic }
    /// The record's time.
    public var timestamp: (milliseconds: Int64, kind: TimestampKind) {
        (record.timestamp, .created)
    }
    /// The record's headers in order.
    public func headers() -> [Header] {
        record.headers < 0 ? [] : Cluster.current.headers[record.headers]
    }
}

/// A record's header.
public struct Header: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Its value, if it has one.
    public let value: [UInt8]?

    /// Makes a header.
    public init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}

/// Records to be produced with one call, which empties the batch.
public struct ProduceBatch: ~Copyable, @unchecked Sendable {
    struct Place {
        var partition: Int32
        var hasKey: Bool
        var start: Int
        var valueStart: Int
        var end: Int
    }
    private(set) var bytes: [UInt8] = []
    private(set) var places: [Place] = []

    /// An empty batch.
    public init(records: Int = 1024, bytes byteCapacity: Int = 262_144) {}

    /// How many records there are.
    public var count: Int { places.count }
    /// There is none.
    public var isEmpty: Bool { places.isEmpty }
    /// How many bytes keys and values take.
    public var byteCount: Int { bytes.count }

    /// Adds a record.
    public mutating func append(_ value: RawSpan, key: RawSpan? = nil, partition: Int32) {
        let start = bytes.count
        if let key { key.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        let valueStart = bytes.count
        value.withUnsafeBytes { bytes.append(contentsOf: $0) }
        places.append(
            Place(
                partition: partition,
                hasKey: key != nil,
                start: start,
                valueStart: valueStart,
                end: bytes.count
            )
        )
    }

    /// Adds a record whose value is written straight into the batch.
    public mutating func append(
        key: RawSpan? = nil,
        partition: Int32,
        writing write: (inout [UInt8]) -> Void
    ) {
        let start = bytes.count
        if let key { key.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        let valueStart = bytes.count
        write(&bytes)
        places.append(
            Place(
                partition: partition,
                hasKey: key != nil,
                start: start,
                valueStart: valueStart,
                end: bytes.count
            )
        )
    }

    /// Empties the batch.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
    }
}

import CKafka

/// Records of one call, destroyed together when the batch's life ends.
///
/// A record's bytes lie in the buffer of the whole fetch, which one living record keeps: take what
/// is needed and let the batch go at once.
///
/// Safe: the pointers belong to the queue, which cannot be used or destroyed while the batch lives.
@safe public struct MessageBatch: ~Copyable, ~Escapable {
    private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private let sources: UnsafeMutablePointer<Int32>
    /// How many records there are; may be 0.
    public let count: Int

    @_lifetime(immortal)
    @unsafe init(
        messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>,
        sources: UnsafeMutablePointer<Int32>,
        count: Int
    ) {
        unsafe self.messages = messages
        unsafe self.sources = sources
        self.count = count
    }

    deinit {
        for index in 0..<count { unsafe rd_kafka_message_destroy(messages[index]) }
    }

    /// One record.
    public subscript(index: Int) -> Message {
        @_lifetime(borrow self)
        borrowing get {
            precondition(index >= 0 && index < count, "no such record in the batch")
            // Safe: the index was checked, and the first `count` elements are records.
            let message = unsafe Message(messages[index]!, source: Int(sources[index]))
            return unsafe _overrideLifetime(message, borrowing: self)
        }
    }
}

/// A record of a batch.
///
/// Safe: it cannot outlive the batch that owns the message.
@safe public struct Message: ~Escapable {
    private let message: UnsafeMutablePointer<rd_kafka_message_t>
    /// The number that `FetchQueue.start` returned for the record's partition.
    public let source: Int

    @_lifetime(immortal)
    @unsafe init(_ message: UnsafeMutablePointer<rd_kafka_message_t>, source: Int) {
        unsafe self.message = message
        self.source = source
    }

    /// What a record's time means.
    public enum TimestampKind: Sendable {
        /// The producer's own time.
        case created
        /// The broker's time when it wrote the record.
        case appended
        /// There is none.
        case none
    }

    /// The value's bytes; empty also when there is no value (see `isTombstone`).
    public var value: RawSpan {
        @_lifetime(copy self)
        get {
            // Safe: librdkafka tells the size beside the pointer; both live as long as the message.
            let span = unsafe RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(
                    start: message.pointee.payload,
                    count: message.pointee.len
                )
            )
            return unsafe _overrideLifetime(span, copying: self)
        }
    }

    /// The key's bytes; empty also when there is no key (see `hasKey`).
    public var key: RawSpan {
        @_lifetime(copy self)
        get {
            // Safe: as for the value.
            let span = unsafe RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(
                    start: message.pointee.key,
                    count: message.pointee.key_len
                )
            )
            return unsafe _overrideLifetime(span, copying: self)
        }
    }

    /// There is no value: a compacted topic forgets the key.
    public var isTombstone: Bool { unsafe message.pointee.payload == nil }

    /// There is a key, if only an empty one.
    public var hasKey: Bool { unsafe message.pointee.key != nil }

    /// The record's offset in its partition.
    public var offset: Int64 { unsafe message.pointee.offset }

    /// The partition's number.
    public var partition: Int32 { unsafe message.pointee.partition }

    /// The topic's name; it is copied, so not for every record.
    public var topic: String { unsafe text(rd_kafka_topic_name(message.pointee.rkt)) }

    /// The record's time in milliseconds since 1970, and what it means.
    public var timestamp: (milliseconds: Int64, kind: TimestampKind) {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        // Safe: librdkafka fills the local.
        let milliseconds = unsafe rd_kafka_message_timestamp(message, &type)
        switch type {
        case RD_KAFKA_TIMESTAMP_CREATE_TIME: return (milliseconds, .created)
        case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME: return (milliseconds, .appended)
        default: return (milliseconds, .none)
        }
    }

    /// The value of the last header of this name; nil where there is none, or it has no value. A record without headers
    /// costs a call, one with some is parsed.
    public func header(_ name: String) -> [UInt8]? {
        var list: OpaquePointer?
        var start: UnsafeRawPointer?
        var size = 0
        // Safe: the headers belong to the message, librdkafka fills the locals, and the value is copied before this
        // returns.
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR,
            unsafe rd_kafka_header_get_last(list, name, &start, &size)
                == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return nil }
        return unsafe start.map { start in
            unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: size))
        }
    }

    /// The record's headers in order; they are parsed and copied, so not for every record.
    public func headers() -> [Header] {
        var list: OpaquePointer?
        // Safe: the headers belong to the message and are copied before this returns.
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else {
            return []
        }
        var found: [Header] = []
        while true {
            var name: UnsafePointer<CChar>?
            var start: UnsafeRawPointer?
            var size = 0
            let code = unsafe rd_kafka_header_get_all(list, found.count, &name, &start, &size)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { return found }
            let bytes = unsafe start.map { start in
                unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: size))
            }
            found.append(unsafe Header(text(name), bytes))
        }
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

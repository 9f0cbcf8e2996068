import CKafka

/// Writes records without transactions, each once and in order; for tools.
///
///     var producer = try Producer(settings)
///     let topic = try producer.topic("purchases", within: .seconds(10))
///     try producer.produce(bytes, key: key, to: topic, partition: 0)
///     try producer.flush(within: .seconds(30))
public struct Producer: ~Copyable, Sendable {
    private var core: ProducerCore

    /// Makes a producer; it connects when the first topic is opened.
    public init(_ settings: ClientSettings) throws(KafkaError) {
        core = ProducerCore(try Client(.producer, settings))
    }

    /// Opens a topic and learns its partitions; again, to learn of new ones.
    public mutating func topic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> ProducerTopic {
        try core.topic(name, within: limit)
    }

    /// Enqueues a copy of a record.
    ///
    /// - Parameters:
    ///   - value: The value's bytes.
    ///   - key: The key's bytes, if it has one.
    ///   - topic: The topic, opened by this producer.
    ///   - partition: The partition's number.
    ///   - limit: How long to wait for room in librdkafka's queue.
    /// - Throws: Why the record was not taken, for example `isTooLarge`.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) {
        try core.produce(value, key: key, to: topic, partition: partition, waiting: limit)
    }

    /// Enqueues a copy of a record with headers or a time of its own.
    ///
    /// - Parameters:
    ///   - value: The value's bytes.
    ///   - key: The key's bytes, if it has one.
    ///   - headers: The headers, in order.
    ///   - timestampMilliseconds: The record's time since 1970; without one it is now. A time more
    ///     than an hour ahead is refused by Kafka 4.
    ///   - topic: The topic, opened by this producer.
    ///   - partition: The partition's number.
    ///   - limit: How long to wait for room in librdkafka's queue.
    /// - Throws: Why the record was not taken, for example `isTooLarge`.
    public mutating func produce(
        _ value: RawSpan,
        key: RawSpan? = nil,
        headers: [Header],
        timestampMilliseconds: Int64? = nil,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) {
        try core.produce(
            value,
            key: key,
            headers: headers,
            timestampMilliseconds: timestampMilliseconds,
            to: topic,
            partition: partition,
            waiting: limit
        )
    }

    /// Enqueues a record without a value: on a compacted topic it takes away what the key names.
    ///
    /// - Parameters:
    ///   - key: The key's bytes.
    ///   - topic: The topic, opened by this producer.
    ///   - partition: The partition's number.
    ///   - limit: How long to wait for room in librdkafka's queue.
    /// - Throws: Why the record was not taken.
    public mutating func withdraw(
        _ key: RawSpan,
        from topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) {
        try core.withdraw(key, from: topic, partition: partition, waiting: limit)
    }

    /// Enqueues copies of all records of a batch and empties it, also when it fails.
    public mutating func produce(
        _ batch: inout ProduceBatch,
        to topic: ProducerTopic,
        waiting limit: Duration = .seconds(30)
    ) throws(KafkaError) {
        try core.produce(&batch, to: topic, waiting: limit)
    }

    /// Serves statistics and finds failed deliveries; call it now and then between records.
    ///
    /// - Throws: The first delivery that failed since the last look.
    public mutating func poll() throws(KafkaError) {
        core.serve(0)
        try core.checkDeliveries()
    }

    /// Waits until every record is delivered.
    ///
    /// - Throws: The first delivery that failed, or that the time was over.
    public mutating func flush(within limit: Duration) throws(KafkaError) {
        try core.flush(within: limit)
        try core.checkDeliveries()
    }
}

extension ProducerCore {
    /// A record without a value.
    mutating func withdraw(
        _ key: RawSpan,
        from topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration
    ) throws(KafkaError) {
        // Safe: the span lives until this function returns, and librdkafka copies before that.
        unsafe try produce(
            UnsafeRawBufferPointer(start: nil, count: 0),
            key: ProducerCore.bytes(key),
            to: topic,
            partition: partition,
            waiting: limit
        )
    }

    /// The same with spans.
    mutating func produce(
        _ value: RawSpan,
        key: RawSpan?,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration
    ) throws(KafkaError) {
        let keyBytes = unsafe ProducerCore.bytes(key)
        // Safe: the spans live until this function returns, and librdkafka copies before that.
        unsafe try produce(
            ProducerCore.bytes(value),
            key: keyBytes,
            to: topic,
            partition: partition,
            waiting: limit
        )
    }

    /// The same with spans.
    mutating func produce(
        _ value: RawSpan,
        key: RawSpan?,
        headers: [Header],
        timestampMilliseconds: Int64?,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration
    ) throws(KafkaError) {
        // Safe: as above.
        unsafe try produce(
            ProducerCore.bytes(value),
            key: ProducerCore.bytes(key),
            headers: headers,
            timestampMilliseconds: timestampMilliseconds,
            to: topic,
            partition: partition,
            waiting: limit
        )
    }

    /// A span's bytes; only valid while the span is. An empty span is not the same as none.
    @unsafe private static func bytes(_ span: RawSpan?) -> UnsafeRawBufferPointer {
        guard let span else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe span.withUnsafeBytes { bytes in
            unsafe UnsafeRawBufferPointer(
                start: bytes.baseAddress ?? emptyBytes,
                count: bytes.count
            )
        }
    }
}

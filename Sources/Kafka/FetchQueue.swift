import CKafka

/// Where to begin with a partition.
public enum StartOffset: Sendable, Equatable {
    /// At this offset, which must be there: if not, the queue tells `isOffsetLost`.
    case offset(Int64)
    /// At the oldest record; for tools, never for a state that has been written before.
    case beginning
    /// Behind the newest record; for tools.
    case end
    /// So many offsets before the end; for tools.
    case tail(Int64)

    var number: Int64 {
        switch self {
        case .offset(let offset): offset
        case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
        case .end: Int64(RD_KAFKA_OFFSET_END)
        case .tail(let count): Int64(RD_KAFKA_OFFSET_TAIL_BASE) - count
        }
    }
}

/// Something a queue has to say besides records.
public enum FetchEvent: Sendable {
    /// The end of the partition is reached, for now; `position` is the next offset, behind
    /// transaction markers and compacted records.
    case endOfPartition(source: Int, position: Int64)
    /// A source failed; see `KafkaError.isOffsetLost` for the case that needs a decision. All
    /// others librdkafka tries again by itself.
    case failed(source: Int?, KafkaError)
}

/// Records of one or more partitions, read by one thread.
///
/// Partitions are started and stopped one by one; `start` returns a small number, the *source*,
/// by which records, events and positions are told apart. Never use pause, resume or seek: to
/// move, stop a partition and start it again.
///
/// Safe to send: the queue has one owner at a time, who is the only reader.
@safe public struct FetchQueue: ~Copyable, @unchecked Sendable {
    @safe private struct Source {
        let partition: TopicPartition
        let topic: FetchTopic
        var position: Int64
        var isStarted = true
        /// Where its records wait: the common queue, or one of its own.
        let queue: OpaquePointer
    }

    /// The numbers of a topic's sources by partition, -1 for none; the handle is only compared.
    @safe private struct Table {
        let topic: OpaquePointer
        var sources: [Int32] = []
    }

    private let consumer: FetchConsumer
    private let queue: OpaquePointer
    private var sources: [Source] = []
    private var tables: [Table] = []
    private var messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private var numbers: UnsafeMutablePointer<Int32>
    private var capacity = 0
    private var events: [FetchEvent] = []

    init(_ consumer: FetchConsumer) {
        self.consumer = consumer
        // Safe: the queue and the two buffers are ours until `deinit`.
        guard let queue = unsafe rd_kafka_queue_new(consumer.client.handle) else {
            preconditionFailure("librdkafka has no memory for a queue")
        }
        unsafe self.queue = queue
        unsafe messages = .allocate(capacity: 0)
        unsafe numbers = .allocate(capacity: 0)
    }

    deinit {
        for source in sources where source.isStarted {
            _ = unsafe rd_kafka_consume_stop(source.topic.handle, source.partition.partition)
            consumer.stopped(source.partition)
        }
        for source in sources where unsafe source.queue != queue {
            unsafe rd_kafka_queue_destroy(source.queue)
        }
        unsafe rd_kafka_queue_destroy(queue)
        unsafe messages.deallocate()
        unsafe numbers.deallocate()
    }

    /// Starts to fetch a partition.
    ///
    /// - Parameters:
    ///   - partition: The partition.
    ///   - offset: Where to begin.
    ///   - isApart: Its records wait by themselves and are taken with `next(of:limit:waiting:)`, so
    ///     that the reader decides which source goes on; it stays so when it is started again.
    /// - Returns: The source's number: 0, 1, … in the order of starts, and the same number again
    ///   for a partition that was stopped before.
    /// - Throws: When it is started already, here or in another queue of the consumer.
    public mutating func start(
        _ partition: TopicPartition,
        at offset: StartOffset,
        apart isApart: Bool = false
    ) throws(KafkaError) -> Int {
        let topic = try consumer.topic(partition.topic)
        try consumer.started(partition)
        let known = sources.firstIndex { $0.partition == partition }
        var target = unsafe queue
        if let known {
            unsafe target = sources[known].queue
        } else if isApart {
            // Safe: it is ours until `deinit`, or destroyed below.
            guard let own = unsafe rd_kafka_queue_new(consumer.client.handle) else {
                preconditionFailure("librdkafka has no memory for a queue")
            }
            unsafe target = own
        }
        // Safe: topic and queue are alive.
        let code = unsafe rd_kafka_consume_start_queue(
            topic.handle,
            partition.partition,
            offset.number,
            target
        )
        if code != 0 {
            consumer.stopped(partition)
            if known == nil, isApart { unsafe rd_kafka_queue_destroy(target) }
            throw KafkaError(rd_kafka_last_error(), "start to read \(partition)")
        }
        let position: Int64 = if case .offset(let offset) = offset { offset } else { -1 }
        if let number = known {
            sources[number].position = position
            sources[number].isStarted = true
            return number
        }
        unsafe sources.append(
            Source(partition: partition, topic: topic, position: position, queue: target)
        )
        unsafe enter(Int32(sources.count - 1), topic.handle, Int(partition.partition))
        return sources.count - 1
    }

    /// Stops to fetch a source; waits until librdkafka has stopped. Records that are still in the
    /// queue never come.
    public mutating func stop(_ source: Int) {
        guard sources[source].isStarted else { return }
        sources[source].isStarted = false
        let partition = sources[source].partition
        // Safe: the topic is held by the source.
        _ = unsafe rd_kafka_consume_stop(sources[source].topic.handle, partition.partition)
        consumer.stopped(partition)
        // Gives the memory back now: outdated records are dropped while the queue is looked through.
        let own = unsafe sources[source].queue
        if unsafe own != queue {
            unsafe dropAll(own)
        } else if !sources.contains(where: { unsafe $0.isStarted && $0.queue == queue }) {
            unsafe dropAll(queue)
        }
    }

    /// The next offset to read of a source: behind its last record, and at the end of the
    /// partition also behind markers. -1 as long as a start at `beginning` or `end` has not shown
    /// where that is. A replay up to a target ends when the position is at least the target.
    public func position(of source: Int) -> Int64 { sources[source].position }

    /// The partition of a source.
    public func partition(of source: Int) -> TopicPartition { sources[source].partition }

    /// How many sources were ever started.
    public var sourceCount: Int { sources.count }

    /// Takes what there is to say since the last time, in order. Records of the last batch came
    /// before it.
    public mutating func takeEvents() -> [FetchEvent] {
        if events.isEmpty { return [] }
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    /// Waits for the first record and takes along those that are there with it.
    ///
    /// It returns at the first record (or event), unlike librdkafka's batch call, which waits for
    /// a full batch. Positions are moved behind the whole batch.
    ///
    /// - Parameters:
    ///   - limit: The most records to take.
    ///   - wait: How long to wait for the first one.
    /// - Returns: The records, maybe none; events are taken with `takeEvents()`.
    /// - Throws: When offsets do not strictly increase, a fault of librdkafka: the reader must be
    ///   dropped with its state.
    @_lifetime(&self)
    public mutating func next(
        limit: Int,
        waiting wait: Duration
    ) throws(KafkaError) -> MessageBatch {
        let kept = try unsafe take(from: queue, limit, wait)
        let batch = unsafe MessageBatch(messages: messages, sources: numbers, count: kept)
        return unsafe _overrideLifetime(batch, mutating: &self)
    }

    /// Like `next(limit:waiting:)`, of one source that was started apart.
    @_lifetime(&self)
    public mutating func next(
        of source: Int,
        limit: Int,
        waiting wait: Duration
    ) throws(KafkaError) -> MessageBatch {
        let kept = try unsafe take(from: sources[source].queue, limit, wait)
        let batch = unsafe MessageBatch(messages: messages, sources: numbers, count: kept)
        return unsafe _overrideLifetime(batch, mutating: &self)
    }

    /// Fills the buffer; how many records are in it.
    @unsafe private mutating func take(
        from queue: OpaquePointer,
        _ limit: Int,
        _ wait: Duration
    ) throws(KafkaError) -> Int {
        unsafe reserve(limit)
        // Safe: the buffer has room for `limit` messages, and each returned one is ours until it
        // is destroyed: here, or with the batch.
        var count = unsafe max(0, rd_kafka_consume_batch_queue(queue, 0, messages, limit))
        if count == 0, wait > .zero,
            let first = unsafe rd_kafka_consume_queue(queue, wait.milliseconds)
        {
            unsafe messages[0] = first
            count = 1
            if limit > 1 {
                count += unsafe max(
                    0,
                    rd_kafka_consume_batch_queue(queue, 0, messages + 1, limit - 1)
                )
            }
        }
        if count == limit { consumer.mayHaveBeenFull() }
        if consumer.client.context.onStatistics != nil {
            _ = unsafe rd_kafka_poll(consumer.client.handle, 0)
        }
        return try unsafe sortOut(count)
    }

    /// Keeps the records of the buffer, in order, and turns everything else into events.
    @unsafe private mutating func sortOut(_ count: Int) throws(KafkaError) -> Int {
        var kept = 0
        var lastTopic: OpaquePointer?
        var table = 0
        for index in 0..<count {
            guard let message = unsafe messages[index] else { continue }
            let topic = unsafe message.pointee.rkt
            if unsafe topic != lastTopic {
                unsafe lastTopic = topic
                table = tables.firstIndex { unsafe $0.topic == topic } ?? tables.count
            }
            let partition = unsafe Int(message.pointee.partition)
            var number: Int32 = -1
            if table < tables.count, partition >= 0, partition < tables[table].sources.count {
                number = tables[table].sources[partition]
            }
            if unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, number >= 0 {
                let offset = unsafe message.pointee.offset
                let position = sources[Int(number)].position
                guard offset >= position else {
                    let partition = sources[Int(number)].partition
                    for rest in kept..<count {
                        if let message = unsafe messages[rest], rest >= index {
                            unsafe rd_kafka_message_destroy(message)
                        }
                    }
                    for earlier in 0..<kept { unsafe rd_kafka_message_destroy(messages[earlier]) }
                    throw KafkaError(
                        RD_KAFKA_RESP_ERR__INCONSISTENT,
                        "read \(partition)",
                        message: "offset \(offset) came when \(position) or a later one was due"
                    )
                }
                sources[Int(number)].position = offset + 1
                unsafe messages[kept] = message
                unsafe numbers[kept] = number
                kept += 1
            } else {
                unsafe note(message, number)
                unsafe rd_kafka_message_destroy(message)
            }
        }
        return kept
    }

    /// Turns a message that is no record into an event.
    @unsafe private mutating func note(
        _ message: UnsafeMutablePointer<rd_kafka_message_t>,
        _ number: Int32
    ) {
        let code = unsafe message.pointee.err
        let source = number >= 0 ? Int(number) : nil
        if code == RD_KAFKA_RESP_ERR__PARTITION_EOF, let source {
            let position = unsafe max(sources[source].position, message.pointee.offset)
            sources[source].position = position
            events.append(.endOfPartition(source: source, position: position))
            return
        }
        let what = source.map { sources[$0].partition.description } ?? "from Kafka"
        events.append(
            .failed(
                source: source,
                KafkaError(
                    code,
                    "read \(what)",
                    message: unsafe text(rd_kafka_message_errstr(message))
                )
            )
        )
    }

    /// Enters a source into the table of its topic.
    @unsafe private mutating func enter(_ number: Int32, _ topic: OpaquePointer, _ partition: Int) {
        var table = tables.firstIndex { unsafe $0.topic == topic } ?? -1
        if table < 0 {
            unsafe tables.append(Table(topic: topic))
            table = tables.count - 1
        }
        while tables[table].sources.count <= partition { tables[table].sources.append(-1) }
        tables[table].sources[partition] = number
    }

    /// Makes room for a batch.
    @unsafe private mutating func reserve(_ limit: Int) {
        precondition(limit > 0, "a batch has at least one record")
        if limit <= capacity { return }
        unsafe messages.deallocate()
        unsafe numbers.deallocate()
        unsafe messages = .allocate(capacity: limit)
        unsafe numbers = .allocate(capacity: limit)
        capacity = limit
    }

    /// Looks through the queue when nothing is started.
    @unsafe private mutating func dropAll(_ queue: OpaquePointer) {
        unsafe reserve(64)
        while true {
            let count = unsafe rd_kafka_consume_batch_queue(queue, 0, messages, capacity)
            if count <= 0 { return }
            for index in 0..<Int(count) { unsafe rd_kafka_message_destroy(messages[index]) }
        }
    }
}

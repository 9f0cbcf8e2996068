import CKafka

/// A topic that a producer has opened; valid for that producer only.
public struct ProducerTopic: Sendable, Equatable {
    let index: Int
    let owner: UInt64
    /// How many partitions it had when it was opened.
    public let partitionCount: Int32
}

/// What both kinds of producer do: topics, records, deliveries.
///
/// Safe to send: it has one owner at a time, and the handles belong to the client it holds.
@safe struct ProducerCore: ~Copyable, @unchecked Sendable {
    let client: Client
    private var topics: [OpenTopic] = []

    /// A topic's handle, destroyed by the core's `deinit`.
    @safe private struct OpenTopic {
        let handle: OpaquePointer
        let name: String
    }

    init(_ client: Client) { self.client = client }

    deinit {
        for topic in topics { unsafe rd_kafka_topic_destroy(topic.handle) }
    }

    /// The handle's address tells producers apart.
    private var identity: UInt64 { unsafe UInt64(UInt(bitPattern: client.handle)) }

    /// Opens a topic and fetches its metadata, so that the first record is not late.
    mutating func topic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> ProducerTopic {
        let count = try client.partitionCount(of: name, within: limit)
        if let index = topics.firstIndex(where: { $0.name == name }) {
            return ProducerTopic(index: index, owner: identity, partitionCount: count)
        }
        // Safe: the client is alive.
        guard let handle = unsafe rd_kafka_topic_new(client.handle, name, nil) else {
            throw KafkaError(rd_kafka_last_error(), "open the topic \(name)")
        }
        unsafe topics.append(OpenTopic(handle: handle, name: name))
        return ProducerTopic(index: topics.count - 1, owner: identity, partitionCount: count)
    }

    /// Checks that a record goes to a partition that exists: librdkafka 2.0.2 frees the headers of
    /// a record for an unknown partition twice.
    private func handle(
        of topic: ProducerTopic,
        _ partition: Int32
    ) throws(KafkaError) -> OpaquePointer {
        precondition(topic.owner == identity, "the topic was opened by another producer")
        guard partition >= 0, partition < topic.partitionCount else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                "write to partition \(partition) of \(topics[topic.index].name)",
                message: "it has \(topic.partitionCount) partitions"
            )
        }
        return unsafe topics[topic.index].handle
    }

    /// Enqueues a copy of a record.
    ///
    /// Safe: librdkafka copies both buffers before it returns.
    @unsafe mutating func produce(
        _ value: UnsafeRawBufferPointer,
        key: UnsafeRawBufferPointer,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration
    ) throws(KafkaError) {
        let handle = try unsafe handle(of: topic, partition)
        // A first attempt without any clock.
        if unsafe rd_kafka_produce(
            handle,
            partition,
            Int32(RD_KAFKA_MSG_F_COPY),
            UnsafeMutableRawPointer(mutating: value.baseAddress),
            value.count,
            key.baseAddress,
            key.count,
            nil
        ) == 0 {
            return
        }
        let deadline = Deadline(after: limit)
        repeat {
            try waitForRoom(topic, deadline)
        } while unsafe rd_kafka_produce(
            handle,
            partition,
            Int32(RD_KAFKA_MSG_F_COPY),
            UnsafeMutableRawPointer(mutating: value.baseAddress),
            value.count,
            key.baseAddress,
            key.count,
            nil
        ) != 0
    }

    /// After a refused record: waits for room when the queue was full, throws what else it was.
    private func waitForRoom(_ topic: ProducerTopic, _ deadline: Deadline) throws(KafkaError) {
        let code = rd_kafka_last_error()
        guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL, !deadline.isOver else {
            throw KafkaError(code, "write a record to \(topics[topic.index].name)")
        }
        serve(5)
    }

    /// Serves callbacks (failed deliveries, statistics).
    func serve(_ milliseconds: Int32) { _ = unsafe rd_kafka_poll(client.handle, milliseconds) }

    /// Enqueues a copy of a record with headers or a time of its own.
    ///
    /// Safe: librdkafka copies value, key and headers before it returns.
    @unsafe mutating func produce(
        _ value: UnsafeRawBufferPointer,
        key: UnsafeRawBufferPointer,
        headers: [Header],
        timestampMilliseconds: Int64?,
        to topic: ProducerTopic,
        partition: Int32,
        waiting limit: Duration
    ) throws(KafkaError) {
        let handle = try unsafe handle(of: topic, partition)
        let deadline = Deadline(after: limit)
        while true {
            let list = unsafe ProducerCore.list(headers)
            var arguments = unsafe [rd_kafka_vu_t]()
            unsafe arguments.reserveCapacity(7)
            unsafe append(&arguments, RD_KAFKA_VTYPE_RKT) { unsafe $0.u.rkt = handle }
            unsafe append(&arguments, RD_KAFKA_VTYPE_PARTITION) { unsafe $0.u.i32 = partition }
            unsafe append(&arguments, RD_KAFKA_VTYPE_MSGFLAGS) {
                unsafe $0.u.i = Int32(RD_KAFKA_MSG_F_COPY)
            }
            unsafe append(&arguments, RD_KAFKA_VTYPE_VALUE) {
                unsafe $0.u.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress)
                unsafe $0.u.mem.size = value.count
            }
            unsafe append(&arguments, RD_KAFKA_VTYPE_KEY) {
                unsafe $0.u.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress)
                unsafe $0.u.mem.size = key.count
            }
            if let timestampMilliseconds {
                unsafe append(&arguments, RD_KAFKA_VTYPE_TIMESTAMP) {
                    unsafe $0.u.i64 = timestampMilliseconds
                }
            }
            if let list = unsafe list {
                unsafe append(&arguments, RD_KAFKA_VTYPE_HEADERS) { unsafe $0.u.headers = list }
            }
            let count = unsafe arguments.count
            let refusal = unsafe arguments.withUnsafeMutableBufferPointer { buffer in
                unsafe rd_kafka_produceva(client.handle, buffer.baseAddress, count)
            }
            guard let refusal = unsafe refusal else { return }
            // The list is librdkafka's only when the record was taken.
            if let list = unsafe list { unsafe rd_kafka_headers_destroy(list) }
            let error = unsafe KafkaError(
                taking: refusal,
                "write a record to \(topics[topic.index].name)"
            )
            guard error.code == KafkaError.Code(RD_KAFKA_RESP_ERR__QUEUE_FULL), !deadline.isOver
            else { throw error }
            serve(5)
        }
    }

    @unsafe private func append(
        _ arguments: inout [rd_kafka_vu_t],
        _ type: rd_kafka_vtype_t,
        _ fill: (inout rd_kafka_vu_t) -> Void
    ) {
        var argument = unsafe rd_kafka_vu_t()
        unsafe argument.vtype = type
        unsafe fill(&argument)
        unsafe arguments.append(argument)
    }

    /// librdkafka's list of headers, or nothing when there are none.
    @unsafe private static func list(_ headers: [Header]) -> OpaquePointer? {
        if headers.isEmpty { return nil }
        let list = unsafe rd_kafka_headers_new(headers.count)
        for header in headers {
            if let value = header.value {
                _ = unsafe value.withUnsafeBytes { bytes in
                    unsafe rd_kafka_header_add(
                        list,
                        header.name,
                        -1,
                        bytes.baseAddress ?? emptyBytes,
                        bytes.count
                    )
                }
            } else {
                _ = unsafe rd_kafka_header_add(list, header.name, -1, nil, 0)
            }
        }
        return unsafe list
    }

    /// Enqueues copies of all records of a batch and empties it.
    mutating func produce(
        _ batch: inout ProduceBatch,
        to topic: ProducerTopic,
        waiting limit: Duration
    ) throws(KafkaError) {
        if batch.isEmpty { return }
        precondition(topic.owner == identity, "the topic was opened by another producer")
        let handle = try unsafe handle(of: topic, batch.highestPartition)
        let name = topics[topic.index].name
        let client = client
        let failure: KafkaError? = unsafe batch.send { messages in
            let deadline = Deadline(after: limit)
            var rest = unsafe messages
            while true {
                // Safe: librdkafka copies the bytes (`F_COPY`) before it returns and marks what it
                // did not take.
                let taken = unsafe rd_kafka_produce_batch(
                    handle,
                    -1,
                    Int32(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION),
                    rest.baseAddress,
                    Int32(rest.count)
                )
                if taken == rest.count { return nil }
                // Order matters: what follows the first refused record of a partition would
                // overtake it, so everything not taken is offered again in order; librdkafka
                // refuses the whole rest once its queue is full.
                var count = 0
                for index in 0..<rest.count {
                    let code = unsafe rest[index].err
                    if code == RD_KAFKA_RESP_ERR_NO_ERROR { continue }
                    guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL, !deadline.isOver else {
                        return KafkaError(code, "write a batch of records to \(name)")
                    }
                    unsafe rest[count] = rest[index]
                    unsafe rest[count].err = RD_KAFKA_RESP_ERR_NO_ERROR
                    count += 1
                }
                unsafe rest = UnsafeMutableBufferPointer(rebasing: rest[..<count])
                _ = unsafe rd_kafka_poll(client.handle, 5)
            }
        }
        if let failure { throw failure }
    }

    /// Waits until every record is delivered or has failed.
    func flush(within limit: Duration) throws(KafkaError) {
        try KafkaError.check(
            unsafe rd_kafka_flush(client.handle, limit.milliseconds),
            "deliver all records"
        )
    }

    /// The first record that failed to be delivered since the last look.
    func checkDeliveries() throws(KafkaError) {
        if let first = client.takeFailures().first { throw first }
    }
}

/// Something to point at for an empty value, which librdkafka tells from none by the pointer.
///
/// Safe: it is never written and never freed.
nonisolated(unsafe) let emptyBytes = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
)

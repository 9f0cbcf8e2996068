import CKafka

/// Records in one piece of memory, to be produced with one call, which empties the batch.
///
/// Inside librdkafka 2.0.2 a record of a batch costs about half of a single one. The batch keeps its
/// memory and can be filled again without allocating.
///
/// Safe: the descriptions are its own until `deinit`; pointers into the bytes are made for the length
/// of a call only, and librdkafka copies. It has one owner at a time.
@safe public struct ProduceBatch: ~Copyable, @unchecked Sendable {
    private var bytes: [UInt8] = []
    /// One description a record; until it is sent, `offset` is where key and value begin in `bytes`,
    /// and the two pointers only tell whether there is a key.
    private var messages: UnsafeMutablePointer<rd_kafka_message_t>
    private var capacity: Int
    /// How many records there are.
    public private(set) var count = 0
    private(set) var highestPartition: Int32 = -1

    /// An empty batch with room to begin with.
    public init(records: Int = 1024, bytes byteCapacity: Int = 262_144) {
        capacity = max(1, records)
        unsafe messages = .allocate(capacity: capacity)
        bytes.reserveCapacity(byteCapacity)
    }

    deinit { unsafe messages.deallocate() }

    /// There is none.
    public var isEmpty: Bool { count == 0 }
    /// How many bytes keys and values take.
    public var byteCount: Int { bytes.count }

    /// Adds a record.
    public mutating func append(_ value: RawSpan, key: RawSpan? = nil, partition: Int32) {
        let start = bytes.count
        // Safe: the closures only copy.
        if let key { unsafe key.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        let valueStart = bytes.count
        unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        note(partition, hasKey: key != nil, start, valueStart)
    }

    /// Adds a record whose value is written straight into the batch.
    ///
    /// - Parameters:
    ///   - key: The key's bytes, if it has one.
    ///   - partition: The partition's number.
    ///   - write: Appends the value's bytes, and must leave what is there already.
    public mutating func append(
        key: RawSpan? = nil,
        partition: Int32,
        writing write: (inout [UInt8]) -> Void
    ) {
        let start = bytes.count
        // Safe: the closure only copies.
        if let key { unsafe key.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        let valueStart = bytes.count
        write(&bytes)
        precondition(bytes.count >= valueStart, "a value took away bytes of earlier records")
        note(partition, hasKey: key != nil, start, valueStart)
    }

    /// Empties the batch and keeps its memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        count = 0
        highestPartition = -1
    }

    /// Describes the record whose key and value were just written.
    private mutating func note(_ partition: Int32, hasKey: Bool, _ start: Int, _ valueStart: Int) {
        precondition(partition >= 0, "a partition's number is at least 0")
        highestPartition = max(highestPartition, partition)
        if count == capacity { grow() }
        var message = unsafe rd_kafka_message_t()
        unsafe message.partition = partition
        unsafe message.offset = Int64(start)
        unsafe message.key_len = valueStart - start
        unsafe message.len = bytes.count - valueStart
        unsafe message.key = hasKey ? UnsafeMutableRawPointer(messages) : nil
        unsafe (messages + count).initialize(to: message)
        count += 1
    }

    private mutating func grow() {
        // Safe: the descriptions are plain values; `count` of them are there.
        let larger = UnsafeMutablePointer<rd_kafka_message_t>.allocate(
            capacity: capacity * 2
        )
        unsafe larger.initialize(from: messages, count: count)
        unsafe messages.deallocate()
        unsafe messages = larger
        capacity *= 2
    }

    /// Shows the records in librdkafka's form for the length of a call, then empties the batch.
    @unsafe mutating func send<Result>(
        _ body: (UnsafeMutableBufferPointer<rd_kafka_message_t>) -> Result
    ) -> Result {
        let messages = unsafe messages
        let count = count
        let result = unsafe bytes.withUnsafeBytes { bytes in
            // Safe: the offsets were taken from the same bytes; librdkafka only reads them.
            let base = unsafe UnsafeMutableRawPointer(
                mutating: bytes.baseAddress ?? UnsafeRawPointer(messages)
            )
            for index in 0..<count {
                let start = unsafe base + Int(messages[index].offset)
                unsafe messages[index].payload = start + messages[index].key_len
                if unsafe messages[index].key != nil { unsafe messages[index].key = start }
            }
            return unsafe body(UnsafeMutableBufferPointer(start: messages, count: count))
        }
        removeAll()
        return result
    }
}

import CKafka
import Glibc

/// One partition of one topic.
public struct TopicPartition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The topic's name.
    public let topic: String
    /// The partition's number, from 0.
    public let partition: Int32

    /// Names a partition.
    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    /// By topic, then by partition.
    public static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }

    /// `topic[partition]`.
    public var description: String { "\(topic)[\(partition)]" }
}

/// An offset to be committed within a transaction.
public struct ConsumedOffset: Sendable {
    /// Where it was consumed.
    public let partition: TopicPartition
    /// The next offset to read.
    public let offset: Int64
    /// A receipt that is kept beside the offset: ASCII, at most 4096 bytes (the broker's
    /// `offset.metadata.max.bytes`), no zero byte (librdkafka before 2.6.1 would corrupt it).
    public let metadata: String

    /// States what was consumed.
    public init(_ partition: TopicPartition, offset: Int64, metadata: String = "") {
        self.partition = partition
        self.offset = offset
        self.metadata = metadata
    }
}

/// What a group has committed for one partition.
public struct CommittedOffset: Sendable {
    /// The partition.
    public let partition: TopicPartition
    /// The committed offset, or nothing when the group never committed one (or it has expired).
    /// That is never to be read as "start at 0" where anything was written already.
    public let offset: Int64?
    /// The receipt beside the offset; empty when there is none.
    public let metadata: String
    /// Why this partition's offset could not be read; then `offset` says nothing.
    public let error: KafkaError?
}

/// Owns a list of partitions of librdkafka for the length of a call.
@safe struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    /// An empty list, or one of partitions without offsets.
    init(_ partitions: [TopicPartition] = []) {
        // Safe: the list is ours until `deinit`; names are copied by librdkafka.
        unsafe pointer = rd_kafka_topic_partition_list_new(Int32(partitions.count))
        for partition in partitions {
            _ = unsafe rd_kafka_topic_partition_list_add(
                pointer,
                partition.topic,
                partition.partition
            )
        }
    }

    /// Offsets with their receipts.
    init(_ offsets: [ConsumedOffset]) {
        unsafe pointer = rd_kafka_topic_partition_list_new(Int32(offsets.count))
        for item in offsets {
            // Safe: the element lives in the list; librdkafka frees its metadata with `free`, so
            // it is made with the C library's allocator.
            guard
                let element = unsafe rd_kafka_topic_partition_list_add(
                    pointer,
                    item.partition.topic,
                    item.partition.partition
                )
            else { preconditionFailure("librdkafka has no memory for a list") }
            unsafe element.pointee.offset = item.offset
            if !item.metadata.isEmpty {
                unsafe element.pointee.metadata = UnsafeMutableRawPointer(strdup(item.metadata))
                unsafe element.pointee.metadata_size = item.metadata.utf8.count
            }
        }
    }

    deinit { unsafe rd_kafka_topic_partition_list_destroy(pointer) }

    /// The partitions of a list that librdkafka shows us.
    @unsafe static func names(
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) -> [TopicPartition] {
        guard let list = unsafe list else { return [] }
        return unsafe (0..<Int(list.pointee.cnt)).map { index in
            let element = unsafe list.pointee.elems[index]
            return unsafe TopicPartition(text(element.topic), element.partition)
        }
    }

    /// The committed offsets of a list that librdkafka has filled.
    @unsafe static func committed(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>,
        _ attempt: String
    ) -> [CommittedOffset] {
        unsafe (0..<Int(list.pointee.cnt)).map { index in
            let element = unsafe list.pointee.elems[index]
            // Safe: librdkafka tells the size beside the pointer.
            let metadata = unsafe UnsafeRawBufferPointer(
                start: element.metadata,
                count: element.metadata_size
            )
            let failed = unsafe element.err != RD_KAFKA_RESP_ERR_NO_ERROR
            return unsafe CommittedOffset(
                partition: TopicPartition(text(element.topic), element.partition),
                offset: failed || element.offset < 0 ? nil : element.offset,
                metadata: String(decoding: metadata, as: UTF8.self),
                error: failed ? KafkaError(element.err, attempt) : nil
            )
        }
    }
}

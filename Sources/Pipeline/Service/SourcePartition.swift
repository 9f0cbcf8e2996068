internal import Ingest
internal import Journal
internal import Kafka

/// One source partition that a worker copies.
struct SourcePartition {
    /// What its records are.
    enum Kind {
        case events, reference, policy
        /// Partition 0 of the journal, read until reference rows and a policy stand in it.
        case journal
    }

    let partition: TopicPartition
    let kind: Kind
    /// Its topic's name in the decoder.
    let name: SourceName
    /// The group has given it to us and its offset is known.
    var isOwned = false
    /// It is fetched.
    var isStarted = false
    /// Next offset to commit.
    var next: Int64 = 0
    /// What we or our predecessor committed last.
    var committed: Int64 = -1
    /// Counters and times; committed beside the offset.
    var metadata: SourceMetadata
    /// It has been read to its end, for now.
    var isAtEnd = false
    /// Something was copied from it in this transaction.
    var isTouched = false
    /// Quarter of an hour of ``SourceMetadata/reached``, for the ticks of a history.
    var quarter: Int64 = .min
    /// Records to take at a time, so that one portion spans little of record time.
    var portion = 64
    /// When it last gave a record or was begun, on the monotonic clock.
    var activeAt: Int64 = 0
    /// When the fetch is to be begun again after a failure, on the monotonic clock.
    var restartAt: Int64?

    init(_ partition: TopicPartition, _ kind: Kind, _ name: SourceName, journalPartitions: Int) {
        self.partition = partition
        self.kind = kind
        self.name = name
        metadata = SourceMetadata(firstOffset: 0, partitions: journalPartitions)
    }

    /// The offset to commit with its receipt.
    var offset: ConsumedOffset {
        ConsumedOffset(partition, offset: next, metadata: metadata.text)
    }
}

/// Why a worker's transaction or take-over did not succeed.
enum Setback: Error {
    /// The service must end.
    case end(ServiceEnd)
    /// Producer and state are to be dropped, and all is to be taken over again.
    case again(String)

    init(_ error: KafkaError) { self = .again(error.description) }
    init(_ error: TransactionError) { self = .again(error.description) }
}

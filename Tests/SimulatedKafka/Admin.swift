import CKafka
import Simulator

// The doors of `Sources/Kafka/Admin.swift`, `Metadata.swift` and `LibraryVersion.swift` that the pipeline goes through.

/// A topic to be made.
public struct NewTopic: Sendable {
    /// Its name.
    public let name: String
    /// How many partitions it gets.
    public let partitions: Int32
    let isCompacted: Bool

    /// Describes a topic to be made.
    public init(
        _ name: String,
        partitions: Int32,
        replication: Int32 = -1,
        configuration: [(name: String, value: String)] = []
    ) {
        self.name = name
        self.partitions = partitions
        isCompacted = configuration.contains {
            $0.name == "cleanup.policy" && $0.value == "compact"
        }
    }
}

/// The result for one of several items of a request.
public struct ItemResult: Sendable {
    /// The topic it is about.
    public let name: String
    /// Why it failed, if it did.
    public let error: KafkaError?
}

/// A topic and its partitions.
public struct TopicDescription: Sendable {
    /// One partition.
    public struct Partition: Sendable, Equatable {
        /// Its number.
        public let id: Int32
    }
    /// Its name.
    public let name: String
    /// Its partitions by number.
    public let partitions: [Partition]
    /// Why it could not be described.
    public let error: KafkaError?
}

/// Reads and changes topics and groups.
public final class Admin: @unchecked Sendable {
    private let connection = Connection()

    /// Makes a client.
    public init(_ settings: ClientSettings) throws(KafkaError) {}

    /// One topic; that it does not exist is told by its `error`.
    public func describeTopic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> TopicDescription {
        let attempt = "describe the topic \(name)"
        let count = try connection.ask(
            .metadata,
            attempt,
            until: connection.deadline(limit)
        ) { connection.cluster.partitions(of: name)?.count }
        return TopicDescription(
            name: name,
            partitions: (0..<(count ?? 0)).map { .init(id: Int32($0)) },
            error: count == nil
                ? KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, attempt) : nil
        )
    }

    /// Makes topics.
    public func createTopics(
        _ topics: [NewTopic],
        within limit: Duration
    ) throws(KafkaError) -> [ItemResult] {
        topics.map { topic in
            connection.cluster.makeTopic(
                topic.name,
                partitions: Int(topic.partitions),
                isCompacted: topic.isCompacted
            )
            return ItemResult(name: topic.name, error: nil)
        }
    }

    /// Deletes all records of a partition below an offset.
    public func deleteRecords(
        of partition: TopicPartition,
        below offset: Int64,
        within limit: Duration
    ) throws(KafkaError) {
        connection.cluster.log(partition)?.trim(below: offset)
    }
}

/// What `ClientSettings` asks of the library.
public enum LibraryVersion {
    /// It has no number.
    public static var text: String { "simulated" }
    static var hasQueueBackoff: Bool { true }
}

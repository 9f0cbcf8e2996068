import CKafka
import Glibc

/// A topic to be made.
public struct NewTopic: Sendable {
    /// Its name.
    public let name: String
    /// How many partitions it gets.
    public let partitions: Int32
    /// How many brokers hold each partition; -1 is the cluster's default.
    public let replication: Int32
    /// Settings that differ from the cluster's, such as `retention.ms`.
    public let configuration: [(name: String, value: String)]

    /// Describes a topic to be made.
    public init(
        _ name: String,
        partitions: Int32,
        replication: Int32 = -1,
        configuration: [(name: String, value: String)] = []
    ) {
        self.name = name
        self.partitions = partitions
        self.replication = replication
        self.configuration = configuration
    }
}

/// One setting of a topic.
public struct TopicSetting: Sendable, Equatable {
    /// Where its value comes from.
    public enum Source: Sendable, Equatable {
        /// It was set for this topic: an override.
        case topic
        /// It was set for the broker or the cluster, in its file or since.
        case broker
        /// It is Kafka's own default.
        case `default`
        /// The broker does not say.
        case unknown
    }

    /// Its name, such as `retention.ms`.
    public let name: String
    /// Its value, which a broker hides when it is sensitive.
    public let value: String?
    /// Where the value comes from.
    public let source: Source
    /// It cannot be changed.
    public let isReadOnly: Bool
    /// Its value is a secret.
    public let isSensitive: Bool
}

/// The result for one of several items of a request.
public struct ItemResult: Sendable {
    /// The topic or group it is about.
    public let name: String
    /// Why it failed, if it did.
    public let error: KafkaError?
}

/// A consumer group as the brokers list it.
public struct GroupListing: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Its state in Kafka's words, such as `Stable` or `Empty`.
    public let state: String
    /// It has committed offsets but never had members.
    public let isSimple: Bool
}

/// Reads and changes topics and groups; for commands, not for the hot path.
///
/// Safe to share: it only holds the client, which may be used by any thread.
public final class Admin: Sendable {
    private let client: Client

    /// Makes a client; it connects at the first request.
    public init(_ settings: ClientSettings) throws(KafkaError) {
        client = try Client(.admin, settings)
    }

    /// The brokers and all topics that may be seen.
    public func describeCluster(within limit: Duration) throws(KafkaError) -> ClusterDescription {
        try client.metadata(within: limit)
    }

    /// One topic; that it does not exist is told by its `error`.
    public func describeTopic(
        _ name: String,
        within limit: Duration
    ) throws(KafkaError) -> TopicDescription {
        let topics = try client.metadata(of: name, within: limit).topics
        guard let topic = topics.first else {
            throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "describe the topic \(name)")
        }
        return topic
    }

    /// The name the cluster gave itself when it was made.
    public func clusterID(within limit: Duration) -> String? {
        // Safe: the string is ours and freed here.
        guard let id = unsafe rd_kafka_clusterid(client.handle, limit.milliseconds) else {
            return nil
        }
        defer { unsafe free(id) }
        return unsafe text(UnsafePointer(id))
    }

    /// Makes topics.
    ///
    /// - Returns: One result a topic; `isAlreadyExisting` tells that one was there.
    public func createTopics(
        _ topics: [NewTopic],
        within limit: Duration
    ) throws(KafkaError) -> [ItemResult] {
        if topics.isEmpty { return [] }
        // Safe: the descriptions are ours until they are destroyed; librdkafka copies them.
        var list: [OpaquePointer?] = unsafe []
        defer { unsafe list.forEach { unsafe rd_kafka_NewTopic_destroy($0) } }
        for topic in topics {
            let attempt = "create the topic \(topic.name)"
            let made = unsafe withReason { reason, size in
                unsafe rd_kafka_NewTopic_new(
                    topic.name,
                    topic.partitions,
                    topic.replication,
                    reason,
                    size
                )
            }
            guard let item = unsafe made.0 else {
                throw unsafe KafkaError(
                    RD_KAFKA_RESP_ERR__INVALID_ARG,
                    attempt,
                    message: made.1
                )
            }
            unsafe list.append(item)
            for setting in topic.configuration {
                try KafkaError.check(
                    unsafe rd_kafka_NewTopic_set_config(item, setting.name, setting.value),
                    attempt
                )
            }
        }
        let operation = try unsafe Operation(
            client,
            RD_KAFKA_ADMIN_OP_CREATETOPICS,
            "create topics",
            limit,
            waitsForBrokers: true
        ) { options, queue in
            unsafe rd_kafka_CreateTopics(client.handle, &list, list.count, options, queue)
        }
        var count = 0
        // Safe: the results belong to the event, which the operation holds while they are copied.
        let result = unsafe rd_kafka_event_CreateTopics_result(operation.event)
        let items = unsafe rd_kafka_CreateTopics_result_topics(result, &count)
        return unsafe Admin.results(items, count, "create the topic")
    }

    /// Gives a topic more partitions.
    ///
    /// - Parameters:
    ///   - topic: The topic's name.
    ///   - total: How many it has afterwards; a number that is not higher than what it has is refused
    ///     by the broker, as partitions cannot be taken away.
    ///   - limit: How long to wait for the answer.
    /// - Throws: Why the topic was not changed.
    public func increasePartitions(
        of topic: String,
        to total: Int,
        within limit: Duration
    ) throws(KafkaError) {
        let attempt = "give the topic \(topic) \(total) partitions"
        let made = unsafe withReason { reason, size in
            unsafe rd_kafka_NewPartitions_new(topic, total, reason, size)
        }
        guard let item = unsafe made.0 else {
            throw unsafe KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, attempt, message: made.1)
        }
        defer { unsafe rd_kafka_NewPartitions_destroy(item) }
        var list: [OpaquePointer?] = unsafe [item]
        let operation = try unsafe Operation(
            client,
            RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
            attempt,
            limit,
            waitsForBrokers: true
        ) { options, queue in
            unsafe rd_kafka_CreatePartitions(client.handle, &list, 1, options, queue)
        }
        var count = 0
        // Safe: as above.
        let result = unsafe rd_kafka_event_CreatePartitions_result(operation.event)
        let items = unsafe rd_kafka_CreatePartitions_result_topics(result, &count)
        for item in unsafe Admin.results(items, count, "add partitions to the topic") {
            if let error = item.error { throw error }
        }
    }

    /// All settings of a topic, by name, each with its source.
    public func describeSettings(
        of topic: String,
        within limit: Duration
    ) throws(KafkaError) -> [TopicSetting] {
        let attempt = "read the settings of the topic \(topic)"
        // Safe: the resource is ours until it is destroyed; librdkafka copies it.
        let resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
        defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
        var list: [OpaquePointer?] = unsafe [resource]
        let operation = try unsafe Operation(
            client,
            RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            attempt,
            limit
        ) { options, queue in
            unsafe rd_kafka_DescribeConfigs(client.handle, &list, 1, options, queue)
        }
        var count = 0
        // Safe: the results belong to the event, which the operation holds while they are copied.
        let result = unsafe rd_kafka_event_DescribeConfigs_result(operation.event)
        let resources = unsafe rd_kafka_DescribeConfigs_result_resources(result, &count)
        guard count == 1, let found = unsafe resources?[0] else {
            throw KafkaError(RD_KAFKA_RESP_ERR__BAD_MSG, attempt)
        }
        try unsafe Admin.check(found, attempt)
        var settingCount = 0
        let settings = unsafe rd_kafka_ConfigResource_configs(found, &settingCount)
        return (0..<settingCount).compactMap { index -> TopicSetting? in
            guard let entry = unsafe settings?[index] else { return nil }
            return unsafe TopicSetting(reading: entry)
        }.sorted { $0.name < $1.name }
    }

    /// Replaces all overrides of a topic by these: what is not named falls back to the cluster's
    /// value. (librdkafka 2.0.2 has no incremental change; give `describeSettings` of source
    /// `.topic`, changed.)
    public func replaceSettings(
        of topic: String,
        by overrides: [(name: String, value: String)],
        within limit: Duration
    ) throws(KafkaError) {
        let attempt = "change the settings of the topic \(topic)"
        // Safe: as above.
        let resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
        defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
        for setting in overrides {
            try KafkaError.check(
                unsafe rd_kafka_ConfigResource_set_config(resource, setting.name, setting.value),
                attempt
            )
        }
        var list: [OpaquePointer?] = unsafe [resource]
        let operation = try unsafe Operation(
            client,
            RD_KAFKA_ADMIN_OP_ALTERCONFIGS,
            attempt,
            limit
        ) { options, queue in
            unsafe rd_kafka_AlterConfigs(client.handle, &list, 1, options, queue)
        }
        var count = 0
        // Safe: as above.
        let result = unsafe rd_kafka_event_AlterConfigs_result(operation.event)
        let resources = unsafe rd_kafka_AlterConfigs_result_resources(result, &count)
        guard count == 1, let changed = unsafe resources?[0] else {
            throw KafkaError(RD_KAFKA_RESP_ERR__BAD_MSG, attempt)
        }
        try unsafe Admin.check(changed, attempt)
    }

    /// Deletes all records of a partition below an offset.
    public func deleteRecords(
        of partition: TopicPartition,
        below offset: Int64,
        within limit: Duration
    ) throws(KafkaError) {
        let attempt = "delete the records of \(partition) below \(offset)"
        let offsets = PartitionList([ConsumedOffset(partition, offset: offset)])
        // Safe: librdkafka copies the list; the request is destroyed here.
        let request = unsafe rd_kafka_DeleteRecords_new(offsets.pointer)
        defer { unsafe rd_kafka_DeleteRecords_destroy(request) }
        var list: [OpaquePointer?] = unsafe [request]
        let operation = try unsafe Operation(
            client,
            RD_KAFKA_ADMIN_OP_DELETERECORDS,
            attempt,
            limit,
            waitsForBrokers: true
        ) { options, queue in
            unsafe rd_kafka_DeleteRecords(client.handle, &list, 1, options, queue)
        }
        let result = unsafe rd_kafka_event_DeleteRecords_result(operation.event)
        guard let deleted = unsafe rd_kafka_DeleteRecords_result_offsets(result),
            unsafe deleted.pointee.cnt == 1
        else { throw KafkaError(RD_KAFKA_RESP_ERR__BAD_MSG, attempt) }
        try KafkaError.check(unsafe deleted.pointee.elems[0].err, attempt)
    }

    /// The consumer groups of the cluster, by name.
    ///
    /// - Throws: The first error of any broker, as the list would not be whole.
    public func listGroups(within limit: Duration) throws(KafkaError) -> [GroupListing] {
        let attempt = "list the consumer groups"
        let operation = try unsafe Operation(
            client,
            RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
            attempt,
            limit
        ) { options, queue in
            unsafe rd_kafka_ListConsumerGroups(client.handle, options, queue)
        }
        // Safe: the results belong to the event, which the operation holds while they are copied.
        let result = unsafe rd_kafka_event_ListConsumerGroups_result(operation.event)
        var count = 0
        let errors = unsafe rd_kafka_ListConsumerGroups_result_errors(result, &count)
        if count > 0, let error = unsafe errors?[0] {
            throw unsafe KafkaError(reading: error, attempt)
        }
        let groups = unsafe rd_kafka_ListConsumerGroups_result_valid(result, &count)
        return (0..<count).compactMap { index -> GroupListing? in
            guard let group = unsafe groups?[index] else { return nil }
            let state = unsafe rd_kafka_ConsumerGroupListing_state(group)
            return unsafe GroupListing(
                name: text(rd_kafka_ConsumerGroupListing_group_id(group)),
                state: text(rd_kafka_consumer_group_state_name(state)),
                isSimple: rd_kafka_ConsumerGroupListing_is_simple_consumer_group(group) != 0
            )
        }.sorted { $0.name < $1.name }
    }

    /// Copies the results of a request on topics.
    @unsafe private static func results(
        _ items: UnsafeMutablePointer<OpaquePointer?>?,
        _ count: Int,
        _ attempt: String
    ) -> [ItemResult] {
        (0..<count).compactMap { index -> ItemResult? in
            guard let item = unsafe items?[index] else { return nil }
            let name = unsafe text(rd_kafka_topic_result_name(item))
            let code = unsafe rd_kafka_topic_result_error(item)
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return ItemResult(name: name, error: nil) }
            let detail = unsafe rd_kafka_topic_result_error_string(item)
            return ItemResult(
                name: name,
                error: KafkaError(
                    code,
                    "\(attempt) \(name)",
                    message: unsafe detail == nil ? nil : text(detail)
                )
            )
        }
    }

    /// Throws the error of a resource.
    @unsafe private static func check(
        _ resource: OpaquePointer,
        _ attempt: String
    ) throws(KafkaError) {
        let code = unsafe rd_kafka_ConfigResource_error(resource)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
        let detail = unsafe rd_kafka_ConfigResource_error_string(resource)
        throw KafkaError(code, attempt, message: unsafe detail == nil ? nil : text(detail))
    }
}

extension TopicSetting {
    /// Copies an entry of librdkafka.
    @unsafe fileprivate init(reading entry: OpaquePointer) {
        unsafe name = text(rd_kafka_ConfigEntry_name(entry))
        let value = unsafe rd_kafka_ConfigEntry_value(entry)
        unsafe self.value = value == nil ? nil : text(value)
        switch unsafe rd_kafka_ConfigEntry_source(entry) {
        case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG: source = .topic
        case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG,
            RD_KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG,
            RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG:
            source = .broker
        case RD_KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG: source = .default
        default: source = .unknown
        }
        unsafe isReadOnly = rd_kafka_ConfigEntry_is_read_only(entry) == 1
        unsafe isSensitive = rd_kafka_ConfigEntry_is_sensitive(entry) == 1
    }
}

/// A call that explains itself in a buffer when it makes nothing.
@unsafe private func withReason(
    _ body: (UnsafeMutablePointer<CChar>?, Int) -> OpaquePointer?
) -> (OpaquePointer?, String) {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
        // Safe: the buffer ends with a zero and its size is told.
        unsafe buffer.initialize(repeating: 0)
        let made = unsafe body(buffer.baseAddress, buffer.count)
        return unsafe (made, text(UnsafePointer(buffer.baseAddress)))
    }
}

/// A request of the administration interface, from sending to its answer.
///
/// Safe: event, queue and options are its own until `deinit`.
@safe private struct Operation: ~Copyable {
    let event: OpaquePointer

    /// Sends a request and waits for the answer.
    @unsafe init(
        _ client: Client,
        _ kind: rd_kafka_admin_op_t,
        _ attempt: String,
        _ limit: Duration,
        waitsForBrokers: Bool = false,
        _ send: (_ options: OpaquePointer?, _ queue: OpaquePointer?) -> Void
    ) throws(KafkaError) {
        let options = unsafe rd_kafka_AdminOptions_new(client.handle, kind)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        let made = unsafe withReason { reason, size in
            var code = unsafe rd_kafka_AdminOptions_set_request_timeout(
                options,
                max(1, limit.milliseconds),
                reason,
                size
            )
            if code == RD_KAFKA_RESP_ERR_NO_ERROR, waitsForBrokers {
                // The answer comes when the other brokers know, too.
                unsafe code = rd_kafka_AdminOptions_set_operation_timeout(
                    options,
                    max(1, limit.milliseconds),
                    reason,
                    size
                )
            }
            return code == RD_KAFKA_RESP_ERR_NO_ERROR ? unsafe options : nil
        }
        guard unsafe made.0 != nil else {
            throw unsafe KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, attempt, message: made.1)
        }
        let queue = unsafe rd_kafka_queue_new(client.handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        unsafe send(options, queue)
        // A little longer than the request's own time-out, whose error says more.
        guard let event = unsafe rd_kafka_queue_poll(queue, limit.milliseconds + 500) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
        }
        let code = unsafe rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let detail = unsafe text(rd_kafka_event_error_string(event))
            unsafe rd_kafka_event_destroy(event)
            throw KafkaError(code, attempt, message: detail)
        }
        unsafe self.event = event
    }

    deinit { unsafe rd_kafka_event_destroy(event) }
}

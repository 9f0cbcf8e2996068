import CKafka

/// A broker of the cluster.
public struct BrokerDescription: Sendable, Equatable {
    /// Its number.
    public let id: Int32
    /// The address it tells its clients.
    public let host: String
    /// The port it tells its clients.
    public let port: Int32
}

/// A topic and its partitions.
public struct TopicDescription: Sendable {
    /// One partition.
    public struct Partition: Sendable, Equatable {
        /// Its number.
        public let id: Int32
        /// The number of the broker that leads it; -1 when none does.
        public let leader: Int32
        /// The brokers that hold it.
        public let replicas: [Int32]
        /// Those of them that are in step.
        public let inSyncReplicas: [Int32]
    }

    /// Its name.
    public let name: String
    /// Its partitions by number.
    public let partitions: [Partition]
    /// Why it could not be described, for example that it does not exist.
    public let error: KafkaError?
}

/// Brokers and topics of a cluster.
public struct ClusterDescription: Sendable {
    /// The brokers that are up.
    public let brokers: [BrokerDescription]
    /// The topics that were asked for.
    public let topics: [TopicDescription]
}

extension Client {
    /// Asks for all topics, or for one.
    func metadata(
        of topic: String? = nil,
        within limit: Duration
    ) throws(KafkaError) -> ClusterDescription {
        let attempt = topic.map { "describe the topic \($0)" } ?? "describe the cluster"
        var topicHandle: OpaquePointer?
        if let topic { unsafe topicHandle = rd_kafka_topic_new(handle, topic, nil) }
        defer {
            if let topicHandle = unsafe topicHandle { unsafe rd_kafka_topic_destroy(topicHandle) }
        }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        // Safe: librdkafka fills the pointer when it reports success; it is destroyed below, after
        // everything was copied.
        try KafkaError.check(
            unsafe rd_kafka_metadata(
                handle,
                topic == nil ? 1 : 0,
                topicHandle,
                &metadata,
                limit.milliseconds
            ),
            attempt
        )
        guard let metadata = unsafe metadata else {
            throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
        }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        return unsafe ClusterDescription(metadata.pointee, attempt)
    }

    /// How many partitions a topic has.
    func partitionCount(of topic: String, within limit: Duration) throws(KafkaError) -> Int32 {
        let attempt = "count the partitions of \(topic)"
        guard let found = try metadata(of: topic, within: limit).topics.first else {
            throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, attempt)
        }
        if let error = found.error { throw error }
        guard !found.partitions.isEmpty else {
            throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, attempt)
        }
        return Int32(found.partitions.count)
    }
}

extension ClusterDescription {
    /// Copies what librdkafka shows.
    @unsafe fileprivate init(_ metadata: rd_kafka_metadata, _ attempt: String) {
        unsafe brokers = (0..<Int(metadata.broker_cnt)).map { index in
            let broker = unsafe metadata.brokers[index]
            return unsafe BrokerDescription(
                id: broker.id,
                host: text(broker.host),
                port: broker.port
            )
        }
        unsafe topics = (0..<Int(metadata.topic_cnt)).map { index in
            let topic = unsafe metadata.topics[index]
            let name = unsafe text(topic.topic)
            let partitions = unsafe (0..<Int(topic.partition_cnt)).map { index in
                let partition = unsafe topic.partitions[index]
                return unsafe TopicDescription.Partition(
                    id: partition.id,
                    leader: partition.leader,
                    replicas: Array(
                        UnsafeBufferPointer(
                            start: partition.replicas,
                            count: Int(partition.replica_cnt)
                        )
                    ),
                    inSyncReplicas: Array(
                        UnsafeBufferPointer(start: partition.isrs, count: Int(partition.isr_cnt))
                    )
                )
            }
            let code = unsafe topic.err
            return TopicDescription(
                name: name,
                partitions: partitions.sorted { $0.id < $1.id },
                error: code == RD_KAFKA_RESP_ERR_NO_ERROR
                    ? nil : KafkaError(code, "describe the topic \(name)")
            )
        }
    }
}

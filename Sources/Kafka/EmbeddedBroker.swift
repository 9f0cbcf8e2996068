import CKafka

/// A small imitation of a Kafka cluster inside this process: librdkafka's mock cluster.
///
/// For demonstrations and for tests of faults. It is no Kafka: an abort has no effect, offsets
/// committed in a transaction are thrown away, nobody is fenced, each partition keeps the last
/// 5 MiB, and a group's first assignment takes 3 s.
///
/// Safe to share: the cluster runs in a thread of its own and its functions may be called by any.
@safe public final class EmbeddedBroker: @unchecked Sendable {
    private let client: Client
    private let cluster: OpaquePointer
    /// How many brokers it imitates; their numbers are 1 to this.
    public let brokerCount: Int32

    /// Starts a cluster.
    public init(brokers: Int32 = 1, onLog: LogSink? = nil) throws(KafkaError) {
        var settings = ClientSettings()
        settings.onLog = onLog
        let client = try Client(.producer, settings)
        // Safe: the cluster is destroyed before the client that carries it.
        guard let cluster = unsafe rd_kafka_mock_cluster_new(client.handle, brokers) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__FAIL, "start an embedded broker")
        }
        self.client = client
        unsafe self.cluster = cluster
        brokerCount = brokers
    }

    deinit { unsafe rd_kafka_mock_cluster_destroy(cluster) }

    /// The address for `bootstrap.servers`.
    public var bootstrap: String {
        // Safe: the string belongs to the cluster and is copied.
        unsafe text(rd_kafka_mock_cluster_bootstraps(cluster))
    }

    /// Makes a topic. Its settings are those of the imitation.
    public func createTopic(
        _ name: String,
        partitions: Int32,
        replication: Int32 = 1
    ) throws(KafkaError) {
        try KafkaError.check(
            unsafe rd_kafka_mock_topic_create(cluster, name, partitions, replication),
            "create the topic \(name)"
        )
    }
}

/// Faults, for tests.
extension EmbeddedBroker {
    /// The kinds of request, by their number in Kafka's protocol.
    public enum Request: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case listOffsets = 2
        case metadata = 3
        case offsetCommit = 8
        case offsetFetch = 9
        case findCoordinator = 10
        case joinGroup = 11
        case heartbeat = 12
        case leaveGroup = 13
        case syncGroup = 14
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionalOffsetCommit = 28
    }

    /// The next requests of a kind are answered with these errors, by their numbers.
    public func refuse(_ request: Request, with errors: [KafkaError.Code]) {
        var codes = errors.map { rd_kafka_resp_err_t($0.rawValue) }
        // Safe: the cluster copies the codes.
        unsafe rd_kafka_mock_push_request_errors_array(
            cluster,
            request.rawValue,
            codes.count,
            &codes
        )
    }

    /// A broker's next request of a kind is answered late, with an error or (by default) none.
    public func delay(
        _ request: Request,
        of broker: Int32,
        by delay: Duration,
        with error: KafkaError.Code = KafkaError.Code(rawValue: 0)
    ) throws(KafkaError) {
        try KafkaError.check(
            unsafe mock_push_error_rtt(
                cluster,
                broker,
                request.rawValue,
                rd_kafka_resp_err_t(error.rawValue),
                delay.milliseconds
            ),
            "delay a request"
        )
    }

    /// Takes back all refusals of a kind.
    public func clearRefusals(of request: Request) {
        unsafe rd_kafka_mock_clear_request_errors(cluster, request.rawValue)
    }

    /// A broker goes down: its connections break and new ones are refused.
    public func takeDown(broker: Int32) throws(KafkaError) {
        try KafkaError.check(
            unsafe rd_kafka_mock_broker_set_down(cluster, broker),
            "take down broker \(broker)"
        )
    }

    /// A broker comes back.
    public func bringUp(broker: Int32) throws(KafkaError) {
        try KafkaError.check(
            unsafe rd_kafka_mock_broker_set_up(cluster, broker),
            "bring up broker \(broker)"
        )
    }

    /// Every answer of a broker takes so long.
    public func setRoundTrip(_ time: Duration, of broker: Int32) throws(KafkaError) {
        try KafkaError.check(
            unsafe rd_kafka_mock_broker_set_rtt(cluster, broker, time.milliseconds),
            "slow down broker \(broker)"
        )
    }

    /// Moves the coordinator of a group or a transactional identifier to a broker that exists.
    public func moveCoordinator(
        ofTransactions id: String,
        to broker: Int32
    ) throws(KafkaError) {
        precondition(broker >= 1 && broker <= brokerCount, "no such broker")
        try KafkaError.check(
            unsafe rd_kafka_mock_coordinator_set(cluster, "transaction", id, broker),
            "move the coordinator of \(id)"
        )
    }

    /// Moves the lead of a partition.
    public func moveLeader(
        of partition: TopicPartition,
        to broker: Int32
    ) throws(KafkaError) {
        precondition(broker >= 1 && broker <= brokerCount, "no such broker")
        try KafkaError.check(
            unsafe rd_kafka_mock_partition_set_leader(
                cluster,
                partition.topic,
                partition.partition,
                broker
            ),
            "move \(partition)"
        )
    }
}

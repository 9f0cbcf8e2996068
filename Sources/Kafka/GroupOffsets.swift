import CKafka

/// Reads what a group has committed; may be used by any thread.
///
/// A member's own waits for offsets that an open transaction has written; one made here tells the last that are not in
/// doubt.
public struct GroupOffsets: Sendable {
    let client: Client
    /// The group's name.
    public let group: String

    private let isMember: Bool

    /// A member's own.
    init(client: Client, group: String) {
        self.client = client
        self.group = group
        isMember = true
    }

    /// Reads the offsets of a group without being its member; what an open transaction has written does not count yet.
    ///
    /// The consumer that asks has the group's name and never subscribes. librdkafka's ListConsumerGroupOffsets ends the
    /// process where the coordinator is another broker or its connection breaks, as in each failover
    /// (confluentinc/librdkafka#5040 and #5397, both open in 2026), so it is not used.
    ///
    /// - Throws: settings that are refused.
    public init(of group: String, _ settings: ClientSettings) throws(KafkaError) {
        client = try Client(
            .fetch,
            settings,
            own: [
                ClientSettings.Entry("group.id", group),
                ClientSettings.Entry(
                    "isolation.level",
                    FetchConsumer.Isolation.readUncommitted.rawValue
                ),
            ]
        )
        self.group = group
        isMember = false
    }

    /// The committed offsets, with their receipts, of some partitions.
    ///
    /// - Returns: One element a partition in the order given, each with its own error.
    /// - Throws: An error of the whole request; a time-out where a member's offsets are in doubt.
    public func committed(
        _ partitions: [TopicPartition],
        within limit: Duration
    ) throws(KafkaError) -> [CommittedOffset] {
        let attempt = "read the committed offsets of the group \(group)"
        let list = PartitionList(partitions)
        // Safe: the list is ours; librdkafka fills its elements before it returns.
        let code = unsafe rd_kafka_committed(client.handle, list.pointer, limit.milliseconds)
        if code == RD_KAFKA_RESP_ERR__TIMED_OUT, !isMember, let reason = coordinatorError(attempt) {
            throw reason
        }
        try KafkaError.check(code, attempt)
        return unsafe PartitionList.committed(UnsafePointer(list.pointer), attempt)
    }

    /// Why the coordinator could not be found: librdkafka tells it once, where a consumer would get its records.
    private func coordinatorError(_ attempt: String) -> KafkaError? {
        var code = RD_KAFKA_RESP_ERR_NO_ERROR
        // Safe: a message is ours until it is destroyed.
        while let message = unsafe rd_kafka_consumer_poll(client.handle, 0) {
            unsafe code = message.pointee.err
            unsafe rd_kafka_message_destroy(message)
        }
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code, attempt)
    }
}

internal import Journal
internal import Kafka

/// Ends a transaction that Kafka itself has lost sight of.
///
/// A broker that crashes between the decision to commit and the markers in the partitions sends the markers again when
/// it is back. Where it does so before it has learned of its topics' leaders it takes them for deleted and leaves the
/// markers out (Kafka 4.3, `TransactionMarkerChannelManager`: "likely deleted already and hence can be skipped"): the
/// coordinator calls the transaction complete while its records and offsets stay open for ever, hide all that comes
/// behind them, and `committed()` never answers. Seen once in about forty crashes of a lone broker that was busy. New
/// markers of the same transactional id end it, so a small transaction over the same partitions is aborted. What was seen
/// or counted of the old one, ``SourceTails`` and ``OutputTails`` find afterwards.
struct HangingTransaction {
    let configuration: ServiceConfiguration
    let log: ServiceLog

    /// Ends what one transactional id has left open.
    ///
    /// - Parameters:
    ///   - id: the transactional id; it is fenced.
    ///   - group: the group whose offsets are open.
    ///   - partitions: all that may be open.
    ///   - unused: a partition that this group consumes nothing of, whose topic the role may read: an offset for it
    ///     brings the group's own partition into the transaction.
    ///   - isCommit: whether the old transaction takes effect, or nothing of it does.
    /// - Throws: `Setback` where Kafka does not take it; then it is tried again with the next take-over.
    private func end(
        _ id: String,
        _ group: String,
        _ partitions: [TopicPartition],
        unused: TopicPartition,
        isCommit: Bool
    ) throws(Setback) {
        log.warning(
            "transaction-hangs",
            ("transactional_id", id),
            ("end", isCommit ? "commit" : "abort"),
            ("reason", "Kafka has lost its markers, probably in a crash of a broker")
        )
        do {
            var producer = try TransactionalProducer(id: id, configuration.producerSettings)
            try producer.initialize()
            try producer.begin()
            for partition in partitions {
                let topic = try producer.topic(partition.topic, within: .seconds(10))
                let value = nothing(partition)
                // A compacted topic takes none without a key. The spans are used up while the arrays stand.
                try unsafe producer.produce(
                    value.span.bytes,
                    key: Self.key.span.bytes,
                    to: topic,
                    partition: partition.partition
                )
            }
            try producer.sendOffsets(
                [ConsumedOffset(unused, offset: 0)],
                of: GroupMetadata(unfenced: group)
            )
            if isCommit { _ = try producer.commit() } else { try producer.abort() }
        } catch {
            throw Setback.caught(error)
        }
    }

    /// Ends what a transactional id has left open in some partitions, so that nobody will ever see it.
    func drop(
        _ id: String,
        _ group: String,
        _ partitions: [TopicPartition]
    ) throws(Setback) {
        try end(
            id,
            group,
            partitions,
            unused: partitions[0],
            isCommit: false
        )
    }

    // MARK: ingest

    /// Ends what ingest workers have left open, so that nobody will ever see it.
    ///
    /// - Parameters:
    ///   - ids: their transactional ids; one that lives is fenced, and goes on.
    ///   - partitions: partitions of the journal and the dead letters that may be open, as its offsets may be.
    ///   - isCommit: its offsets take effect.
    /// - Throws: `Setback` where Kafka does not take it.
    func dropIngest(
        _ ids: Set<String>,
        _ partitions: [TopicPartition],
        committing isCommit: Bool = false
    ) throws(Setback) {
        for id in ids.sorted() {
            try end(
                id,
                configuration.ingestGroup,
                partitions,
                // Ingest looks into the journal outside the group.
                unused: TopicPartition(configuration.journalTopic, 0),
                isCommit: isCommit
            )
        }
    }

    private static let key = Array("transaction-ended".utf8)

    /// Whether a record is one of those with which a transaction is ended.
    static func isEnd(_ message: borrowing Message) -> Bool {
        guard message.hasKey else { return false }
        // The bytes are compared while the message is there.
        return unsafe message.key.withUnsafeBytes { unsafe $0.elementsEqual(key) }
    }

    /// A record that is always dropped, and that those can read who look at what is not committed.
    private func nothing(_ partition: TopicPartition) -> [UInt8] {
        guard partition.topic == configuration.journalTopic else { return Array("{}".utf8) }
        let records = RecordBatch()
        records.append(
            [SourceProgress](),
            at: Instant(milliseconds: WallClock.milliseconds),
            source: RecordSource(partition: -1, offset: 0, counter: 0)
        )
        // The bytes are copied while the batch stands.
        return unsafe Array(records.record(at: 0).allBytes)
    }

    // MARK: score

    /// Ends the transaction of a journal partition's score worker that holds back the offset of that partition.
    ///
    /// Nobody will ever see it; what is seen of it nevertheless, ``OutputTails`` finds. Only the first transaction of all
    /// has no offset before it that outputs could be held against: where a part of it is seen, it takes effect.
    ///
    /// - Parameters:
    ///   - id: the transactional id.
    ///   - partition: the journal partition, and the output partitions.
    ///   - last: the offset from before the open transaction.
    ///   - control: ends the reading of outputs when the service is to stop.
    /// - Throws: `Setback` where the outputs can't be read or Kafka does not take it.
    func endScore(
        _ id: String,
        _ partition: Int32,
        _ last: CommittedOffset?,
        _ control: ServiceControl
    ) throws(Setback) {
        let outputs = configuration.outputTopics.map { TopicPartition($0, partition) }
        var written = outputs
        if configuration.hasSnapshots {
            written.append(TopicPartition(configuration.snapshotTopic, partition))
        }
        var isCommit = false
        if last?.offset == nil {
            do {
                let consumer = try FetchConsumer(configuration.consumerSettings)
                isCommit = try outputs.contains { try consumer.hasRecords($0, control) }
            } catch {
                throw Setback.caught(error)
            }
        }
        try end(
            id,
            configuration.scoreGroup,
            // What is committed is seen: then only the offsets get a marker now, and each output with its next record.
            isCommit ? [] : written,
            unused: outputs[0],
            isCommit: isCommit
        )
    }
}

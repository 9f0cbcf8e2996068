internal import Journal
internal import Kafka

/// Ends what ingest workers have left open in the journal and the dead letters.
///
/// After three seconds that of workers whose sources we take over, and our own; what another has that may live, later
/// than Kafka itself would have ended it. Nothing is lost by that: ``SourceTails`` has it written again.
struct StuckTransactions {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32
    /// Ours, under which nothing is written by now.
    let identity: IngestIdentity

    /// The time-out of transactions, 10 s, and half as much for Kafka to act on it.
    private static let foreignPatience: Int64 = 15_000

    /// Ends what has not moved for a while, if it is time.
    ///
    /// - Parameters:
    ///   - stuck: what has not moved.
    ///   - waited: for how long, in milliseconds.
    ///   - sources: source partitions whose offsets tell who wrote it.
    ///   - gone: transactional ids of workers that write no more.
    ///   - all: reads what is uncommitted, too.
    /// - Throws: `Setback` where something was ended, or where Kafka does not answer.
    func end(
        _ stuck: [Stretch],
        after waited: Int64,
        _ sources: [TopicPartition],
        _ gone: Set<String>,
        _ all: FetchConsumer
    ) throws {
        let owners = try owners(of: stuck, sources, all)
        let theirs = owners.intersection(gone.union([identity.transactionalID]))
        // Where nobody knows whose it is, it may be ours.
        if !theirs.isEmpty || owners.isEmpty { try drop(stuck, theirs) }
        if waited >= Self.foreignPatience { try drop(stuck, owners) }
    }

    private func drop(
        _ stuck: [Stretch],
        _ owners: Set<String>
    ) throws(Setback) {
        let hanging = HangingTransaction(configuration: configuration, log: log)
        let ids = owners.union([identity.transactionalID])
        // Where the offsets of whoever wrote it were never seen, they name somebody before.
        try hanging.dropIngest(
            identity.drops(stuck) ? ids.union(identity.unnamed) : ids,
            stuck.map(\.partition)
        )
        throw .again("a transaction hung; it was ended")
    }

    /// The transactional ids beside the offsets of the sources whose records begin the stretches.
    private func owners(
        of stuck: [Stretch],
        _ sources: [TopicPartition],
        _ all: FetchConsumer
    ) throws -> Set<String> {
        var known: [TopicPartition: String] = [:]
        let committed = try GroupOffsets(of: configuration.ingestGroup, configuration.kafka)
            .committed(sources, within: .seconds(5))
        for one in committed {
            let owner = SourceMetadata(one.metadata, partitions: Int(partitionCount))?.owner
            if let owner, !owner.isEmpty { known[one.partition] = owner }
        }
        var owners: Set<String> = []
        try all.read(stuck, control) { (number, message) in
            let isLetter = stuck[number].partition.topic == configuration.deadLetterTopic
            guard case .copied(let source, _) = try SourceTrace(message, isLetter: isLetter),
                let owner = known[source]
            else { return true }
            owners.insert(owner)
            return false
        }
        return owners
    }
}

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
    /// How long somebody else's transaction is waited for at a time; then the group is served.
    private static let turn: Int64 = 6_000

    /// Ends what has not moved for a while, if it is time.
    ///
    /// - Parameters:
    ///   - stuck: what has not moved.
    ///   - waited: for how long, in milliseconds.
    ///   - sources: source partitions whose offsets tell who wrote it.
    ///   - gone: transactional ids of workers that write no more.
    ///   - all: reads what is uncommitted, too.
    /// - Throws: `Setback` where something was ended, where it is somebody else's, or where Kafka does not answer.
    func end(
        _ stuck: [Stretch],
        after waited: Int64,
        _ sources: [TopicPartition],
        _ gone: Set<String>,
        _ all: FetchConsumer
    ) throws {
        let known = try owners(of: sources)
        let (ours, owners) = try beginnings(of: stuck, known, all)
        guard !ours.isEmpty else {
            // Its own time-out ends it, and whose it is nobody here knows.
            if waited >= Self.turn {
                throw Setback.again(
                    "a transaction that is none of ours is open in \(stuck[0].partition)"
                )
            }
            return
        }
        let own = gone.union([identity.transactionalID])
        let isTime = waited >= Self.foreignPatience
        let theirs = isTime ? owners : owners.intersection(own)
        // Where nobody knows whose it is, it may be ours or of one that is gone.
        guard isTime || owners.isEmpty || !theirs.isEmpty else { return }
        var ids = theirs.isEmpty ? own : theirs.union([identity.transactionalID])
        // Where the offsets of whoever wrote it were never seen, they name somebody before.
        if identity.drops(ours) { ids.formUnion(own.union(known.values).union(identity.unnamed)) }
        try HangingTransaction(configuration: configuration, log: log).dropIngest(
            ids,
            ours.map(\.partition)
        )
        throw Setback.again("a transaction hung; it was ended")
    }

    /// The transactional ids beside the offsets of sources.
    private func owners(of sources: [TopicPartition]) throws -> [TopicPartition: String] {
        var known: [TopicPartition: String] = [:]
        let committed = try GroupOffsets(of: configuration.ingestGroup, configuration.kafka)
            .committed(sources, within: .seconds(5))
        for one in committed {
            let owner = SourceMetadata(one.metadata, partitions: Int(partitionCount))?.owner
            if let owner, !owner.isEmpty { known[one.partition] = owner }
        }
        return known
    }

    /// The stretches that begin with a record of ingest, and the ids beside the offsets of the sources that it names: a
    /// stretch begins with the first record of the transaction that holds it back.
    private func beginnings(
        of stuck: [Stretch],
        _ known: [TopicPartition: String],
        _ all: FetchConsumer
    ) throws -> (ours: [Stretch], owners: Set<String>) {
        var ours: [Stretch] = []
        var owners: Set<String> = []
        try all.read(stuck, control) { (number, message) in
            let isLetter = stuck[number].partition.topic == configuration.deadLetterTopic
            switch SourceTrace(uncommitted: message, isLetter: isLetter) {
            case .copied(let source, _), .registered(let source):
                ours.append(stuck[number])
                if let owner = known[source] { owners.insert(owner) }
            case .progress(let rows):
                ours.append(stuck[number])
                for row in rows {
                    if let owner = known[TopicPartition(row.topic, row.partition)] {
                        owners.insert(owner)
                    }
                }
            case .none:
                if HangingTransaction.isEnd(message) { ours.append(stuck[number]) }
            }
            return false
        }
        return (ours, owners)
    }
}

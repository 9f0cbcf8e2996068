internal import Journal
internal import Kafka

/// What stays open at the ends of the journal and the dead letters, though nobody works on it.
///
/// Kafka may call a transaction complete whose markers it lost in some partitions (``HangingTransaction``). Whatever
/// ends next under that transactional id decides about its records there, and what is behind them stays hidden until
/// then. So before anything is written or the ends are read for what they show, all that was there is waited for. What
/// does not move is dropped: after three seconds what workers have left whose sources we take over, and later than Kafka
/// itself would have ended it what another has that may live. Nothing is lost by that: ``SourceTails`` has it written
/// again.
struct OpenStretches {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32
    let transactionalID: String

    private static let patience: Int64 = 3000
    /// The time-out of transactions, 10 s, and half as much for Kafka to act on it.
    private static let foreignPatience: Int64 = 15_000

    /// Waits until all that stands in the partitions by now is committed or dropped.
    ///
    /// - Parameters:
    ///   - partitions: partitions of the journal and the dead letters.
    ///   - sources: source partitions whose offsets tell who wrote what hangs.
    ///   - gone: transactional ids of workers that write no more.
    ///   - all: reads what is uncommitted, too.
    ///   - stable: reads what is committed.
    /// - Returns: the partitions' visible ends, in their order.
    /// - Throws: `Setback` where something hung and was dropped, or where Kafka does not answer.
    func close(
        _ partitions: [TopicPartition],
        _ sources: [TopicPartition],
        _ gone: Set<String>,
        _ all: FetchConsumer,
        _ stable: FetchConsumer
    ) throws -> [PartitionOffsets] {
        let targets = try all.offsets(of: partitions, within: .seconds(10)).map { try $0.get().end }
        var starts = [Int64](repeating: -1, count: partitions.count)
        var movedAt = Ticker.now
        while true {
            let seen = try stable.offsets(of: partitions, within: .seconds(10)).map {
                try $0.get()
            }
            let open = partitions.indices.filter { seen[$0].end < targets[$0] }
            if open.isEmpty { return seen }
            if control.shouldStop { throw Setback.end(.stopped) }
            if open.contains(where: { starts[$0] != seen[$0].end }) { movedAt = Ticker.now }
            for place in open { starts[place] = seen[place].end }
            if Ticker.now - movedAt >= Self.patience {
                let stuck = open.map {
                    Stretch(partition: partitions[$0], start: starts[$0], end: targets[$0])
                }
                let owners = try owners(of: stuck, sources, all)
                let theirs = owners.intersection(gone.union([transactionalID]))
                // Where nobody knows whose it is, it may be ours.
                if !theirs.isEmpty || owners.isEmpty { try drop(stuck, theirs) }
                if Ticker.now - movedAt >= Self.foreignPatience { try drop(stuck, owners) }
                Ticker.sleep(milliseconds: 500)
            }
            Ticker.sleep(milliseconds: 50)
        }
    }

    /// Drops what stays open: under our own id, which writes nothing by now, and under those it seems to belong to.
    private func drop(
        _ stuck: [Stretch],
        _ owners: Set<String>
    ) throws(Setback) {
        let hanging = HangingTransaction(configuration: configuration, log: log)
        for id in owners.union([transactionalID]).sorted() {
            try hanging.dropIngest(id, stuck.map(\.partition))
        }
        throw .again("a transaction hung; it was ended")
    }

    /// The transactional ids beside the offsets of the sources whose records begin the stretches.
    private func owners(
        of stuck: [Stretch],
        _ sources: [TopicPartition],
        _ all: FetchConsumer
    ) throws -> Set<String> {
        var known: [TopicPartition: String] = [:]
        let committed = try Admin(configuration.kafka).committedOffsets(
            of: configuration.ingestGroup,
            sources,
            within: .seconds(5)
        )
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

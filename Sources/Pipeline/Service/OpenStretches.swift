internal import Kafka

/// What is written at the ends of some partitions and not yet committed or aborted.
///
/// Kafka may call a transaction complete whose markers it lost in some partitions (``HangingTransaction``). Whatever
/// ends next under that transactional id decides about its records there, and what is behind them stays hidden until
/// then. So before anything is written, or the ends are read for what they show, all that stands there is waited for.
struct OpenStretches {
    let control: ServiceControl

    /// Markers of a transaction that has ended arrive sooner, in milliseconds.
    private static let patience: Int64 = 3000

    /// Waits until all that stands in the partitions by now is committed or aborted.
    ///
    /// - Parameters:
    ///   - partitions: the partitions.
    ///   - all: reads what is uncommitted, too.
    ///   - stable: reads what is committed.
    ///   - isStuck: is told what has not moved for so many milliseconds, three seconds or more, twice a second; it may
    ///     end it and throw.
    /// - Returns: the partitions' visible bounds, in their order.
    /// - Throws: what `isStuck` throws, or where Kafka does not answer.
    func close(
        _ partitions: [TopicPartition],
        _ all: FetchConsumer,
        _ stable: FetchConsumer,
        whenStuck isStuck: (_ stretches: [Stretch], _ milliseconds: Int64) throws -> Void
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
            let waited = Ticker.now - movedAt
            if waited >= Self.patience {
                let stretches = open.map {
                    Stretch(partition: partitions[$0], start: starts[$0], end: targets[$0])
                }
                try isStuck(stretches, waited)
            }
            Ticker.sleep(milliseconds: waited >= Self.patience ? 500 : 50)
        }
    }
}

internal import Ingest
internal import Journal
internal import Kafka
internal import Metrics

/// What is counted about the source partitions of one ingest worker. Its thread tells; gauges are brought up to date each
/// second, counters with each transaction.
final class SourceInstruments {
    private let all: ServiceInstruments
    private let records: [String: Counter]
    private let letters: [Counter]
    private let committed: Counter
    private let suspect: Counter
    private let failed: Counter
    private let seconds: Histogram
    private var shown: Set<TopicPartition> = []

    init(_ all: ServiceInstruments, topics: [String]) {
        self.all = all
        records = Dictionary(topics.map { ($0, all.sourceRecords[$0]) }) { first, _ in first }
        letters = Rejection.Code.allCases.map { all.deadLetters[$0.rawValue] }
        committed = all.transactions["ingest", "committed"]
        suspect = all.transactions["ingest", "suspect"]
        failed = all.transactions["ingest", "failed"]
        seconds = all.transactionSeconds["ingest"]
    }

    /// A transaction was committed that began at `began` on the monotonic clock.
    func committed(_ copier: borrowing Copier, began: Int64) {
        committed.add()
        seconds.observe(Double(Ticker.now - began) / 1000)
        for (topic, count) in copier.copiedByTopic { records[topic]?.add(count) }
        for (place, count) in copier.lettersByCode.enumerated() { letters[place].add(count) }
    }

    /// A transaction was open and was not committed.
    func failedTransaction() { failed.add() }

    /// A transaction or a take-over failed.
    func setBack(_ reason: SetbackReason) { all.setbacks["ingest", reason.kind.rawValue].add() }

    /// Sets the gauges of all partitions.
    ///
    /// - Parameters:
    ///   - copier: what is copied.
    ///   - wall: the wall clock, in milliseconds since 1970.
    ///   - ends: the end of a partition as the last fetch told it.
    func refresh(_ copier: borrowing Copier, wall: Int64, ends: (TopicPartition) -> Int64?) {
        var owned: Set<TopicPartition> = []
        for source in copier.sources where source.isOwned {
            let (topic, number) = (source.partition.topic, "\(source.partition.partition)")
            owned.insert(source.partition)
            all.sourceOffset[topic, number].set(source.committed)
            let end = ends(source.partition)
            let lag = source.isAtEnd ? 0 : max(0, (end ?? source.next) - source.next)
            all.sourceLagRecords[topic, number].set(lag)
            let reached = source.metadata.reached
            if lag == 0 {
                all.sourceLagSeconds[topic, number].set(0)
            } else if reached != .distantPast {
                let age = wall - reached.microseconds / 1000
                all.sourceLagSeconds[topic, number].set(Double(max(0, age)) / 1000)
            }
        }
        for gone in shown.subtracting(owned) {
            for family in [all.sourceOffset, all.sourceLagRecords, all.sourceLagSeconds] {
                family.remove(gone.topic, "\(gone.partition)")
            }
        }
        shown = owned
        all.journalReady[].set(copier.isOpen ? 1 : 0)
        all.clockRefused[].set(copier.isClockRefused ? 1 : 0)
    }
}

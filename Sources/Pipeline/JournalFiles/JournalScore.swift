public import Engine

/// Folds journal files into the outputs that the service published from them: the proof that a journal gives the same
/// bytes to everybody.
///
/// Each output topic becomes one NDJSON file: the records of journal partition 0 in order, then those of 1, and so on,
/// each with a line feed.
public struct JournalScore: Sendable {
    /// What a fold did.
    public struct Report: Sendable {
        /// Records folded, by partition.
        public var records: [(partition: Int32, count: Int64)] = []
        /// Sums over all partitions.
        public var counts = MachineCounts()
        /// Output records by topic name.
        public var outputs: [(topic: String, count: Int64)] = []
    }

    let files: [String]
    let output: String

    /// A fold of files, in any order, into a folder that exists.
    public init(files: [String], output: String) {
        self.files = files
        self.output = output
    }

    /// Folds all files.
    public func run() throws(FileScoreFailure) -> Report {
        var report = Report()
        do throws(ReplayFailure) {
            let journal = try DumpedJournal(files)
            let writer: OfflineWriter
            do throws(FileFailure) {
                writer = try OfflineWriter(outputs: output, isWatched: false)
            } catch {
                throw ReplayFailure(error)
            }
            for extent in try journal.extents() {
                var fold = PartitionFold(
                    .state(of: extent.partition, before: nil),
                    from: nil,
                    to: nil
                )
                let take: PartitionFold.Take = { (machine, _) throws(ReplayFailure) in
                    writer.sendAll(&machine)
                    if let failure = writer.failure { throw ReplayFailure(failure) }
                }
                try journal.read(extent.partition, from: 0, below: extent.end) {
                    (records, offsets) throws(ReplayFailure) in
                    try fold.fold(records, offsets, take)
                    return true
                }
                try fold.finish(take)
                report.records.append((extent.partition, fold.machine.counts.records))
                report.counts.add(fold.machine.counts)
            }
            writer.finish()
            if let failure = writer.failure { throw ReplayFailure(failure) }
            report.outputs = writer.counts
        } catch {
            throw .file(FileFailure(error.description))
        }
        return report
    }
}

extension MachineCounts {
    /// Adds those of another partition.
    fileprivate mutating func add(_ other: MachineCounts) {
        records += other.records
        control += other.control
        applied += other.applied
        duplicates += other.duplicates
        encountersTooOld += other.encountersTooOld
        adjustmentsUnapproved += other.adjustmentsUnapproved
        dispositionsWithoutEffect += other.dispositionsWithoutEffect
        reversalsOfUnknownFills += other.reversalsOfUnknownFills
        claimsRejected += other.claimsRejected
        superseded += other.superseded
        for place in decisions.indices { decisions[place] += other.decisions[place] }
        for place in alertsOpened.indices { alertsOpened[place] += other.alertsOpened[place] }
    }
}

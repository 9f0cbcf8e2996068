internal import Journal
public import Kafka

/// Checks a journal, from files or from Kafka, and says all that is wrong with it.
///
/// Partitions are added one by one; what they must have in common is checked at the end.
///
///     var verification = JournalVerification(keeping: 20)
///     for path in paths { try verification.add(file: path) }
///     let report = try verification.finish()
public struct JournalVerification {
    /// What was found.
    public struct Report: Sendable {
        /// What one partition, or file, holds.
        public struct Part: Sendable {
            /// The file, or the topic.
            public var name: String
            public var partition: Int32
            public var records: Int64
            /// Records by kind, in the order of the kinds' codes.
            public var kinds: [(name: String, count: Int64)]
            public var sources: Int
            /// What the first record fixes, in words.
            public var genesis: String?
        }
        public var parts: [Part] = []
        public var problems: JournalProblems
        /// Source records whose hash is the one that the journal carries; nil where sources were not asked.
        public var sameHashes: Int64?
        /// Problems, notes apart.
        public var count: Int64 { problems.count }
    }

    private let limit: Int
    var checks: [JournalPartitionCheck] = []
    var problems: JournalProblems
    var topics: Set<String> = []
    /// Partition counts as files or the cluster state them.
    var statedCounts: [(name: String, count: Int32)] = []
    private var hashes: SourceHashes?
    private let progress: @Sendable (Int64) -> Void
    private var recordCount: Int64 = 0
    /// Whether every partition was read from its beginning to its end.
    var isWhole = true

    /// A verification of nothing so far.
    ///
    /// - Parameters:
    ///   - limit: how many problems of each kind are kept; all are counted.
    ///   - sources: reads source topics, where hashes are to be compared with them.
    ///   - progress: is told how many records were read.
    public init(
        keeping limit: Int,
        sources: TopicScan? = nil,
        progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) {
        self.limit = limit
        self.progress = progress
        problems = JournalProblems(keeping: limit)
        hashes = sources.map { SourceHashes($0) }
    }

    // MARK: files

    /// Checks a file that `journal dump` wrote.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - stretch: what to check; damage of the file is told wherever it is.
    /// - Throws: ``JournalVerificationFailure`` where it can't be read, or is no journal file.
    public mutating func add(
        file path: String,
        _ stretch: JournalStretch = JournalStretch()
    ) throws(JournalVerificationFailure) {
        var frames: JournalFrames
        do { frames = try JournalFrames(path) } catch { throw .file(error) }
        let header = frames.header
        topics.insert(header.topic)
        statedCounts.append((path, header.partitionCount))
        var check = JournalPartitionCheck(
            name: path,
            partition: header.partition,
            isFromBeginning: stretch.isFromBeginning,
            keeping: limit,
            keepsCommonRows: checks.isEmpty
        )
        check.partitionCount = header.partitionCount
        isWhole = isWhole && stretch == JournalStretch()
        var isAtEnd = false
        var passed: Int64 = 0
        while !isAtEnd {
            let step: JournalFrames.Step
            do { step = try frames.next() } catch { throw .file(error) }
            switch step {
            case .record:
                let time = Instant(milliseconds: frames.timestamp)
                let isOut =
                    check.recordCount == 0 && stretch.isBefore(offset: frames.offset, time: time)
                    || stretch.isBehind(offset: frames.offset, time: time)
                if isOut { passed += 1 } else { try take(frames, &check) }
            case .damage(let byte, let count):
                check.tell(
                    .fileDamaged,
                    "\(count) bytes are no frame with a right checksum",
                    at: frames.offset >= 0 ? frames.offset : nil,
                    byte: byte
                )
            case .end(let highWatermark, let count, let behind):
                checkEnd(&check, frames, highWatermark, count &- passed, behind)
                isAtEnd = true
            case .cutOff(let left):
                check.tell(
                    .fileCut,
                    left == 0
                        ? "it ends without the dump's last frame"
                        : "it ends within a frame of which \(left) bytes are there",
                    at: frames.offset >= 0 ? frames.offset : nil,
                    byte: frames.byte
                )
                isAtEnd = true
            }
        }
        checks.append(check)
    }

    private mutating func take(
        _ frames: borrowing JournalFrames,
        _ check: inout JournalPartitionCheck
    ) throws(JournalVerificationFailure) {
        // The record's bytes stand until the next step.
        let record = unsafe check.take(
            frames.record,
            offset: frames.offset,
            timestamp: frames.timestamp
        )
        try count(record, frames.offset, check)
    }

    private func checkEnd(
        _ check: inout JournalPartitionCheck,
        _ frames: borrowing JournalFrames,
        _ highWatermark: Int64,
        _ count: Int64,
        _ behind: Int64
    ) {
        if count != check.recordCount {
            check.tell(
                .fileCount,
                "the dump wrote \(count) records, \(check.recordCount) are there",
                at: nil,
                byte: frames.byte
            )
        }
        if frames.offset >= highWatermark {
            check.tell(
                .order,
                "it stands at or behind the partition's end, \(highWatermark)",
                at: frames.offset
            )
        }
        if behind > 0 {
            check.tell(
                .fileTail,
                "\(behind) bytes follow the dump's last frame",
                at: nil,
                byte: frames.byte - behind
            )
        }
    }

    private mutating func count(
        _ record: RecordView?,
        _ offset: Int64,
        _ check: JournalPartitionCheck
    ) throws(JournalVerificationFailure) {
        recordCount += 1
        if recordCount % 4096 == 0 { progress(recordCount) }
        guard let record else { return }
        if hashes?.expect(record, at: offset, in: check.name, check.partition) == true {
            try compareHashes()
        }
    }

    private mutating func compareHashes() throws(JournalVerificationFailure) {
        do throws(TopicScan.Failure) { try hashes?.compare(&problems) } catch {
            throw .scan(error)
        }
    }

    // MARK: the cluster

    /// Checks a stretch of a journal partition on Kafka.
    ///
    /// - Parameters:
    ///   - scan: reads it.
    ///   - partition: the partition.
    ///   - partitionCount: how many the topic has.
    ///   - stretch: what to check; its times are those at which records were written to the journal.
    /// - Throws: ``JournalVerificationFailure`` where Kafka can't be read.
    public mutating func add(
        _ scan: TopicScan,
        _ partition: TopicPartition,
        of partitionCount: Int32,
        _ stretch: JournalStretch = JournalStretch()
    ) throws(JournalVerificationFailure) {
        let bounds: PartitionOffsets
        do { bounds = try scan.bounds(of: [partition])[0] } catch { throw .scan(error) }
        let first = max(stretch.firstOffset, bounds.low)
        let last = min(stretch.endOffset ?? bounds.end, bounds.end)
        let isFromBeginning = stretch.isFromBeginning && bounds.low == 0
        isWhole = isWhole && isFromBeginning && stretch.end == nil
        topics.insert(partition.topic)
        statedCounts.append((partition.topic, partitionCount))
        var check = JournalPartitionCheck(
            name: partition.topic,
            partition: partition.partition,
            isFromBeginning: isFromBeginning,
            keeping: limit,
            keepsCommonRows: checks.isEmpty
        )
        check.partitionCount = partitionCount
        if bounds.low > 0 {
            check.tell(.trimmed, "it begins at offset \(bounds.low)", at: nil)
        }
        var failure: JournalVerificationFailure?
        do throws(TopicScan.Failure) {
            try scan.read([TopicScan.Range(partition, from: first, end: last)]) { (_, message) in
                let (offset, time) = (
                    message.offset, Instant(milliseconds: message.timestamp.milliseconds)
                )
                if check.recordCount == 0, stretch.isBefore(offset: offset, time: time) {
                    return true
                }
                if stretch.isBehind(offset: offset, time: time) { return false }
                do throws(JournalVerificationFailure) {
                    try take(message, &check)
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw .scan(error)
        }
        if let failure { throw failure }
        checks.append(check)
    }

    private mutating func take(
        _ message: borrowing Message,
        _ check: inout JournalPartitionCheck
    ) throws(JournalVerificationFailure) {
        let (offset, timestamp) = (message.offset, message.timestamp.milliseconds)
        // The bytes stand as long as the message, and the view is not used longer.
        let record = unsafe message.value.withUnsafeBytes { bytes in
            unsafe check.take(bytes, offset: offset, timestamp: timestamp)
        }
        if let record, let kind = record.kind {
            let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
            let wanted =
                kind.isEvent ? unsafe Array(record.bytes(record.eventHeader.entity)) : []
            if key != wanted {
                check.tell(.key, "its key is not that of a \(kind.name)", at: offset)
            }
        }
        try count(record, offset, check)
    }

    // MARK: all partitions together

    /// Checks what the partitions must have in common, and compares the last hashes.
    public mutating func finish() throws(JournalVerificationFailure) -> Report {
        try compareHashes()
        progress(recordCount)
        checkPartitions()
        checkAnnouncements()
        checkTicks()
        checkPublication()
        var report = Report(problems: problems)
        for check in checks {
            report.problems.add(check.problems)
            report.parts.append(Self.part(check))
        }
        report.sameHashes = hashes?.same
        return report
    }

    private static func part(_ check: JournalPartitionCheck) -> Report.Part {
        let genesis = check.genesis.map {
            "\($0.application), partition \($0.partition) of \($0.partitionCount), horizon \($0.horizonDays)"
                + " days, clock \($0.clock == .ticks ? "ticks" : "records")"
        }
        return Report.Part(
            name: check.name,
            partition: check.partition,
            records: check.recordCount,
            kinds: RecordKind.allCases.compactMap { kind in
                check.kindCounts[kind].map { (kind.name, $0) }
            },
            sources: check.sourceCount,
            genesis: genesis
        )
    }
}

/// Why a verification did not come to its end.
public enum JournalVerificationFailure: Error, Sendable {
    /// A file can't be read.
    case file(FileFailure)
    /// Kafka can't be read.
    case scan(TopicScan.Failure)
}

internal import Journal
internal import Kafka

/// Compares the hashes that journal records carry with the source records they were made from.
///
/// Records are collected some hundred thousand at a time; each source partition is then read over the stretch that they
/// name. A journal of N partitions so reads each source about N times, with bounded memory.
struct SourceHashes {
    private struct Expectation {
        var offset: Int64
        var digest: [UInt8]
        var journal: (name: String, partition: Int32, offset: Int64)
    }

    private let scan: TopicScan
    private var expected: [TopicPartition: [Expectation]] = [:]
    private var count = 0
    /// Records that were compared and are the same.
    private(set) var same: Int64 = 0

    static let limit = 300_000

    init(_ scan: TopicScan) { self.scan = scan }

    /// Remembers what an event's source must hash to; true where it is time to compare.
    mutating func expect(
        _ record: RecordView,
        at offset: Int64,
        in name: String,
        _ partition: Int32
    ) -> Bool {
        // A place that is none is told as such elsewhere.
        guard let kind = record.kind, kind.isEvent, !record.isFromFile, let digest = record.digest,
            record.source.partition >= 0, record.source.offset >= 0
        else { return false }
        let source = TopicPartition(record.sourceName, record.source.partition)
        expected[source, default: []].append(
            Expectation(
                offset: record.source.offset,
                digest: digest,
                journal: (name, partition, offset)
            )
        )
        count += 1
        return count >= Self.limit
    }

    /// Compares what was collected.
    mutating func compare(_ problems: inout JournalProblems) throws(TopicScan.Failure) {
        defer {
            expected = [:]
            count = 0
        }
        for (source, collected) in expected.sorted(by: { $0.key < $1.key }) {
            let wanted = collected.sorted { $0.offset < $1.offset }
            let bounds: PartitionOffsets
            do throws(TopicScan.Failure) {
                bounds = try scan.bounds(of: [source])[0]
            } catch {
                guard case .kafka(let refusal) = error, refusal.isUnknownTopicOrPartition else {
                    throw error
                }
                for one in wanted {
                    Self.tell(.sourceGone, "\(source) is not there any more", one, &problems)
                }
                continue
            }
            try compare(source, wanted, bounds, &problems)
        }
    }

    private mutating func compare(
        _ source: TopicPartition,
        _ wanted: [Expectation],
        _ bounds: PartitionOffsets,
        _ problems: inout JournalProblems
    ) throws(TopicScan.Failure) {
        var place = 0
        while place < wanted.count, wanted[place].offset < bounds.low {
            Self.tell(
                .sourceGone,
                "\(source) begins at offset \(bounds.low), its record \(wanted[place].offset) was deleted",
                wanted[place],
                &problems
            )
            place += 1
        }
        guard place < wanted.count, let last = wanted.last else { return }
        var found = problems
        var hash = [UInt8](repeating: 0, count: 32)
        var sameHere: Int64 = 0
        let range = TopicScan.Range(
            source,
            from: wanted[place].offset,
            end: min(last.offset, bounds.end - 1) + 1
        )
        try scan.read([range]) { (_, message) in
            let offset = message.offset
            while place < wanted.count, wanted[place].offset < offset {
                Self.tell(
                    .sourceMissing,
                    Self.missing(source, wanted[place]),
                    wanted[place],
                    &found
                )
                place += 1
            }
            guard place < wanted.count, wanted[place].offset == offset else { return true }
            // The span is used up while the message is there.
            unsafe message.value.withUnsafeBytes { unsafe SHA256.hash($0, into: &hash) }
            while place < wanted.count, wanted[place].offset == offset {
                if hash == wanted[place].digest {
                    sameHere += 1
                } else {
                    Self.tell(
                        .hashDiffers,
                        "\(source) offset \(offset) has the SHA-256 \(SHA256.hex(hash)), the journal says"
                            + " \(SHA256.hex(wanted[place].digest))",
                        wanted[place],
                        &found
                    )
                }
                place += 1
            }
            return true
        }
        for one in wanted[place...] {
            Self.tell(.sourceMissing, Self.missing(source, one), one, &found)
        }
        problems = found
        same += sameHere
    }

    private static func missing(_ source: TopicPartition, _ one: Expectation) -> String {
        "\(source) has no record at offset \(one.offset)"
    }

    private static func tell(
        _ kind: JournalProblem.Kind,
        _ message: String,
        _ one: Expectation,
        _ problems: inout JournalProblems
    ) {
        problems.add(
            JournalProblem(
                kind: kind,
                message: message,
                name: one.journal.name,
                partition: one.journal.partition,
                offset: one.journal.offset
            )
        )
    }
}

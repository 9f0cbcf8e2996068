/// One thing that is wrong with a journal, and where.
public struct JournalProblem: Sendable, Hashable {
    /// What is wrong. The raw value is the problem's name for programs.
    public enum Kind: String, Sendable, CaseIterable {
        case fileDamaged = "file_damaged"
        case fileCut = "file_cut"
        case fileCount = "file_count"
        case fileTail = "file_tail"
        case order = "order"
        case trimmed = "trimmed"
        case undecodable = "undecodable"
        case values = "values"
        case genesis = "genesis"
        case partitions = "partitions"
        case gap = "gap"
        case repeated = "repeated"
        case source = "source"
        case placement = "placement"
        case key = "key"
        case notReady = "not_ready"
        case timeBack = "time_back"
        case ticks = "ticks"
        case reference = "reference"
        case policy = "policy"
        case hashMissing = "hash_missing"
        case hashDiffers = "hash_differs"
        case sourceMissing = "source_missing"
        case implausibleTime = "implausible_time"
        case uneven = "uneven"
        case sourceGone = "source_gone"

        /// Whether it is only told: it does not make the journal a wrong one.
        public var isNote: Bool {
            switch self {
            case .implausibleTime, .uneven, .sourceGone: true
            case .fileDamaged, .fileCut, .fileCount, .fileTail, .order, .trimmed, .undecodable,
                .values, .genesis, .partitions, .gap, .repeated, .source, .placement, .key,
                .notReady, .timeBack, .ticks, .reference, .policy, .hashMissing, .hashDiffers,
                .sourceMissing:
                false
            }
        }

        /// What it means, and what to do.
        public var meaning: String {
            switch self {
            case .fileDamaged:
                "Bytes of the file changed after it was written. Dump the journal again."
            case .fileCut: "The file ends before the dump did. Dump the journal again."
            case .fileCount:
                "Whole records were taken out of the file or put into it. Dump the journal again."
            case .fileTail: "Something was written behind the dump's end. Dump the journal again."
            case .order: "Records stand in another order than on Kafka. Dump the journal again."
            case .trimmed:
                "Kafka deleted the beginning, so nothing can be folded any more. A journal is kept for ever"
                    + " (retention.ms=-1): restore it."
            case .undecodable:
                "No version of the monitor wrote these bytes, or a later one did. Nothing else may write to the journal."
            case .values:
                "The record can be read, but ingest writes no such value: it was changed, or something else wrote it."
            case .genesis:
                "The journal's first record fixes partitions and horizon; without exactly one, nothing can be folded."
            case .partitions:
                "Files or partitions do not belong together, or some are missing. Name all partitions of one journal."
            case .gap:
                "Records of a source are missing here: decisions lack facts. Restore the journal."
            case .repeated:
                "A source record was copied twice, or put in again. Score stops at it: restore the journal."
            case .source:
                "The journal does not know the source that a record or a tick names: time does not wait for it."
            case .placement:
                "An entity's records lie in two partitions, so neither fold sees all of its facts."
            case .key: "The record's key is not its entity: something else than ingest wrote it."
            case .notReady:
                "Events are scored only after reference rows and a policy: score stops at it."
            case .timeBack:
                "A source's progress went back: two processes told the same source's time."
            case .ticks:
                "Every partition gets the same ticks in one transaction: some were lost or added, and deadlines fire"
                    + " at other moments. Restore the journal."
            case .reference:
                "Reference rows are not those that were published. Score takes them as they are."
            case .policy: "The policy is none that this version reads: score stops at it."
            case .hashMissing: "Nothing proves which bytes the event was made from."
            case .hashDiffers:
                "The source record is not the one that was copied: the topic was made anew, or one of both was changed."
            case .sourceMissing:
                "There is no record where the journal says it copied one, though older ones are still there."
            case .implausibleTime:
                "A producer's clock is wrong. Graces do not depend on it; how late a record may be does."
            case .uneven:
                "Partitions were read at different moments while the service ran. Read them again to be sure."
            case .sourceGone:
                "Retention has deleted source records: their hashes cannot be compared any more."
            }
        }
    }

    public var kind: Kind
    /// What exactly, as a sentence without a place.
    public var message: String
    /// The file or topic.
    public var name: String
    /// The journal partition, where one is known.
    public var partition: Int32?
    /// The record's offset in it, or the last good one before the damage.
    public var offset: Int64?
    /// Byte of the file, for what is wrong with a file.
    public var byte: Int64?

    /// Where it is: `journal[3] offset 17`, `dump/journal-003.dmj byte 4096`.
    public var place: String {
        var text = name
        if let partition { text += "[\(partition)]" }
        if let offset { text += " offset \(offset)" }
        if let byte { text += " byte \(byte)" }
        return text
    }
}

/// Problems as they are found: all are counted, of each kind the first ones are kept.
public struct JournalProblems: Sendable {
    /// The first ones of each kind, in the order in which they were found.
    public private(set) var kept: [JournalProblem] = []
    private var counts: [Int64] = Array(repeating: 0, count: JournalProblem.Kind.allCases.count)
    private let limit: Int

    /// None so far; `limit` of each kind are kept.
    public init(keeping limit: Int) { self.limit = limit }

    private static func place(_ kind: JournalProblem.Kind) -> Int {
        guard let place = JournalProblem.Kind.allCases.firstIndex(of: kind) else {
            preconditionFailure("a kind is among all kinds")
        }
        return place
    }

    /// How many of a kind were found.
    public subscript(kind: JournalProblem.Kind) -> Int64 { counts[Self.place(kind)] }

    /// How many were found that are more than notes.
    public var count: Int64 {
        JournalProblem.Kind.allCases.filter { !$0.isNote }.reduce(0) { $0 + self[$1] }
    }

    /// Takes in one.
    public mutating func add(_ problem: JournalProblem) {
        let place = Self.place(problem.kind)
        counts[place] += 1
        if counts[place] <= limit { kept.append(problem) }
    }

    /// Takes in those of another list.
    mutating func add(_ others: JournalProblems) {
        for kind in JournalProblem.Kind.allCases {
            let place = Self.place(kind)
            for problem in others.kept where problem.kind == kind {
                counts[place] += 1
                if counts[place] <= limit { kept.append(problem) }
            }
            counts[place] += others[kind] - Int64(others.kept.count { $0.kind == kind })
        }
    }
}

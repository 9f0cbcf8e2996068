internal import Engine
public import Journal

/// What a replay is to do.
public struct ReplayOptions: Sendable {
    /// Where the journal is.
    public enum Journal: Sendable {
        /// Files that "journal dump" wrote, of one journal.
        case files([String])
        /// The journal of the cluster that ``ReplayOptions/service`` names.
        case cluster
    }

    /// Which policy is in force in place of the journal's own.
    public enum OtherPolicy: Sendable {
        /// These versions.
        case versions([Policy])
        /// The version of the journal that has this name, and no other.
        case named(String)
    }

    /// Where published outputs are, to be held against the replay's.
    public enum Published: Sendable {
        /// A folder of NDJSON files, one a topic.
        case folder(String)
        /// The output topics of the cluster.
        case cluster
    }

    /// Where the replay's outputs go.
    public enum Target: Sendable {
        /// Nowhere: they are compared, counted and forgotten.
        case nowhere
        /// To NDJSON files in a folder that exists.
        case folder(String)
        /// To topics of the cluster whose names have this prefix and are no live ones.
        case topics(prefix: String)
    }

    public var journal: Journal
    /// The cluster's names and connection; nil where nothing is asked of a cluster.
    public var service: ServiceConfiguration?
    /// Where the range begins; nil at the journal's beginning.
    public var from: ReplayBound?
    /// Where the range ends; nil at the journal's end.
    public var to: ReplayBound?
    /// Partitions to replay; none means all.
    public var partitions: [Int32] = []
    /// Covered entities whose outputs are wanted; none means all. The whole partition is folded all the same.
    public var entities: Set<String> = []
    /// Another policy; nil for a replay of what happened.
    public var policy: OtherPolicy?
    /// What is compared; nil for nothing.
    public var published: Published?
    /// Where outputs go.
    public var target = Target.nowhere
    /// Ends the replay where it is.
    public var stop: StopFlag
    /// Called now and then, on the thread that folds.
    public var progress: (@Sendable (ReplayProgress) -> Void)?

    /// A replay of a whole journal.
    public init(journal: Journal, service: ServiceConfiguration? = nil, stop: StopFlag = StopFlag())
    {
        self.journal = journal
        self.service = service
        self.stop = stop
    }
}

/// How far a replay is.
public struct ReplayProgress: Sendable {
    /// Records folded in all partitions.
    public var records: Int64
    /// Records there are, as far as is known.
    public var total: Int64
    /// The partition in hand.
    public var partition: Int32
    /// Monitor time reached in it.
    public var monitorTime: Instant?
}

/// What a replay is going to do, before it does it.
public struct ReplayPlan: Sendable {
    /// One journal partition.
    public struct Part: Sendable {
        /// Where it begins and ends.
        public var extent: JournalExtent
        /// Offsets below it are folded.
        public var end: Int64
        /// Up to this offset everything was published; nil where nothing is compared, or nobody says.
        public var published: Int64?
        /// What retention has taken from an output topic: its name, and the offset at which it begins now.
        public var taken: [(topic: String, low: Int64)] = []
    }

    /// Where the journal is, for people.
    public var journal: String
    /// Where published outputs are, for people; nil where nothing is compared.
    public var publishedName: String?
    public var parts: [Part] = []
    /// Records to fold: of a cluster at most so many, since markers of transactions have offsets, too.
    public var records: Int64 = 0
    /// Their bytes; of a cluster guessed from the first of them.
    public var bytes: Int64 = 0
    /// Seconds it may take, guessed from the first records.
    public var seconds: Double = 0
    /// The versions of another policy; nil where the journal's own are in force.
    public var policies: [Policy]?
    /// `horizon_days`, which the journal's first record fixes.
    public var horizonDays: Int32 = 0
}

/// What a replay did.
public struct ReplayReport: Sendable {
    /// Records folded.
    public var records: Int64 = 0
    /// Records of the range.
    public var rangeRecords: Int64 = 0
    /// Output records of the range by topic name.
    public var outputs: [(topic: String, count: Int64)] = OutputTopic.allCases.map { ($0.name, 0) }
    /// What was compared; nil where nothing was.
    public var verification: VerificationReport?
    /// Another policy beside the one that was in force; nil where there is none.
    public var verdicts: VerdictDiff?
    /// It was stopped before its end: started again with the same arguments it goes on.
    public var isInterrupted = false
    /// It had been done before: nothing was left to do.
    public var wasDone = false
}

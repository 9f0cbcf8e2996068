public import Ingest
public import Kafka

/// Everything the service needs to know, read once.
///
///     var configuration = ServiceConfiguration(kafka: ClientSettings(bootstrap: "kafka-1:9092"))
///     configuration.topics.prefix = "340b."
///     let end = Service(configuration).run(until: stop)
public struct ServiceConfiguration: Sendable {
    /// What a process does.
    public enum Role: String, Sendable, CaseIterable {
        /// Source topics → journal and dead letters.
        case ingest
        /// Journal → decisions, alerts, accumulators, replenishments.
        case score
    }

    /// Where a source partition begins that was never copied from.
    public enum SourceStart: String, Sendable, CaseIterable {
        /// At its oldest record.
        case earliest
        /// Behind its newest record.
        case latest
    }

    /// What the time is at the end of a source partition (SEMANTICS 1).
    public enum Clock: String, Sendable, CaseIterable {
        /// The wall's.
        case wall
        /// The newest record's time plus the time passed since: for histories and the demonstration.
        case records
    }

    /// Names of topics; ``prefix`` stands before every one of them.
    public struct Topics: Sendable {
        /// Topics of source events. A record says its type itself, so any topic may hold any type.
        public var sources = ["encounters", "dispenses", "claims", "purchases", "dispositions"]
        /// Reference rows (``ReferenceTopic``), one partition.
        public var reference = "reference"
        /// Versions of the policy, one partition.
        public var policy = "policy"
        /// The journal.
        public var journal = "journal"
        /// Records that could not be used, any number of partitions.
        public var deadLetters = "dead-letters"
        /// The outputs, each with as many partitions as the journal.
        public var decisions = "decisions"
        public var alerts = "alerts"
        public var accumulators = "accumulators"
        public var replenishments = "replenishments"
        /// Snapshots of the state, as many partitions as the journal.
        public var snapshots = "snapshots"
        /// What stands before every name.
        public var prefix = ""

        /// The default names.
        public init() {}
    }

    /// Name of this installation: the prefix of its consumer groups and transactional identifiers, and the name in the
    /// journal's first record. Two services of one name share the work; two names need two journals.
    public var application = "diversion-monitor"
    /// Name of a further set of outputs of the same journal: the prefix of the score group and its transactional
    /// identifiers; nil is ``application``. A version of the program that decides otherwise publishes under a name of its
    /// own, into topics of its own, beside what the version before it has published.
    public var scoreApplication: String?
    /// Addresses, security and whatever else librdkafka is to be told.
    public var kafka: ClientSettings
    /// Settings for consumers only, over ``kafka``.
    public var consumers = ClientSettings()
    /// Settings for producers only, over ``kafka``.
    public var producers = ClientSettings()
    /// Names of topics.
    public var topics = Topics()
    /// What this process does.
    public var roles: Set<Role> = Set(Role.allCases)
    /// Where unregistered source partitions begin.
    public var sourcesStart = SourceStart.earliest
    /// How time goes on at the end of a source partition.
    public var clock = Clock.wall
    /// A worker's own name: it then keeps its partitions over a restart without a rebalance, and its restart ends at
    /// once what it left open. No two running processes may have the same.
    public var instance: String?
    /// Whether it folds the journal partitions of other workers too, silently, so that it can take them over at once.
    public var isStandby = false
    /// How long a transaction waits for more records, in milliseconds.
    public var collectMilliseconds = 10
    /// Most records of one transaction while there is a backlog.
    public var transactionRecords = 50_000
    /// How many journal records of a partition lie between two snapshots of its state; 0 for no such limit.
    public var snapshotRecords: Int64 = 2_000_000
    /// How much time lies between two snapshots of a partition's state, in seconds; 0 for no such limit. Without either
    /// limit there are none, and a restart folds the journal from its beginning.
    public var snapshotSeconds = 900
    /// How far the time of a source record may lie ahead of the wall clock, in seconds; what lies further ahead counts
    /// as recorded now plus this.
    public var allowedSkewSeconds = 300
    /// How long to try again while Kafka can't be reached or refuses, in seconds; then the service ends with status 75.
    public var patienceSeconds = 120
    /// Gives patients their tokens.
    public var tokenizer: Tokenizer
    /// Called each second as long as no thread of the service hangs.
    public var heartbeat: (@Sendable () -> Void)?
    /// The program's version, for the metrics.
    public var version = ""
    /// Takes what the service has to say; called from several threads.
    public var log: ServiceLog.Sink?
    /// The least serious lines that ``log`` is given.
    public var logLevel = ServiceLog.Level.info
    /// Whether ``log`` is given librdkafka's own warnings and errors too, as role `kafka`.
    public var logsKafka = false

    /// The defaults for a cluster.
    public init(kafka: ClientSettings, tokenizer: Tokenizer) {
        self.kafka = kafka
        self.tokenizer = tokenizer
    }
}

extension ServiceConfiguration {
    var ingestGroup: String { application + ".ingest" }
    var scoreGroup: String { (scoreApplication ?? application) + ".score" }

    private func name(_ topic: String) -> String { topics.prefix + topic }
    var sourceTopics: [String] { topics.sources.map(name) }
    var referenceTopic: String { name(topics.reference) }
    var policyTopic: String { name(topics.policy) }
    /// Source partitions beside those of events.
    var singleSources: [TopicPartition] {
        [TopicPartition(referenceTopic, 0), TopicPartition(policyTopic, 0)]
    }
    var journalTopic: String { name(topics.journal) }
    var deadLetterTopic: String { name(topics.deadLetters) }
    /// In the order of `OutputTopic`.
    var outputTopics: [String] {
        [topics.decisions, topics.alerts, topics.accumulators, topics.replenishments].map(name)
    }

    var snapshotTopic: String { name(topics.snapshots) }
    var hasSnapshots: Bool { snapshotRecords > 0 || snapshotSeconds > 0 }

    /// The settings of a consumer.
    var consumerSettings: ClientSettings { merged(consumers) }
    /// The settings of a producer.
    var producerSettings: ClientSettings { merged(producers) }

    private func merged(_ more: ClientSettings) -> ClientSettings {
        var settings = kafka
        for entry in more.entries { settings[entry.name] = entry.value }
        return settings
    }
}

/// The topics as they are shipped: what the files in `topics/` say. A test holds that both agree.
extension TopicDefinition {
    static let shipped: [TopicDefinition] = sources + between + outputs

    /// The largest record: 1 MiB of source bytes are 1.4 MB as base64 in a dead letter.
    private static let largest = Entry(name: "max.message.bytes", value: "2097152")
    private static let forever = Entry(name: "retention.ms", value: "-1")
    private static let compacted = Entry(name: "cleanup.policy", value: "compact")
    /// Six years and a leap day: 45 CFR 164.316(b)(2).
    private static let sixYears = Entry(name: "retention.ms", value: "189388800000")

    private static func days(_ count: Int64) -> Entry {
        Entry(name: "retention.ms", value: "\(count * 86_400_000)")
    }

    private static let entity = "the covered entity's 340B ID"

    private static let sources: [TopicDefinition] = [
        source(.encounters, "Visits and stays, as the EHR tells them (ADT).", by: "EHR interface"),
        source(
            .dispenses,
            "Drugs that left a pharmacy's stock or came back.",
            by: "pharmacy systems"
        ),
        source(.claims, "Adjudicated NCPDP transactions.", by: "TPA or switch"),
        source(.purchases, "Invoice lines of wholesalers (X12 810).", by: "wholesaler feed"),
        source(
            .dispositions,
            "What people decide about alerts and replenishments, and adjustments of accumulators.",
            by: "console"
        ),
    ]

    private static func source(
        _ role: TopicRole,
        _ doc: String,
        by writer: String
    ) -> TopicDefinition {
        TopicDefinition(
            role: role,
            doc: doc + " Any key and any number of partitions will do. Holds patient identifiers in"
                + " the clear. A record's timestamp is when it was recorded; evidence names records"
                + " by topic, partition and offset, so they are kept for the time a reviewer may ask.",
            key: "any",
            value: "one JSON object, an event of the contract",
            partitions: .count(6),
            replication: nil,
            configuration: [largest, days(400)],
            writtenBy: [writer],
            readBy: ["ingest"]
        )
    }

    private static let between: [TopicDefinition] = [
        TopicDefinition(
            role: .reference,
            doc: "Rows of the reference tables. A row with the same key replaces the one before, a"
                + " null value withdraws it; rows take effect with the record that completes their"
                + " publication.",
            key: "the table and the row's key",
            value: "one row",
            partitions: .count(1),
            replication: nil,
            configuration: [compacted, largest],
            writtenBy: ["reference publish"],
            readBy: ["ingest"]
        ),
        TopicDefinition(
            role: .policy,
            doc: "Versions of the policy. All are kept: decisions name the version they used.",
            key: "the version's name",
            value: "the version, every value of it",
            partitions: .count(1),
            replication: nil,
            configuration: [forever, largest],
            writtenBy: ["policy publish"],
            readBy: ["ingest"]
        ),
        TopicDefinition(
            role: .journal,
            doc: "Everything that can change a decision, in one order for each entity: state is the"
                + " fold of it. Never trimmed and never given more partitions; the number is fixed by"
                + " its first record. Holds tokens, no patient identifiers. Record time is the"
                + " broker's: the time that counts is inside the record.",
            key: entity,
            value: "binary record of the Journal module",
            partitions: .count(6),
            replication: nil,
            configuration: [
                forever, largest, Entry(name: "message.timestamp.type", value: "LogAppendTime"),
            ],
            writtenBy: ["ingest"],
            readBy: ["score", "auditor"]
        ),
        TopicDefinition(
            role: .snapshots,
            doc: "State of the engine at journal offsets, which shortens a restart. It may be lost:"
                + " the journal makes it again.",
            key: "partition, slot and piece",
            value: "compressed piece of a snapshot",
            partitions: .journal,
            replication: nil,
            configuration: [
                compacted, largest, Entry(name: "min.cleanable.dirty.ratio", value: "0.1"),
                // What is not closed is not compacted: a gigabyte of old states otherwise.
                Entry(name: "segment.bytes", value: "134217728"),
            ],
            writtenBy: ["score"],
            readBy: ["score"]
        ),
    ]

    private static let outputs: [TopicDefinition] = [
        output(.decisions, "What each fill is, whenever that changes.", ["console", "auditor"]),
        output(
            .alerts,
            "Exceptions that open, change and resolve.",
            ["console", "notify", "auditor"]
        ),
        output(
            .accumulators,
            "Increments and decrements of the accumulators; a balance is their sum.",
            ["TPA", "console", "auditor"]
        ),
        output(.replenishments, "Whole packages that are due.", ["TPA", "console", "auditor"]),
        TopicDefinition(
            role: .deadLetters,
            doc:
                "Source records that could not be used, with the reason and the original bytes, and"
                + " so with patient identifiers in the clear; and, of the code redriven, that one was"
                + " sent again.",
            key: entity + ", where it could be read",
            value: "one JSON object",
            partitions: .journal,
            replication: nil,
            configuration: [days(90), largest],
            writtenBy: ["ingest", "dead-letters redrive"],
            readBy: ["interface team"]
        ),
    ]

    private static func output(
        _ role: TopicRole,
        _ doc: String,
        _ readers: [String]
    ) -> TopicDefinition {
        TopicDefinition(
            role: role,
            doc: doc + " Kept for the six years that 45 CFR 164.316(b)(2) asks for.",
            key: entity,
            value: "one JSON object",
            partitions: .journal,
            replication: nil,
            configuration: [sixYears, largest],
            writtenBy: ["score"],
            readBy: readers
        )
    }
}

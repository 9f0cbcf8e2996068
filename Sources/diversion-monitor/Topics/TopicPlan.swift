internal import Kafka

/// The difference between the topics as code and those of a cluster.
struct TopicPlan: Sendable {
    /// A topic that is not there.
    struct Creation: Sendable {
        let name: String
        let partitions: Int32
        let replication: Int32?
        let configuration: [TopicDefinition.Entry]
    }

    /// A topic whose settings differ.
    struct Change: Sendable {
        let name: String
        /// What is to be another value: name, value now, value wanted.
        let differences: [(name: String, now: String, wanted: String)]
        /// All overrides as they are to be: also those that we know nothing about.
        let overrides: [(name: String, value: String)]
    }

    /// Something that is left alone, and why.
    struct Note: Sendable {
        let name: String
        let message: String
        /// Whether the monitor cannot run like this.
        let isConflict: Bool
    }

    private(set) var creations: [Creation] = []
    private(set) var changes: [Change] = []
    private(set) var notes: [Note] = []
    /// Topics that are as they should be.
    private(set) var unchanged: [String] = []

    var isEmpty: Bool { creations.isEmpty && changes.isEmpty }
    var hasConflict: Bool { notes.contains(where: \.isConflict) }

    /// What a cluster shows of a topic.
    struct Present: Sendable {
        let partitions: Int32
        let settings: [TopicSetting]
    }

    /// Compares.
    ///
    /// - Parameters:
    ///   - definitions: The topics as code.
    ///   - names: The cluster's names for a role.
    ///   - present: The topics that are there.
    init(
        _ definitions: [TopicDefinition],
        names: (TopicRole) -> [String],
        present: [String: Present]
    ) {
        let journal = definitions.first { $0.role == .journal }
        let journalName = names(.journal).first ?? TopicRole.journal.name
        var journalPartitions: Int32 = 1
        if let journal, case .count(let count) = journal.partitions { journalPartitions = count }
        // Entities live in the journal's partitions: what is there counts, not what was planned.
        if let there = present[journalName] { journalPartitions = there.partitions }

        for definition in definitions {
            let follows = definition.partitions == .journal
            let wanted: Int32 =
                switch definition.partitions {
                case .count(let count): count
                case .journal: journalPartitions
                }
            for name in names(definition.role) {
                guard let there = present[name] else {
                    creations.append(
                        Creation(
                            name: name,
                            partitions: wanted,
                            replication: definition.replication,
                            configuration: definition.configuration
                        )
                    )
                    continue
                }
                if there.partitions != wanted {
                    note(name, there.partitions, wanted, follows, definition.role)
                }
                compare(name, there, definition.configuration)
            }
        }
    }

    private mutating func note(
        _ name: String,
        _ count: Int32,
        _ wanted: Int32,
        _ follows: Bool,
        _ role: TopicRole
    ) {
        if follows {
            notes.append(
                Note(
                    name: name,
                    message:
                        "it has \(count) partitions, the journal \(wanted). Outputs need as many:"
                        + " give it another name in the settings, or delete it by hand if it holds"
                        + " nothing.",
                    isConflict: true
                )
            )
        } else {
            let reason =
                role == .journal
                ? "entities live in its partitions" : "its records keep their places"
            notes.append(
                Note(
                    name: name,
                    message: "it has \(count) partitions where the file says \(wanted);"
                        + " left alone, since \(reason).",
                    isConflict: false
                )
            )
        }
    }

    private mutating func compare(
        _ name: String,
        _ there: Present,
        _ wanted: [TopicDefinition.Entry]
    ) {
        var differences: [(name: String, now: String, wanted: String)] = []
        let hidden = there.settings.first { $0.source == .topic && $0.value == nil }
        for entry in wanted {
            guard let setting = there.settings.first(where: { $0.name == entry.name }) else {
                notes.append(
                    Note(
                        name: name,
                        message: "this broker does not know \(entry.name); left out.",
                        isConflict: false
                    )
                )
                continue
            }
            let now = setting.value ?? "(hidden)"
            if now == entry.value { continue }
            if let loss = Self.loss(entry, now) {
                notes.append(
                    Note(
                        name: name,
                        message: "\(entry.name) is \(now), not \(entry.value); left alone, since"
                            + " \(loss). Change it with Kafka's own tools if that is meant.",
                        isConflict: false
                    )
                )
                continue
            }
            differences.append((entry.name, now, entry.value))
        }
        guard !differences.isEmpty else { return unchanged.append(name) }
        if let hidden {
            // The request replaces all overrides, and a value that is not shown cannot be repeated.
            notes.append(
                Note(
                    name: name,
                    message:
                        "its settings are left alone: \(hidden.name) is set and hidden, and would"
                        + " be lost. Change them with Kafka's own tools.",
                    isConflict: false
                )
            )
            return
        }
        var overrides = there.settings.filter { $0.source == .topic && !$0.isReadOnly }.compactMap {
            setting in setting.value.map { (name: setting.name, value: $0) }
        }
        for difference in differences {
            overrides.removeAll { $0.name == difference.name }
            overrides.append((difference.name, difference.wanted))
        }
        changes.append(
            Change(
                name: name,
                differences: differences,
                overrides: overrides.sorted { $0.name < $1.name }
            )
        )
    }

    /// Why a change would delete records, nil where it would not.
    private static func loss(_ entry: TopicDefinition.Entry, _ now: String) -> String? {
        switch entry.name {
        case "retention.ms", "retention.bytes", "delete.retention.ms":
            guard let wanted = Int64(entry.value), let present = Int64(now), wanted >= 0 else {
                return nil
            }
            return present < 0 || wanted < present ? "records would be deleted" : nil
        case "max.message.bytes":
            guard let wanted = Int64(entry.value), let present = Int64(now) else { return nil }
            return wanted < present ? "larger records may be on their way" : nil
        case "cleanup.policy":
            return "records would be deleted"
        default: return nil
        }
    }
}

// MARK: - With a cluster

extension TopicPlan {
    /// Compares with what a cluster has.
    init(
        _ definitions: [TopicDefinition],
        names: (TopicRole) -> [String],
        on admin: Admin
    ) throws(KafkaError) {
        let cluster = try admin.describeCluster(within: .seconds(10))
        var present: [String: Present] = [:]
        for name in definitions.flatMap({ names($0.role) }) {
            guard let topic = cluster.topics.first(where: { $0.name == name }) else { continue }
            if let error = topic.error, !error.isUnknownTopicOrPartition { throw error }
            present[name] = Present(
                partitions: Int32(topic.partitions.count),
                settings: try admin.describeSettings(of: name, within: .seconds(10))
            )
        }
        self.init(definitions, names: names, present: present)
    }

    /// Makes what is missing and changes what differs, telling each; nothing is ever deleted.
    func apply(on admin: Admin, telling tell: (String) -> Void) throws(KafkaError) {
        let results = try admin.createTopics(
            creations.map { creation in
                NewTopic(
                    creation.name,
                    partitions: creation.partitions,
                    replication: creation.replication ?? -1,
                    configuration: creation.configuration.map { ($0.name, $0.value) }
                )
            },
            within: .seconds(30)
        )
        for result in results {
            if let error = result.error, !error.isAlreadyExisting { throw error }
            tell("created \(result.name)")
        }
        for change in changes {
            try admin.replaceSettings(of: change.name, by: change.overrides, within: .seconds(30))
            tell("changed \(change.name)")
        }
        try waitUntilShown(on: admin)
    }

    /// A broker may answer before it knows what the controller has decided; who asks next must not
    /// be told of the time before.
    private func waitUntilShown(on admin: Admin) throws(KafkaError) {
        let end = ContinuousClock.now + .seconds(10)
        for creation in creations {
            while ContinuousClock.now < end {
                let topic = try? admin.describeTopic(creation.name, within: .seconds(5))
                if let topic, topic.error == nil, !topic.partitions.isEmpty { break }
                Interruption.sleep(.milliseconds(50))
            }
        }
        for change in changes {
            while ContinuousClock.now < end {
                let settings = try admin.describeSettings(of: change.name, within: .seconds(5))
                let isShown = change.differences.allSatisfy { difference in
                    settings.contains {
                        $0.name == difference.name && $0.value == difference.wanted
                    }
                }
                if isShown { break }
                Interruption.sleep(.milliseconds(50))
            }
        }
    }
}

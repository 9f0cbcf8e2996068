internal import CommandLineKit
internal import Kafka
internal import YAML

/// `topics`: the topics as code.
enum TopicsCommand {
    static let command = Command(
        "topics",
        "The topics as code: show, compare and apply",
        discussion: """
            What each topic is for, its key, partitions, retention and who writes and reads it \
            stands in one file a topic. The files are compiled in; --topics takes those of a folder \
            instead, which "topics init" writes.

            A plan never deletes a topic, takes partitions away or shortens a retention: what would \
            lose records is told and left alone. Settings of a topic that no file names are kept.
            """,
        subcommands: [list, plan, apply, initialise]
    )

    private static let folder = Option.value(
        "topics",
        .directory,
        "The folder of topic files; without it those that are compiled in"
    )
    private static let partitions = Option.value(
        "partitions",
        .integer(1...1000),
        "Partitions of a new journal and of what follows it, instead of what its file says"
    )
    private static let connection =
        [folder, partitions] + MonitorSettings.options(.kafka, .topics)

    private static let list = Command(
        "list",
        "Show the topics as code",
        options: [folder, partitions] + MonitorSettings.options(.topics)
    ) { invocation in
        let settings = try MonitorSettings(invocation, .topics)
        let output = invocation.terminal.output
        for definition in try definitions(invocation) {
            let partitions =
                switch definition.partitions {
                case .count(let count): count == 1 ? "1 partition" : "\(count) partitions"
                case .journal: "as many partitions as the journal"
                }
            let configuration = definition.configuration.map { "\($0.name)=\($0.value)" }
            for name in settings.names(of: definition.role) {
                output.print(output.styled(name, .bold) + ": \(definition.doc)")
                output.print("  key         \(definition.key)")
                output.print("  value       \(definition.value)")
                output.print("  partitions  \(partitions)")
                output.print("  settings    \(configuration.joined(separator: " "))")
                output.print("  written by  \(definition.writtenBy.joined(separator: ", "))")
                output.print("  read by     \(definition.readBy.joined(separator: ", "))")
            }
        }
        return .success
    }

    private static let plan = Command(
        "plan",
        "Show the difference to the cluster",
        options: connection,
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [Example("Before a deployment", "diversion-monitor topics plan -c monitor.yaml")],
        exitStatuses: [.pendingChanges, .tryAgain]
    ) { invocation in
        let (plan, _) = try compare(invocation)
        show(plan, on: invocation.terminal)
        if plan.hasConflict { return .failure }
        return plan.isEmpty ? .success : .pendingChanges
    }

    private static let apply = Command(
        "apply",
        "Make missing topics and change settings that differ",
        options: connection,
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "Set up a new cluster with 12 partitions",
                "diversion-monitor topics apply -c monitor.yaml --partitions 12"
            )
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let (plan, admin) = try compare(invocation)
        show(plan, on: invocation.terminal)
        do throws(KafkaError) {
            try plan.apply(on: admin) { invocation.terminal.output.print($0) }
        } catch {
            throw CommandFailure(kafka: error)
        }
        return plan.hasConflict ? .failure : .success
    }

    private static let initialise = Command(
        "init",
        "Write the topic files, to change them",
        arguments: [.required("FOLDER", .directory, "Where to write; it is made if it is missing")],
        options: [.flag("force", "Overwrite files that are there")]
    ) { invocation in
        let folder = invocation.string("FOLDER")
        try Files.makeFolder(folder)
        for definition in TopicDefinition.shipped {
            let path = Files.path(folder, definition.fileName)
            try Files.write(definition.text, to: path, replacing: invocation.flag("force"))
            invocation.terminal.output.print("wrote \(path)")
        }
        return .success
    }

    /// The topics of the files, or those compiled in.
    static func definitions(_ invocation: Invocation) throws(CommandFailure) -> [TopicDefinition] {
        var definitions = TopicDefinition.shipped
        if let folder = invocation.stringIfGiven("topics") { definitions = try read(folder) }
        guard let count = invocation.integerIfGiven("partitions") else { return definitions }
        return definitions.map { $0.role == .journal ? $0.with(partitions: Int32(count)) : $0 }
    }

    private static func read(_ folder: String) throws(CommandFailure) -> [TopicDefinition] {
        var found: [TopicDefinition] = []
        var problems: [String] = []
        for name in try Files.names(in: folder, to: "the topic files in")
        where name.hasSuffix(".yaml") {
            let path = Files.path(folder, name)
            do {
                let definition = try TopicDefinition.read(try Files.read(path), file: path)
                if found.contains(where: { $0.role == definition.role }) {
                    problems.append("\(path): \(definition.role.name) has two files. Delete one.")
                }
                found.append(definition)
            } catch {
                problems.append("\(error)")
            }
        }
        let missing = TopicRole.allCases.filter { role in !found.contains { $0.role == role } }
        if !missing.isEmpty, problems.isEmpty {
            problems.append(
                "no file names \(missing.map(\.name).joined(separator: ", ")). Write it with"
                    + " \"diversion-monitor topics init\"."
            )
        }
        guard problems.isEmpty else {
            throw CommandFailure(
                "could not use the topic files in \(folder):\n"
                    + problems.map { "  \($0)" }.joined(separator: "\n"),
                status: .configuration
            )
        }
        return TopicRole.allCases.compactMap { role in found.first { $0.role == role } }
    }

    private static func compare(
        _ invocation: Invocation
    ) throws(CommandFailure) -> (TopicPlan, Admin) {
        let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
        let definitions = try definitions(invocation)
        do throws(KafkaError) {
            let admin = try Admin(settings.client())
            return (try TopicPlan(definitions, names: settings.names, on: admin), admin)
        } catch {
            throw CommandFailure(kafka: error)
        }
    }

    private static func show(_ plan: TopicPlan, on terminal: Terminal) {
        let output = terminal.output
        for creation in plan.creations {
            let configuration = creation.configuration.map { " \($0.name)=\($0.value)" }.joined()
            output.print(
                output.styled("+ create", .green) + " \(creation.name): \(creation.partitions)"
                    + " partition\(creation.partitions == 1 ? "" : "s"), replication"
                    + " \(creation.replication.map { "\($0)" } ?? "of the cluster"),\(configuration)"
            )
        }
        for change in plan.changes {
            let words = change.differences.map { "\($0.name) \($0.now) → \($0.wanted)" }
            output.print(
                output.styled("~ change", .yellow)
                    + " \(change.name): \(words.joined(separator: ", "))"
            )
        }
        for note in plan.notes {
            let label = note.isConflict ? output.styled("! wrong ", .red) : "= keep  "
            output.print("\(label) \(note.name): \(note.message)")
        }
        let count = plan.creations.count + plan.changes.count
        terminal.errors.print(
            "\(count) to change, \(plan.unchanged.count) as they should be"
                + (plan.hasConflict ? ", some wrong" : "")
        )
    }
}

extension TopicDefinition {
    fileprivate func with(partitions count: Int32) -> TopicDefinition {
        TopicDefinition(
            role: role,
            doc: doc,
            key: key,
            value: value,
            partitions: .count(count),
            replication: replication,
            configuration: configuration,
            writtenBy: writtenBy,
            readBy: readBy
        )
    }
}

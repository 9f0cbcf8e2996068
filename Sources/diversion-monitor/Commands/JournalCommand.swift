internal import CommandLineKit
internal import Kafka
internal import Pipeline
internal import Wording

/// `journal`: the record of everything that was read.
enum JournalCommand {
    static let command = Command(
        "journal",
        "Keep, read and prove the journal",
        subcommands: [dump, JournalInspectCommand.command, JournalVerifyCommand.command]
    )

    private static let dump = Command(
        "dump",
        "Write journal partitions to files, with their offsets",
        discussion: """
            Writes everything that is committed now, one file a partition. "score --journal" folds \
            the files into the outputs that the service published from them, byte for byte.
            """,
        options: [
            .value(
                "output",
                .directory,
                short: "o",
                isRequired: true,
                "The folder to write to; it is made if it is missing"
            ),
            .value(
                "partition",
                .integer(0...999),
                repeated: true,
                "Only this partition"
            ),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "Keep the journal and fold it",
                "diversion-monitor journal dump -c monitor.yaml -o dump &&"
                    + " diversion-monitor score --journal -o proof dump/*.dmj"
            )
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
        let folder = invocation.string("output")
        let wanted = invocation.isGiven("partition") ? invocation.strings("partition") : nil
        try Files.makeFolder(folder)
        let dump = JournalDump(settings.client(.consumer), topic: settings.name(of: .journal))
        do {
            let parts = try dump.write(
                to: folder,
                partitions: wanted.map { $0.compactMap { Int32($0) } }
            )
            for part in parts {
                invocation.terminal.output.print(
                    "wrote \(part.path): \(grouped(part.records)) records below offset"
                        + " \(part.highWatermark)"
                )
            }
        } catch let error as KafkaError {
            throw CommandFailure(kafka: error)
        } catch {
            throw CommandFailure("could not \(error)")
        }
        return .success
    }
}

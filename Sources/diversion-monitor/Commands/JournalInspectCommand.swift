internal import CommandLineKit
internal import Journal
internal import Pipeline
internal import Wording

/// `journal inspect`: the binary records in words.
enum JournalInspectCommand {
    static let command = Command(
        "inspect",
        "Show journal records to a person",
        discussion: """
            One line a record: offset, number in the partition, kind, when it was recorded, the \
            entity, the source record (topic[partition]@offset#counter), and the fields by the \
            contract's names. With --json, one object a line with every field.

            Patients appear as keyed tokens only; prescription and encounter numbers are \
            identifiers, too.
            """,
        arguments: [JournalInput.argument],
        options: JournalInput.options(times: "at which it was recorded") + [
            .value(
                "kind",
                .choice(RecordKind.allCases.map(\.name)),
                valueName: "KIND",
                repeated: true,
                "Only records of this kind, such as claim or tick"
            ),
            .value("entity", .text, valueName: "ID", repeated: true, "Only of this entity"),
            .value("event-id", .text, valueName: "ID", repeated: true, "Only the event of this id"),
            .value(
                "id",
                .text,
                valueName: "ID",
                repeated: true,
                "Only where an identifier is this: of event, dispense, claim, prescription, visit, invoice …"
            ),
            .value("limit", .integer(1...Int.max), "Stop after so many records"),
            .flag("json", "Print one JSON object a line, with every field"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "What is known of a prescription",
                "diversion-monitor journal inspect --id 0000155 dump/*.dmj"
            ),
            Example(
                "A quarter of an hour of one partition, for a program",
                "diversion-monitor journal inspect -c monitor.yaml --partition 3"
                    + " --from 2026-10-30T14:00:00Z --to 2026-10-30T14:15:00Z --json"
            ),
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let input = try JournalInput(invocation)
        Interruption.listen()
        var printer = JournalPrinter(invocation, input.stretch)
        var reading = JournalReading()
        if let settings = input.settings {
            try show(&reading, input, settings, &printer)
        } else {
            for path in input.files where !printer.isFull {
                do {
                    try reading.read(file: path) { entry in
                        !Interruption.isSet && input.wants(entry.partition) && printer.take(entry)
                    }
                } catch {
                    throw CommandFailure("could not \(error)")
                }
            }
        }
        printer.flush()
        printer.tell(unreadable: reading.unreadable)
        return .success
    }

    private static func show(
        _ reading: inout JournalReading,
        _ input: JournalInput,
        _ settings: MonitorSettings,
        _ printer: inout JournalPrinter
    ) throws(CommandFailure) {
        let scan = try JournalInput.scan(settings)
        for partition in try input.clusterPartitions(scan, settings).wanted where !printer.isFull {
            do {
                try reading.read(scan, partition, input.stretch) { printer.take($0) }
            } catch {
                if case .stopped = error { return }
                throw CommandFailure(scan: error)
            }
        }
    }
}

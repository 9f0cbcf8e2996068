internal import CommandLineKit
internal import Kafka
internal import Pipeline

/// `run`: the service.
enum RunCommand {
    static let command = Command(
        "run",
        "Run the service: source topics to the journal, the journal to decisions and alerts",
        discussion: """
            Reads the source topics, writes the journal, and decides from it, exactly once, until \
            SIGTERM or SIGINT. Processes with the same settings share the work; one that ends is \
            taken over from within seconds.

            The topics must be there ("topics apply"), and nothing is scored before reference \
            tables are published ("reference publish"). What it has to say goes to standard error, \
            one event a line; no line holds anything about a patient.
            """,
        options: MonitorSettings.options(.general, .service, .kafka, .topics, .tokens),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "The whole service in one process",
                "diversion-monitor run --config monitor.yaml"
            ),
            Example(
                "A second worker that only decides",
                "diversion-monitor run --config monitor.yaml --roles score --instance worker-2"
            ),
        ],
        exitStatuses: [
            .success, .tryAgain,
            ExitStatus(78, "the settings are wrong, or a person must mend something first"),
        ]
    ) { invocation in
        let settings = try MonitorSettings(
            invocation,
            .general,
            .service,
            .kafka,
            .topics,
            .tokens,
            needs: [.kafka, .tokenKey]
        )
        guard let tokenizer = settings.tokenizer else {
            preconditionFailure("a required token key was not told to be missing")
        }
        var service = settings.service(tokenizer)
        let errors = invocation.terminal.errors
        service.log = { line in errors.print("\(Clock.now) \(line)") }
        service.kafka.onLog = { line in
            guard line.level <= 4 else { return }
            let level = line.level <= 3 ? "error" : "warning"
            errors.print(
                "\(Clock.now) level=\(level) role=kafka event=\(line.facility) message="
                    + "\"\(line.message.replacing("\"", with: "'"))\""
            )
        }
        Interruption.listen()
        let end = Service(service).run(until: Interruption.flag)
        switch end.kind {
        case .stopped: return .success
        case .temporary:
            throw CommandFailure("could not \(end.message)", status: .tryAgain)
        case .configuration:
            throw CommandFailure("could not \(end.message)", status: .configuration)
        }
    }
}

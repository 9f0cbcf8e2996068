internal import CommandLineKit
internal import HTTP
internal import Kafka
internal import Pipeline
internal import Settings

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

            GET /metrics tells its figures to Prometheus, /livez whether it hangs, /readyz whether \
            it has topics, Kafka and all its partitions; with ?verbose each check by itself.
            """,
        options: MonitorSettings.options(
            .general,
            .service,
            .operations,
            .kafka,
            .topics,
            .tokens
        ),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "The whole service in one process",
                "diversion-monitor run --config monitor.yaml"
            ),
            Example(
                "What a running one lacks to be ready",
                "curl http://127.0.0.1:9464/readyz?verbose"
            ),
            Example(
                "A second worker that only decides",
                "diversion-monitor run --config monitor.yaml --roles score --instance worker-2"
            ),
            Example(
                "Two workers, each with the other's state at hand",
                "diversion-monitor run --config monitor.yaml --instance worker-2 --standby"
            ),
        ],
        exitStatuses: [
            .success,
            ExitStatus(
                75,
                "try again: the cluster is away, another one took over, or a thread hung"
            ),
            ExitStatus(78, "the settings are wrong, or a person must mend something first"),
        ]
    ) { invocation in
        let settings = try MonitorSettings(
            invocation,
            .general,
            .service,
            .operations,
            .kafka,
            .topics,
            .tokens,
            needs: [.kafka, .tokenKey]
        )
        guard let tokenizer = settings.tokenizer else {
            preconditionFailure("a required token key was not told to be missing")
        }
        var configuration = settings.service(tokenizer)
        let errors = invocation.terminal.errors
        let format = ServiceLog.Format(rawValue: settings.effective.string("log.format")) ?? .logfmt
        configuration.log = { line in errors.print(line.text(format, time: Clock.now)) }
        configuration.logsKafka = true
        let supervisor = Supervisor(Environment.all)
        if let supervisor { configuration.heartbeat = supervisor.heartbeat }
        let service = Service(configuration)
        let listener = try OperationsEndpoint.listen(settings, service.operations)
        if let listener { service.say("http-listens", ("address", listener.address)) }
        Interruption.listen()
        let end = service.run(until: Interruption.flag)
        supervisor?.stopping()
        listener?.end()
        switch end.kind {
        case .stopped: return .success
        case .temporary:
            throw CommandFailure("could not \(end.message)", status: .tryAgain)
        case .configuration:
            throw CommandFailure("could not \(end.message)", status: .configuration)
        }
    }
}

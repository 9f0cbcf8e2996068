internal import CommandLineKit
internal import Glibc
internal import Journal
internal import Kafka
internal import Wording

/// `alerts`: what is open, and what happens, in the terminal.
enum AlertsCommand {
    static let command = Command(
        "alerts",
        "List the open alerts, and follow what happens",
        discussion: """
            Reads the alerts topic from its beginning, or a file that "score" wrote, and lists what \
            is open: the gravest first, then the oldest. With --follow it goes on and prints every \
            alert that opens, changes or resolves, until it is stopped.
            """,
        options: [
            .value(
                "from",
                .file,
                "A file of alerts instead of the topic, such as out/alerts.ndjson"
            ),
            .flag("follow", short: "f", "Go on with what happens"),
            .value(
                "entity",
                .text,
                valueName: "ID",
                repeated: true,
                "Only of this covered entity"
            ),
            .value(
                "rule",
                .choice(Rule.allCases.map(\.name)),
                valueName: "RULE",
                repeated: true,
                "Only of this rule"
            ),
            .value(
                "severity",
                .choice(Severity.allCases.map(\.name)),
                repeated: true,
                "Only of this severity"
            ),
            .value("owner", .text, repeated: true, "Only those that this owner handles"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "What is open in the output of score",
                "diversion-monitor alerts --from out/alerts.ndjson"
            ),
            Example(
                "Watch what matters",
                "diversion-monitor alerts -c monitor.yaml --follow --severity critical --severity high"
            ),
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let filter = AlertFilter(invocation)
        Interruption.listen()
        if let path = invocation.stringIfGiven("from") {
            try list(invocation, filter, try AlertFile(path))
        } else {
            let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
            try list(invocation, filter, try AlertTopic(settings))
        }
        return .success
    }

    private static func list(
        _ invocation: Invocation,
        _ filter: AlertFilter,
        _ given: consuming some AlertSource & ~Copyable
    ) throws(CommandFailure) {
        var source = given
        let output = invocation.terminal.output
        var board = AlertBoard()
        for record in try source.readToEnd() { board.take(record) }
        let open = board.open(filter.lets)
        for record in open { output.print(record.line(on: output)) }
        let total = board.open { _ in true }.count
        let shown = open.count == total ? "" : " of \(grouped(total))"
        invocation.terminal.errors.print("\(grouped(open.count))\(shown) open")
        guard invocation.flag("follow") else { return }
        while !Interruption.isSet {
            for record in try source.readNext() where filter.lets(record) {
                output.print(record.line(on: output))
            }
        }
    }
}

/// Which alerts a person wants to see.
struct AlertFilter: Sendable {
    let entities: [String]
    let rules: [String]
    let severities: [String]
    let owners: [String]

    init(_ invocation: Invocation) {
        entities = invocation.strings("entity")
        rules = invocation.strings("rule")
        severities = invocation.strings("severity")
        owners = invocation.strings("owner")
    }

    func lets(_ record: AlertRecord) -> Bool {
        (entities.isEmpty || entities.contains(record.entity))
            && (rules.isEmpty || rules.contains(record.rule))
            && (severities.isEmpty || severities.contains(record.severity.name))
            && (owners.isEmpty || owners.contains(record.owner))
    }
}

/// Where alerts come from.
private protocol AlertSource: ~Copyable {
    /// All there is by now.
    mutating func readToEnd() throws(CommandFailure) -> [AlertRecord]
    /// What came since, waiting a moment for it.
    mutating func readNext() throws(CommandFailure) -> [AlertRecord]
}

/// Alerts in a file, which may still grow.
private struct AlertFile: AlertSource, ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var rest: [UInt8] = []
    private var line = 0

    init(_ path: String) throws(CommandFailure) {
        self.path = path
        if let problem = Files.readingProblem(path) {
            throw CommandFailure("could not read the alerts \(path): \(problem)")
        }
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    }

    deinit { close(descriptor) }

    mutating func readToEnd() throws(CommandFailure) -> [AlertRecord] {
        var records: [AlertRecord] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            // Safe: the array is as long as the call is told.
            let count = unsafe read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Files.failure("read \(path)", errno) }
            guard count > 0 else { return records }
            rest += piece[..<count]
            var start = 0
            while let end = rest[start...].firstIndex(of: 0x0A) {
                line += 1
                if end > start {
                    guard let record = AlertRecord(rest[start..<end]) else {
                        throw CommandFailure(
                            "could not read \(path):\(line): it is no alert."
                                + " Give an alerts.ndjson that \"score\" wrote."
                        )
                    }
                    records.append(record)
                }
                start = end + 1
            }
            rest.removeFirst(start)
        }
    }

    mutating func readNext() throws(CommandFailure) -> [AlertRecord] {
        Interruption.sleep(.milliseconds(300))
        return try readToEnd()
    }
}

/// Alerts on a cluster.
private struct AlertTopic: AlertSource, ~Copyable {
    private var reader: TopicReader

    init(_ settings: MonitorSettings) throws(CommandFailure) {
        reader = try TopicReader([settings.name(of: .alerts)], settings.client(.consumer))
    }

    mutating func readToEnd() throws(CommandFailure) -> [AlertRecord] {
        try reader.readToEnd().compactMap { $0.value.flatMap { AlertRecord($0) } }
    }

    mutating func readNext() throws(CommandFailure) -> [AlertRecord] {
        try reader.next().compactMap { $0.value.flatMap { AlertRecord($0) } }
    }
}

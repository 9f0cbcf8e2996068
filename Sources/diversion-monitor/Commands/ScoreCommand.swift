internal import CommandLineKit
internal import Engine
internal import Ingest
internal import Journal
internal import Pipeline
internal import Synchronization
internal import Wording

/// `score`: the engine on files.
enum ScoreCommand {
    static let command = Command(
        "score",
        "Score files of events, without Kafka",
        discussion: """
            Reads events, one JSON object a line, and writes decisions.ndjson, alerts.ndjson, \
            accumulators.ndjson, replenishments.ndjson and dead-letters.ndjson: the same bytes as \
            the service would publish for the same journal.

            One input keeps its own order. Several are merged by the time their records were \
            recorded. Without an input, or where it is -, events come from standard input.

            Without a token key the published test key is taken, and tokens carry the key id \
            "test": they protect nobody.

            With --journal the inputs are journal files that "journal dump" wrote: they hold \
            reference tables and policy themselves, and are folded into the same bytes that the \
            service published from them.
            """,
        arguments: [
            .rest("INPUT", .file, "Files of events, one JSON object a line; - is standard input")
        ],
        options: [
            .value(
                "reference",
                .directory,
                "The folder of the reference tables, such as pharmacies.csv; needed for events"
            ),
            .flag("journal", "The inputs are journal files"),
            .value("policy", .file, "The policy; without it the shipped one is in force"),
            .value(
                "output",
                .directory,
                short: "o",
                isRequired: true,
                "The folder to write to; it is made if it is missing"
            ),
            .value(
                "keep-journal",
                .file,
                "Keep the journal in this file, for \"replay\": the events without patient"
                    + " identifiers, the tables and the policy"
            ),
            .flag("quiet", short: "q", "Say nothing but what went wrong"),
        ] + MonitorSettings.options(.tokens),
        examples: [
            Example(
                "Score a file",
                "diversion-monitor score --reference reference --output out events.ndjson"
            ),
            Example(
                "Merge three feeds by the time of their records",
                "diversion-monitor score --reference reference -o out adt.ndjson rx.ndjson tpa.ndjson"
            ),
            Example(
                "Try another policy on compressed events",
                "zstd -dc day.ndjson.zst | diversion-monitor score --reference reference"
                    + " --policy strict.yaml -o out -"
            ),
            Example(
                "Prove what the service published",
                "diversion-monitor score --journal -o proof dump/*.dmj"
            ),
        ],
        exitStatuses: [.wrongInput]
    ) { invocation in
        if invocation.flag("journal") {
            try foldJournal(invocation)
        } else {
            try scoreEvents(invocation)
        }
        return .success
    }

    private static func foldJournal(_ invocation: Invocation) throws(CommandFailure) {
        let inputs = invocation.strings("INPUT")
        let given = ["reference", "policy", "keep-journal"].filter(invocation.isGiven).map {
            "--" + $0
        }
        guard !inputs.isEmpty, given.isEmpty else {
            throw CommandFailure(
                inputs.isEmpty
                    ? "could not fold a journal: no file is named. Name those that \"journal dump\" wrote."
                    : "could not take \(spoken(given, joinedBy: "and")) with --journal: the journal holds"
                        + " its own. Leave it out.",
                status: .usage
            )
        }
        let output = invocation.string("output")
        try checkInputs(inputs, output)
        try Files.makeFolder(output)
        let start = ContinuousClock.now
        let report: JournalScore.Report
        do throws(FileScoreFailure) {
            report = try JournalScore(files: inputs, output: output).run()
        } catch {
            throw failure(error)
        }
        guard !invocation.flag("quiet") else { return }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let errors = invocation.terminal.errors
        for part in report.records {
            errors.print("partition \(part.partition): \(grouped(part.count)) records")
        }
        errors.write(ScoreSummary(report.counts, report.outputs, seconds: seconds).text)
        errors.print("written to \(output)")
    }

    private static func scoreEvents(_ invocation: Invocation) throws(CommandFailure) {
        guard invocation.isGiven("reference") else {
            throw CommandFailure(
                "could not score events: --reference DIRECTORY is missing. Name the folder of the"
                    + " reference tables.",
                status: .usage
            )
        }
        let errors = invocation.terminal.errors
        let isQuiet = invocation.flag("quiet")
        let inputs = invocation.isGiven("INPUT") ? invocation.strings("INPUT") : ["-"]
        let output = invocation.string("output")
        let settings = try MonitorSettings(invocation, .tokens)
        let input = try readInput(invocation)
        if !isQuiet {
            for warning in input.reference.warnings { errors.print("warning: \(warning)") }
        }
        try checkInputs(inputs, output, journal: invocation.stringIfGiven("keep-journal"))
        try Files.makeFolder(output)

        let tokenizer = settings.tokenizer
        if tokenizer == nil, !isQuiet {
            errors.print(
                "note: no token.key is set: patient tokens are made with the published test key (key"
                    + " id \"test\") and protect nobody."
            )
        }
        if inputs.contains("-"), Files.isTerminal(0), !isQuiet {
            errors.print("reading events from the terminal: end with Ctrl-D.")
        }
        let progress = ScoreProgress(on: errors)
        let onProgress: @Sendable (Int64, Int64, Int64?) -> Void = { events, bytes, total in
            progress.update(events, bytes: bytes, of: total)
        }
        var options = FileScoreOptions(
            reference: input.reference.publication.rows,
            referenceDigest: input.reference.publication.digest,
            policies: input.policies,
            inputs: inputs,
            output: output,
            tokenizer: tokenizer ?? Tokenizer(.published),
            progress: isQuiet ? nil : onProgress
        )
        options.journal = invocation.stringIfGiven("keep-journal")
        let start = ContinuousClock.now
        let report: FileScoreReport
        do throws(FileScoreFailure) {
            report = try FileScore(options).run()
        } catch {
            throw failure(error)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        guard !isQuiet else { return }
        progress.finish(report)
        errors.write(ScoreSummary(report, seconds: seconds).text)
        errors.print("written to \(output)")
    }

    /// Reference tables and policy; what is wrong with either is told together.
    private static func readInput(
        _ invocation: Invocation
    ) throws(CommandFailure) -> (reference: ReferenceFolder, policies: [Policy]) {
        var reference: ReferenceFolder?
        var policies: [Policy] = []
        var problems: [String] = []
        do throws(CommandFailure) {
            reference = try ReferenceFolder(invocation.string("reference"))
        } catch {
            problems.append(error.description)
        }
        do throws(CommandFailure) {
            policies = try PolicyFile.read(invocation.stringIfGiven("policy"))
        } catch {
            problems.append(error.description)
        }
        guard problems.isEmpty, let reference else {
            throw CommandFailure(problems.joined(separator: "\n"), status: .wrongInput)
        }
        return (reference, policies)
    }

    /// All inputs that are not there, and those that would be overwritten before they are read.
    private static func checkInputs(
        _ inputs: [String],
        _ output: String,
        journal: String? = nil
    ) throws(CommandFailure) {
        var problems: [String] = []
        let written =
            ["decisions", "alerts", "accumulators", "replenishments", "dead-letters"]
            .map { Files.path(output, $0 + ".ndjson") } + (journal.map { [$0] } ?? [])
        for (place, path) in inputs.enumerated() {
            if inputs[..<place].contains(path) {
                problems.append("could not read \(path): it is named twice. Name it once.")
            } else if path == "-" {
                continue
            } else if let problem = Files.readingProblem(path) {
                problems.append("could not read \(path): \(problem)")
            } else if written.contains(where: { Files.isSame($0, path) }) {
                problems.append(
                    "could not read \(path): it would be overwritten by this run."
                        + " Write to another place."
                )
            }
        }
        if !problems.isEmpty { throw CommandFailure(problems.joined(separator: "\n")) }
    }

    private static func failure(_ failure: FileScoreFailure) -> CommandFailure {
        switch failure {
        case .file(let file): CommandFailure("could not \(file.description)")
        case .journal(let fault):
            CommandFailure(
                "could not fold the journal: \(fault.description) at record \(fault.offset)."
                    + " This is a fault of the program: please report it."
            )
        }
    }
}

/// The progress line, which the scoring thread moves.
private final class ScoreProgress: Sendable {
    private let line: Mutex<ProgressLine>

    init(on sink: Sink) { line = Mutex(ProgressLine(of: "events", on: sink)) }

    /// The number of events to come is guessed from the bytes that are left.
    func update(_ events: Int64, bytes: Int64, of total: Int64?) {
        let expected = total.flatMap { total in
            bytes > 0 ? Int(Double(events) * Double(total) / Double(bytes)) : nil
        }
        line.withLock { $0.update(Int(events), of: expected) }
    }

    func finish(_ report: FileScoreReport) {
        line.withLock { $0.finish(Int(report.counts.records - report.counts.control)) }
    }
}

/// What a run did, for a person.
struct ScoreSummary {
    let text: String

    init(_ report: FileScoreReport, seconds: Double) {
        self.init(
            report.counts,
            report.outputs,
            deadLetters: report.deadLetterCodes.map { ($0.code, $0.count) },
            seconds: seconds
        )
    }

    init(
        _ counts: MachineCounts,
        _ outputs: [(topic: String, count: Int64)],
        deadLetters: [(name: String, count: Int64)]? = nil,
        seconds: Double
    ) {
        let letters = (deadLetters ?? []).reduce(0) { $0 + $1.count }
        let events = counts.records - counts.control + letters
        let rate = seconds > 0 ? Int64(Double(events) / seconds) : 0
        var lines = [
            "scored \(grouped(events)) events in \(Self.rounded(seconds)) s:"
                + " \(grouped(rate)) events/s"
        ]
        func add(_ title: String, _ total: Int64, _ parts: [(name: String, count: Int64)]) {
            let named = parts.filter { $0.count > 0 }.map { "\(grouped($0.count)) \($0.name)" }
            let detail = named.isEmpty ? "" : ": " + named.joined(separator: ", ")
            lines.append("  \(title)  \(grouped(total))\(detail)")
        }
        add(
            "applied       ",
            counts.applied,
            [
                ("duplicates besides", counts.duplicates),
                ("encounters too old to matter", counts.encountersTooOld),
                ("rejected claims ignored", counts.claimsRejected),
                ("older versions overtaken", counts.superseded),
                ("dispositions without effect", counts.dispositionsWithoutEffect),
                ("adjustments not approved", counts.adjustmentsUnapproved),
                ("reversals of unknown fills", counts.reversalsOfUnknownFills),
            ]
        )
        if let deadLetters { add("dead letters  ", letters, deadLetters) }
        let outcomes = [
            "", "qualified", "not_qualified", "pending", "reversed", "missed_opportunity",
        ]
        add(
            "decisions     ",
            counts.decisions.reduce(0, +),
            zip(outcomes, counts.decisions).dropFirst().map { ($0, $1) }
        )
        add(
            "alerts opened ",
            counts.alertsOpened.reduce(0, +),
            Rule.allCases.map { ($0.name, counts.alertsOpened[Int($0.rawValue)]) }
                .sorted { $0.1 > $1.1 }
        )
        for (topic, count) in outputs where topic != "decisions" && topic != "alerts" {
            add(topic + String(repeating: " ", count: max(0, 14 - topic.count)), count, [])
        }
        text = lines.map { $0 + "\n" }.joined()
    }

    /// Two digits behind the point, without the locale's opinion.
    static func rounded(_ seconds: Double) -> String {
        let hundredths = Int((seconds * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

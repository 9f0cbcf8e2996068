internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Pipeline
internal import Synchronization
internal import Wording

/// `replay`: the journal folded again.
enum ReplayCommand {
    static let command = Command(
        "replay",
        "Fold the journal again: prove what was published, or try another policy",
        discussion: """
            Folds a range of the journal silently from its beginning, then with outputs, as they were \
            published when it happened. It prints its plan and does nothing more without --yes. It \
            joins no consumer group, commits nothing, writes to no live topic and alerts nobody.

            The journal is the cluster's, or files that "journal dump" or "score --keep-journal" wrote. \
            A bound is an offset of a partition, or a time: a range of time holds the outputs whose \
            event_time is not before --from and before --to.

            With --verify every output of the range is held against the published one, byte by byte, \
            and the first difference is told field by field. With another policy the verdicts of both \
            are compared: decisions, alerts, balances and dollars, per rule. --policy replaces all \
            versions of the journal by those of a file, --policy-version by one of the journal's own. \
            Dollars come from the prices of the journal's purchases.

            A replay into a folder or into topics of its own may be stopped at any moment: the same command \
            goes on where it was.
            """,
        arguments: [
            .rest("DUMP", .file, "Files of the journal; without them it is read from the cluster")
        ],
        options: [
            .value("from", .text, valueName: "TIME|OFFSET", "Where the range begins"),
            .value("to", .text, valueName: "TIME|OFFSET", "Where the range ends, without it"),
            .value(
                "entity",
                .text,
                valueName: "ID",
                repeated: true,
                "Only outputs of this covered entity"
            ),
            .value("partition", .integer(0...999), repeated: true, "Only this journal partition"),
            .value("policy", .file, "Another policy, in place of all versions of the journal"),
            .value(
                "policy-version",
                .text,
                valueName: "VERSION",
                "A version of the journal's policy, in place of all"
            ),
            .value(
                "output",
                .directory,
                short: "o",
                "The folder to write to; it is made if it is missing"
            ),
            .value(
                "topic-prefix",
                .text,
                valueName: "PREFIX",
                "Write to topics of these names, which are made; never to live ones"
            ),
            .flag("verify", "Compare with what was published"),
            .value(
                "published",
                .directory,
                "What was published, as a folder of NDJSON files; without it the cluster's topics"
            ),
            .flag("json", "Print the result as JSON"),
            .flag("yes", short: "y", "Run it; without it the plan is all"),
            .flag("quiet", short: "q", "Say nothing but the result and what went wrong"),
        ] + MonitorSettings.options(.general, .kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "Prove everything that was ever published",
                "diversion-monitor replay -c monitor.yaml --verify --yes"
            ),
            Example(
                "What was decided about one entity in March, and with which bytes",
                "diversion-monitor replay -c monitor.yaml --from 2026-03-01 --to 2026-04-01"
                    + " --entity DSH330214 -o march --yes"
            ),
            Example(
                "What a stricter policy would have changed",
                "diversion-monitor replay --policy strict.yaml -o what-if --yes dump/*.dmj"
            ),
        ],
        exitStatuses: [.planOnly, .publishedDiffers, .tryAgain, .wrongInput, .interrupted]
    ) { invocation in
        let options = try options(invocation)
        Interruption.listen()
        let replay: Replay
        let plan: ReplayPlan
        do throws(ReplayFailure) {
            replay = try Replay(options)
            plan = try replay.plan()
        } catch {
            throw failure(error)
        }
        let text = ReplayText.plan(plan, options)
        guard invocation.flag("yes") else {
            invocation.terminal.output.write(text)
            invocation.terminal.output.print("nothing was done: add --yes to run it")
            return .planOnly
        }
        let errors = invocation.terminal.errors
        if !invocation.flag("quiet") { errors.write(text) }
        if let folder = invocation.stringIfGiven("output") { try Files.makeFolder(folder) }
        return try run(replay, plan, options, invocation)
    }

    private static func run(
        _ replay: Replay,
        _ plan: ReplayPlan,
        _ options: ReplayOptions,
        _ invocation: Invocation
    ) throws(CommandFailure) -> ExitStatus {
        let start = ContinuousClock.now
        let report: ReplayReport
        do throws(ReplayFailure) { report = try replay.run(plan) } catch {
            throw failure(error)
        }
        let (output, errors) = (invocation.terminal.output, invocation.terminal.errors)
        if !invocation.flag("quiet") {
            if errors.isTerminal { errors.write("\n") }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            errors.write(ReplayText.summary(report, seconds: seconds))
        }
        if report.isInterrupted {
            errors.print(
                invocation.isGiven("output") || invocation.isGiven("topic-prefix")
                    ? "stopped: the same command goes on where it was."
                    : "stopped: without --output or --topic-prefix the next run begins anew."
            )
            return .interrupted
        }
        if let verdicts = report.verdicts {
            let verdicts = VerdictReport(diff: verdicts)
            output.write(invocation.flag("json") ? verdicts.json : verdicts.text())
            if let folder = invocation.stringIfGiven("output") {
                let files = verdicts.tables + [("verdicts.json", verdicts.json)]
                for (name, text) in files {
                    try Files.write(text, to: Files.path(folder, name), replacing: true)
                }
            }
        }
        guard let verification = report.verification else { return .success }
        let cause: JournalRecordSummary?
        do throws(ReplayFailure) {
            cause = try verification.first.flatMap { first throws(ReplayFailure) in
                try first.journalOffset.flatMap { offset throws(ReplayFailure) in
                    try replay.record(partition: first.partition, offset: offset)
                }
            }
        } catch {
            throw failure(error)
        }
        let told = VerificationText(verification, cause)
        output.write(invocation.flag("json") ? told.json : told.text)
        return verification.isSame ? .success : .publishedDiffers
    }

    // MARK: what was asked for

    private static func options(_ invocation: Invocation) throws(CommandFailure) -> ReplayOptions {
        let dumps = invocation.strings("DUMP")
        let isVerifying = invocation.flag("verify") || invocation.isGiven("published")
        try check(invocation, isVerifying: isVerifying)
        let needsCluster =
            dumps.isEmpty || invocation.isGiven("topic-prefix")
            || isVerifying && !invocation.isGiven("published")
        for path in dumps {
            if let problem = Files.readingProblem(path) {
                throw CommandFailure("could not read \(path): \(problem)")
            }
        }
        var options = ReplayOptions(
            journal: dumps.isEmpty ? .cluster : .files(dumps),
            stop: Interruption.flag
        )
        if needsCluster {
            let settings = try MonitorSettings(
                invocation,
                .general,
                .kafka,
                .topics,
                needs: [.kafka]
            )
            // Nobody is given a token here: records of the journal have theirs.
            options.service = settings.service(Tokenizer(.published))
        }
        options.from = try bound("from", invocation)
        options.to = try bound("to", invocation)
        options.entities = Set(invocation.strings("entity"))
        options.partitions = invocation.strings("partition").compactMap { Int32($0) }
        if let path = invocation.stringIfGiven("policy") {
            options.policy = .versions(try PolicyFile.read(path))
        } else if let version = invocation.stringIfGiven("policy-version") {
            options.policy = .named(version)
        }
        if isVerifying {
            options.published =
                invocation.stringIfGiven("published").map { .folder($0) } ?? .cluster
        }
        if let folder = invocation.stringIfGiven("output") {
            options.target = .folder(folder)
        } else if let prefix = invocation.stringIfGiven("topic-prefix") {
            options.target = .topics(prefix: prefix)
        }
        if !invocation.flag("quiet") {
            let line = ReplayProgressLine(on: invocation.terminal.errors)
            options.progress = { line.update($0) }
        }
        return options
    }

    private static func check(
        _ invocation: Invocation,
        isVerifying: Bool
    ) throws(CommandFailure) {
        for (left, right) in [("policy", "policy-version"), ("output", "topic-prefix")]
        where invocation.isGiven(left) && invocation.isGiven(right) {
            throw CommandFailure(
                "could not take both --\(left) and --\(right). Give one of them.",
                status: .usage
            )
        }
        let policy = ["policy", "policy-version"].first(where: invocation.isGiven)
        if let policy, isVerifying {
            throw CommandFailure(
                "could not compare with what was published under another policy: it is bound to"
                    + " differ. Leave out --verify or --\(policy).",
                status: .usage
            )
        }
    }

    private static func bound(
        _ name: String,
        _ invocation: Invocation
    ) throws(CommandFailure) -> ReplayBound? {
        guard let text = invocation.stringIfGiven(name) else { return nil }
        if let number = wholeNumber(text), number >= 0 { return .offset(Int64(number)) }
        if let moment = Moment.parse(text) { return .moment(moment) }
        throw CommandFailure(
            "could not use --\(name) \(text): it is neither an offset nor a time. Give a number, or a"
                + " time such as 2026-03-01 or 2026-03-01T14:30:00Z.",
            status: .usage
        )
    }

    private static func failure(_ failure: ReplayFailure) -> CommandFailure {
        let status: ExitStatus =
            switch failure.kind {
            case .failed: .failure
            case .temporary: .tryAgain
            case .configuration: .configuration
            case .usage: .usage
            }
        return CommandFailure("could not \(failure.description)", status: status)
    }
}

extension ExitStatus {
    fileprivate static let planOnly = Self(2, "the plan was printed and nothing was done")
    fileprivate static let publishedDiffers = Self(
        3,
        "what was published is not what the journal says"
    )
    fileprivate static let interrupted = Self(130, "it was interrupted; with --output it can go on")
}

/// How far a replay is, on a terminal.
private final class ReplayProgressLine: Sendable {
    private let line: Mutex<ProgressLine>

    init(on sink: Sink) { line = Mutex(ProgressLine(of: "records", on: sink)) }

    func update(_ progress: ReplayProgress) {
        line.withLock { line in
            line.note = progress.monitorTime.map { "at " + Moment.text($0) } ?? ""
            line.update(Int(progress.records), of: Int(progress.total))
        }
    }
}

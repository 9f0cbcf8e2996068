internal import CommandLineKit
internal import Journal
internal import Kafka
internal import Pipeline
internal import Synchronization
internal import Wording

/// `journal verify`: whether a journal is whole and unchanged.
enum JournalVerifyCommand {
    static let command = Command(
        "verify",
        "Check that a journal is whole and unchanged",
        discussion: """
            Of files: every frame's checksum, the number of records, nothing cut off or added. Of \
            every record: that it can be read and holds nothing that ingest never writes. Of a \
            partition: one genesis record, first, that fits it; offsets that rise; per source \
            gapless counters and offsets that rise; every entity in its partition; reference rows \
            and a policy before events; progress that never goes back. Of all partitions \
            together: one topic, one opening, the same sources and ticks, and the digest of the \
            reference rows.

            With --sources also the source topics are read: each event's SHA-256 must be that of \
            the source record it names. What retention has deleted is counted and is no problem.

            Every problem is told with its place and what it means, the first ones of each kind.
            """,
        arguments: [JournalInput.argument],
        options: JournalInput.options(times: "at which it was written to the journal") + [
            .flag("sources", "Compare hashes with the source records on the cluster"),
            .value(
                "show",
                .integer(1...1_000_000),
                default: "20",
                "How many problems of each kind to show; all are counted"
            ),
            .flag("json", "Print one JSON object a problem, and one summary"),
            .flag("quiet", short: "q", "Say nothing but what is wrong"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example("Check a dump", "diversion-monitor journal verify dump/*.dmj"),
            Example(
                "Check the journal on the cluster against its sources",
                "diversion-monitor journal verify -c monitor.yaml --sources"
            ),
        ],
        exitStatuses: [.differs, .tryAgain]
    ) { invocation in
        let input = try JournalInput(invocation, needsCluster: invocation.flag("sources"))
        Interruption.listen()
        let errors = invocation.terminal.errors
        let line = Mutex(ProgressLine(of: "records", on: errors))
        let scan = try input.settings.map { (settings) throws(CommandFailure) in
            try JournalInput.scan(settings)
        }
        var verification = JournalVerification(
            keeping: invocation.integer("show"),
            sources: invocation.flag("sources") ? scan : nil,
            progress: { count in line.withLock { $0.update(Int(count)) } }
        )
        var partitions: (wanted: [TopicPartition], count: Int32) = ([], 0)
        if input.files.isEmpty, let scan, let settings = input.settings {
            partitions = try input.clusterPartitions(scan, settings)
        }
        let report: JournalVerification.Report
        do throws(JournalVerificationFailure) {
            for path in input.files { try verification.add(file: path, input.stretch) }
            for partition in partitions.wanted {
                guard let scan else { break }
                try verification.add(scan, partition, of: partitions.count, input.stretch)
            }
            report = try verification.finish()
        } catch {
            switch error {
            case .file(let failure): throw CommandFailure("could not \(failure)")
            case .scan(let failure): throw CommandFailure(scan: failure)
            }
        }
        line.withLock { $0.finish(Int(report.parts.reduce(0) { $0 + $1.records })) }
        if invocation.flag("json") {
            JournalVerificationText.writeJSON(report, to: invocation.terminal.output)
        } else {
            JournalVerificationText.write(
                report,
                to: invocation.terminal,
                isQuiet: invocation.flag("quiet")
            )
        }
        return report.count == 0 ? .success : .differs
    }
}

/// A verification's findings, for people and for programs.
enum JournalVerificationText {
    /// Problems with their places, each kind with its meaning, then a summary.
    static func write(
        _ report: JournalVerification.Report,
        to terminal: Terminal,
        isQuiet: Bool
    ) {
        let output = terminal.output
        for kind in JournalProblem.Kind.allCases where report.problems[kind] > 0 {
            let found = report.problems.kept.filter { $0.kind == kind }
            for problem in found {
                let label = kind.isNote ? "note" : "problem"
                output.print(
                    output.styled(label, kind.isNote ? .yellow : .red)
                        + " \(kind.rawValue) at \(PlainText.escaped(problem.place)): "
                        + PlainText.escaped(problem.message)
                )
            }
            let more = report.problems[kind] - Int64(found.count)
            if more > 0 {
                output.print("  and \(grouped(more)) more of this kind (--show NUMBER shows more)")
            }
            output.print("  \(kind.meaning)")
        }
        if !isQuiet { summarize(report, on: output) }
    }

    private static func summarize(_ report: JournalVerification.Report, on output: Sink) {
        for part in report.parts {
            let kinds = part.kinds.map { "\(grouped($0.count)) \($0.name)" }
            let detail = kinds.isEmpty ? "" : ": " + kinds.joined(separator: ", ")
            output.print(
                "\(PlainText.escaped(part.name)) partition \(part.partition):"
                    + " \(grouped(part.records)) records\(detail)"
            )
            if let genesis = part.genesis {
                output.print("  opened by \(PlainText.escaped(genesis))")
            }
        }
        if let same = report.sameHashes {
            let gone = report.problems[.sourceGone]
            output.print(
                "source records: \(grouped(same)) have the hash that the journal carries"
                    + (gone > 0 ? ", \(grouped(gone)) are not there any more" : "")
            )
        }
        let total = report.parts.reduce(0) { $0 + $1.records }
        output.print(
            report.count == 0
                ? output.styled("no problem", .green) + " in \(grouped(total)) records"
                : output.styled("\(grouped(report.count)) problems", .red)
                    + " in \(grouped(total)) records"
        )
    }

    /// One object a problem, then one with the counts.
    static func writeJSON(_ report: JournalVerification.Report, to output: Sink) {
        func number(_ value: (some BinaryInteger)?) -> String { value.map { "\($0)" } ?? "null" }
        for problem in report.problems.kept {
            output.print(
                JSONText.object([
                    ("problem", JSONText.string(problem.kind.rawValue)),
                    ("is_note", problem.kind.isNote ? "true" : "false"),
                    ("name", JSONText.string(problem.name)),
                    ("partition", number(problem.partition)), ("offset", number(problem.offset)),
                    ("byte", number(problem.byte)), ("message", JSONText.string(problem.message)),
                    ("meaning", JSONText.string(problem.kind.meaning)),
                ])
            )
        }
        let counts = JournalProblem.Kind.allCases.filter { report.problems[$0] > 0 }.map {
            ($0.rawValue, "\(report.problems[$0])")
        }
        let parts = report.parts.map { part in
            JSONText.object([
                ("name", JSONText.string(part.name)), ("partition", "\(part.partition)"),
                ("records", "\(part.records)"), ("sources", "\(part.sources)"),
                ("kinds", JSONText.object(part.kinds.map { ($0.name, "\($0.count)") })),
            ])
        }
        output.print(
            JSONText.object([
                ("problems", "\(report.count)"), ("by_kind", JSONText.object(counts)),
                ("same_hashes", number(report.sameHashes)), ("parts", JSONText.array(parts)),
            ])
        )
    }
}

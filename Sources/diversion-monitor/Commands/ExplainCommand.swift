internal import CommandLineKit
internal import Kafka
internal import Pipeline
internal import Synchronization
internal import Wording

/// `explain`: why an output is as it is.
enum ExplainCommand {
    static let command = Command(
        "explain",
        "Say why something was decided, with its evidence",
        discussion: """
            Takes the id of a decision (d_…), an alert (a_…), an increment of an accumulator (i_…) \
            or a replenishment (r_…), folds its journal partition to that record, and tells: what \
            was published, each source record with its place and the SHA-256 of its bytes, the \
            reference rows and the policy that were in force, each rule with its verdict and the \
            values it compared, and what came before and later. Of an alert its last state is \
            explained. A decision's, an increment's and a replenishment's id says where it is; an \
            alert is looked for in all partitions unless --partition or --entity says where.

            Verdicts: pass, fail, pending (the missing fact may come until the moment named), \
            not_applicable (there was nothing to compare), not_in_force (the policy does not judge it).

            With --json, one object: "id", "kind", "journal" (name, partition, record, offset), \
            "published" (the output), "fill" (what the engine knew: policy, dispenses, claims, \
            visits, and "rules", each with verdict, until, why, "evidence" as an alert has it, \
            "compared", and "rows"), "facts_of" (the decision that "fill" belongs to), \
            "accumulator", "records" (each with "position" before, at or after, its source, its \
            fields, and its "outputs"), "movements_left_out". Patients appear as keyed tokens only.
            """,
        arguments: [
            .required("ID", .text, "What to explain: a_…, d_…, i_… or r_…"), JournalInput.argument,
        ],
        options: [
            .value("partition", .integer(0...9999), "Look for an alert in this partition only"),
            .value("entity", .text, valueName: "ID", "Look for an alert of this entity only"),
            .flag("json", "Print one JSON object with everything"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "Why a fill did not qualify, from the cluster",
                "diversion-monitor explain d_3_91823_0 -c monitor.yaml"
            ),
            Example(
                "An alert, from a dump, for a program",
                "diversion-monitor explain a_0123456789abcdef0123456789abcdef dump/*.dmj --json"
            ),
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let text = invocation.string("ID")
        guard let id = ExplainedID(text) else {
            throw CommandFailure(
                "could not explain \(PlainText.escaped(text)): it is no id of an output. Give that of a decision"
                    + " (d_3_91823_0), an increment (i_…), a replenishment (r_…) or an alert (a_ and 32"
                    + " hexadecimal digits).",
                status: .usage
            )
        }
        let source = try source(invocation)
        Interruption.listen()
        let errors = invocation.terminal.errors
        let line = Mutex((fold: 0, line: ProgressLine(of: "records", on: errors)))
        let explainer = JournalExplainer(source, until: Interruption.flag) { count, fold, folds in
            line.withLock { drawn in
                if drawn.fold != fold {
                    let noun = "records, fold \(fold) of \(folds)"
                    drawn = (fold, ProgressLine(of: noun, on: errors))
                }
                drawn.line.update(Int(count))
            }
        }
        let explanation: JournalExplanation
        do throws(ExplainFailure) {
            explanation = try explainer.explain(
                id,
                partition: invocation.integerIfGiven("partition").map { Int32($0) },
                entity: invocation.stringIfGiven("entity")
            )
        } catch {
            if errors.isTerminal { errors.write("\r\u{1B}[K") }
            throw CommandFailure(explaining: id, error)
        }
        if errors.isTerminal { errors.write("\r\u{1B}[K") }
        if invocation.flag("json") {
            invocation.terminal.output.print(explanation.json)
        } else {
            ExplanationText(explanation, on: invocation.terminal.output).print()
        }
        return .success
    }

    private static func source(
        _ invocation: Invocation
    ) throws(CommandFailure) -> JournalExplainer.Source {
        let files = invocation.strings("FILE")
        for path in files {
            guard let problem = Files.readingProblem(path) else { continue }
            throw CommandFailure("could not read \(path): \(problem)")
        }
        guard files.isEmpty else { return .files(files) }
        let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
        return .topic(try JournalInput.scan(settings), settings.name(of: .journal))
    }
}

extension CommandFailure {
    /// Why an output could not be explained: where it was looked for, and what to check.
    init(explaining id: ExplainedID, _ failure: ExplainFailure) {
        let attempt = "could not explain \(id.text): "
        func list(_ partitions: [Int32]) -> String {
            partitions.map { "\($0)" }.joined(separator: ", ")
        }
        switch failure {
        case .file(let failure): self.init("could not \(failure)")
        case .scan(let failure): self.init(scan: failure)
        case .stopped:
            self.init("could not finish: it was stopped. Start it again.", status: .tryAgain)
        case .fault(let name, let text):
            self.init(
                attempt
                    + "\(name) can't be folded: \(text). \"journal verify\" tells what is wrong with it."
            )
        case .unreadable(let name, let count):
            self.init(
                attempt
                    + "\(grouped(count)) pieces of \(name) could not be read. \"journal verify\" tells which"
                    + " and why."
            )
        case .beginsLate(let name, let offset):
            self.init(
                attempt
                    + "\(name) begins at offset \(offset), the records before were deleted. Give dump files"
                    + " that go back to the beginning."
            )
        case .noPartition(let partition, let has):
            self.init(
                attempt + "it belongs into journal partition \(partition), and there "
                    + (has.count == 1 ? "is only \(list(has))" : "are only \(list(has))")
                    + ". Give the file of that partition, or check the id."
            )
        case .tooShort(let name, let records):
            self.init(
                attempt
                    + "\(name) has \(grouped(records)) records, and it would be of a later one. Check the id,"
                    + " or dump the journal again."
            )
        case .noOutput(let name, let kind, let count):
            let number = count == 0 ? "no \(kind)" : "\(count) \(kind)\(count == 1 ? "" : "s")"
            self.init(
                attempt
                    + "that record of \(name) wrote \(number). Check the id, and that the journal is the one"
                    + " that it comes from."
            )
        case .noAlert(let partitions, let records):
            self.init(
                attempt
                    + "no alert of this id was written by the \(grouped(records)) records of journal"
                    + " partition\(partitions.count == 1 ? "" : "s") \(list(partitions)). Check the id, give the"
                    + " files of the other partitions, or leave out --partition and --entity."
            )
        }
    }
}

extension JournalExplanation {
    /// Everything, as one JSON object.
    var json: String {
        func written(_ bytes: [UInt8]?) -> String {
            bytes.map { String(decoding: $0, as: UTF8.self) } ?? "null"
        }
        let records = records.map { one in
            let outputs = one.outputs.map {
                JSONText.object([
                    ("topic", JSONText.string($0.topic)), ("output", written($0.json)),
                ])
            }
            return JSONText.object(
                [("position", JSONText.string(one.position.rawValue))] + one.record.members
                    + [("outputs", JSONText.array(outputs))]
            )
        }
        return JSONText.object([
            ("id", JSONText.string(id.text)), ("kind", JSONText.string(id.kind)),
            (
                "journal",
                JSONText.object([
                    ("name", JSONText.string(name)), ("partition", "\(partition)"),
                    ("record", "\(record)"), ("offset", "\(offset)"),
                ])
            ), ("published", written(published)), ("fill", written(fill)),
            ("facts_of", JSONText.string(factsOf)), ("accumulator", written(accumulator)),
            ("records", JSONText.array(records)), ("movements_left_out", "\(movementsLeftOut)"),
        ])
    }
}

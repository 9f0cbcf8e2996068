internal import CommandLineKit
internal import Journal
internal import Pipeline
internal import Wording

/// An explanation in words, for an auditor: everything it says stands in the explanation's JSON, too.
struct ExplanationText {
    private let explanation: JournalExplanation
    private let output: Sink
    private let published: JSONValue
    private let fill: JSONValue?
    private let accumulator: JSONValue?

    init(_ explanation: JournalExplanation, on output: Sink) {
        self.explanation = explanation
        self.output = output
        published = JSONValue(explanation.published) ?? .null
        fill = explanation.fill.flatMap { JSONValue($0) }
        accumulator = explanation.accumulator.flatMap { JSONValue($0) }
    }

    /// Prints all of it.
    func print() {
        printHead()
        if let fill { printFill(fill) }
        if let accumulator { printAccumulator(accumulator) }
        printRecords(.before, "Before")
        printRecords(.at, "The record itself")
        printRecords(.after, "What came later")
        if explanation.movementsLeftOut > 0 {
            line(
                "\(grouped(explanation.movementsLeftOut)) movements of the balance that lie further away are left out."
            )
        }
        if !explanation.records.contains(where: { $0.position == .after }) {
            heading("What came later")
            line("  nothing, up to the end of this journal")
        }
    }

    private func line(_ text: String) { output.print(text) }
    private func heading(_ text: String) { output.print("\n" + output.styled(text, .bold)) }

    // MARK: what was published

    private func printHead() {
        let time = published["event_time"]?.plain ?? "-"
        line(
            output.styled(explanation.id.text, .bold) + ", \(explanation.id.kind) of \(time)"
        )
        line(
            "  record \(grouped(explanation.record)) of journal partition \(explanation.partition), at offset"
                + " \(explanation.offset) of \(PlainText.escaped(explanation.name))"
        )
        line("  policy version \(published["policy_version"]?.plain ?? "-")")
        line("  " + OutputSentence.of(explanation.id.topic, published))
        for part in OutputSentence.details(explanation.id.topic, published) { line("  " + part) }
    }

    // MARK: the fill and its rules

    private func printFill(_ fill: JSONValue) {
        heading("The fill")
        line(
            "  prescription \(fill.word("rx_number")), fill \(fill.word("fill_number")), at pharmacy"
                + " \(fill.word("pharmacy_npi")), entity \(fill.word("covered_entity_id")), patient"
                + " \(fill.word("patient_token"))"
        )
        line(
            "  filled \(fill.word("fill_date")) on a prescription written \(fill.word("written_on")); first record at"
                + " \(fill.word("first_record_at")); monitor time \(fill.word("monitor_time"))"
        )
        line(
            "  treated as 340B: \(fill.word("treated_as_340b")); had qualified: \(fill.word("had_qualified"))"
        )
        if let policy = fill["policy"] {
            line(
                "  policy \(policy.word("version")), in force from \(policy.word("effective_from")) to"
                    + " \(policy.word("effective_to"))"
            )
        }
        let isOther =
            published["decision_id"] ?? published["cause"]?["decision_id"]
            ?? .string(explanation.factsOf ?? "")
        if let facts = explanation.factsOf, isOther.text != facts {
            line(
                output.styled("note", .yellow)
                    + ": the same record decided the fill again; what follows belongs to \(facts)"
            )
        }
        for claim in fill["claims"]?.items ?? [] {
            line("  claim " + claim.pairs(skipping: []))
        }
        for dispense in fill["dispenses"]?.items ?? [] {
            line("  dispense " + dispense.pairs(skipping: []))
        }
        let visits = fill["visits"]?.items ?? []
        let shown = visits.filter {
            $0["is_matched"] == .bool(true) || $0["is_stay"] == .bool(true)
        }
        for visit in shown { line("  visit " + visit.pairs(skipping: ["why_not"])) }
        let others = visits.count - shown.count
        if others > 0 {
            let reasons = visits.compactMap { $0["why_not"]?.plain }
            let counts = Dictionary(reasons.map { ($0, 1) }, uniquingKeysWith: +).sorted {
                $0.key < $1.key
            }
            let told = counts.map { ": \($0.value) since \($0.key)" }.joined(separator: ",")
            line("  \(others) other visit\(others == 1 ? "" : "s") of the patient" + told)
        }
        heading("Rules")
        for rule in fill["rules"]?.items ?? [] { printRule(rule) }
    }

    private func printRule(_ rule: JSONValue) {
        let verdict = rule["verdict"]?.text ?? "-"
        let name = rule["rule"]?.plain ?? "-"
        let style: Style =
            switch verdict {
            case "fail": .red
            case "pending": .yellow
            case "pass": .green
            default: .dim
            }
        let label = verdict.replacing("_", with: " ")
        let padded = label + String(repeating: " ", count: max(0, 14 - label.count))
        var text = "  " + output.styled(padded, style) + " " + name
        if let until = rule["until"] { text += " until \(until.plain)" }
        if let why = rule["why"] { text += ": \(why.plain)" }
        if rule["is_alert_open"] == .bool(true) { text += " (its alert is open)" }
        line(text)
        guard verdict == "pass" || verdict == "fail" || verdict == "pending" else { return }
        let indent = String(repeating: " ", count: 17)
        var values = rule["evidence"]?["values"]?.pairs(skipping: []) ?? ""
        if let more = rule["compared"]?.pairs(skipping: []), !more.isEmpty {
            values += (values.isEmpty ? "" : ", ") + more
        }
        if !values.isEmpty { line(indent + values) }
        for row in rule["rows"]?.items ?? [] {
            line(indent + "row of \(row.word("table")): " + row.pairs(skipping: ["table"]))
        }
        guard verdict == "fail", let basis = rule["legal_basis"]?.items, !basis.isEmpty else {
            return
        }
        line(indent + "basis: " + basis.map(\.plain).joined(separator: "; "))
    }

    // MARK: the accumulator

    private func printAccumulator(_ accumulator: JSONValue) {
        heading("The accumulator behind this record")
        line("  " + accumulator.pairs(skipping: ["policy", "rules"]))
        for rule in accumulator["rules"]?.items ?? [] {
            let open = rule["open_alerts"]?.items ?? []
            let state =
                open.isEmpty
                ? "no alert open" : "open: " + open.map(\.plain).joined(separator: ", ")
            line("  \(rule.word("rule")): \(state); " + (rule["values"]?.pairs(skipping: []) ?? ""))
        }
    }

    // MARK: records

    private func printRecords(_ position: ExplainedRecord.Position, _ title: String) {
        let records = explanation.records.filter { $0.position == position }
        guard !records.isEmpty else { return }
        heading(title)
        for one in records {
            line("  " + words(one.record))
            let detail = one.record.fields.compactMap { field -> String? in
                guard !["event_id", "covered_entity_id", "values", "progress"].contains(field.name)
                else { return nil }
                return field.word.map { "\(field.name)=\(PlainText.word($0))" }
            }
            if !detail.isEmpty { line("      " + detail.joined(separator: " ")) }
            if let digest = one.record.digest { line("      SHA-256 \(digest)") }
            for (topic, json) in one.outputs {
                guard let value = JSONValue(json) else { continue }
                line("      " + output.styled("→", .cyan) + " " + OutputSentence.of(topic, value))
            }
        }
    }

    /// A record's kind, id, source, journal place and time.
    private func words(_ record: JournalRecordCopy) -> String {
        var words = [output.styled(record.kind.name, .bold)]
        let id = record.fields.first { $0.name == "event_id" || $0.name == "version" }
        if let word = id?.word { words.append(PlainText.word(word)) }
        if let source = record.source {
            let name = PlainText.word(source.name)
            words.append(
                source.isFile
                    ? "from \(name), line \(source.place.offset)"
                    : "from \(name)[\(source.place.partition)]@\(source.place.offset)"
            )
        }
        words.append("recorded \(record.recordedAt?.text ?? "-"),")
        words.append("journal offset \(record.offset)")
        return words.joined(separator: " ")
    }
}

extension ExplainedID {
    /// The topic that its output stands in.
    var topic: String {
        switch self {
        case .decision: "decisions"
        case .alert: "alerts"
        case .increment: "accumulators"
        case .replenishment: "replenishments"
        }
    }
}

extension JSONValue {
    /// The items of an array.
    var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }

    /// The value for a person's eyes.
    var plain: String {
        switch self {
        case .null: "-"
        case .bool(let value): value ? "yes" : "no"
        case .number(let text), .string(let text): PlainText.escaped(text)
        case .array(let items): "[" + items.map(\.plain).joined(separator: "; ") + "]"
        case .object: "(" + pairs(skipping: []) + ")"
        }
    }

    /// A member for a person's eyes; a dash where it is null.
    func word(_ key: String) -> String { self[key]?.plain ?? "-" }

    /// The members of an object as `name value`, apart from some.
    func pairs(skipping skipped: Set<String>) -> String {
        guard case .object(let members) = self else { return plain }
        return members.filter { !skipped.contains($0.key) }
            .map { "\(PlainText.escaped($0.key)) \($0.value.plain)" }.joined(separator: ", ")
    }
}

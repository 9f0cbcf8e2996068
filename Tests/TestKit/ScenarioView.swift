/// What a reader knows after some outputs: the latest state of all, and what is new in this block.
struct ScenarioView {
    let aliases: ScenarioAliases
    private var decisions: [FillName: JSONValue] = [:]
    private var balances: [AccumulatorName: String] = [:]
    /// Written since the block before.
    private var outputs: [ScenarioOutput] = []

    init(aliases: ScenarioAliases) { self.aliases = aliases }

    mutating func begin(with outputs: some Sequence<ScenarioOutput>) {
        self.outputs = Array(outputs)
        for output in self.outputs {
            switch output.topic {
            case .decisions: decisions[fillName(output.value["fill"], in: output)] = output.value
            case .accumulators:
                balances[accumulatorName(output.value, in: output)] = output.value["balance"].text
            case .alerts, .replenishments, .deadLetters: break
            }
        }
    }

    func failures(of block: ExpectationBlock, in file: String) -> [ScenarioFailure] {
        var failures: [ScenarioFailure] = []
        var unnamed = new(.alerts).filter { alert in
            alert.value["state"].text != "updated"
                && !statisticalRules.contains(alert.value["rule"].text ?? "")
        }.map(line(ofAlert:))
        for (number, text, meaning) in block.expectations {
            if let came = contradiction(to: meaning) {
                failures.append(
                    ScenarioFailure(file: file, line: number, expected: text, came: came)
                )
            }
            if case .alert(let alert) = meaning,
                let named = new(.alerts).first(where: { matches($0, alert) }),
                let index = unnamed.firstIndex(of: line(ofAlert: named))
            {
                unnamed.remove(at: index)
            }
        }
        if !unnamed.isEmpty {
            failures.append(
                ScenarioFailure(
                    file: file,
                    line: block.lines.lowerBound,
                    expected: "no other alert",
                    came: unnamed
                )
            )
        }
        return failures
    }

    /// The block as the outputs have it.
    func description(replacing block: ExpectationBlock) -> [String] {
        if outputs.isEmpty, case .nothing? = block.expectations.first?.meaning {
            return ["nothing"]
        }
        var lines: [String] = []
        var told: Set<String> = []
        func tell(_ line: String) {
            if told.insert(line).inserted { lines.append(line) }
        }
        for (_, line, meaning) in block.expectations {
            switch meaning {
            case .fill(let name, _), .undecided(let name):
                let decided = decisions[name].map { self.line(of: name, $0) }
                tell(decided ?? "fill \(text(name)) undecided")
            case .balance(let name, _): tell(self.line(ofBalance: name))
            case .increments(_, let name): tell(self.line(ofIncrements: name))
            case .noAlert, .noDecision, .nothing:
                if contradiction(to: meaning) == nil { tell(line) }
            case .alert, .replenishment, .deadLetter: break
            }
        }
        for output in outputs {
            switch output.topic {
            case .decisions:
                let name = fillName(output.value["fill"], in: output)
                if let latest = decisions[name] { tell(line(of: name, latest)) }
            case .alerts: tell(line(ofAlert: output))
            case .accumulators: tell(line(ofBalance: accumulatorName(output.value, in: output)))
            case .replenishments: tell(line(ofReplenishment: output))
            case .deadLetters: tell(line(ofDeadLetter: output))
            }
        }
        return lines.isEmpty ? ["nothing"] : lines
    }

    /// What came instead, or nil where the expectation holds.
    private func contradiction(to expectation: Expectation) -> [String]? {
        switch expectation {
        case .fill(let name, let state):
            guard let decision = decisions[name] else { return [] }
            return matches(decision, state) ? nil : [line(of: name, decision)]
        case .undecided(let name): return decisions[name].map { [line(of: name, $0)] }
        case .noDecision(let name):
            let came = new(.decisions).filter { output in
                name.map { $0 == fillName(output.value["fill"], in: output) } ?? true
            }
            return came.isEmpty
                ? nil : came.map { line(of: fillName($0.value["fill"], in: $0), $0.value) }
        case .alert(let alert):
            let ofRule = new(.alerts).filter { $0.value["rule"].text == alert.rule }
            return ofRule.contains { matches($0, alert) } ? nil : ofRule.map(line(ofAlert:))
        case .noAlert(let rule, let subject):
            let came = new(.alerts).filter { output in
                let named = output.value["rule"].text ?? ""
                let asked = rule.map { $0 == named } ?? !statisticalRules.contains(named)
                return asked && (subject.map { $0 == self.subject(of: output) } ?? true)
            }
            return came.isEmpty ? nil : came.map(line(ofAlert:))
        case .balance(let name, let quantity):
            return balances[name, default: "0"] == quantity ? nil : [line(ofBalance: name)]
        case .increments(let increments, let name):
            return self.increments(of: name) == increments ? nil : [line(ofIncrements: name)]
        case .replenishment(let packages, let state, let ndc):
            let came = new(.replenishments)
            let found = came.contains { output in
                output.value["packages"].text == String(packages)
                    && (state.map { $0 == output.value["state"].text } ?? true)
                    && (ndc.map { $0 == output.value["ndc11"].text } ?? true)
            }
            return found ? nil : came.map(line(ofReplenishment:))
        case .deadLetter(let code, let field):
            let came = new(.deadLetters)
            let found = came.contains { output in
                output.value["error"]["code"].text == code
                    && (field.map { $0 == output.value["error"]["field"].text } ?? true)
            }
            return found ? nil : came.map(line(ofDeadLetter:))
        case .nothing:
            let told = description(
                replacing: ExpectationBlock(stepCount: 0, lines: 0..<0, expectations: [])
            )
            return outputs.isEmpty ? nil : told
        }
    }

    private func matches(_ decision: JSONValue, _ state: FillState) -> Bool {
        let fails = rules(decision, result: "fail").filter { !statisticalRules.contains($0) }
        let pending = rules(decision, result: "pending")
        func agrees(_ expected: String?, _ field: String) -> Bool {
            expected.map { $0 == decision[field].text } ?? true
        }
        return decision["outcome"].text == state.outcome
            && agrees(state.account, "account") && agrees(state.quantity, "quantity")
            && Set(fails) == Set(state.fails)
            && state.pending.allSatisfy(pending.contains)
            && agrees(state.revision.map { String($0) }, "revision")
            && agrees(state.until.map(milliseconds), "pending_until")
            && agrees(state.product, "ndc11")
            && agrees(state.encounter, "matched_encounter_id")
            && agrees(state.change, "change") && agrees(state.dispense, "dispense_id")
    }

    private func matches(_ output: ScenarioOutput, _ alert: AlertChange) -> Bool {
        func agrees(_ expected: String?, _ field: String) -> Bool {
            expected.map { $0 == output.value[field].text } ?? true
        }
        return output.value["rule"].text == alert.rule && output.value["state"].text == alert.state
            && agrees(alert.resolution, "resolution") && agrees(alert.severity, "severity")
            && agrees(alert.rootCause, "root_cause")
            && agrees(alert.occurrence.map { String($0) }, "occurrence")
            && subject(of: output) == alert.subject
    }

    private func new(_ topic: ScenarioOutput.Topic) -> [ScenarioOutput] {
        outputs.filter { $0.topic == topic }
    }

    private func rules(_ decision: JSONValue, result: String) -> [String] {
        decision["rules"].elements
            .filter { $0["result"].text == result }
            .compactMap { $0["rule"].text }
    }

    private func increments(of name: AccumulatorName?) -> [Increment] {
        new(.accumulators)
            .filter { output in
                name.map { $0 == accumulatorName(output.value, in: output) } ?? true
            }
            .map { output in
                Increment(
                    quantity: output.value["quantity"].text ?? "",
                    reason: output.value["reason"].text ?? ""
                )
            }
    }

    /// Outputs write times in UTC with milliseconds; expectations name whole seconds of UTC.
    private func milliseconds(_ time: String) -> String { time.dropLast() + ".000Z" }
}

// Outputs as lines of a scenario.
extension ScenarioView {
    private func fillName(_ subject: JSONValue, in output: ScenarioOutput) -> FillName {
        FillName(
            entity: output.value["covered_entity_id"].text ?? "",
            pharmacy: subject["pharmacy_npi"].text ?? "",
            prescription: subject["rx_number"].text ?? "",
            number: subject["fill_number"].text.flatMap { Int($0) } ?? 0
        )
    }

    private func accumulatorName(
        _ subject: JSONValue,
        in output: ScenarioOutput
    ) -> AccumulatorName {
        AccumulatorName(
            entity: output.value["covered_entity_id"].text ?? "",
            pharmacy: subject["pharmacy_npi"].text ?? "",
            ndc: subject["ndc11"].text ?? "",
            account: subject["account"].text ?? ""
        )
    }

    private func subject(of output: ScenarioOutput) -> AlertSubject {
        let subject = output.value["subject"]
        if subject["kind"].text == "fill" { return .fill(fillName(subject, in: output)) }
        let accumulator = accumulatorName(subject, in: output)
        guard let invoice = subject["invoice_id"].text else { return .accumulator(accumulator) }
        return .invoice(accumulator, id: invoice)
    }

    private func text(_ name: FillName) -> String {
        let pharmacy = aliases.name(name.pharmacy)
        return name.prescription + (name.number == 0 ? "" : "/\(name.number)")
            + (pharmacy == "main-pharmacy" ? "" : "@\(pharmacy)")
            + (name.entity == "DSH1" ? "" : " of \(name.entity)")
    }

    private func text(_ name: AccumulatorName) -> String {
        "\(aliases.name(name.pharmacy)) \(aliases.name(name.ndc)) \(name.account)"
    }

    private func suffix(_ name: AccumulatorName) -> String {
        name.entity == "DSH1" ? "" : " of \(name.entity)"
    }

    private func line(of name: FillName, _ decision: JSONValue) -> String {
        var words = ["fill", text(name), decision["outcome"].text ?? "?"]
        words += [decision["account"].text, decision["quantity"].text].compactMap(\.self)
        let fails = rules(decision, result: "fail")
        let pending = rules(decision, result: "pending")
        if !fails.isEmpty { words += ["fails", fails.joined(separator: ",")] }
        if !pending.isEmpty { words += ["pending", pending.joined(separator: ",")] }
        if let revision = decision["revision"].text { words += ["revision", revision] }
        if let until = decision["pending_until"].text { words += ["until", until] }
        return words.joined(separator: " ")
    }

    private func line(ofAlert output: ScenarioOutput) -> String {
        let value = output.value
        let resolution = value["resolution"].text.map { "(\($0))" } ?? ""
        let subject =
            switch subject(of: output) {
            case .fill(let name): "fill \(text(name))"
            case .accumulator(let name): "accumulator \(text(name))\(suffix(name))"
            case .invoice(let name, let id): "invoice \(id) \(text(name))\(suffix(name))"
            }
        let occurrence = value["occurrence"].text ?? "1"
        return "alert \(value["rule"].text ?? "?") \(value["state"].text ?? "?")\(resolution) "
            + subject + (occurrence == "1" ? "" : " occurrence=\(occurrence)")
    }

    private func line(ofBalance name: AccumulatorName) -> String {
        "balance \(text(name)) \(balances[name, default: "0"])\(suffix(name))"
    }

    private func line(ofIncrements name: AccumulatorName?) -> String {
        let told = increments(of: name).map { " \($0.quantity)(\($0.reason))" }.joined()
        return "increments\(told)" + (name.map { " at \(text($0))\(suffix($0))" } ?? "")
    }

    private func line(ofReplenishment output: ScenarioOutput) -> String {
        let packages = output.value["packages"].text ?? "?"
        return "replenishment \(packages) \(packages == "1" ? "package" : "packages") "
            + "\(output.value["state"].text ?? "?") of \(aliases.name(output.value["ndc11"].text ?? "?"))"
    }

    private func line(ofDeadLetter output: ScenarioOutput) -> String {
        let error = output.value["error"]
        return ["dead letter \(error["code"].text ?? "?")", error["field"].text]
            .compactMap(\.self).joined(separator: " ")
    }
}

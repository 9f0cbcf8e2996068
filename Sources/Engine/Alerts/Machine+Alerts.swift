internal import Journal

// One alert per (entity, rule, subject). It opens when a rule fails, is updated when what was compared changed, and
// resolves when its condition no longer holds (SEMANTICS 24, 25).

/// Why an alert resolved.
enum Resolution {
    case factsChanged, reversed, ruleDisabled, covered

    var text: StaticString {
        switch self {
        case .factsChanged: "facts_changed"
        case .reversed: "reversed"
        case .ruleDisabled: "rule_disabled"
        case .covered: "covered"
        }
    }
}

/// What an alert record tells.
enum AlertState {
    case opened, updated
    case resolved(Resolution)

    var text: StaticString {
        switch self {
        case .opened: "opened"
        case .updated: "updated"
        case .resolved: "resolved"
        }
    }
}

extension Machine {
    // MARK: alerts about fills

    /// Opens, updates and resolves the alerts of a fill after it was judged.
    mutating func settleAlerts(
        _ facts: Facts, _ judgement: Judgement, _ inForce: RuleSet
    ) {
        let fill = facts.fill
        let alerting = alertingRules(facts, judgement)
        var rules = alerting.union(fills[fill].open)
        while let rule = rules.popFirst() {
            let isOpen = fills[fill].open.has(rule)
            if alerting.has(rule) {
                if !isOpen, facts.date < policies[facts.policy].numbers.alertsFrom { continue }
                writeValues(of: rule, facts)
                let content = contentHash(rule, facts.policy)
                let alert = alert(ofFill: fill, rule)
                if !isOpen {
                    fills[fill].open.add(rule)
                    alerts[alert].isOpen = true
                    alerts[alert].occurrence += 1
                    alerts[alert].content = content
                    counts.alertsOpened[Int(rule.rawValue)] += 1
                    writeFillAlert(alert, .opened, facts)
                } else if alerts[alert].content != content {
                    alerts[alert].content = content
                    writeFillAlert(alert, .updated, facts)
                }
            } else {
                fills[fill].open.rawValue &= ~RuleSet(rule).rawValue
                let alert = alert(ofFill: fill, rule)
                alerts[alert].isOpen = false
                writeValues(of: rule, facts)
                let resolution: Resolution =
                    judgement.outcome == .reversed
                    ? .reversed : inForce.has(rule) ? .factsChanged : .ruleDisabled
                writeFillAlert(alert, .resolved(resolution), facts)
            }
        }
    }

    /// The failing rules that may alert (SEMANTICS 24): outside prescriptions that nobody claimed are
    /// classification, not exceptions.
    private func alertingRules(
        _ facts: Facts, _ judgement: Judgement
    ) -> RuleSet {
        if judgement.outcome == .reversed { return [] }
        let hasQualified = fills[facts.fill].hasQualified
        var rules = judgement.failing
        if !facts.isTreated, !hasQualified { rules.formIntersection(.alwaysAlerting) }
        if facts.isAdministered, !hasQualified {
            rules.rawValue &= ~RuleSet(.encounterInpatient).rawValue
        }
        return rules
    }

    /// The alert of a fill for a rule, which is made, closed, if it is new.
    private mutating func alert(ofFill fill: UInt32, _ rule: Rule) -> UInt32 {
        var number = fills[fill].firstAlert
        while number != 0 {
            if alerts[number].rule == rule { return number }
            number = alerts[number].next
        }
        let row = fills[fill]
        var key = alertKey(row.pharmacy, rule)
        key += text(of: row.rx)
        key.append(0x1F)
        key += Array(String(row.fillNumber).utf8)
        number = insertAlert(key, rule, subject: fill, next: row.firstAlert, isOfFill: true)
        fills[fill].firstAlert = number
        return number
    }

    /// Entity, rule and pharmacy, each followed by 0x1F: what every alert's id is hashed from first.
    private func alertKey(_ pharmacy: UInt32, _ rule: Rule) -> [UInt8] {
        let name = reference.pharmacies.rows[pharmacy]
        var key = text(of: reference.entities.rows[name.entity])
        key.append(0x1F)
        key += Array(rule.name.utf8)
        key.append(0x1F)
        key += npiText(name)
        key.append(0x1F)
        return key
    }

    private mutating func insertAlert(
        _ key: [UInt8], _ rule: Rule, subject: UInt32, next: UInt32, isOfFill: Bool,
        invoice: Identifier = .none
    ) -> UInt32 {
        let (high, low) = unsafe key.withUnsafeBytes { unsafe SHA256.prefix($0) }
        let number = alerts.insert(
            AlertRow(
                idHigh: high, idLow: low, content: 0, invoice: invoice, subject: subject, next: next,
                rule: rule, isOfFill: isOfFill))
        alertIndex.insert(Hash.words(high, low), number)
        return number
    }

    mutating func removeAlert(_ number: UInt32) {
        let row = alerts[number]
        alertIndex.remove(Hash.words(row.idHigh, row.idLow), number)
        dispositions[number] = nil
        release(row.invoice)
        alerts.remove(number)
    }

    /// Hash of what makes an update: severity, owner, root cause and the values in `scratch`.
    private func contentHash(_ rule: Rule, _ policy: Int) -> UInt64 {
        let one = policies[policy].policy[rule]
        let owner = unsafe Array(one.owner.utf8).withUnsafeBytes {
            unsafe Hash.bytes($0, seed: UInt64(one.severity.rawValue) << 8 | UInt64(one.rootCause.rawValue))
        }
        return unsafe Hash.bytes(scratch.written, seed: owner)
    }

    // MARK: alerts about accumulators and invoices

    /// Opens, updates or resolves an accumulator's alert.
    mutating func settle(
        _ rule: Rule, _ number: UInt32, _ holds: Bool, _ policy: Int, _ inForce: RuleSet
    ) {
        var alert = accumulators[number].firstAlert
        while alert != 0, alerts[alert].rule != rule { alert = alerts[alert].next }
        let isOpen = alert != 0 && alerts[alert].isOpen
        if holds, inForce.has(rule) {
            if !isOpen, CivilDate(day: today) < policies[policy].numbers.alertsFrom { return }
            if alert == 0 { alert = insertAlert(ofAccumulator: number, rule) }
            writeValues(of: rule, accumulator: number, policy)
            let content = contentHash(rule, policy)
            if !isOpen {
                open(alert, content)
                writeAccumulatorAlert(alert, .opened, policy)
            } else if alerts[alert].content != content {
                alerts[alert].content = content
                writeAccumulatorAlert(alert, .updated, policy)
            }
        } else if isOpen {
            resolve(alert, policy, inForce.has(rule) ? .factsChanged : .ruleDisabled)
        }
    }

    private mutating func open(_ alert: UInt32, _ content: UInt64) {
        alerts[alert].isOpen = true
        alerts[alert].occurrence += 1
        alerts[alert].content = content
        counts.alertsOpened[Int(alerts[alert].rule.rawValue)] += 1
    }

    private mutating func insertAlert(
        ofAccumulator number: UInt32, _ rule: Rule, invoice: Identifier = .none
    ) -> UInt32 {
        let row = accumulators[number]
        var key = alertKey(row.pharmacy, rule)
        key += text(ofProduct: row.product)
        key.append(0x1F)
        key += Array(row.account.name.utf8)
        if invoice != .none {
            key.append(0x1F)
            key += text(of: invoice)
        }
        let alert = insertAlert(
            key, rule, subject: number, next: row.firstAlert, isOfFill: false, invoice: invoice)
        accumulators[number].firstAlert = alert
        return alert
    }

    /// An invoice buys more than was due: one alert per invoice.
    mutating func openInvoiceAlert(
        _ rule: Rule, _ number: UInt32, _ invoice: IncomingIdentifier, _ policy: Int
    ) {
        var alert = accumulators[number].firstAlert
        while alert != 0, alerts[alert].rule != rule || !isEqual(alerts[alert].invoice, invoice) {
            alert = alerts[alert].next
        }
        if alert == 0 { alert = insertAlert(ofAccumulator: number, rule, invoice: keep(invoice)) }
        writeValues(of: rule, accumulator: number, policy)
        let content = contentHash(rule, policy)
        if !alerts[alert].isOpen {
            open(alert, content)
            writeAccumulatorAlert(alert, .opened, policy)
        } else if alerts[alert].content != content {
            alerts[alert].content = content
            writeAccumulatorAlert(alert, .updated, policy)
        }
    }

    mutating func resolve(_ alert: UInt32, _ policy: Int, _ resolution: Resolution) {
        alerts[alert].isOpen = false
        writeValues(of: alerts[alert].rule, accumulator: alerts[alert].subject, policy)
        writeAccumulatorAlert(alert, .resolved(resolution), policy)
    }

    // MARK: dispositions

    /// Records what a person said about an alert in its evidence (25).
    mutating func noteAlert(
        _ text: String, _ disposition: Disposition, _ entity: UInt32, _ record: RecordView
    ) {
        let digits = text.dropFirst(2)
        guard digits.utf8.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        let alert = alertIndex.find(Hash.words(high, low)) {
            alerts[$0].idHigh == high && alerts[$0].idLow == low
        }
        guard alert != 0, self.entity(ofAlert: alert) == entity else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        dispositions[alert, default: []].append(
            DispositionNote(
                offset: offset, decision: disposition.decision,
                actor: unsafe Array(record.bytes(disposition.actor)),
                role: unsafe Array(record.bytes(disposition.role)),
                note: unsafe Array(record.bytes(disposition.note))))
        // A resolved alert keeps the note for when it opens again.
        guard alerts[alert].isOpen else { return }
        if alerts[alert].isOfFill {
            let facts = facts(of: alerts[alert].subject)
            writeValues(of: alerts[alert].rule, facts)
            writeFillAlert(alert, .updated, facts)
        } else {
            let policy = policy(on: CivilDate(day: today))
            writeValues(of: alerts[alert].rule, accumulator: alerts[alert].subject, policy)
            writeAccumulatorAlert(alert, .updated, policy)
        }
    }

    private func entity(ofAlert alert: UInt32) -> UInt32 {
        let pharmacy =
            alerts[alert].isOfFill
            ? fills[alerts[alert].subject].pharmacy : accumulators[alerts[alert].subject].pharmacy
        return reference.pharmacies.rows[pharmacy].entity
    }

    // MARK: records

    /// The fields from `alert_id` to `owner`.
    private func putHead(_ out: OutputBuffer, _ alert: UInt32, _ state: AlertState, _ policy: Int) {
        let row = alerts[alert]
        let rule = policies[policy].policy[row.rule]
        out.put(",\"alert_id\":\"a_")
        out.put(hex: row.idHigh)
        out.put(hex: row.idLow)
        out.put("\",\"rule\":\"")
        out.put(row.rule.text)
        out.put("\",\"state\":\"")
        out.put(state.text)
        out.put("\",\"severity\":\"")
        out.put(rule.severity.text)
        out.put("\",\"owner\":")
        out.put(string: rule.owner)
        out.put(",\"subject\":")
    }

    /// The fields from `root_cause` to `summary`, with the summary's text already in `sentence`.
    private func putMiddle(_ out: OutputBuffer, _ alert: UInt32, _ policy: Int) {
        out.reserve(1024)
        out.put(",\"root_cause\":\"")
        out.put(policies[policy].policy[alerts[alert].rule].rootCause.text)
        out.put("\",\"summary\":")
        unsafe out.put(string: sentence.written)
        out.reserve(512)
        out.put(",\"occurrence\":")
        out.put(Int64(alerts[alert].occurrence))
    }

    private func putResolution(_ out: OutputBuffer, _ state: AlertState) {
        switch state {
        case .opened, .updated: out.put(",\"resolution\":null")
        case .resolved(let resolution):
            out.put(",\"resolution\":\"")
            out.put(resolution.text)
            out.put("\"")
        }
    }

    private func putDispositions(_ out: OutputBuffer, _ alert: UInt32) {
        out.put(",\"dispositions\":[")
        var isFirst = true
        for note in dispositions[alert] ?? [] {
            out.reserve(256)
            out.put(isFirst ? "{\"offset\":" : ",{\"offset\":")
            isFirst = false
            out.put(note.offset)
            out.put(",\"decision\":")
            put(out, note.decision)
            out.put(",\"actor\":")
            unsafe note.actor.withUnsafeBytes { unsafe out.put(string: $0) }
            out.reserve(16)
            out.put(",\"role\":")
            putOptional(out, note.role)
            out.put(",\"note\":")
            putOptional(out, note.note)
            out.put(byte: UInt8(ascii: "}"))
        }
        out.reserve(64)
        out.put(byte: UInt8(ascii: "]"))
    }

    private func putOptional(_ out: OutputBuffer, _ text: [UInt8]) {
        if text.isEmpty {
            out.put("null")
        } else {
            unsafe text.withUnsafeBytes { unsafe out.put(string: $0) }
        }
        out.reserve(64)
    }

    private mutating func writeFillAlert(
        _ alert: UInt32, _ state: AlertState, _ facts: Facts
    ) {
        let out = outputs[Int(OutputTopic.alerts.rawValue)]
        let row = alerts[alert]
        writeSentence(row.rule, facts)
        out.reserve(4096)
        begin(.alerts, facts.entity, facts.policy)
        putHead(out, alert, state, facts.policy)
        putFill(out, facts)
        putMiddle(out, alert, facts.policy)
        out.put(",\"decision_id\":\"d_")
        putNumber(out, fills[facts.fill].decisionRecord, Int64(fills[facts.fill].decisionIndex))
        out.put("\",\"patient_token\":")
        putToken(out, facts.patient)
        putResolution(out, state)
        out.put(",\"evidence\":{\"records\":[")
        putRecords(out, row.rule, facts)
        out.put("],\"reference\":[")
        putReferenceRows(out, row.rule, facts)
        out.put("],\"values\":{")
        putValues(out)
        out.put(byte: UInt8(ascii: "}"))
        putDispositions(out, alert)
        out.put("}}")
        finish(.alerts, facts.entity)
    }

    /// The values in `scratch`, without the comma before the first.
    private func putValues(_ out: OutputBuffer) {
        let values = unsafe UnsafeRawBufferPointer(rebasing: scratch.written.dropFirst())
        out.reserve(values.count + 64)
        unsafe out.put(raw: values)
    }

    private mutating func writeAccumulatorAlert(_ alert: UInt32, _ state: AlertState, _ policy: Int) {
        let out = outputs[Int(OutputTopic.alerts.rawValue)]
        let row = alerts[alert]
        let accumulator = accumulators[row.subject]
        let entity = reference.pharmacies.rows[accumulator.pharmacy].entity
        writeSentence(row.rule, accumulator: row.subject, policy)
        out.reserve(4096)
        begin(.alerts, entity, policy)
        putHead(out, alert, state, policy)
        out.put("{\"kind\":\"accumulator\",\"pharmacy_npi\":")
        putNpi(out, reference.pharmacies.rows[accumulator.pharmacy])
        out.put(",\"ndc11\":")
        putProduct(out, accumulator.product)
        out.put(",\"account\":")
        put(out, accumulator.account)
        if row.invoice != .none {
            out.put(",\"invoice_id\":")
            put(out, row.invoice)
        }
        out.reserve(64)
        out.put(byte: UInt8(ascii: "}"))
        putMiddle(out, alert, policy)
        out.put(",\"decision_id\":null,\"patient_token\":null")
        putResolution(out, state)
        out.put(",\"evidence\":{\"records\":[{\"kind\":\"cause\",\"offset\":")
        out.put(offset)
        out.put("}],\"reference\":[],\"values\":{")
        putValues(out)
        out.put(byte: UInt8(ascii: "}"))
        putDispositions(out, alert)
        out.put("}}")
        finish(.alerts, entity)
    }
}

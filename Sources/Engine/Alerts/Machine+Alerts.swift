internal import Journal

// One alert per (entity, rule, subject). It opens when a rule fails, is updated when what was compared changed, and
// resolves when its condition no longer holds (SEMANTICS 24, 25).

/// Why an alert resolved.
enum Resolution: UInt8, BitwiseCopyable {
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
        _ facts: Facts,
        _ judgement: Judgement,
        _ inForce: RuleSet
    ) {
        let fill = facts.fill
        let alerting = alertingRules(facts, judgement)
        var rules = alerting.union(fills[fill].open)
        while let rule = rules.popFirst() {
            let isOpen = fills[fill].open.has(rule)
            if alerting.has(rule) {
                if !isOpen, facts.date < numbers[facts.policy].alertsFrom { continue }
                writeValues(of: rule, facts)
                let content = contentHash(rule, facts.policy)
                let alert = alert(ofFill: fill, rule)
                if !isOpen {
                    fills[fill].open.add(rule)
                    open(alert, content)
                    writeFillAlert(alert, .opened, facts)
                } else if alerts[alert].content != content {
                    alerts[alert].content = content
                    writeFillAlert(alert, .updated, facts)
                }
            } else {
                fills[fill].open.rawValue &= ~RuleSet(rule).rawValue
                let alert = alert(ofFill: fill, rule)
                let resolution: Resolution =
                    judgement.outcome == .reversed
                    ? .reversed : inForce.has(rule) ? .factsChanged : .ruleDisabled
                close(alert, resolution)
                writeValues(of: rule, facts)
                writeFillAlert(alert, .resolved(resolution), facts)
            }
        }
    }

    /// The failing rules that may alert (SEMANTICS 24): outside prescriptions that nobody claimed are
    /// classification, not exceptions.
    private func alertingRules(
        _ facts: Facts,
        _ judgement: Judgement
    ) -> RuleSet {
        if judgement.outcome == .reversed { return [] }
        let hasQualified = fills[facts.fill].hasQualified
        var rules = judgement.failing
        if !facts.isTreated, !hasQualified {
            rules.formIntersection(numbers[facts.policy].alwaysAlerting)
        }
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
        number = insertAlert(
            AlertRow(subject: fill, next: fills[fill].firstAlert, rule: rule, isOfFill: true)
        )
        fills[fill].firstAlert = number
        return number
    }

    /// Entity, rule and pharmacy, each followed by 0x1F: what every alert's id is hashed from first.
    private func putKey(_ key: inout Pen, _ pharmacy: UInt32, _ rule: Rule) {
        putBare(&key, reference.entities, reference.pharmacies.rows[pharmacy].entity)
        key.put(byte: 0x1F)
        key.put(oneOf: rule.text)
        key.put(byte: 0x1F)
        putBare(&key, reference.pharmacies, pharmacy)
        key.put(byte: 0x1F)
    }

    mutating func insertAlert(_ row: AlertRow, invoice: InvoiceRow? = nil) -> UInt32 {
        let number = alerts.insert(row)
        if let invoice { invoices[number] = invoice }
        if hasAlertIndex {
            let (high, low) = id(ofAlert: number)
            alertIndex.insert(Hash.words(high, low), number)
        }
        return number
    }

    /// An alert's 128 bits: of SHA-256 over entity, rule and subject (OUTPUTS).
    func id(ofAlert number: UInt32) -> (UInt64, UInt64) {
        let row = alerts[number]
        var key = keys.pen()
        if row.isOfFeed {
            let (entity, kind) = whose(row.subject)
            putBare(&key, reference.entities, entity)
            key.put(byte: 0x1F)
            key.put(oneOf: row.rule.text)
            key.put(byte: 0x1F)
            key.put("entity")
            key.put(byte: 0x1F)
            key.put(oneOf: kind.text)
        } else if row.isOfFill {
            putKey(&key, fills[row.subject].pharmacy, row.rule)
            putBare(&key, fills[row.subject].rx)
            key.put(byte: 0x1F)
            key.put(Int64(fills[row.subject].fillNumber))
        } else {
            let accumulator = accumulators[row.subject]
            putKey(&key, accumulator.pharmacy, row.rule)
            unsafe text(ofProduct: accumulator.product).withUnsafeBytes { unsafe key.put(raw: $0) }
            key.put(byte: 0x1F)
            key.put(accumulator.account.text)
            if let invoice = invoices[number] {
                key.put(byte: 0x1F)
                putBare(&key, invoice.id)
            }
        }
        keys.keep(key)
        defer { keys.removeAll() }
        return unsafe SHA256.prefix(keys.written)
    }

    mutating func removeAlert(_ number: UInt32) {
        if hasAlertIndex {
            let (high, low) = id(ofAlert: number)
            alertIndex.remove(Hash.words(high, low), number)
        }
        alerts[number].subject = 0
        if !dispositions.isEmpty { dispositions[number] = nil }
        alerts.remove(number)
    }

    /// Hash of what makes an update: severity, owner, root cause and the values in `scratch`.
    func contentHash(_ rule: Rule, _ policy: Int) -> UInt32 {
        unsafe UInt32(
            truncatingIfNeeded: Hash.bytes(
                scratch.written,
                seed: piece(policy, rule).seed
            )
        )
    }

    mutating func open(_ alert: UInt32, _ content: UInt32) {
        alerts[alert].isOpen = true
        alerts[alert].occurrence += 1
        alerts[alert].content = content
        counts.alertsOpened[Int(alerts[alert].rule.rawValue)] += 1
    }

    mutating func close(_ alert: UInt32, _ resolution: Resolution) {
        alerts[alert].isOpen = false
        alerts[alert].resolution = resolution
    }

    // MARK: records

    /// The fields from `alert_id` to `owner`.
    func putHead(_ out: inout Pen, _ alert: UInt32, _ state: AlertState, _ policy: Int) {
        let row = alerts[alert]
        let (high, low) = id(ofAlert: alert)
        out.put(",\"alert_id\":\"a_")
        out.put(hex: high)
        out.put(hex: low)
        out.put("\",\"rule\":\"")
        out.put(oneOf: row.rule.text)
        out.put("\",\"state\":\"")
        out.put(oneOf: state.text)
        unsafe out.put(padded: fragments.bytes(piece(policy, row.rule).head))
    }

    /// `root_cause` and the name of `summary`, whose text comes next.
    func putCause(_ out: inout Pen, _ rule: Rule, _ policy: Int) {
        unsafe out.put(padded: fragments.bytes(piece(policy, rule).cause))
    }

    func putOccurrence(_ out: inout Pen, _ alert: UInt32) {
        out.put(",\"occurrence\":")
        out.put(Int64(alerts[alert].occurrence))
    }

    func putResolution(_ out: inout Pen, _ state: AlertState) {
        switch state {
        case .opened, .updated: out.put(",\"resolution\":null")
        case .resolved(let resolution):
            out.put(",\"resolution\":\"")
            out.put(oneOf: resolution.text)
            out.put("\"")
        }
    }

    mutating func writeFillAlert(
        _ alert: UInt32,
        _ state: AlertState,
        _ facts: Facts
    ) {
        if isSilent { return count(.alerts) }
        var out = pen(.alerts)
        let row = alerts[alert]
        begin(&out, .alerts, facts.entity, facts.policy)
        putHead(&out, alert, state, facts.policy)
        putFill(&out, facts)
        putCause(&out, row.rule, facts.policy)
        putSentence(&out, row.rule, facts)
        putOccurrence(&out, alert)
        out.put(",\"decision_id\":\"d_")
        putNumber(&out, fills[facts.fill].decisionRecord, Int64(fills[facts.fill].decisionIndex))
        out.put("\",\"patient_token\":")
        putToken(&out, facts.patient)
        putResolution(&out, state)
        putEvidence(&out, row.rule, facts)
        putDispositions(&out, alert)
        out.put("}}")
        finish(.alerts, facts.entity, out)
    }

    /// The values in `scratch`, without the comma before the first; behind them lies the rest of its memory.
    func putValues(_ out: inout Pen) {
        unsafe out.put(padded: UnsafeRawBufferPointer(rebasing: scratch.written.dropFirst()))
    }

    /// The record at hand as the last one of the evidence, the values in `scratch`, and the end of an alert that has
    /// no fill.
    func putCauseAndEnd(_ out: inout Pen, _ alert: UInt32) {
        out.put("{\"kind\":\"cause\",\"offset\":")
        out.put(offset)
        out.put("}],\"reference\":[],\"values\":{")
        putValues(&out)
        out.put(byte: UInt8(ascii: "}"))
        putDispositions(&out, alert)
        out.put("}}")
    }
}

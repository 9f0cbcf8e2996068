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
                let resolution: Resolution =
                    judgement.outcome == .reversed
                    ? .reversed : inForce.has(rule) ? .factsChanged : .ruleDisabled
                alerts[alert].isOpen = false
                alerts[alert].resolution = resolution
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

    // MARK: alerts about accumulators and invoices

    /// Opens, updates or resolves an accumulator's alert.
    mutating func settle(
        _ rule: Rule,
        _ number: UInt32,
        _ holds: Bool,
        _ policy: Int,
        _ inForce: RuleSet
    ) {
        var alert = accumulators[number].firstAlert
        while alert != 0, alerts[alert].rule != rule { alert = alerts[alert].next }
        let isOpen = alert != 0 && alerts[alert].isOpen
        if holds, inForce.has(rule) {
            if !isOpen, CivilDate(day: judgedOn) < numbers[policy].alertsFrom { return }
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

    mutating func open(_ alert: UInt32, _ content: UInt32) {
        alerts[alert].isOpen = true
        alerts[alert].occurrence += 1
        alerts[alert].content = content
        counts.alertsOpened[Int(alerts[alert].rule.rawValue)] += 1
    }

    private mutating func insertAlert(
        ofAccumulator number: UInt32,
        _ rule: Rule,
        invoice: InvoiceRow? = nil
    ) -> UInt32 {
        let alert = insertAlert(
            AlertRow(
                subject: number,
                next: accumulators[number].firstAlert,
                rule: rule,
                isOfFill: false
            ),
            invoice: invoice
        )
        accumulators[number].firstAlert = alert
        return alert
    }

    /// An invoice of a date buys more than was due: one alert per invoice.
    mutating func openInvoiceAlert(
        _ rule: Rule,
        _ number: UInt32,
        _ invoice: IncomingIdentifier,
        _ date: CivilDate
    ) {
        var alert = accumulators[number].firstAlert
        while alert != 0,
            alerts[alert].rule != rule || !isEqual(invoices[alert]?.id ?? .none, invoice)
        {
            alert = alerts[alert].next
        }
        if alert == 0 {
            let row = InvoiceRow(id: keep(invoice), date: date)
            alert = insertAlert(ofAccumulator: number, rule, invoice: row)
        }
        if !alerts[alert].isOpen, invoices[alert]?.isSuspended == false {
            accumulators[number].uncoveredInvoices += 1
        }
        // Its last line that was too many gives the date.
        invoices[alert]?.date = date
        invoices[alert]?.isSuspended = false
        settle(invoiceAlert: alert, policy(on: date))
    }

    /// Opens an invoice's alert, or updates it where what it says has changed.
    mutating func settle(invoiceAlert alert: UInt32, _ policy: Int) {
        writeValues(of: alerts[alert].rule, accumulator: alerts[alert].subject, policy)
        let content = contentHash(alerts[alert].rule, policy)
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
        alerts[alert].resolution = resolution
        writeValues(of: alerts[alert].rule, accumulator: alerts[alert].subject, policy)
        writeAccumulatorAlert(alert, .resolved(resolution), policy)
    }

    // MARK: dispositions

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Records what a person said about an alert in its evidence (25): an `updated`, or one that is resolved once more.
    mutating func noteAlert(
        _ text: String,
        _ disposition: Disposition,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        let digits = text.dropFirst(2)
        guard digits.utf8.count == 32, digits.utf8.allSatisfy(Self.isHexDigit),
            let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        indexAlerts()
        let alert = alertIndex.find(Hash.words(high, low)) { id(ofAlert: $0) == (high, low) }
        guard alert != 0, self.entity(ofAlert: alert) == entity else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        dispositions[alert, default: []].append(
            DispositionNote(
                offset: offset,
                decision: disposition.decision,
                actor: unsafe Array(record.bytes(disposition.actor)),
                role: unsafe Array(record.bytes(disposition.role)),
                note: unsafe Array(record.bytes(disposition.note))
            )
        )
        // A resolved alert stays resolved, for the same reason: `updated` would read as if it were open (OUTPUTS).
        let state: AlertState =
            alerts[alert].isOpen ? .updated : .resolved(alerts[alert].resolution)
        if alerts[alert].isOfFill {
            let facts = facts(of: alerts[alert].subject)
            writeValues(of: alerts[alert].rule, facts)
            writeFillAlert(alert, state, facts)
        } else if alerts[alert].isOfFeed {
            let policy = policy(on: CivilDate(day: today))
            writeValues(ofFeed: alerts[alert].subject, policy)
            writeFeedAlert(alert, state, policy)
        } else {
            let policy = policy(on: invoices[alert]?.date ?? CivilDate(day: today))
            writeValues(of: alerts[alert].rule, accumulator: alerts[alert].subject, policy)
            writeAccumulatorAlert(alert, state, policy)
        }
    }

    /// Makes the index of alerts at the first disposition about one: where nobody answers alerts on this way, it would
    /// cost a cache miss per alert for nothing.
    private mutating func indexAlerts() {
        guard !hasAlertIndex else { return }
        hasAlertIndex = true
        for number in 1..<UInt32(alerts.used) where alerts[number].subject != 0 {
            let (high, low) = id(ofAlert: number)
            alertIndex.insert(Hash.words(high, low), number)
        }
    }

    private func entity(ofAlert alert: UInt32) -> UInt32 {
        if alerts[alert].isOfFeed { return whose(alerts[alert].subject).entity }
        let pharmacy =
            alerts[alert].isOfFill
            ? fills[alerts[alert].subject].pharmacy : accumulators[alerts[alert].subject].pharmacy
        return reference.pharmacies.rows[pharmacy].entity
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

    func putDispositions(_ out: inout Pen, _ alert: UInt32) {
        guard !dispositions.isEmpty, let notes = dispositions[alert] else {
            return out.put(",\"dispositions\":[]")
        }
        out.put(",\"dispositions\":[")
        var isFirst = true
        for note in notes.suffix(Self.mostNotes) {
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"offset\":")
            out.put(note.offset)
            out.put(",\"decision\":")
            put(&out, note.decision)
            out.put(",\"actor\":")
            putShort(&out, note.actor)
            out.put(",\"role\":")
            putOptional(&out, note.role)
            out.put(",\"note\":")
            putOptional(&out, note.note)
            out.put(byte: UInt8(ascii: "}"))
        }
        out.put(byte: UInt8(ascii: "]"))
        if notes.count > Self.mostNotes {
            out.put(",\"dispositions_omitted\":")
            out.put(Int64(notes.count - Self.mostNotes))
        }
    }

    /// An output has to fit into a message: of many notes the last are shown, and of a long text its beginning; all of
    /// it stands in the journal, at the offset that is told.
    private static var mostNotes: Int { 20 }
    private static var mostBytes: Int { 1000 }

    private func putOptional(_ out: inout Pen, _ text: [UInt8]) {
        if text.isEmpty { out.put("null") } else { putShort(&out, text) }
    }

    private func putShort(_ out: inout Pen, _ text: [UInt8]) {
        guard text.count > Self.mostBytes else {
            return unsafe text.withUnsafeBytes { unsafe out.put(string: $0) }
        }
        // No character is cut in two.
        var end = Self.mostBytes
        while text[end] & 0xC0 == 0x80 { end -= 1 }
        let start = text[..<end] + Array("…".utf8)
        unsafe start.withUnsafeBytes { unsafe out.put(string: $0) }
    }

    private mutating func writeFillAlert(
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

    private mutating func writeAccumulatorAlert(_ alert: UInt32, _ state: AlertState, _ policy: Int)
    {
        if isSilent { return count(.alerts) }
        var out = pen(.alerts)
        let row = alerts[alert]
        let accumulator = accumulators[row.subject]
        let entity = reference.pharmacies.rows[accumulator.pharmacy].entity
        begin(&out, .alerts, entity, policy)
        putHead(&out, alert, state, policy)
        out.put("{\"kind\":\"accumulator\",\"pharmacy_npi\":")
        put(&out, reference.pharmacies, accumulator.pharmacy)
        out.put(",\"ndc11\":")
        putProduct(&out, accumulator.product)
        out.put(",\"account\":")
        put(&out, accumulator.account)
        if let invoice = invoices[alert] {
            out.put(",\"invoice_id\":")
            put(&out, invoice.id)
        }
        out.put(byte: UInt8(ascii: "}"))
        putCause(&out, row.rule, policy)
        putSentence(&out, row.rule, accumulator: row.subject)
        putOccurrence(&out, alert)
        out.put(",\"decision_id\":null,\"patient_token\":null")
        putResolution(&out, state)
        out.put(",\"evidence\":{\"records\":[")
        putCauseAndEnd(&out, alert)
        finish(.alerts, entity, out)
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

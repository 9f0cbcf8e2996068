internal import Journal

// A fill is judged; what changed is written down: decision, ledger entries, alerts.

extension Machine {
    /// Decides a fill at this moment and writes what follows; nothing where nothing changed.
    ///
    /// - Parameters:
    ///   - fill: a fill that is remembered.
    ///   - isPatientSame: whether only its claims or the time have changed since it was decided last.
    mutating func decide(_ fill: UInt32, isPatientSame: Bool = false) {
        let facts = facts(of: fill, isPatientSame: isPatientSame)
        let inForce = rulesInForce(facts.policy, on: facts.date)
        let judgement = Judgement(facts, numbers[facts.policy], inForce)
        let before = fills[fill].decided
        if judgement.outcome == .none, before.outcome == .none { return }

        let formerPrimary = fills[fill].primary
        let wasBillReversed = fills[fill].isBillReversed
        fills[fill].hasPrimary = facts.primary != 0
        fills[fill].isBillReversed = facts.hasPaidClaim && facts.liveCount == 0
        if judgement.next != .max,
            judgement.waiting != before.waiting || before.outcome == .none || change == .policy
                || change == .deadline
        {
            // A bill that takes one rule's wait away often leaves another's to the same moment, which is noted already.
            let isNoted =
                numbers.count == 1 && change != .policy && change != .deadline
                && Grace.next(before.waiting, facts.firstArrival, numbers[0]) == judgement.next
            if !isNoted { deadlines.insert(at: judgement.next, row: fill) }
        }
        let decided = decided(facts, judgement)
        if decided.outcome == .qualified { fills[fill].hasQualified = true }
        if decided != before {
            fills[fill].decided = decided
            fills[fill].revision += 1
            fills[fill].decisionRecord = recordNumber
            fills[fill].decisionIndex = UInt32(outputIndex[0])
            writeDecision(facts, judgement, decided)
            post(facts, from: before, to: decided)
        }
        if !judgement.failing.isEmpty || !fills[fill].open.isEmpty {
            settleAlerts(facts, judgement, inForce)
        }
        if formerPrimary != 0,
            formerPrimary != facts.primary || wasBillReversed != fills[fill].isBillReversed
        {
            redecideVelocity(of: fill, formerPrimary)
            if facts.primary != formerPrimary { redecideVelocity(of: fill, facts.primary) }
        }
    }

    private func decided(_ facts: Facts, _ judgement: Judgement) -> Decided {
        var decided = Decided()
        decided.outcome = judgement.outcome
        decided.failing = judgement.failing
        decided.waiting = judgement.waiting
        decided.isTreated = facts.isTreated
        decided.product = facts.product
        if facts.shown != 0 {
            decided.dispense = facts.shown
            decided.quantity = facts.quantity
            decided.unit = facts.unit
        }
        let isInpatientDose = facts.isAdministered && facts.stay != 0
        switch judgement.outcome {
        case .none, .pending, .reversed: break
        case .qualified: decided.account = .discounted
        case .notQualified, .missedOpportunity:
            guard facts.primary != 0 else { break }
            let isProhibited = numbers[facts.policy].gpoProhibitedTypes
                .has(facts.entityType)
            decided.account = isInpatientDose || !isProhibited ? .groupPurchasing : .wholesale
        }
        if decided.account == .discounted
            || (decided.account == .groupPurchasing && isInpatientDose && facts.isProductKnown)
        {
            decided.posted = decided.account
        }
        return decided
    }

    /// A fill counts for the pattern of others with its primary dispense, unless its bill was reversed: when either
    /// changes, they are judged again. What the record itself says of a dispense has been looked at already.
    private mutating func redecideVelocity(of fill: UInt32, _ primary: UInt32) {
        guard primary != 0 else { return }
        let row = dispenses[primary]
        guard row.patient != 0, row.setting == .retail else { return }
        var others: [UInt32] = []
        var number = patients[row.patient].firstDispense
        while number != 0, dispenses[number].occurredAt >= row.occurredAt {
            if dispenses[number].product == row.product, dispenses[number].fill != fill {
                others.append(dispenses[number].fill)
            }
            number = dispenses[number].nextOfPatient
        }
        for other in Set(others).sorted(by: { isBefore($0, $1) }) { decide(other) }
    }

    // MARK: the decision record

    private mutating func writeDecision(
        _ facts: Facts,
        _ judgement: Judgement,
        _ decided: Decided
    ) {
        var out = pen(.decisions)
        counts.decisions[Int(decided.outcome.rawValue)] += 1
        let index = outputIndex[0]
        begin(&out, .decisions, facts.entity, facts.policy)
        out.put(",\"decision_id\":\"d_")
        putNumber(&out, recordNumber, index)
        out.put("\",\"revision\":")
        out.put(Int64(fills[facts.fill].revision))
        out.put(",\"fill\":")
        putFill(&out, facts)
        out.put(",\"dispense_id\":")
        putDispense(&out, facts)
        out.put(",\"occurred_at\":")
        out.put(Instant(microseconds: facts.occurredAt))
        out.put(",\"ndc11\":")
        putProduct(&out, decided.product)
        out.put(",\"quantity\":")
        if decided.quantity == .min {
            out.put("null")
        } else {
            out.put(Balance(Quantity(millionths: decided.quantity)))
        }
        out.put(",\"unit\":")
        if let unit = BillingUnit(rawValue: decided.unit) {
            put(&out, unit)
        } else {
            out.put("null")
        }
        out.put(decided.isTreated ? ",\"treated_as_340b\":true" : ",\"treated_as_340b\":false")
        let isEligible = decided.outcome == .qualified || decided.outcome == .missedOpportunity
        out.put(isEligible ? ",\"eligible\":true,\"account\":" : ",\"eligible\":false,\"account\":")
        switch decided.account {
        case .none: out.put("null")
        case .discounted: out.put("\"340B\"")
        case .groupPurchasing: out.put("\"GPO\"")
        case .wholesale: out.put("\"WAC\"")
        }
        out.put(",\"outcome\":\"")
        out.put(decided.outcome.text)
        out.put("\",\"rules\":[")
        var rules = decided.failing.union(decided.waiting)
        var isFirst = true
        while let rule = rules.popFirst() {
            out.put(isFirst ? "{\"rule\":\"" : ",{\"rule\":\"")
            isFirst = false
            out.put(rule.text)
            out.put(
                decided.failing.has(rule) ? "\",\"result\":\"fail\"}" : "\",\"result\":\"pending\"}"
            )
        }
        out.put("],\"matched_encounter_id\":")
        if facts.matched != 0 { put(&out, encounters[facts.matched].id) } else { out.put("null") }
        out.put(",\"site_id\":")
        if facts.shown != 0 {
            put(&out, name: reference.sites.rows[dispenses[facts.shown].site])
            out.put(",\"prescriber_npi\":")
            putNpi(&out, reference.providers.rows[facts.prescriber])
            out.put(",\"patient_token\":")
            putToken(&out, facts.patient)
        } else {
            out.put("null,\"prescriber_npi\":null,\"patient_token\":null")
        }
        out.put(",\"pending_until\":")
        out.put(Instant(microseconds: judgement.next))
        out.put(",\"change\":\"")
        out.put(change.text)
        out.put("\",\"state_hash\":null}")
        finish(.decisions, facts.entity, out)
    }

    // MARK: pieces of outputs

    /// Begins an output with what all of them have.
    func begin(_ out: inout Pen, _ topic: OutputTopic, _ entity: UInt32, _ policy: Int) {
        out.put("{\"covered_entity_id\":")
        put(&out, name: reference.entities.rows[entity])
        out.put(",\"sequence\":")
        out.put(sequence[Int(topic.rawValue)])
        out.put(",\"event_time\":")
        out.put(now)
        out.put(",\"journal\":{\"partition\":")
        out.put(Int64(partition))
        out.put(",\"offset\":")
        out.put(offset)
        out.put("},\"policy_version\":")
        unsafe out.put(raw: fragments.bytes(numbers[policy].versionText))
    }

    mutating func finish(_ topic: OutputTopic, _ entity: UInt32, _ pen: Pen) {
        end(pen, topic, entity)
        sequence[Int(topic.rawValue)] += 1
        outputIndex[Int(topic.rawValue)] += 1
    }

    /// Journal partition, record number and index: what follows `d_`, `i_` or `r_` in an identifier.
    func putNumber(_ out: inout Pen, _ number: Int64, _ index: Int64) {
        out.put(Int64(partition))
        out.put(byte: UInt8(ascii: "_"))
        out.put(number)
        out.put(byte: UInt8(ascii: "_"))
        out.put(index)
    }

    func put<Code: ContractCode>(_ out: inout Pen, _ code: Code) {
        out.put(byte: UInt8(ascii: "\""))
        out.put(code.text)
        out.put(byte: UInt8(ascii: "\""))
    }

    @inline(__always)
    func put(_ out: inout Pen, _ identifier: Identifier) {
        if identifier.isLong {
            let text = identifiers.text(identifier.longNumber)
            unsafe text.withUnsafeBytes { unsafe out.put(string: $0) }
            return
        }
        out.put(byte: UInt8(ascii: "\""))
        out.put(packed: identifier.word)
        out.put(byte: UInt8(ascii: "\""))
    }

    func put(_ out: inout Pen, name: NameRow) {
        if name.isText {
            unsafe out.put(string: reference.texts.bytes(UInt32(name.word)))
        } else {
            put(&out, Identifier(word: name.word))
        }
    }

    func putNpi(_ out: inout Pen, _ name: NameRow) {
        if name.isText {
            unsafe out.put(string: reference.texts.bytes(UInt32(name.word)))
            return
        }
        out.put(byte: UInt8(ascii: "\""))
        out.put(name.word, digits: 10)
        out.put(byte: UInt8(ascii: "\""))
    }

    /// The normalised code, or null where there is none.
    func putProduct(_ out: inout Pen, _ product: UInt32) {
        guard product != 0, !reference.products[product].isText else { return out.put("null") }
        let word = reference.products[product].word
        out.put(byte: UInt8(ascii: "\""))
        out.put(word & (1 << 56 - 1), digits: Int(word >> 56))
        out.put(byte: UInt8(ascii: "\""))
    }

    func putToken(_ out: inout Pen, _ patient: UInt32) {
        guard patient != 0 else { return out.put("null") }
        let row = patients[patient]
        out.put(byte: UInt8(ascii: "\""))
        unsafe out.put(raw: keyIDs.bytes(UInt32(scopes.rows[row.scope].word)))
        out.put(byte: UInt8(ascii: ":"))
        out.put(base64: row.tokenHigh, row.tokenLow)
        out.put(byte: UInt8(ascii: "\""))
    }

    /// A fill as a subject.
    func putFill(_ out: inout Pen, _ facts: Facts) {
        out.put("{\"kind\":\"fill\"")
        putFillFields(&out, facts)
        out.put(byte: UInt8(ascii: "}"))
    }

    func putFillFields(_ out: inout Pen, _ facts: Facts) {
        out.put(",\"pharmacy_npi\":")
        putNpi(&out, reference.pharmacies.rows[fills[facts.fill].pharmacy])
        out.put(",\"rx_number\":")
        put(&out, fills[facts.fill].rx)
        out.put(",\"fill_number\":")
        out.put(Int64(fills[facts.fill].fillNumber))
        out.put(",\"dispense_id\":")
        putDispense(&out, facts)
    }

    /// The id of the dispense that is shown, or null.
    private func putDispense(_ out: inout Pen, _ facts: Facts) {
        if facts.shown != 0 { put(&out, dispenses[facts.shown].id) } else { out.put("null") }
    }
}

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
        fills[fill].isBillReversed = facts.isBillReversed
        if judgement.next != .max,
            judgement.waiting != before.waiting || before.outcome == .none || change == .policy
                || change == .deadline || numbers.count > 1
        {
            // Another version of the policy may have brought the deadline forward.
            // A bill that takes one rule's wait away often leaves another's to the same moment, which is noted already.
            let isNoted =
                numbers.count == 1 && !hasHolds && change != .policy && change != .deadline
                && Grace.next(before.waiting, facts.firstArrival, numbers[0]) == judgement.next
            if !isNoted { deadlines.insert(at: judgement.next, row: fill) }
        }
        let decided = decided(facts, judgement)
        if decided.outcome == .qualified { fills[fill].hasQualified = true }
        if decided != before {
            if before.outcome == .pending { pendingFills -= 1 }
            if decided.outcome == .pending { pendingFills += 1 }
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
        // A dose in another unit than the product's is no quantity of its accumulator: nothing is converted silently (17).
        let isCountedDose =
            isInpatientDose && facts.isProductKnown && !QuantityMismatch.hasOtherUnit(facts)
        if decided.account == .discounted
            || (decided.account == .groupPurchasing && isCountedDose)
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
        counts.decisions[Int(decided.outcome.rawValue)] += 1
        if isSilent {
            // This decision would have carried it.
            proof = 0
            return count(.decisions)
        }
        var out = pen(.decisions)
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
        putUnit(&out, BillingUnit(rawValue: decided.unit))
        out.put(",\"treated_as_340b\":")
        out.put(decided.isTreated)
        out.put(",\"eligible\":")
        out.put(decided.outcome == .qualified || decided.outcome == .missedOpportunity)
        out.put(",\"account\":")
        out.put(oneOf: decided.account.json)
        out.put(",\"outcome\":\"")
        out.put(oneOf: decided.outcome.text)
        out.put("\",\"rules\":[")
        var rules = decided.failing.union(decided.waiting)
        var isFirst = true
        while let rule = rules.popFirst() {
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"rule\":\"")
            out.put(oneOf: rule.text)
            out.put("\",\"result\":\"")
            out.put(oneOf: decided.failing.has(rule) ? "fail\"}" : "pending\"}")
        }
        out.put("],\"matched_encounter_id\":")
        if facts.matched != 0 { put(&out, encounters[facts.matched].id) } else { out.put("null") }
        if facts.shown != 0 {
            out.put(",\"site_id\":")
            put(&out, reference.sites, dispenses[facts.shown].site)
            out.put(",\"prescriber_npi\":")
            put(&out, reference.providers, facts.prescriber)
            out.put(",\"patient_token\":")
            putToken(&out, facts.patient)
        } else {
            out.put(",\"site_id\":null,\"prescriber_npi\":null,\"patient_token\":null")
        }
        out.put(",\"pending_until\":")
        out.put(Instant(microseconds: judgement.next))
        out.put(",\"change\":\"")
        out.put(oneOf: change.text)
        if proof == 0 {
            out.put("\",\"state_hash\":null}")
        } else {
            // The layout that was hashed, so that nobody compares hashes of two.
            out.put("\",\"state_hash\":\"")
            out.put(Int64(Self.stateVersion))
            out.put(byte: UInt8(ascii: ":"))
            out.put(hex: proof)
            out.put("\"}")
            proof = 0
        }
        finish(.decisions, facts.entity, out)
    }

    // MARK: pieces of outputs

    /// Begins an output with what all of them have.
    mutating func begin(_ out: inout Pen, _ topic: OutputTopic, _ entity: UInt32, _ policy: Int) {
        out.put("{\"covered_entity_id\":")
        put(&out, reference.entities, entity)
        out.put(",\"sequence\":")
        out.put(sequence[Int(topic.rawValue)])
        let version = numbers[policy].versionText
        if stamp.offset != offset || stamp.time != now || stamp.version != version {
            stampRecord(version)
        }
        unsafe out.put(padded: stamp.text.written)
    }

    /// Writes what all outputs of the record in hand have in common, once for all of them.
    @inline(never)
    private mutating func stampRecord(_ version: UInt32) {
        stamp.offset = offset
        stamp.time = now
        stamp.version = version
        stamp.text.removeAll()
        var text = stamp.text.pen()
        text.put(",\"event_time\":")
        text.put(now)
        text.put(",\"journal\":{\"partition\":")
        text.put(Int64(partition))
        text.put(",\"offset\":")
        text.put(offset)
        text.put("},\"policy_version\":")
        unsafe text.put(padded: fragments.bytes(version))
        stamp.text.keep(text)
    }

    mutating func finish(_ topic: OutputTopic, _ entity: UInt32, _ pen: Pen) {
        end(pen, topic, entity)
        count(topic)
    }

    /// Counts an output.
    @inline(__always)
    mutating func count(_ topic: OutputTopic) {
        sequence[Int(topic.rawValue)] += 1
        outputIndex[Int(topic.rawValue)] += 1
    }

    /// Journal partition, record number and index: what follows `d_`, `i_` or `r_` in an identifier.
    @inline(__always)
    func putNumber(_ out: inout Pen, _ number: Int64, _ index: Int64) {
        out.put(Int64(partition))
        out.put(byte: UInt8(ascii: "_"))
        out.put(number)
        out.put(byte: UInt8(ascii: "_"))
        out.put(index)
    }

    @inline(__always)
    func put<Code: ContractCode>(_ out: inout Pen, _ code: Code) {
        out.put(byte: UInt8(ascii: "\""))
        out.put(oneOf: code.text)
        out.put(byte: UInt8(ascii: "\""))
    }

    /// A unit, or null for none.
    @inline(__always)
    func putUnit(_ out: inout Pen, _ unit: BillingUnit?) {
        switch unit {
        case .each: out.put("\"EA\"")
        case .milliliter: out.put("\"ML\"")
        case .gram: out.put("\"GM\"")
        case nil: out.put("null")
        }
    }

    @inline(__always)
    func put(_ out: inout Pen, _ identifier: Identifier) {
        if identifier.isLong { return putLong(&out, identifier) }
        out.put(byte: UInt8(ascii: "\""))
        out.put(packed: identifier.word)
        out.put(byte: UInt8(ascii: "\""))
    }

    @inline(never)
    private func putLong(_ out: inout Pen, _ identifier: Identifier) {
        let text = identifiers.text(identifier.longNumber)
        unsafe text.withUnsafeBytes { unsafe out.put(string: $0) }
    }

    /// A name of an entity, site, prescriber or pharmacy.
    @inline(__always)
    func put(_ out: inout Pen, _ names: borrowing Names, _ number: UInt32) {
        let written = unsafe names.written.address(number)
        if unsafe written.pointee.count > 0 {
            unsafe out.put(written)
        } else {
            putUnwritten(&out, names.rows[number])
        }
    }

    /// A name that is kept as its text alone.
    @inline(never)
    private func putUnwritten(_ out: inout Pen, _ name: NameRow) {
        precondition(name.isText, "a name of no text is short and so written beforehand")
        unsafe out.put(string: reference.texts.bytes(UInt32(name.word)))
    }

    /// The normalised code, or null where there is none.
    @inline(__always)
    func putProduct(_ out: inout Pen, _ product: UInt32) {
        // Number 0 is no product and was never written.
        let written = unsafe reference.writtenProducts.address(product)
        if unsafe written.pointee.count > 0 {
            unsafe out.put(written)
        } else {
            out.put("null")
        }
    }

    @inline(__always)
    func putToken(_ out: inout Pen, _ patient: UInt32) {
        guard patient != 0 else { return out.put("null") }
        let row = patients[patient]
        let key = unsafe scopes.written.address(row.scope)
        if unsafe key.pointee.count > 0 {
            unsafe out.put(key)
        } else {
            unsafe out.put(string: keyIDs.bytes(UInt32(scopes.rows[row.scope].word)))
        }
        out.replaceLast(by: UInt8(ascii: ":"))
        out.put(base64: row.tokenHigh, row.tokenLow)
        out.put(byte: UInt8(ascii: "\""))
    }

    /// A fill as a subject.
    @inline(__always)
    func putFill(_ out: inout Pen, _ facts: Facts) {
        out.put("{\"kind\":\"fill\"")
        putFillFields(&out, facts)
        out.put(byte: UInt8(ascii: "}"))
    }

    @inline(__always)
    func putFillFields(_ out: inout Pen, _ facts: Facts) {
        out.put(",\"pharmacy_npi\":")
        put(&out, reference.pharmacies, fills[facts.fill].pharmacy)
        out.put(",\"rx_number\":")
        put(&out, fills[facts.fill].rx)
        out.put(",\"fill_number\":")
        out.put(Int64(fills[facts.fill].fillNumber))
        out.put(",\"dispense_id\":")
        putDispense(&out, facts)
    }

    /// The id of the dispense that is shown, or null.
    @inline(__always)
    private func putDispense(_ out: inout Pen, _ facts: Facts) {
        if facts.shown != 0 { put(&out, dispenses[facts.shown].id) } else { out.put("null") }
    }
}

extension DecidedAccount {
    /// As a decision writes it.
    fileprivate var json: StaticString {
        switch self {
        case .none: "null"
        case .discounted: "\"340B\""
        case .groupPurchasing: "\"GPO\""
        case .wholesale: "\"WAC\""
        }
    }
}

/// What all outputs of one journal record begin with behind their `sequence`, from `event_time` to `policy_version`, as
/// it was written for the first of them; beside it what it says, so that it can't be another record's.
///
/// An output began with 590 instructions; now the first of a record does with 420, the others with 160.
struct RecordStamp {
    let text = OutputBuffer(capacity: 1 << 16)
    var offset = Int64.min
    var time = Instant.distantPast
    /// Number of the version's text, which no other version ever has.
    var version: UInt32 = 0
}

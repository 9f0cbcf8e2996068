internal import Journal

// What a fill's facts come from: its policy, dispenses, claims, and the patient's visits.

extension Machine {
    /// The policy version in force, with all its values.
    func putPolicy(_ out: inout Pen, _ place: Int) {
        let policy = policies[place].policy
        out.put(",\"policy\":{\"version\":")
        out.put(string: policy.version)
        date(&out, "effective_from", policy.effectiveFrom)
        date(&out, "effective_to", policy.effectiveTo)
        out.put(",\"values\":{")
        for (index, field) in PolicyField.all.enumerated() {
            out.reserve(4096)
            if index > 0 { out.put(byte: UInt8(ascii: ",")) }
            out.put(string: field.name)
            out.put(":")
            putStrings(&out, field, policy)
        }
        out.put("}}")
    }

    /// A list as an array, all else as one text.
    private func putStrings(_ out: inout Pen, _ field: PolicyField, _ policy: Policy) {
        let texts = field.read(policy)
        guard case .list = field.shape else { return out.put(string: texts.first ?? "") }
        out.put("[")
        for (index, text) in texts.enumerated() {
            if index > 0 { out.put(byte: UInt8(ascii: ",")) }
            out.put(string: text)
        }
        out.put("]")
    }

    /// The last record of each dispense of the fill, the earliest first.
    func putDispenses(_ out: inout Pen, _ facts: Facts, _ offsets: inout Set<Int64>) {
        out.put(",\"dispenses\":[")
        var number = fills[facts.fill].firstDispense
        var isFirst = true
        while number != 0 {
            let row = dispenses[number]
            out.reserve(4096)
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"dispense_id\":")
            put(&out, row.id)
            self.number(&out, "offset", row.offset)
            text(&out, "status", Array("\(row.status.text)".utf8))
            moment(&out, "occurred_at", row.occurredAt)
            name(&out, "ndc11")
            putProduct(&out, row.product)
            balance(&out, "quantity", Balance(Quantity(millionths: row.quantity)))
            name(&out, "unit")
            putUnit(&out, BillingUnit(rawValue: row.unit))
            date(&out, "written_on", CivilDate(day: row.writtenOn))
            boolean(&out, "is_shown", number == facts.shown)
            out.put("}")
            offsets.insert(row.offset)
            number = row.nextOfFill
        }
        out.put("]")
    }

    /// All paid claims of the fill in their order, and which of them are live.
    func putClaims(_ out: inout Pen, _ facts: Facts, _ offsets: inout Set<Int64>) {
        out.put(",\"claims\":[")
        var number = fills[facts.fill].firstClaim
        var isFirst = true
        while number != 0 {
            let row = claims[number]
            out.reserve(4096)
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"claim_id\":")
            put(&out, row.id)
            self.number(&out, "offset", row.offset)
            text(&out, "transaction", Array("\(row.transaction.text)".utf8))
            moment(&out, "occurred_at", row.occurredAt)
            self.number(&out, "coverage_order", Int64(row.coverageOrder))
            name(&out, "ndc11")
            putProduct(&out, row.product)
            balance(&out, "quantity", Balance(Quantity(millionths: row.quantity)))
            putPayer(&out, number, facts)
            boolean(&out, "claimed_340b", row.isClaimed340B)
            boolean(&out, "is_live", live.contains(number))
            out.put("}")
            offsets.insert(row.offset)
            number = row.next
        }
        out.put("]")
    }

    /// The patient's visits that are remembered, the latest first, and whether each counts for this fill.
    func putVisits(_ out: inout Pen, _ facts: Facts, _ offsets: inout Set<Int64>) {
        out.put(",\"visits\":[")
        var visits: [UInt32] = []
        var number = facts.patient == 0 ? 0 : patients[facts.patient].firstEncounter
        while number != 0 {
            visits.append(number)
            number = encounters[number].nextOfPatient
        }
        visits.sort {
            (encounters[$0].start, encounters[$0].offset)
                > (encounters[$1].start, encounters[$1].offset)
        }
        let values = numbers[facts.policy]
        for (place, visit) in visits.enumerated() {
            let row = encounters[visit]
            out.reserve(4096)
            if place > 0 { out.put(byte: UInt8(ascii: ",")) }
            out.put("{\"encounter_id\":")
            put(&out, row.id)
            self.number(&out, "offset", row.offset)
            text(&out, "class", Array("\(row.classCode.text)".utf8))
            text(&out, "status", Array("\(row.status.text)".utf8))
            moment(&out, "start", row.start)
            moment(&out, "end", row.end)
            name(&out, "provider_npi")
            put(&out, reference.providers, row.provider)
            boolean(&out, "has_prescriber", saw(facts.prescriber, row, values))
            boolean(&out, "is_matched", visit == facts.matched)
            boolean(&out, "is_stay", visit == facts.stay)
            name(&out, "why_not")
            if let reason = whyNot(row, facts, values) {
                out.put("\"")
                out.put(reason)
                out.put("\"")
            } else {
                out.put("null")
            }
            out.put("}")
            guard visit == facts.matched || visit == facts.stay else { continue }
            offsets.insert(row.offset)
            var version = row.older
            while version != 0 {
                offsets.insert(encounterVersions[version].offset)
                version = encounterVersions[version].older
            }
        }
        out.put("]")
    }

    /// Why a visit does not count within the look-back (SEMANTICS 6); nil where it does.
    private func whyNot(_ row: EncounterRow, _ facts: Facts, _ values: PolicyNumbers)
        -> StaticString?
    {
        if !values.counts(row.status) { return "its status does not count" }
        if values.isUncounted(row.classCode) { return "its class does not count" }
        if row.lastDate < facts.writtenOn.adding(days: 0 - values.lookBackDays) {
            return "it ended before the look-back"
        }
        if row.startDate > facts.writtenOn.adding(days: values.encounterAheadDays) {
            return "it began after the prescription was written"
        }
        return nil
    }
}

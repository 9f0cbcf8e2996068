public import Journal

// Questions about a fill or an accumulator, asked behind a record. What an alert shows as evidence is written by the
// alerts' own writers, so an explanation can't differ from it; asking changes nothing that is decided later.

extension Machine {
    // MARK: who is meant

    /// The number of an entity by its 340B ID; 0 where it is unknown.
    func entityNumber(_ text: [UInt8]) -> UInt32 {
        for number in 1..<UInt32(reference.entities.rows.used)
        where self.text(of: reference.entities.rows[number]) == text {
            return number
        }
        return 0
    }

    /// The fill whose key, as outputs write it, these bytes are; 0 where none is remembered.
    private func fill(_ entity: UInt32, _ key: [UInt8]) -> UInt32 {
        let page = OutputBuffer(capacity: 1 << 16)
        for fill in 1..<UInt32(fills.used)
        where isAlive(fill) && self.entity(ofFill: fill) == entity {
            page.removeAll()
            var out = page.pen()
            putKey(&out, fill: fill)
            page.keep(out)
            if unsafe page.written.elementsEqual(key) { return fill }
        }
        return 0
    }

    func accumulator(_ entity: UInt32, _ key: [UInt8]) -> UInt32 {
        let page = OutputBuffer(capacity: 1 << 16)
        for number in 1..<UInt32(accumulators.used)
        where reference.pharmacies.rows[accumulators[number].pharmacy].entity == entity {
            page.removeAll()
            var out = page.pen()
            putKey(&out, accumulator: number)
            page.keep(out)
            if unsafe page.written.elementsEqual(key) { return number }
        }
        return 0
    }

    /// What names a fill in outputs, from `"pharmacy_npi"` on.
    private func putKey(_ out: inout Pen, fill: UInt32) {
        out.put("\"pharmacy_npi\":")
        put(&out, reference.pharmacies, fills[fill].pharmacy)
        out.put(",\"rx_number\":")
        put(&out, fills[fill].rx)
        out.put(",\"fill_number\":")
        out.put(Int64(fills[fill].fillNumber))
    }

    /// What names an accumulator in outputs.
    func putKey(_ out: inout Pen, accumulator number: UInt32) {
        out.put("\"pharmacy_npi\":")
        put(&out, reference.pharmacies, accumulators[number].pharmacy)
        out.put(",\"ndc11\":")
        putProduct(&out, accumulators[number].product)
        out.put(",\"account\":")
        put(&out, accumulators[number].account)
    }

    // MARK: a fill

    /// Explains a fill as it stands now.
    ///
    /// - Parameters:
    ///   - entity: the 340B ID of its covered entity.
    ///   - key: what names it in outputs, from `"pharmacy_npi":` to the end of its fill number.
    /// - Returns: its explanation; nil where it is not, or no longer, remembered.
    public mutating func explainFill(entity: [UInt8], key: [UInt8]) -> FillExplanation? {
        let fill = fill(entityNumber(entity), key)
        guard fill != 0 else { return nil }
        // What is kept so that it need not be found out again stays as it was.
        let row = fills[fill]
        defer { fills[fill] = row }
        let facts = facts(of: fill)
        let page = OutputBuffer(capacity: 1 << 16)
        var out = page.pen()
        out.put("{\"decision_id\":\"d_")
        putNumber(&out, row.decisionRecord, Int64(row.decisionIndex))
        out.put("\",\"revision\":")
        out.put(Int64(row.revision))
        out.put(",\"covered_entity_id\":")
        put(&out, reference.entities, facts.entity)
        putFillFields(&out, facts)
        out.put(",\"patient_token\":")
        putToken(&out, facts.patient)
        out.reserve(4096)
        moment(&out, "monitor_time", facts.now)
        moment(&out, "first_record_at", facts.firstArrival)
        moment(&out, "occurred_at", facts.occurredAt)
        date(&out, "fill_date", facts.date)
        date(&out, "written_on", facts.shown == 0 ? .distantPast : facts.writtenOn)
        boolean(&out, "treated_as_340b", facts.isTreated)
        boolean(&out, "had_qualified", row.hasQualified)
        putPolicy(&out, facts.policy)
        var offsets: Set<Int64> = []
        putDispenses(&out, facts, &offsets)
        putClaims(&out, facts, &offsets)
        putVisits(&out, facts, &offsets)
        // Those of other fills that make up its pattern.
        if facts.completesVelocity {
            for other in velocityDispenses(facts) { offsets.insert(dispenses[other].offset) }
        }
        putRules(&out, facts, row.open)
        out.put("}")
        page.keep(out)
        return FillExplanation(
            json: unsafe Array(page.written),
            decisionID: "d_\(partition)_\(row.decisionRecord)_\(row.decisionIndex)",
            offsets: offsets.sorted()
        )
    }

    /// Lets the time pass that a record brings, and nothing else: what deadlines find before the record itself is
    /// applied can then be asked for. The machine must not be folded further.
    ///
    /// - Parameters:
    ///   - record: the next record of the journal.
    ///   - offset: its journal offset.
    public mutating func letTimePass(to record: RecordView, offset: Int64) {
        recordNumber += 1
        self.offset = offset
        outputIndex = .init(repeating: 0)
        guard clock == .records, isReady, record.kind?.isEvent ?? false else { return }
        advance(to: record.eventHeader.recordedAt)
    }
}

internal import CShims
public import Journal

// A batch is folded in groups. What a group will touch lies scattered over hundreds of megabytes, so it is asked for
// first, in waves: where the keys' slots are, then the rows they name, then what those name. The state is the same as
// record by record, since asking changes nothing.

/// What was worked out about a record before its turn: hashes and numbers, no decisions.
struct Prepared: BitwiseCopyable {
    var idHigh: UInt64 = 0
    var idLow: UInt64 = 0
    /// Hash of the fill's key, of the dispense's or encounter's id, of the first patient token.
    var fillHash: UInt64 = 0
    var thingHash: UInt64 = 0
    var patientHash: UInt64 = 0
    var accumulatorHash: UInt64 = 0
    /// Words of the prescription number, and of the dispense's or encounter's id.
    var rxWord: UInt64 = 0
    var thingWord: UInt64 = 0
    var entity: UInt32 = 0
    var pharmacy: UInt32 = 0
    var product: UInt32 = 0
    /// Rows that the record probably means.
    var fill: UInt32 = 0
    var patient: UInt32 = 0
    var kind = RecordKind.tick
}

extension Machine {
    /// How many records are asked for together: enough to hide the memory's latency, few enough to stay in the cache.
    public static var groupSize: Int { 32 }

    /// Folds all records of a batch, at consecutive offsets from `offset`, which is moved on.
    public mutating func apply(_ batch: RecordBatch, from offset: inout Int64) throws(MachineFault)
    {
        var start = 0
        while start < batch.count {
            let end = min(start + Self.groupSize, batch.count)
            prepare(batch, start..<end)
            for index in start..<end {
                inHand = prepared[index - start]
                try apply(prepared: batch.record(at: index), offset: offset)
                offset += 1
            }
            start = end
        }
    }

    /// Folds all records of a batch at their own offsets, one for each.
    public mutating func apply(_ batch: RecordBatch, offsets: [Int64]) throws(MachineFault) {
        precondition(offsets.count == batch.count, "one offset per record")
        var start = 0
        while start < batch.count {
            let end = min(start + Self.groupSize, batch.count)
            prepare(batch, start..<end)
            for index in start..<end {
                inHand = prepared[index - start]
                try apply(prepared: batch.record(at: index), offset: offsets[index])
            }
            start = end
        }
    }

    /// Folds some records that lie anywhere, best ``groupSize`` of them.
    ///
    /// - Parameters:
    ///   - records: records that have passed `RecordView.check()`, whose bytes stay where they are meanwhile.
    ///   - offsets: their offsets.
    /// - Throws: ``MachineFault`` as for one record; the machine is then useless.
    public mutating func apply(
        _ records: [RecordView],
        offsets: [Int64]
    ) throws(MachineFault) {
        precondition(offsets.count == records.count, "one offset per record")
        prepared.removeAll(keepingCapacity: true)
        for record in records {
            let one = prepare(record)
            prepared.append(one)
        }
        prefetchPrepared()
        for place in records.indices {
            inHand = prepared[place]
            try apply(prepared: records[place], offset: offsets[place])
        }
    }

    private mutating func prepare(_ batch: RecordBatch, _ range: Range<Int>) {
        prepared.removeAll(keepingCapacity: true)
        for index in range {
            let one = prepare(batch.record(at: index))
            prepared.append(one)
        }
        prefetchPrepared()
    }

    private mutating func prefetchPrepared() {
        prefetchDeadlines(wave: 0)
        for place in prepared.indices {
            let one = prepared[place]
            if one.fillHash != 0 {
                let fill = fillIndex.guess(one.fillHash)
                prepared[place].fill = fill
                if fill != 0 { fills.prefetch(fill) }
            }
            if one.patientHash != 0 {
                let patient = patientIndex.guess(one.patientHash)
                prepared[place].patient = patient
                if patient != 0 { patients.prefetch(patient) }
            }
            if one.kind == .encounter {
                let encounter = encounterIndex.guess(one.thingHash)
                if encounter != 0 { encounters.prefetch(encounter) }
            }
            if one.accumulatorHash != 0 {
                let accumulator = accumulatorIndex.guess(one.accumulatorHash)
                if accumulator != 0 { accumulators.prefetch(accumulator) }
            }
        }
        prefetchDeadlines(wave: 1)
        for one in prepared {
            if one.fill != 0 {
                let dispense = fills[one.fill].firstDispense
                if dispense != 0 { dispenses.prefetch(dispense) }
                let claim = fills[one.fill].firstClaim
                if claim != 0 { claims.prefetch(claim) }
            }
            if one.patient != 0 { prefetchPatient(one.patient) }
        }
        prefetchDeadlines(wave: 2)
        for place in prepared.indices
        where prepared[place].patient == 0 && prepared[place].fill != 0 {
            let dispense = fills[prepared[place].fill].firstDispense
            guard dispense != 0 else { continue }
            let patient = dispenses[dispense].patient
            prepared[place].patient = patient
            if patient != 0 { patients.prefetch(patient) }
        }
        prefetchDeadlines(wave: 3)
        for one in prepared where one.patient != 0 {
            if one.kind == .claim {
                prefetchPatient(one.patient)
            } else {
                prefetchOlder(one.patient)
            }
        }
        prefetchDeadlines(wave: 4)
        for one in prepared where one.kind == .claim && one.patient != 0 {
            prefetchOlder(one.patient)
        }
    }

    private func prefetchPatient(_ patient: UInt32) {
        let encounter = patients[patient].firstEncounter
        if encounter != 0 { encounters.prefetch(encounter) }
        let dispense = patients[patient].firstDispense
        if dispense != 0 { dispenses.prefetch(dispense) }
    }

    /// The fills whose moment comes soon are known: most are settled, the others are looked at whole.
    private func prefetchDeadlines(wave: Int) {
        deadlines.visitNext(20) { row in
            guard row & Self.accumulatorBit == 0 else { return }
            if wave == 0 { return fills.prefetch(row) }
            guard fills[row].isWaiting else { return }
            let dispense = fills[row].firstDispense
            guard dispense != 0 else { return }
            if wave == 1 { return dispenses.prefetch(dispense) }
            let patient = dispenses[dispense].patient
            guard patient != 0 else { return }
            if wave == 2 { return patients.prefetch(patient) }
            if wave == 3 { return prefetchPatient(patient) }
            prefetchOlder(patient)
        }
    }

    /// The dispense before a patient's last: whether it lies in the window of a pattern is asked for each fill.
    private func prefetchOlder(_ patient: UInt32) {
        let dispense = patients[patient].firstDispense
        guard dispense != 0 else { return }
        let older = dispenses[dispense].nextOfPatient
        if older != 0 { dispenses.prefetch(older) }
    }

    /// Works out keys and hashes of one record, and asks for the slots they lead to.
    mutating func prepare(_ record: RecordView) -> Prepared {
        var one = Prepared()
        guard let kind = record.kind else { return one }
        one.kind = kind
        switch kind {
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment: break
        case .genesis, .sourceRegistered, .sourceRetired, .tick, .referenceRow, .referenceComplete,
            .policy:
            return one
        }
        let entity = unsafe reference.entity(record.bytes(record.text(1)))
        one.entity = entity
        let id = unsafe record.bytes(record.text(2))
        one.idHigh = unsafe Hash.bytes(id, seed: UInt64(entity))
        one.idLow = Hash.mix(one.idHigh ^ Hash.third, unsafe Hash.bytes(id, seed: Hash.third))
        eventIDs.prefetch(one.idHigh)
        switch kind {
        case .encounter:
            let thing = unsafe IncomingIdentifier(record.bytes(record.text(4)))
            one.thingWord = thing.word
            one.thingHash = Self.hash(entity, thing.word)
            encounterIndex.prefetch(one.thingHash)
            one.patientHash = patientHash(record)
            patientIndex.prefetch(one.patientHash)
        case .dispense:
            let thing = unsafe IncomingIdentifier(record.bytes(record.text(4)))
            one.thingWord = thing.word
            one.thingHash = Self.hash(entity, thing.word)
            dispenseIndex.prefetch(one.thingHash)
            one.patientHash = patientHash(record)
            patientIndex.prefetch(one.patientHash)
            prepareFill(&one, record)
        case .claim:
            prepareFill(&one, record)
        default: break
        }
        return one
    }

    private mutating func prepareFill(_ one: inout Prepared, _ record: RecordView) {
        let key = record.fillKey
        one.pharmacy = reference.pharmacy(one.entity, key.pharmacy, in: record)
        let incoming = unsafe IncomingIdentifier(record.bytes(key.rxNumber))
        one.rxWord = incoming.word
        one.fillHash = Self.fillHash(one.pharmacy, incoming.word, key.fillNumber)
        fillIndex.prefetch(one.fillHash)
        one.product = reference.product(key.ndc, in: record)
        one.accumulatorHash = Self.accumulatorHash(one.pharmacy, one.product, .discounted)
        accumulatorIndex.prefetch(one.accumulatorHash)
    }

    /// Hash of the first token of a record; 0 where it has none.
    private func patientHash(_ record: RecordView) -> UInt64 {
        let tokens = unsafe record.bytes(record.text(3))
        guard let first = unsafe tokens.first, tokens.count >= 17 + Int(first) else { return 0 }
        // The layout of `PatientToken`, all inside by the guard.
        let high = unsafe UInt64(
            bigEndian: tokens.loadUnaligned(fromByteOffset: 1 + Int(first), as: UInt64.self)
        )
        let low = unsafe UInt64(
            bigEndian: tokens.loadUnaligned(fromByteOffset: 9 + Int(first), as: UInt64.self)
        )
        return Hash.words(high, low)
    }
}

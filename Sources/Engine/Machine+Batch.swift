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
    /// Words of the prescription number, of the dispense's or encounter's id, and of the site.
    var rxWord: UInt64 = 0
    var thingWord: UInt64 = 0
    var siteWord: UInt64 = 0
    var entity: UInt32 = 0
    var pharmacy: UInt32 = 0
    var product: UInt32 = 0
    var prescriber: UInt32 = 0
    var site: UInt32 = 0
    /// Rows that the record probably means.
    var fill: UInt32 = 0
    var patient: UInt32 = 0
    var kind = RecordKind.tick
    /// Whether all its names had numbers when it was prepared. New ones get theirs in the record's turn, and with them all
    /// the rest, so that a state does not depend on how records came in groups.
    var isWhole = true
}

/// The records of one group, in memory that stays.
@safe
struct PreparedGroup: ~Copyable {
    private let base: UnsafeMutablePointer<Prepared>
    private(set) var count = 0

    init() {
        unsafe base = .allocate(capacity: Machine.groupSize)
        unsafe base.initialize(repeating: Prepared(), count: Machine.groupSize)
    }

    deinit { unsafe base.deallocate() }

    mutating func removeAll() { count = 0 }

    mutating func append(_ one: Prepared) {
        precondition(count < Machine.groupSize, "a group has a fixed size")
        unsafe base[count] = one
        count += 1
    }

    /// A record of the group; places run below `count`.
    subscript(_ place: Int) -> Prepared {
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(base + place) }
        @inline(__always)
        unsafeMutableAddress { unsafe base + place }
    }
}

extension Machine {
    /// How many records are asked for together: enough to hide the memory's latency, few enough to stay in the cache.
    public static var groupSize: Int { 32 }

    /// Folds all records of a batch, at consecutive offsets from `offset`, which is moved on: behind the last of them, or to
    /// the one that is a fault.
    public mutating func apply(_ batch: RecordBatch, from offset: inout Int64) throws(MachineFault)
    {
        let first = offset
        do {
            try fold(batch) { first + Int64($0) }
        } catch {
            offset = error.offset
            throw error
        }
        offset = first + Int64(batch.count)
    }

    /// Folds all records of a batch at their own offsets, one for each.
    public mutating func apply(_ batch: RecordBatch, offsets: [Int64]) throws(MachineFault) {
        precondition(offsets.count == batch.count, "one offset per record")
        try fold(batch) { offsets[$0] }
    }

    @inline(__always)
    private mutating func fold(
        _ batch: RecordBatch,
        _ offset: (Int) -> Int64
    ) throws(MachineFault) {
        var start = 0
        while start < batch.count {
            let end = min(start + Self.groupSize, batch.count)
            prepare(end - start) { batch.record(at: start + $0) }
            for index in start..<end {
                let record = batch.record(at: index)
                inHand = prepared[index - start]
                if !inHand.isWhole { inHand = prepare(record) }
                try apply(prepared: record, offset: offset(index))
            }
            start = end
        }
    }

    /// Folds some records that lie anywhere.
    ///
    /// - Parameters:
    ///   - records: at most ``groupSize`` records that have passed `RecordView.check()`, whose bytes stay where they are
    ///     meanwhile.
    ///   - offsets: their offsets.
    /// - Throws: ``MachineFault`` as for one record; the machine is then useless.
    public mutating func apply(
        _ records: [RecordView],
        offsets: [Int64]
    ) throws(MachineFault) {
        precondition(offsets.count == records.count, "one offset per record")
        prepare(records.count) { records[$0] }
        for place in records.indices {
            inHand = prepared[place]
            if !inHand.isWhole { inHand = prepare(records[place]) }
            try apply(prepared: records[place], offset: offsets[place])
        }
    }

    /// Works out keys and numbers of one record.
    mutating func prepare(_ record: RecordView) -> Prepared {
        var one = keys(of: record, adding: true)
        findNumbers(&one, record, adding: true)
        return one
    }

    // MARK: waves

    /// Works out keys and numbers of a group and asks for the memory that it will touch, in waves: each reads what the
    /// one before asked for, and asks for what lies behind it.
    @inline(__always)
    private mutating func prepare(_ count: Int, _ record: (Int) -> RecordView) {
        prepared.removeAll()
        var last = now.microseconds
        for place in 0..<count { last = max(last, record(place).recordedAt.microseconds) }
        prefetchDeadlines(until: last, wave: 0)
        for place in 0..<count {
            let one = keys(of: record(place), adding: false)
            prepared.append(one)
            prefetchSlots(of: one, record(place))
        }
        for place in 0..<count { prefetchNames(of: prepared[place], record(place), .row) }
        prefetchDeadlines(until: last, wave: 1)
        for place in 0..<count {
            var one = prepared[place]
            if one.isWhole { findNumbers(&one, record(place), adding: false) }
            prepared[place] = one
        }
        let hours = FeedProfile.offset(of: max(last, 0))
        for place in 0..<count {
            var one = prepared[place]
            prefetchRows(&one)
            prefetchHours(one.kind, one.entity, at: hours)
            prepared[place] = one
        }
        prefetchDeadlines(until: last, wave: 2)
        for place in 0..<count { prefetchChains(prepared[place]) }
        for place in 0..<count { prefetchBehind(prepared[place]) }
    }

    /// Works out what a record's bytes and its entity say, without a look at any large table.
    private mutating func keys(of record: RecordView, adding: Bool) -> Prepared {
        var one = Prepared()
        guard let kind = record.kind else { return one }
        one.kind = kind
        switch kind {
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment: break
        case .genesis, .sourceRegistered, .sourceRetired, .tick, .referenceRow, .referenceComplete,
            .policy:
            return one
        }
        let entity = unsafe reference.entity(record.bytes(record.text(1)), adding: adding)
        guard entity != 0 else {
            one.isWhole = false
            return one
        }
        one.entity = entity
        let id = unsafe record.bytes(record.text(2))
        one.idHigh = unsafe Hash.bytes(id, seed: UInt64(entity))
        one.idLow = Hash.mix(one.idHigh ^ Hash.third, unsafe Hash.bytes(id, seed: Hash.third))
        if kind == .encounter || kind == .dispense {
            let thing = unsafe IncomingIdentifier(record.bytes(record.text(4)))
            one.thingWord = thing.word
            one.thingHash = Self.hash(entity, thing.word)
            one.patientHash = patientHash(record)
        }
        if kind == .dispense {
            one.siteWord = unsafe IncomingIdentifier(record.bytes(record.text(6))).word
        }
        if kind == .dispense || kind == .claim {
            one.rxWord = unsafe IncomingIdentifier(record.bytes(record.fillKey.rxNumber)).word
        }
        return one
    }

    /// Asks for the slots of the tables in which a record's keys stand.
    @inline(__always)
    private func prefetchSlots(of one: Prepared, _ record: RecordView) {
        if one.idHigh != 0 { eventIDs.prefetch(one.idHigh) }
        prefetchFeed(one.kind, one.entity)
        switch one.kind {
        case .encounter:
            encounterIndex.prefetch(one.thingHash)
            patientIndex.prefetch(one.patientHash)
        case .dispense:
            dispenseIndex.prefetch(one.thingHash)
            patientIndex.prefetch(one.patientHash)
        default: break
        }
        prefetchNames(of: one, record, .slot)
    }

    /// Asks for the names in a record: for their slots, then for their rows.
    @inline(__always)
    private func prefetchNames(of one: Prepared, _ record: RecordView, _ part: NamePart) {
        switch one.kind {
        case .encounter: reference.providers.prefetch(part, one.entity, record.provider)
        case .dispense, .claim:
            let key = record.fillKey
            reference.pharmacies.prefetch(part, one.entity, key.pharmacy)
            reference.prefetch(part, key.ndc)
            guard one.kind == .dispense else { return }
            reference.providers.prefetch(part, one.entity, record.provider)
            reference.sites.prefetch(part, one.entity, word: one.siteWord)
        default: break
        }
    }

    /// Finds the numbers of the names in a record, and with them the keys of its fill and accumulator.
    @inline(__always)
    private mutating func findNumbers(
        _ one: inout Prepared,
        _ record: RecordView,
        adding: Bool
    ) {
        switch one.kind {
        case .encounter:
            one.prescriber = reference.provider(
                one.entity,
                record.provider,
                in: record,
                adding: adding
            )
            one.isWhole = one.prescriber != 0
        case .dispense:
            findFill(&one, record, adding: adding)
            one.prescriber = reference.provider(
                one.entity,
                record.provider,
                in: record,
                adding: adding
            )
            one.site = reference.site(
                one.entity,
                unsafe IncomingIdentifier(record.bytes(record.text(6)), word: one.siteWord),
                adding: adding
            )
            one.isWhole = one.isWhole && one.prescriber != 0 && one.site != 0
        case .claim: findFill(&one, record, adding: adding)
        default: break
        }
    }

    private mutating func findFill(
        _ one: inout Prepared,
        _ record: RecordView,
        adding: Bool
    ) {
        let key = record.fillKey
        one.pharmacy = reference.pharmacy(one.entity, key.pharmacy, in: record, adding: adding)
        one.product = reference.product(key.ndc, in: record, adding: adding)
        guard one.pharmacy != 0, one.product != 0 else {
            one.isWhole = false
            return
        }
        one.fillHash = Self.fillHash(one.pharmacy, one.rxWord, key.fillNumber)
        fillIndex.prefetch(one.fillHash)
        one.accumulatorHash = Self.accumulatorHash(one.pharmacy, one.product, .discounted)
        accumulatorIndex.prefetch(one.accumulatorHash)
    }

    /// Asks for the rows that a record probably means.
    @inline(__always)
    private func prefetchRows(_ one: inout Prepared) {
        if one.fillHash != 0 {
            let fill = fillIndex.guess(one.fillHash)
            one.fill = fill
            if fill != 0 { fills.prefetch(fill) }
        }
        if one.patientHash != 0 {
            let patient = patientIndex.guess(one.patientHash)
            one.patient = patient
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

    /// Asks for what hangs on a fill and a patient.
    @inline(__always)
    private func prefetchChains(_ one: Prepared) {
        if one.fill != 0 { prefetchFill(one.fill) }
        if one.patient != 0 { prefetchPatient(one.patient) }
    }

    /// Asks for what lies behind a fill's dispense, and for the second of a patient's visits and dispenses.
    @inline(__always)
    private func prefetchBehind(_ one: Prepared) {
        if one.patient != 0 {
            prefetchOlder(one.patient)
        } else if one.fill != 0, fills[one.fill].firstDispense != 0 {
            prefetchWhom(fills[one.fill].firstDispense)
        }
    }

    /// Asks for the first dispense and claim of a fill, and for the encounter that was matched.
    @inline(__always)
    private func prefetchFill(_ fill: UInt32) {
        let dispense = fills[fill].firstDispense
        if dispense != 0 { dispenses.prefetch(dispense) }
        let claim = fills[fill].firstClaim
        if claim != 0 { claims.prefetch(claim) }
        let matched = fills[fill].ofPatient.matched
        if matched != 0 { encounters.prefetch(matched) }
        reference.pharmacies.prefetch(fills[fill].pharmacy)
        reference.writtenProducts.prefetch(fills[fill].decided.product)
    }

    /// Asks for the names in a dispense that a decision shows.
    @inline(__always)
    private func prefetchWhom(_ dispense: UInt32) {
        let row = dispenses[dispense]
        if row.patient != 0 { patients.prefetch(row.patient) }
        reference.providers.prefetch(row.prescriber)
        reference.sites.prefetch(row.site)
    }

    private func prefetchPatient(_ patient: UInt32) {
        let encounter = patients[patient].firstEncounter
        if encounter != 0 { encounters.prefetch(encounter) }
        let dispense = patients[patient].firstDispense
        if dispense != 0 { dispenses.prefetch(dispense) }
    }

    /// The visit and the dispense before a patient's last: whether they lie in a window is asked for each fill.
    private func prefetchOlder(_ patient: UInt32) {
        let dispense = patients[patient].firstDispense
        if dispense != 0 {
            let older = dispenses[dispense].nextOfPatient
            if older != 0 { dispenses.prefetch(older) }
        }
        let encounter = patients[patient].firstEncounter
        if encounter != 0 {
            let older = encounters[encounter].nextOfPatient
            if older != 0 { encounters.prefetch(older) }
        }
    }

    /// The fills whose moment comes with the last record of a group are known: most are settled, the others are looked at
    /// again.
    private func prefetchDeadlines(until last: Int64, wave: Int) {
        deadlines.visit(until: last, limit: 64) { row in
            guard row & Self.accumulatorBit == 0 else { return }
            if wave == 0 { return fills.prefetch(row) }
            guard fills[row].isWaiting else { return }
            if wave == 1 { return prefetchFill(row) }
            let dispense = fills[row].firstDispense
            if dispense != 0 { prefetchWhom(dispense) }
        }
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

internal import Journal

// Patients of whom too much is remembered to walk along it.

extension Machine {
    /// Makes a patient's crowd if a walk along their chains was long.
    @inline(__always)
    mutating func noteWalk(_ steps: Int, of patient: UInt32) {
        if steps > crowdSize { makeCrowd(of: patient) }
    }

    private mutating func makeCrowd(of patient: UInt32) {
        guard patient != 0, crowds[patient] == nil else { return }
        let crowd = Crowd()
        // A chain begins with what came last, or with the latest.
        var rows: [UInt32] = []
        var number = patients[patient].firstEncounter
        while number != 0 {
            rows.append(number)
            number = encounters[number].nextOfPatient
        }
        for visit in rows.reversed() {
            crowd.link(visit)
            add(visit: visit, to: crowd)
        }
        rows.removeAll()
        number = patients[patient].firstDispense
        while number != 0 {
            rows.append(number)
            number = dispenses[number].nextOfPatient
        }
        for dispense in rows.reversed() { add(dispense: dispense, to: crowd) }
        crowds.insert(crowd, of: patient)
    }

    // MARK: visits

    /// Adds a visit as its row and its versions are now.
    func add(visit: UInt32, to crowd: Crowd) {
        let row = encounters[visit]
        crowd.visits.insert(visit, at: row.start)
        forEachProvider(of: row) { crowd.visitsOfProvider.insert(visit, of: $0, at: row.start) }
        if row.end != .min { crowd.longestVisit = max(crowd.longestVisit, row.end &- row.start) }
        guard mayBeStay(row) else { return }
        if row.end == .min {
            crowd.openStays.append(visit)
        } else {
            crowd.stays.insert(visit, at: row.start)
        }
    }

    /// Takes a visit out, before its row or its versions change.
    func remove(visit: UInt32, from crowd: Crowd) {
        let row = encounters[visit]
        crowd.visits.remove(visit, at: row.start)
        forEachProvider(of: row) { crowd.visitsOfProvider.remove(visit, of: $0, at: row.start) }
        guard mayBeStay(row) else { return }
        if row.end == .min {
            crowd.openStays.removeAll { $0 == visit }
        } else {
            crowd.stays.remove(visit, at: row.start)
        }
    }

    /// The providers of all versions, each once.
    private func forEachProvider(of row: EncounterRow, _ body: (UInt32) -> Void) {
        var seen = [row.provider]
        body(row.provider)
        forEachOlder(of: row) { version in
            guard !seen.contains(version.provider) else { return }
            seen.append(version.provider)
            body(version.provider)
        }
    }

    private func forEachOlder(of row: EncounterRow, _ body: (EncounterVersionRow) -> Void) {
        var number = row.older
        while number != 0 {
            body(encounterVersions[number])
            number = encounterVersions[number].older
        }
    }

    /// Whether any policy takes any version for an inpatient stay.
    private func mayBeStay(_ row: EncounterRow) -> Bool {
        func isInpatient(_ classCode: EncounterClass) -> Bool {
            numbers.contains { $0.isInpatient(classCode) }
        }
        var isStay = isInpatient(row.classCode)
        forEachOlder(of: row) { version in isStay = isStay || isInpatient(version.classCode) }
        return isStay
    }

    // MARK: dispenses

    /// Adds a dispense, behind those of its moment that came before.
    func add(dispense: UInt32, to crowd: Crowd) {
        let row = dispenses[dispense]
        crowd.dispenses.insert(dispense, at: row.occurredAt)
        crowd.written.insert(dispense, at: Int64(row.writtenOn))
        if row.setting == .retail {
            crowd.dispensesOfProduct.insert(dispense, of: row.product, at: row.occurredAt)
        }
    }

    /// Takes a dispense out, before its row changes.
    func remove(dispense: UInt32, from crowd: Crowd) {
        let row = dispenses[dispense]
        crowd.dispenses.remove(dispense, at: row.occurredAt)
        crowd.written.remove(dispense, at: Int64(row.writtenOn))
        if row.setting == .retail {
            crowd.dispensesOfProduct.remove(dispense, of: row.product, at: row.occurredAt)
        }
    }

    // MARK: what is asked

    /// The visit that counts for a fill, and the stay during which it was filled, as a walk along the chain finds them.
    func gatherEncounters(_ facts: inout Facts, in crowd: Crowd) {
        let policy = numbers[facts.policy]
        if let visits = crowd.visitsOfProvider[facts.prescriber] {
            findMatch(&facts, in: visits, seeingPrescriber: true, crowd, policy)
        }
        if facts.matched == 0 {
            findMatch(&facts, in: crowd.visits, seeingPrescriber: false, crowd, policy)
        }
        var place = crowd.stays.end(facts.occurredAt)
        let earliest = facts.occurredAt &- crowd.longestVisit
        while place > crowd.stays.places.lowerBound, crowd.stays.key(at: place - 1) >= earliest {
            place -= 1
            takeStay(&facts, crowd.stays[place], crowd, policy)
        }
        for stay in crowd.openStays { takeStay(&facts, stay, crowd, policy) }
    }

    /// The latest of some visits that lie in a fill's window; of one start, the one with the greatest id.
    private func findMatch(
        _ facts: inout Facts,
        in visits: Timeline,
        seeingPrescriber: Bool,
        _ crowd: Crowd,
        _ policy: PolicyNumbers
    ) {
        let day: Int64 = 86_400_000_000
        let earliest = facts.writtenOn.adding(days: 0 - policy.lookBackDays)
        let latest = facts.writtenOn.adding(days: policy.encounterAheadDays)
        // Dates are local: two days more on either side hold them all.
        let first = Int64(earliest.day &- 2) &* day &- crowd.longestVisit
        var place = visits.end(Int64(latest.day &+ 2) &* day)
        while place > visits.places.lowerBound {
            place -= 1
            let start = visits.key(at: place)
            if start < first { return }
            if facts.matched != 0, start < encounters[facts.matched].start { return }
            let visit = visits[place]
            let row = encounters[visit]
            guard isInWindow(row, earliest, latest, policy) else { continue }
            // One may name the prescriber in a version that was called off.
            if seeingPrescriber, !saw(facts.prescriber, row, policy) { continue }
            facts.anyEncounter = true
            facts.sawPrescriber = seeingPrescriber
            if facts.matched == 0 || isLater(row, encounters[facts.matched]) {
                facts.matched = visit
            }
        }
    }

    private func takeStay(
        _ facts: inout Facts,
        _ visit: UInt32,
        _ crowd: Crowd,
        _ policy: PolicyNumbers
    ) {
        guard isStay(encounters[visit], of: facts, policy) else { return }
        // The chain begins with the one that came last.
        if facts.stay == 0
            || crowd.placeInChain[facts.stay, default: -1]
                < crowd.placeInChain[visit, default: -1]
        {
            facts.stay = visit
        }
    }
}

internal import Journal

// Monitor time: it never goes back. What is due fires, what is too old is forgotten; both are part of the fold.

extension Machine {
    /// Today on monitor time.
    var today: Int32 { now == .distantPast ? 0 : now.utcDate.day }

    /// The moment as of which is judged: monitor time, and while it passes over deadlines, the one that fires.
    @inline(__always)
    var judgedAt: Int64 { min(now.microseconds, firing) }
    /// The UTC date of that moment: by it the versions of the policy count for accumulators and feeds (SEMANTICS 34).
    var judgedOn: Int32 { now == .distantPast ? 0 : Instant(microseconds: judgedAt).utcDate.day }

    /// Moves monitor time on and fires the deadlines up to it (SEMANTICS 5).
    mutating func advance(to time: Instant) {
        guard time > now else { return }
        let isFirst = now == .distantPast
        now = time
        if isFirst {
            dateUndated()
            forgottenDay = today
        }
        if deadlines.next <= now.microseconds { fireDeadlines() }
        if today > forgottenDay { forget() }
    }

    /// Fills and balances that came before any time was known count from the first moment that is.
    private mutating func dateUndated() {
        for number in 1..<UInt32(accumulators.used)
        where accumulators[number].lastMoved == .min && accumulators[number].keySequence > 0 {
            accumulators[number].firstMoved = now.microseconds
            accumulators[number].lastMoved = now.microseconds
            dateUses(number)
            if accumulators[number].account == .discounted { watch(number) }
        }
        for fill in undated {
            fills[fill].firstArrival = max(fills[fill].firstArrival, now.microseconds)
            fills[fill].lastDay = max(fills[fill].lastDay, today)
            remember(fill: fill)
            change = .deadline
            decide(fill)
        }
        undated.removeAll()
    }

    /// Fires what is due, in the order of time (SEMANTICS 5): where one record passes over several deadlines of a fill,
    /// each is a decision of its own, as if records of other feeds had come in between.
    private mutating func fireDeadlines() {
        let before = change
        change = .deadline
        while deadlines.next <= now.microseconds {
            firing = deadlines.next
            due.empty()
            // Most fills were settled long before their moment comes: those are let go at once.
            while deadlines.next == firing {
                let row = deadlines.popFirst().row
                if row & Self.accumulatorBit != 0 || !fills[row].decided.waiting.isEmpty {
                    due.append(row)
                }
            }
            if due.count == 1 {
                fire(due[0])
                continue
            }
            var batch = due
            batch.sort { isInOrder($0, $1) }
            var previous = UInt32.max
            for row in batch where row != previous {
                previous = row
                fire(row)
            }
        }
        firing = .max
        change = before
    }

    private mutating func fire(_ row: UInt32) {
        if row == Self.datesOfPolicies {
            settleAccumulators()
            settleFeeds()
        } else if row & Self.accumulatorBit != 0 {
            judgeStale(row & ~Self.accumulatorBit)
        } else {
            judgeVisits(ofFill: row)
            decide(row, isPatientSame: true)
        }
    }

    static var accumulatorBit: UInt32 { 1 << 31 }
    /// The row of a day on which a version of the policy comes into force, goes out of it, or begins to alert: no
    /// accumulator has number 0.
    private static var datesOfPolicies: UInt32 { accumulatorBit }

    /// Notes the days on which time alone changes what a version says of accumulators and feeds (SEMANTICS 34): fills keep
    /// the version of their own date, so for them these days mean nothing.
    mutating func noteDates(of policy: Policy) {
        var days: Set = [
            policy.effectiveFrom, policy.effectiveTo.adding(days: 1), policy.alertsFrom,
        ]
        for rule in Rule.allCases where RuleSet.accumulator.union(.series).has(rule) {
            days.insert(policy[rule].effectiveFrom)
            days.insert(policy[rule].effectiveTo.adding(days: 1))
        }
        for day in days.sorted() where day.day > today && day.day < Int32.max {
            deadlines.insertRare(
                at: Int64(day.day) * 86_400_000_000,
                row: Self.datesOfPolicies
            )
        }
    }

    /// The contract's order among deadlines of one moment: entity, pharmacy, prescription, fill; accumulators last, and
    /// before them what the policy says of them.
    private func isInOrder(_ left: UInt32, _ right: UInt32) -> Bool {
        let leftIsFill = left & Self.accumulatorBit == 0
        let rightIsFill = right & Self.accumulatorBit == 0
        if leftIsFill != rightIsFill { return leftIsFill }
        if leftIsFill {
            let a = fills[left]
            let b = fills[right]
            if a.pharmacy != b.pharmacy { return isInOrder(pharmacy: a.pharmacy, b.pharmacy) }
            if a.rx != b.rx {
                let x = text(of: a.rx)
                let y = text(of: b.rx)
                if x != y { return x.lexicographicallyPrecedes(y) }
            }
            if a.fillNumber != b.fillNumber { return a.fillNumber < b.fillNumber }
            return left < right
        }
        if left == Self.datesOfPolicies || right == Self.datesOfPolicies {
            return left == Self.datesOfPolicies && right != left
        }
        let a = accumulators[left & ~Self.accumulatorBit]
        let b = accumulators[right & ~Self.accumulatorBit]
        if a.pharmacy != b.pharmacy { return isInOrder(pharmacy: a.pharmacy, b.pharmacy) }
        if a.product != b.product {
            return text(ofProduct: a.product).lexicographicallyPrecedes(text(ofProduct: b.product))
        }
        return a.account.rawValue < b.account.rawValue
    }

    private func isInOrder(pharmacy left: UInt32, _ right: UInt32) -> Bool {
        let a = reference.pharmacies.rows[left]
        let b = reference.pharmacies.rows[right]
        if a.entity != b.entity {
            return text(of: reference.entities.rows[a.entity])
                .lexicographicallyPrecedes(text(of: reference.entities.rows[b.entity]))
        }
        return npiText(a).lexicographicallyPrecedes(npiText(b))
    }

    // MARK: forgetting (SEMANTICS 35)

    /// Days after its last date on which an encounter can touch no admissible fill any more.
    var encounterDays: Int32 {
        var days: Int32 = 0
        for policy in numbers {
            days = max(days, policy.lookBackDays + policy.prescriptionLifeDays)
        }
        return days + Int32(horizonDays)
    }

    /// How many fills leave together: as many as have a place in `prefetchChainsOfLeaving`.
    private static var leavingTogether: Int { 32 }

    private mutating func forget() {
        var day = max(forgottenDay, today - 4095)
        while day < today {
            day += 1
            var fill = fillBuckets.take(day: day)
            while fill != 0 {
                leaving.removeAll(keepingCapacity: true)
                while fill != 0, leaving.count < Self.leavingTogether {
                    let next = fills[fill].nextInBucket
                    let due = fills[fill].lastDay &+ Int32(horizonDays) &+ 1
                    if due <= today, fills[fill].outcome != .pending {
                        leaving.append(fill)
                    } else {
                        fills[fill].nextInBucket = fillBuckets.insert(fill, due: due, today: today)
                    }
                    fill = next
                }
                prefetchLeaving()
                for fill in leaving { forget(fill: fill) }
            }
            var encounter = encounterBuckets.take(day: day)
            while encounter != 0 {
                let next = encounters[encounter].nextInBucket
                let due = max(
                    encounters[encounter].lastDate.day &+ encounterDays &+ 1,
                    neededUntil(encounter)
                )
                if due <= today {
                    forget(encounter: encounter)
                } else {
                    encounters[encounter].nextInBucket = encounterBuckets.insert(
                        encounter,
                        due: due,
                        today: today
                    )
                }
                encounter = next
            }
        }
        forgottenDay = today
    }

    /// What was not looked at for a year is in no cache: it is asked for in waves, as in a batch.
    private func prefetchLeaving() {
        for fill in leaving {
            let dispense = fills[fill].firstDispense
            if dispense != 0 { dispenses.prefetch(dispense) }
            let claim = fills[fill].firstClaim
            if claim != 0 { claims.prefetch(claim) }
            let alert = fills[fill].firstAlert
            if alert != 0 { alerts.prefetch(alert) }
            fillIndex.prefetch(
                Self.fillHash(fills[fill].pharmacy, fills[fill].rx.word, fills[fill].fillNumber)
            )
        }
        for fill in leaving {
            let dispense = fills[fill].firstDispense
            guard dispense != 0 else { continue }
            if dispenses[dispense].patient != 0 { patients.prefetch(dispenses[dispense].patient) }
            dispenseIndex.prefetch(
                Self.hash(entity(ofFill: fill), dispenses[dispense].id.word)
            )
        }
        prefetchChainsOfLeaving()
    }

    /// A patient's chain runs from the latest dispense to the earliest, which is the one that leaves: what lies before it is
    /// asked for step by step, one of each chain at a time. Walked along alone, they took 4 % of a run.
    private func prefetchChainsOfLeaving() {
        var places = InlineArray<32, UInt32>(repeating: 0)
        for index in leaving.indices {
            let dispense = fills[leaving[index]].firstDispense
            guard dispense != 0, dispenses[dispense].patient != 0 else { continue }
            let first = patients[dispenses[dispense].patient].firstDispense
            if first != 0 { dispenses.prefetch(first) }
            places[index] = first
        }
        // Few have more; of a crowd nothing is walked along.
        for _ in 0..<8 {
            var isOver = true
            for index in leaving.indices {
                let place = places[index]
                guard place != 0, place != fills[leaving[index]].firstDispense else { continue }
                let next = dispenses[place].nextOfPatient
                if next != 0 { dispenses.prefetch(next) }
                places[index] = next
                isOver = false
            }
            if isOver { return }
        }
    }

    /// The day until which remembered fills may be judged by an encounter: those filled late in its reach, and heard of
    /// again since, outlive the sum above.
    private func neededUntil(_ encounter: UInt32) -> Int32 {
        let row = encounters[encounter]
        guard row.patient != 0 else { return .min }
        var lookBack: Int32 = 0
        for policy in numbers { lookBack = max(lookBack, policy.lookBackDays) }
        let last = row.lastDate.day
        var day = Int32.min
        if let crowd = crowds[row.patient] {
            let written = crowd.written
            for place in written.places.lowerBound..<written.end(Int64(last) + Int64(lookBack)) {
                let fill = fills[dispenses[written[place]].fill]
                day = max(day, fill.lastDay &+ Int32(horizonDays) &+ 1, today &+ 1)
            }
            return day
        }
        var dispense = patients[row.patient].firstDispense
        while dispense != 0 {
            if dispenses[dispense].writtenOn &- lookBack <= last {
                let forgotten = fills[dispenses[dispense].fill].lastDay &+ Int32(horizonDays) &+ 1
                day = max(day, forgotten, today &+ 1)
            }
            dispense = dispenses[dispense].nextOfPatient
        }
        return day
    }

    private mutating func forget(fill: UInt32) {
        let row = fills[fill]
        var dispense = row.firstDispense
        while dispense != 0 {
            let next = dispenses[dispense].nextOfFill
            unlinkFromPatient(dispense)
            removeDispense(dispense)
            dispense = next
        }
        var claim = row.firstClaim
        while claim != 0 {
            let next = claims[claim].next
            release(claims[claim].id)
            claims.remove(claim)
            claim = next
        }
        var alert = row.firstAlert
        while alert != 0 {
            let next = alerts[alert].next
            removeAlert(alert)
            alert = next
        }
        removeFill(fill)
    }

    private mutating func forget(encounter: UInt32) {
        let row = encounters[encounter]
        unlinkEncounterFromPatient(encounter)
        var version = row.older
        while version != 0 {
            let next = encounterVersions[version].older
            encounterVersions.remove(version)
            version = next
        }
        removeEncounter(encounter)
        removePatientIfUnused(row.patient)
    }
}

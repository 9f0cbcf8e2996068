internal import Journal

// From rows to facts: everything that the rules compare, gathered once per judgement.

extension Machine {
    /// The facts of a fill at this moment.
    ///
    /// - Parameters:
    ///   - fill: a fill that is remembered.
    ///   - isPatientSame: whether nothing that the patient's encounters and dispenses say can have changed since the fill
    ///     was decided last.
    /// - Returns: all that the rules compare.
    mutating func facts(of fill: UInt32, isPatientSame: Bool = false) -> Facts {
        var facts = Facts()
        facts.fill = fill
        facts.entity = reference.pharmacies.rows[fills[fill].pharmacy].entity
        facts.now = judgedAt
        facts.firstArrival = fills[fill].firstArrival
        facts.hadDispense = fills[fill].hadDispense
        gatherDispenses(fills[fill].firstDispense, &facts)
        let firstClaim = fills[fill].firstClaim
        collectLive(firstClaim, &facts)
        if facts.shown != 0 {
            let shown = facts.shown
            facts.date = dispenses[shown].date
            facts.occurredAt = dispenses[shown].occurredAt
            facts.writtenOn = CivilDate(day: dispenses[shown].writtenOn)
            facts.isCash = dispenses[shown].payment == .cash
            facts.isAdministered = dispenses[shown].setting == .administered
            facts.unit = dispenses[shown].unit
            facts.patient = dispenses[shown].patient
            facts.prescriber = dispenses[shown].prescriber
            facts.product = dispenses[shown].product
        } else {
            let claim = facts.firstLive != 0 ? facts.firstLive : firstClaim
            if facts.firstLive != 0 { facts.product = claims[facts.firstLive].product }
            if claim != 0 {
                facts.date = claims[claim].date
                facts.occurredAt = claims[claim].occurredAt
            } else {
                facts.date = CivilDate(day: today)
                facts.occurredAt = .min
            }
        }
        facts.policy = policy(on: facts.date)
        if hasHolds {
            facts.held = heldBack(
                facts.entity,
                since: facts.firstArrival,
                hours: numbers[facts.policy].encounterGraceHours
            )
        }
        gatherRegistries(&facts)
        gatherClaims(&facts)
        if facts.primary != 0 { gatherPatient(&facts, isSame: isPatientSame) }
        return facts
    }

    /// What the patient's encounters and other dispenses say; as it was kept, where it must be the same.
    @inline(__always)
    private mutating func gatherPatient(_ facts: inout Facts, isSame: Bool) {
        var known = fills[facts.fill].ofPatient
        if isSame, known.isKnown {
            facts.anyEncounter = known.anyEncounter
            facts.sawPrescriber = known.sawPrescriber
            facts.matched = known.matched
            if !known.isAlone { gatherVelocity(&facts) }
            return
        }
        gatherEncounters(&facts)
        gatherVelocity(&facts)
        known.isKnown = facts.stay == 0
        known.anyEncounter = facts.anyEncounter
        known.sawPrescriber = facts.sawPrescriber
        known.matched = facts.matched
        known.isAlone = facts.velocityPharmacies == 0
        fills[facts.fill].ofPatient = known
    }

    private func gatherDispenses(_ first: UInt32, _ facts: inout Facts) {
        var firstReturned: UInt32 = 0
        var number = first
        var whole = 0
        var partSum = Quantity.zero
        while number != 0 {
            if dispenses[number].status == .returned {
                facts.hasReturned = true
                if firstReturned == 0 { firstReturned = number }
            } else {
                if facts.primary == 0 { facts.primary = number }
                if dispenses[number].dispensingStatus != 0xFF {
                    partSum = partSum.adding(Quantity(millionths: dispenses[number].quantity))
                    note(part: number, &facts)
                } else {
                    whole += 1
                }
                if number != facts.primary, whole > 0, facts.duplicateDispense == 0 {
                    facts.duplicateDispense = number
                }
            }
            number = dispenses[number].nextOfFill
        }
        facts.shown = facts.primary != 0 ? facts.primary : firstReturned
        guard facts.shown != 0 else { return }
        let isPart = facts.primary != 0 && dispenses[facts.primary].dispensingStatus != 0xFF
        facts.quantity = isPart ? partSum.millionths : dispenses[facts.shown].quantity
        if !isPart {
            facts.partOfOtherUnit = 0
            facts.partOfUnknownNdc = 0
        }
    }

    /// Parts are added up, so each must be of a product that is known and of one unit (SEMANTICS 16, 17).
    private func note(part number: UInt32, _ facts: inout Facts) {
        guard number != facts.primary else { return }
        if facts.partOfOtherUnit == 0, dispenses[number].unit != dispenses[facts.primary].unit {
            facts.partOfOtherUnit = number
        }
        if facts.partOfUnknownNdc == 0, !reference.products[dispenses[number].product].isKnown {
            facts.partOfUnknownNdc = number
        }
    }

    /// The claims that are live (SEMANTICS 10), in `live`.
    private mutating func collectLive(_ first: UInt32, _ facts: inout Facts) {
        live.empty()
        var number = first
        while number != 0 {
            facts.hasPaidClaim = true
            let id = claims[number].id
            switch claims[number].transaction {
            case .billing:
                if let place = live.firstIndex(where: { isSameClaim(claims[$0].id, id) }) {
                    live[place] = number
                } else {
                    live.append(number)
                }
            case .reversal:
                if let place = live.firstIndex(where: { isSameClaim(claims[$0].id, id) }) {
                    live.remove(at: place)
                } else if !wasBilled(id, from: first, before: number) {
                    live.removeAll(keepingCapacity: true)
                }
            case .rebill:
                live.removeAll(keepingCapacity: true)
                live.append(number)
            }
            number = claims[number].next
        }
        facts.liveCount = live.count
        facts.firstLive = live.first ?? 0
    }

    private func isSameClaim(_ left: Identifier, _ right: Identifier) -> Bool {
        if left.isLong, right.isLong {
            return identifiers.text(left.longNumber) == identifiers.text(right.longNumber)
        }
        return left == right
    }

    /// Whether an id was billed in this fill before: its second reversal takes nothing more.
    private func wasBilled(_ id: Identifier, from first: UInt32, before last: UInt32) -> Bool {
        var number = first
        while number != last {
            if claims[number].transaction != .reversal, isSameClaim(claims[number].id, id) {
                return true
            }
            number = claims[number].next
        }
        return false
    }

    private func gatherRegistries(_ facts: inout Facts) {
        let pharmacy = fills[facts.fill].pharmacy
        let entity = facts.entity
        var isEntityRegistered = false
        if let period = reference.period(reference.entities.rows[entity], on: facts.date) {
            facts.entityType = period.what
            isEntityRegistered = true
        }
        if let period = reference.period(reference.pharmacies.rows[pharmacy], on: facts.date) {
            facts.isPharmacyRegistered = true
            facts.isContractPharmacy = period.what == 1
            facts.pharmacyFeeForService = period.feeForService
            facts.pharmacyManagedCare = period.managedCare
        }
        let product = facts.product
        var labeler: UInt32 = 0
        if product != 0, reference.products[product].isKnown {
            facts.isProductKnown = true
            facts.isOrphan = reference.products[product].isOrphan
            facts.billingUnit = reference.products[product].unit
            facts.mfpFrom = reference.products[product].mfpFrom
            labeler = reference.products[product].labeler
        }
        let shown = facts.shown
        guard shown != 0 else { return }
        facts.isEntityRegistered =
            isEntityRegistered
            && reference.period(reference.entities.rows[entity], on: facts.writtenOn) != nil
        facts.isSiteRegistered =
            reference.period(reference.sites.rows[dispenses[shown].site], on: facts.writtenOn)
            != nil
        let provider = reference.providers.rows[facts.prescriber]
        facts.isOnRoster = reference.period(provider, on: facts.writtenOn) != nil
        facts.isReferral =
            facts.isOnRoster
            && reference.hasRelationship(
                provider,
                on: facts.writtenOn,
                numbers[facts.policy].referralRelationships
            )
        guard labeler != 0, facts.isContractPharmacy,
            let restrictions = reference.restrictions[labeler]
        else { return }
        for restriction in restrictions where excludes(restriction, of: labeler, facts) {
            facts.isRestricted = true
            return
        }
    }

    /// Whether a row keeps the fill's pharmacy from its labeler's 340B prices (SEMANTICS 20).
    private func excludes(_ row: Restriction, of labeler: UInt32, _ facts: Facts) -> Bool {
        row.from <= facts.date && facts.date <= row.to
            && (row.type == 0 || row.type == facts.entityType)
            && (row.isNoContract
                || !reference.isDesignated(
                    entity: facts.entity,
                    labeler: labeler,
                    pharmacy: fills[facts.fill].pharmacy,
                    on: facts.date
                ))
    }

    /// The rows that keep the fill's pharmacy from its labeler's 340B prices (SEMANTICS 20).
    func restrictions(_ facts: Facts) -> [Restriction] {
        guard facts.isProductKnown, facts.isContractPharmacy else { return [] }
        let labeler = reference.products[facts.product].labeler
        return (reference.restrictions[labeler] ?? []).filter {
            excludes($0, of: labeler, facts)
        }
    }

    /// The election in force for a Medicaid claim (SEMANTICS 19); `none` where nobody has one.
    func election(_ type: PayerType, _ facts: Facts) -> Election {
        let own =
            type == .medicaidFeeForService
            ? facts.pharmacyFeeForService : facts.pharmacyManagedCare
        if own != .none { return own }
        if type == .medicaidFeeForService, facts.isContractPharmacy,
            numbers[facts.policy].feeForServiceCarveOutAtContractPharmacies
        {
            return .carveOut
        }
        guard let period = reference.period(reference.entities.rows[facts.entity], on: facts.date)
        else { return .none }
        return type == .medicaidFeeForService ? period.feeForService : period.managedCare
    }

    private func gatherClaims(_ facts: inout Facts) {
        if facts.isCash || facts.isAdministered { facts.isTreated = true }
        let policy = facts.policy
        for number in live
        where claims[number].isClaimed340B || isMarked[policy][Int(claims[number].codes)] {
            facts.isTreated = true
        }
        for (place, number) in live.enumerated() {
            let claim = claims[number]
            if facts.shown == 0
                ? !reference.products[claim.product].isKnown
                : (claim.product != facts.product || !facts.isProductKnown)
                    && reference.products[claim.product].isText
            {
                if facts.claimWithUnknownNdc == 0 { facts.claimWithUnknownNdc = number }
            } else if claim.product != facts.product, facts.shown != 0,
                !reference.products[facts.product].isText, facts.claimWithOtherNdc == 0
            {
                facts.claimWithOtherNdc = number
            }
            // One payer's bill: parts add up, else the first counts.
            var isFirstOfPayer = true
            for earlier in live[..<place]
            where claims[earlier].coverageOrder == claim.coverageOrder {
                isFirstOfPayer = false
                if claim.dispensingStatus == 0xFF || claims[earlier].dispensingStatus == 0xFF,
                    facts.duplicateClaim == 0
                {
                    facts.duplicateClaim = number
                }
            }
            if isFirstOfPayer, facts.shown != 0 {
                var parts: Quantity?
                for one in live[place...]
                where claims[one].coverageOrder == claim.coverageOrder
                    && claims[one].dispensingStatus != 0xFF
                {
                    let quantity = Quantity(millionths: claims[one].quantity)
                    parts = parts?.adding(quantity) ?? quantity
                }
                let billed = parts ?? Quantity(millionths: claim.quantity)
                if billed.millionths != facts.quantity, facts.claimWithOtherQuantity == 0 {
                    facts.claimWithOtherQuantity = number
                    facts.billedQuantity = billed.millionths
                }
            }
            let isMarked = isMarked[policy][Int(claim.codes)]
            switch reference.payers[claim.payer].type {
            case .medicaidFeeForService, .medicaidManagedCare:
                switch election(reference.payers[claim.payer].type, facts) {
                case .carveOut:
                    if facts.isTreated {
                        if facts.forbiddenMedicaidClaim == 0 {
                            facts.forbiddenMedicaidClaim = number
                            facts.forbiddenByCarveOut = true
                        }
                    } else {
                        facts.silentlyCarvedOut = true
                    }
                case .carveIn:
                    if facts.isTreated, !isMarked, facts.forbiddenMedicaidClaim == 0 {
                        facts.forbiddenMedicaidClaim = number
                    }
                case .none: break
                }
            case .medicareD:
                if !isMarked, facts.unmarkedMedicareClaim == 0 {
                    facts.unmarkedMedicareClaim = number
                }
            case .unknown:
                if facts.claimWithUnknownPayer == 0 { facts.claimWithUnknownPayer = number }
            case .commercial: break
            }
        }
    }

    private mutating func gatherEncounters(_ facts: inout Facts) {
        guard facts.patient != 0 else { return }
        if let crowd = crowds[facts.patient] { return gatherEncounters(&facts, in: crowd) }
        let policy = numbers[facts.policy]
        let earliest = facts.writtenOn.adding(days: 0 - policy.lookBackDays)
        let latest = facts.writtenOn.adding(days: policy.encounterAheadDays)
        var steps = 0
        var number = patients[facts.patient].firstEncounter
        while number != 0 {
            steps += 1
            let encounter = encounters[number]
            if isInWindow(encounter, earliest, latest, policy) {
                let saw = saw(facts.prescriber, encounter, policy)
                facts.anyEncounter = true
                // Of the encounters with the prescriber, else of all: the latest start, then the greatest id.
                if facts.matched == 0 || (saw && !facts.sawPrescriber)
                    || (saw == facts.sawPrescriber && isLater(encounter, encounters[facts.matched]))
                {
                    facts.matched = number
                }
                if saw { facts.sawPrescriber = true }
            }
            if facts.stay == 0, isStay(encounter, of: facts, policy) { facts.stay = number }
            number = encounter.nextOfPatient
        }
        noteWalk(steps, of: facts.patient)
    }

    /// Whether a visit counts for a prescription (SEMANTICS 6).
    @inline(__always)
    func isInWindow(
        _ encounter: EncounterRow,
        _ earliest: CivilDate,
        _ latest: CivilDate,
        _ policy: PolicyNumbers
    ) -> Bool {
        policy.counts(encounter.status) && !policy.isUncounted(encounter.classCode)
            && encounter.lastDate >= earliest && encounter.startDate <= latest
    }

    /// Whether a fill was made during an inpatient stay, and not for its discharge (SEMANTICS 8).
    @inline(__always)
    func isStay(
        _ encounter: EncounterRow,
        of facts: Facts,
        _ policy: PolicyNumbers
    ) -> Bool {
        guard policy.counts(encounter.status), encounter.start <= facts.occurredAt,
            encounter.end == .min || facts.occurredAt < encounter.end,
            policy.isInpatient(classInForce(encounter, at: facts.occurredAt))
        else { return false }
        let discharge = Int64(policy.dischargeHours) * 3_600_000_000
        return facts.isAdministered || encounter.end == .min
            || facts.occurredAt < encounter.end &- discharge
    }

    /// Whether a provider is that of a version which is under way or finished.
    func saw(_ provider: UInt32, _ encounter: EncounterRow, _ policy: PolicyNumbers) -> Bool {
        if encounter.provider == provider { return true }
        var number = encounter.older
        while number != 0 {
            let version = encounterVersions[number]
            if version.provider == provider, policy.counts(version.status) { return true }
            number = version.older
        }
        return false
    }

    func isLater(_ left: EncounterRow, _ right: EncounterRow) -> Bool {
        if left.start != right.start { return left.start > right.start }
        return text(of: right.id).lexicographicallyPrecedes(text(of: left.id))
    }

    /// The class of the last version that had occurred by a moment, else of the first version.
    private func classInForce(_ encounter: EncounterRow, at moment: Int64) -> EncounterClass {
        if encounter.occurredAt <= moment || encounter.older == 0 { return encounter.classCode }
        var number = encounter.older
        while true {
            let version = encounterVersions[number]
            if version.occurredAt <= moment || version.older == 0 { return version.classCode }
            number = version.older
        }
    }

    /// Counts pharmacies and prescribers from which the patient got the product up to this fill (SEMANTICS 32).
    private mutating func gatherVelocity(_ facts: inout Facts) {
        guard facts.patient != 0, !facts.isAdministered else { return }
        let values = numbers[facts.policy]
        // Almost nobody has another fill of the product within days: nothing is allocated before one is found.
        var pharmacies: [UInt32] = []
        var prescribers: [UInt32] = []
        let steps = forEachBefore(facts) { number in
            let pharmacy = fills[dispenses[number].fill].pharmacy
            let prescriber = dispenses[number].prescriber
            if !pharmacies.contains(pharmacy) { pharmacies.append(pharmacy) }
            if !prescribers.contains(prescriber) { prescribers.append(prescriber) }
        }
        noteWalk(steps, of: facts.patient)
        guard !pharmacies.isEmpty else { return }
        let pharmaciesBefore = pharmacies.count
        let prescribersBefore = prescribers.count
        if !pharmacies.contains(fills[facts.fill].pharmacy) {
            pharmacies.append(fills[facts.fill].pharmacy)
        }
        if !prescribers.contains(facts.prescriber) { prescribers.append(facts.prescriber) }
        facts.velocityPharmacies = pharmacies.count
        facts.velocityPrescribers = prescribers.count
        facts.completesVelocity =
            (pharmacies.count >= Int(values.velocityPharmacies)
                && pharmaciesBefore < Int(values.velocityPharmacies))
            || (prescribers.count >= Int(values.velocityPrescribers)
                && prescribersBefore < Int(values.velocityPrescribers))
    }

    /// Shows the dispenses of the patient and product in the days before this fill's, each the first of a fill that counts.
    ///
    /// - Returns: how many dispenses of the patient were walked along; 0 where they are kept by time.
    @inline(__always)
    private func forEachBefore(_ facts: Facts, _ body: (UInt32) -> Void) -> Int {
        let days = Int64(numbers[facts.policy].velocityDays)
        let first = facts.occurredAt &- days &* 86_400_000_000
        func counts(_ number: UInt32) -> Bool {
            let fill = dispenses[number].fill
            // Both hold before the other fill has been decided again, so the order of decisions is none's concern.
            return fill != facts.fill && primary(of: fill) == number && !fills[fill].isBillReversed
                && (dispenses[number].occurredAt < facts.occurredAt
                    || isBefore(fill: fill, facts.fill))
        }
        if let crowd = crowds[facts.patient] {
            if let others = crowd.dispensesOfProduct[facts.product] {
                for place in others.start(first)..<others.end(facts.occurredAt)
                where counts(others[place]) { body(others[place]) }
            }
            return 0
        }
        // The chain runs from the latest to the earliest, so it is left where the window is.
        var steps = 0
        var number = patients[facts.patient].firstDispense
        while number != 0, dispenses[number].occurredAt >= first {
            steps += 1
            if dispenses[number].product == facts.product,
                dispenses[number].occurredAt <= facts.occurredAt,
                dispenses[number].setting == .retail, counts(number)
            {
                body(number)
            }
            number = dispenses[number].nextOfPatient
        }
        return steps
    }

    /// The other dispenses that make up the pattern of `patient_velocity`: one for each pharmacy and each prescriber.
    func velocityDispenses(_ facts: Facts) -> [UInt32] {
        guard facts.patient != 0, !facts.isAdministered else { return [] }
        var pharmacies: Set = [fills[facts.fill].pharmacy]
        var prescribers: Set = [facts.prescriber]
        var others: [UInt32] = []
        _ = forEachBefore(facts) { others.append($0) }
        // The earliest of each, in whichever order they are kept.
        others.sort {
            (dispenses[$0].occurredAt, dispenses[$0].offset)
                < (dispenses[$1].occurredAt, dispenses[$1].offset)
        }
        return others.filter { number in
            let isNew = pharmacies.insert(fills[dispenses[number].fill].pharmacy).inserted
            return prescribers.insert(dispenses[number].prescriber).inserted || isNew
        }
    }

    /// The earliest active dispense of a fill; 0 where none is.
    func primary(of fill: UInt32) -> UInt32 {
        var number = fills[fill].firstDispense
        while number != 0, dispenses[number].status == .returned {
            number = dispenses[number].nextOfFill
        }
        return number
    }

    /// An order among fills of one moment that does not depend on arrival.
    private func isBefore(fill left: UInt32, _ right: UInt32) -> Bool {
        let a = fills[left]
        let b = fills[right]
        if a.pharmacy != b.pharmacy {
            return npiText(reference.pharmacies.rows[a.pharmacy])
                .lexicographicallyPrecedes(npiText(reference.pharmacies.rows[b.pharmacy]))
        }
        let x = text(of: a.rx)
        let y = text(of: b.rx)
        return x == y ? a.fillNumber < b.fillNumber : x.lexicographicallyPrecedes(y)
    }
}

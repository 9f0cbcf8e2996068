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
            facts.partOfOtherProduct = 0
            facts.partOfUnknownNdc = 0
        }
    }

    /// Parts are added up, so each must be of a product that is known, all of one, and of one unit (SEMANTICS 11, 16, 17).
    private func note(part number: UInt32, _ facts: inout Facts) {
        guard number != facts.primary else { return }
        if facts.partOfOtherUnit == 0, dispenses[number].unit != dispenses[facts.primary].unit {
            facts.partOfOtherUnit = number
        }
        let product = dispenses[number].product
        if facts.partOfUnknownNdc == 0, !reference.products[product].isKnown {
            facts.partOfUnknownNdc = number
        }
        if facts.partOfOtherProduct == 0, product != dispenses[facts.primary].product,
            !reference.products[product].isText,
            !reference.products[dispenses[facts.primary].product].isText
        {
            facts.partOfOtherProduct = number
        }
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

    /// The earliest active dispense of a fill; 0 where none is.
    func primary(of fill: UInt32) -> UInt32 {
        var number = fills[fill].firstDispense
        while number != 0, dispenses[number].status == .returned {
            number = dispenses[number].nextOfFill
        }
        return number
    }
}

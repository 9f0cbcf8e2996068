internal import Journal

// What an alert shows: the values that the rule compared, the records and rows they come from, and one sentence.

extension Machine {
    // MARK: values compared, into `scratch`

    /// Writes `,"name":value` pairs of what a rule compared about a fill.
    mutating func writeValues(of rule: Rule, _ facts: Facts) {
        scratch.removeAll()
        var out = scratch.pen(16_384)
        defer { scratch.keep(out) }
        let values = numbers[facts.policy]
        switch rule {
        case .encounterMissing:
            patientToken(&out, facts)
            date(&out, "written_on", facts.shown == 0 ? .distantPast : facts.writtenOn)
            let earliest = facts.writtenOn.adding(days: 0 - values.lookBackDays)
            date(&out, "look_back_from", facts.shown == 0 ? .distantPast : earliest)
            number(&out, "look_back_days", Int64(values.lookBackDays))
            number(&out, "encounter_grace_hours", Int64(values.encounterGraceHours))
            silentFeed(&out, facts)
        case .encounterInpatient:
            patientToken(&out, facts)
            moment(&out, "occurred_at", facts.occurredAt)
            if facts.stay != 0 {
                let stay = encounters[facts.stay]
                name(&out, "encounter_id")
                put(&out, stay.id)
                moment(&out, "start", stay.start)
                moment(&out, "end", stay.end)
            }
            number(&out, "discharge_hours", Int64(values.dischargeHours))
        case .providerMismatch:
            patientToken(&out, facts)
            prescriber(&out, facts)
            name(&out, "matched_encounter_id")
            if facts.matched != 0 {
                put(&out, encounters[facts.matched].id)
            } else {
                out.put("null")
            }
            number(&out, "encounter_grace_hours", Int64(values.encounterGraceHours))
            silentFeed(&out, facts)
        case .siteUnregistered:
            name(&out, "site_id")
            if facts.shown != 0 {
                put(&out, reference.sites, dispenses[facts.shown].site)
            } else {
                out.put("null")
            }
            date(&out, "written_on", facts.shown == 0 ? .distantPast : facts.writtenOn)
            date(&out, "fill_date", facts.shown == 0 ? .distantPast : facts.date)
            boolean(&out, "entity_registered", facts.isEntityRegistered)
            boolean(&out, "site_registered", facts.isSiteRegistered)
        case .providerIneligible:
            prescriber(&out, facts)
            date(&out, "written_on", facts.shown == 0 ? .distantPast : facts.writtenOn)
        case .pharmacyUnregistered:
            name(&out, "pharmacy_npi")
            put(&out, reference.pharmacies, fills[facts.fill].pharmacy)
            date(&out, "fill_date", facts.shown == 0 ? .distantPast : facts.date)
        case .duplicateDiscount:
            let claim = facts.forbiddenMedicaidClaim
            if claim != 0 {
                claimID(&out, claim)
                let type = reference.payers[claims[claim].payer].type
                name(&out, "payer_type")
                quote(&out, type.text)
                name(&out, "election")
                out.put(facts.forbiddenByCarveOut ? "\"carve_out\"" : "\"carve_in\"")
                number(&out, "coverage_order", Int64(claims[claim].coverageOrder))
                boolean(&out, "marked", isMarked[facts.policy][Int(claims[claim].codes)])
            }
            boolean(&out, "treated_as_340b", facts.isTreated)
        case .manufacturerRestriction:
            // A fill that lost its dispense has no product: row 0 is no row.
            let labeler = facts.product == 0 ? 0 : reference.products[facts.product].labeler
            text(&out, "labeler", reference.texts.array(labeler))
            text(&out, "entity_type", reference.types.array(UInt32(facts.entityType)))
            name(&out, "arrangement")
            out.put(facts.isContractPharmacy ? "\"contract\"" : "\"in_house\"")
            date(&out, "fill_date", facts.shown == 0 ? .distantPast : facts.date)
        case .orphanDrugExcluded:
            product(&out, "ndc11", facts)
            text(&out, "entity_type", reference.types.array(UInt32(facts.entityType)))
        case .mfpUnmarked:
            if facts.unmarkedMedicareClaim != 0 { claimID(&out, facts.unmarkedMedicareClaim) }
            date(&out, "mfp_from", facts.mfpFrom)
            let isDated = facts.shown != 0 || facts.firstLive != 0
            date(&out, "fill_date", isDated ? facts.date : .distantPast)
        case .ndcUnknown:
            let part = facts.isProductKnown ? facts.partOfUnknownNdc : 0
            let product =
                facts.shown == 0 ? 0 : part == 0 ? facts.product : dispenses[part].product
            text(&out, "dispensed_ndc", product == 0 ? [] : self.text(ofProduct: product))
            if facts.claimWithUnknownNdc != 0 {
                claimID(&out, facts.claimWithUnknownNdc)
                text(
                    &out,
                    "billed_ndc",
                    self.text(ofProduct: claims[facts.claimWithUnknownNdc].product)
                )
            }
        case .ndcMismatch:
            product(&out, "dispensed_ndc11", facts)
            if facts.claimWithOtherNdc != 0 {
                claimID(&out, facts.claimWithOtherNdc)
                name(&out, "billed_ndc11")
                putProduct(&out, claims[facts.claimWithOtherNdc].product)
            }
            if facts.partOfOtherProduct != 0 {
                name(&out, "part_ndc11")
                putProduct(&out, dispenses[facts.partOfOtherProduct].product)
            }
        case .quantityMismatch:
            name(&out, "dispensed_quantity")
            out.put(Balance(Quantity(millionths: facts.quantity)))
            if facts.claimWithOtherQuantity != 0 {
                claimID(&out, facts.claimWithOtherQuantity)
                name(&out, "billed_quantity")
                out.put(Balance(Quantity(millionths: facts.billedQuantity)))
            }
            let part = facts.partOfOtherUnit
            if let unit = BillingUnit(
                rawValue: part == 0 || facts.billingUnit != facts.unit
                    ? facts.unit : dispenses[part].unit
            ) {
                name(&out, "unit")
                put(&out, unit)
                name(&out, "billing_unit")
                putUnit(&out, facts.product)
            }
        case .claimWithoutDispense:
            if facts.firstLive != 0 { claimID(&out, facts.firstLive) }
            moment(&out, "first_record_at", facts.firstArrival)
            number(&out, "dispense_grace_hours", Int64(values.dispenseGraceHours))
        case .dispenseWithoutClaim:
            moment(&out, "first_record_at", facts.firstArrival)
            number(&out, "claim_grace_hours", Int64(values.claimGraceHours))
        case .writtenDateInvalid:
            date(&out, "written_on", facts.shown == 0 ? .distantPast : facts.writtenOn)
            date(&out, "fill_date", facts.shown == 0 ? .distantPast : facts.date)
            number(&out, "prescription_life_days", Int64(values.prescriptionLifeDays))
        case .fillDuplicate:
            if facts.duplicateDispense != 0, facts.primary != 0 {
                name(&out, "first_dispense_id")
                put(&out, dispenses[facts.primary].id)
                name(&out, "second_dispense_id")
                put(&out, dispenses[facts.duplicateDispense].id)
            }
            if facts.duplicateClaim != 0 {
                name(&out, "second_claim_id")
                put(&out, claims[facts.duplicateClaim].id)
                number(&out, "coverage_order", Int64(claims[facts.duplicateClaim].coverageOrder))
            }
        case .patientVelocity:
            patientToken(&out, facts)
            number(&out, "pharmacies", Int64(facts.velocityPharmacies))
            number(&out, "prescribers", Int64(facts.velocityPrescribers))
            number(&out, "velocity_days", Int64(values.velocityDays))
            product(&out, "ndc11", facts)
        case .missedClaim:
            if facts.firstLive != 0 { claimID(&out, facts.firstLive) }
            number(&out, "claim_grace_hours", Int64(values.claimGraceHours))
        case .gpoProhibitedPurchase, .usageSpike, .usageNewPair, .ineligibleRateShift,
            .captureRateDrop, .quantityOutlier, .accumulatorNegative, .overAccumulation,
            .overReplenished, .accumulatorStale, .feedSilent:
            preconditionFailure("this rule's subject is no fill, or it is not judged here")
        }
    }

    /// Writes what a rule compared about an accumulator.
    mutating func writeValues(of rule: Rule, accumulator number: UInt32, _ policy: Int) {
        scratch.removeAll()
        var out = scratch.pen(16_384)
        defer { scratch.keep(out) }
        let row = accumulators[number]
        let values = numbers[policy]
        switch rule {
        case .accumulatorNegative:
            balance(&out, "balance", row.balance)
        case .overAccumulation:
            let (use, span) = use(row, policy)
            balance(&out, "accumulated", row.net)
            self.number(&out, "packages_bought", row.boughtWhenMoved)
            balance(
                &out,
                "package_size",
                Balance(Quantity(millionths: reference.products[row.product].packageSize))
            )
            balance(&out, "use", use)
            self.number(&out, "use_days", span / 86_400_000_000)
            self.number(&out, "over_accumulation_days", Int64(values.overAccumulationDays))
        case .accumulatorStale:
            balance(&out, "balance", row.balance)
            moment(&out, "last_moved_at", row.lastMoved)
            self.number(&out, "stale_days", Int64(values.staleDays))
        case .overReplenished, .gpoProhibitedPurchase:
            packages(&out, bought: row.bought, due: row.proposed)
        default:
            preconditionFailure("this rule's subject is no accumulator")
        }
    }

    /// Writes what was compared about an invoice.
    mutating func writeValues(of invoice: InvoiceRow) {
        scratch.removeAll()
        var out = scratch.pen(4096)
        packages(&out, bought: invoice.bought, due: invoice.due)
        scratch.keep(out)
    }

    private func packages(_ out: inout Pen, bought: Int64, due: Int64) {
        number(&out, "packages_bought", bought)
        number(&out, "packages_due", due)
    }

    @inline(__always)
    func name(_ out: inout Pen, _ name: StaticString) {
        out.put(",\"")
        out.put(name)
        out.put("\":")
    }
    private func quote(_ out: inout Pen, _ text: StaticString) {
        out.put("\"")
        out.put(text)
        out.put("\"")
    }
    @inline(__always)
    func date(_ out: inout Pen, _ name: StaticString, _ date: CivilDate) {
        self.name(&out, name)
        out.put(date)
    }
    /// Whose visits or fills were looked at: where a correction names another patient, the alert must not go on naming the
    /// one before.
    private func patientToken(_ out: inout Pen, _ facts: Facts) {
        name(&out, "patient_token")
        putToken(&out, facts.patient)
    }
    /// Names the feed of visits where it is silent: then a visit may be there and nobody has heard of it.
    private func silentFeed(_ out: inout Pen, _ facts: Facts) {
        guard hasHolds, areVisitsSilent(facts.entity) else { return }
        name(&out, "silent_feed")
        quote(&out, FeedKind.encounter.text)
    }
    @inline(__always)
    func moment(_ out: inout Pen, _ name: StaticString, _ microseconds: Int64) {
        self.name(&out, name)
        out.put(Instant(microseconds: microseconds))
    }
    @inline(__always)
    func number(_ out: inout Pen, _ name: StaticString, _ value: Int64) {
        self.name(&out, name)
        out.put(value)
    }
    @inline(__always)
    func balance(_ out: inout Pen, _ name: StaticString, _ value: Balance) {
        self.name(&out, name)
        out.put(value)
    }
    @inline(__always)
    func boolean(_ out: inout Pen, _ name: StaticString, _ value: Bool) {
        self.name(&out, name)
        out.put(value)
    }
    func text(_ out: inout Pen, _ name: StaticString, _ bytes: [UInt8]) {
        self.name(&out, name)
        unsafe bytes.withUnsafeBytes { unsafe out.put(string: $0) }
    }
    private func prescriber(_ out: inout Pen, _ facts: Facts) {
        name(&out, "prescriber_npi")
        if facts.shown != 0 {
            put(&out, reference.providers, facts.prescriber)
        } else {
            out.put("null")
        }
    }
    @inline(__always)
    private func product(_ out: inout Pen, _ name: StaticString, _ facts: Facts) {
        self.name(&out, name)
        putProduct(&out, facts.shown != 0 ? facts.product : 0)
    }
    @inline(__always)
    private func claimID(_ out: inout Pen, _ claim: UInt32) {
        name(&out, "claim_id")
        put(&out, claims[claim].id)
    }

    // MARK: records and rows

    /// Most records and rows that are shown: an output has to fit into a message, and a fill may have any number of claims.
    private static var mostShown: Int { 200 }

    /// Begins the evidence about a fill: records, reference rows, and the values that `writeValues` left in `scratch`.
    mutating func putEvidence(_ out: inout Pen, _ rule: Rule, _ facts: Facts) {
        out.put(",\"evidence\":{\"records\":[")
        let omitted = putRecords(&out, rule, facts)
        out.put(byte: UInt8(ascii: "]"))
        if omitted > 0 {
            out.put(",\"records_omitted\":")
            out.put(Int64(omitted))
        }
        out.put(",\"reference\":[")
        putReferenceRows(&out, rule, facts)
        out.put("],\"values\":{")
        putValues(&out)
        out.put(byte: UInt8(ascii: "}"))
    }

    /// The journal positions of the records that a fill's alert rests on: its dispenses, its live claims, its encounters,
    /// and for a pattern those of other fills; how many more there are.
    private func putRecords(_ out: inout Pen, _ rule: Rule, _ facts: Facts) -> Int {
        var count = 0
        func put(_ kind: StaticString, _ offset: Int64) {
            count += 1
            guard count <= Self.mostShown else { return }
            out.reserve(4096)
            if count > 1 { out.put(byte: UInt8(ascii: ",")) }
            out.put("{\"kind\":\"")
            out.put(kind)
            out.put("\",\"offset\":")
            out.put(offset)
            out.put("}")
        }
        if facts.shown != 0 { put("dispense", dispenses[facts.shown].offset) }
        if rule == .fillDuplicate, facts.duplicateDispense != 0 {
            put("dispense", dispenses[facts.duplicateDispense].offset)
        }
        if rule == .quantityMismatch || rule == .ndcUnknown
            || rule == .ndcMismatch && facts.partOfOtherProduct != 0
        {
            // The parts of a fill add up.
            var number = fills[facts.fill].firstDispense
            while number != 0 {
                if number != facts.shown, dispenses[number].status != .returned,
                    dispenses[number].dispensingStatus != 0xFF
                {
                    put("dispense", dispenses[number].offset)
                }
                number = dispenses[number].nextOfFill
            }
        }
        if rule == .patientVelocity {
            for other in velocityDispenses(facts) { put("dispense", dispenses[other].offset) }
        }
        for claim in live { put("claim", claims[claim].offset) }
        if facts.matched != 0 { put("encounter", encounters[facts.matched].offset) }
        if facts.stay != 0, facts.stay != facts.matched {
            put("encounter", encounters[facts.stay].offset)
        }
        return max(0, count - Self.mostShown)
    }

    /// The reference rows that a rule looked at: what the tables say of the site, prescriber, pharmacy, entity, product,
    /// payer or labeler. Products and payers have no dates.
    private func putReferenceRows(_ out: inout Pen, _ rule: Rule, _ facts: Facts) {
        var count = 0
        func put(_ table: StaticString, from: CivilDate, to: CivilDate) {
            count += 1
            guard count <= Self.mostShown else { return }
            out.reserve(4096)
            if count > 1 { out.put(byte: UInt8(ascii: ",")) }
            out.put("{\"table\":\"")
            out.put(oneOf: table)
            out.put("\",\"effective_from\":")
            out.put(from)
            out.put(",\"effective_to\":")
            out.put(to)
            out.put("}")
        }
        func put(_ table: StaticString, _ row: NameRow) {
            for index in Int(row.firstPeriod)..<Int(row.firstPeriod) + Int(row.periodCount) {
                put(table, from: reference.periods[index].from, to: reference.periods[index].to)
            }
        }
        func putProduct() {
            if facts.isProductKnown { put("products", from: .distantPast, to: .distantFuture) }
        }
        func putPayer(of claim: UInt32) {
            if claim != 0 { put("payers", from: .distantPast, to: .distantFuture) }
        }
        let pharmacy = reference.pharmacies.rows[fills[facts.fill].pharmacy]
        switch rule {
        case .siteUnregistered:
            put("covered_entities", reference.entities.rows[facts.entity])
            if facts.shown != 0 {
                put("sites", reference.sites.rows[dispenses[facts.shown].site])
            }
        case .providerIneligible, .providerMismatch:
            if facts.shown != 0 { put("providers", reference.providers.rows[facts.prescriber]) }
        case .pharmacyUnregistered: put("pharmacies", pharmacy)
        case .manufacturerRestriction:
            put("pharmacies", pharmacy)
            putProduct()
            for restriction in restrictions(facts) {
                put("restrictions", from: restriction.from, to: restriction.to)
            }
        case .duplicateDiscount:
            put("pharmacies", pharmacy)
            put("covered_entities", reference.entities.rows[facts.entity])
            putPayer(of: facts.forbiddenMedicaidClaim)
        case .orphanDrugExcluded:
            put("covered_entities", reference.entities.rows[facts.entity])
            putProduct()
        case .mfpUnmarked:
            putProduct()
            putPayer(of: facts.unmarkedMedicareClaim)
        case .quantityMismatch, .ndcMismatch: putProduct()
        default: break
        }
    }
}

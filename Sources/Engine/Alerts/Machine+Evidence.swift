internal import Journal

// What an alert shows: the values that the rule compared, the records and rows they come from, and one sentence.

extension Machine {
    // MARK: values compared, into `scratch`

    /// Writes `,"name":value` pairs of what a rule compared about a fill.
    mutating func writeValues(of rule: Rule, _ facts: Facts) {
        scratch.removeAll()
        scratch.reserve(4096)
        let values = policies[facts.policy].numbers
        switch rule {
        case .encounterMissing:
            date("written_on", facts.writtenOn)
            date("look_back_from", facts.writtenOn.adding(days: 0 - values.lookBackDays))
            number("look_back_days", Int64(values.lookBackDays))
            number("encounter_grace_hours", Int64(values.encounterGraceHours))
        case .encounterInpatient:
            moment("occurred_at", facts.occurredAt)
            if facts.stay != 0 {
                let stay = encounters[facts.stay]
                name("encounter_id")
                put(scratch, stay.id)
                moment("start", stay.start)
                moment("end", stay.end)
            }
            number("discharge_hours", Int64(values.dischargeHours))
        case .providerMismatch:
            prescriber(facts)
            name("matched_encounter_id")
            if facts.matched != 0 { put(scratch, encounters[facts.matched].id) } else { scratch.put("null") }
            number("encounter_grace_hours", Int64(values.encounterGraceHours))
        case .siteUnregistered:
            name("site_id")
            if facts.shown != 0 {
                put(scratch, name: reference.sites.rows[dispenses[facts.shown].site])
            } else {
                scratch.put("null")
            }
            date("written_on", facts.writtenOn)
            date("fill_date", facts.date)
            boolean("entity_registered", facts.isEntityRegistered)
            boolean("site_registered", facts.isSiteRegistered)
        case .providerIneligible:
            prescriber(facts)
            date("written_on", facts.writtenOn)
        case .pharmacyUnregistered:
            name("pharmacy_npi")
            putNpi(scratch, reference.pharmacies.rows[fills[facts.fill].pharmacy])
            date("fill_date", facts.date)
        case .duplicateDiscount:
            let claim = facts.forbiddenMedicaidClaim
            if claim != 0 {
                claimID(claim)
                let type = reference.payers[claims[claim].payer].type
                name("payer_type")
                quote(type.text)
                name("election")
                scratch.put(facts.forbiddenByCarveOut ? "\"carve_out\"" : "\"carve_in\"")
                number("coverage_order", Int64(claims[claim].coverageOrder))
                boolean("marked", policies[facts.policy].isMarked[Int(claims[claim].codes)])
            }
            boolean("treated_as_340b", facts.isTreated)
        case .manufacturerRestriction:
            text("labeler", reference.texts.all[Int(reference.products[facts.product].labeler)])
            text("entity_type", reference.types.all[Int(facts.entityType)])
            name("arrangement")
            scratch.put(facts.isContractPharmacy ? "\"contract\"" : "\"in_house\"")
            date("fill_date", facts.date)
        case .orphanDrugExcluded:
            product("ndc11", facts)
            text("entity_type", reference.types.all[Int(facts.entityType)])
        case .mfpUnmarked:
            if facts.unmarkedMedicareClaim != 0 { claimID(facts.unmarkedMedicareClaim) }
            date("mfp_from", facts.mfpFrom)
            date("fill_date", facts.date)
        case .ndcUnknown:
            text("dispensed_ndc", self.text(ofProduct: facts.product))
            if facts.claimWithUnknownNdc != 0 {
                claimID(facts.claimWithUnknownNdc)
                text("billed_ndc", self.text(ofProduct: claims[facts.claimWithUnknownNdc].product))
            }
        case .ndcMismatch:
            product("dispensed_ndc11", facts)
            if facts.claimWithOtherNdc != 0 {
                claimID(facts.claimWithOtherNdc)
                name("billed_ndc11")
                putProduct(scratch, claims[facts.claimWithOtherNdc].product)
            }
        case .quantityMismatch:
            name("dispensed_quantity")
            scratch.put(Balance(Quantity(millionths: facts.quantity)))
            if facts.claimWithOtherQuantity != 0 {
                claimID(facts.claimWithOtherQuantity)
                name("billed_quantity")
                scratch.put(Balance(Quantity(millionths: facts.billedQuantity)))
            }
            if let unit = BillingUnit(rawValue: facts.unit) {
                name("unit")
                put(scratch, unit)
                name("billing_unit")
                putUnit(scratch, facts.product)
            }
        case .claimWithoutDispense:
            if facts.firstLive != 0 { claimID(facts.firstLive) }
            moment("first_record_at", facts.firstArrival)
            number("dispense_grace_hours", Int64(values.dispenseGraceHours))
        case .dispenseWithoutClaim:
            moment("first_record_at", facts.firstArrival)
            number("claim_grace_hours", Int64(values.claimGraceHours))
        case .writtenDateInvalid:
            date("written_on", facts.writtenOn)
            date("fill_date", facts.date)
            number("prescription_life_days", Int64(values.prescriptionLifeDays))
        case .fillDuplicate:
            if facts.duplicateDispense != 0, facts.primary != 0 {
                name("first_dispense_id")
                put(scratch, dispenses[facts.primary].id)
                name("second_dispense_id")
                put(scratch, dispenses[facts.duplicateDispense].id)
            }
            if facts.duplicateClaim != 0 {
                name("second_claim_id")
                put(scratch, claims[facts.duplicateClaim].id)
                number("coverage_order", Int64(claims[facts.duplicateClaim].coverageOrder))
            }
        case .patientVelocity:
            number("pharmacies", Int64(facts.velocityPharmacies))
            number("prescribers", Int64(facts.velocityPrescribers))
            number("velocity_days", Int64(values.velocityDays))
            product("ndc11", facts)
        case .missedClaim:
            if facts.firstLive != 0 { claimID(facts.firstLive) }
            number("claim_grace_hours", Int64(values.claimGraceHours))
        case .gpoProhibitedPurchase, .usageSpike, .usageNewPair, .ineligibleRateShift,
            .captureRateDrop, .quantityOutlier, .accumulatorNegative, .overAccumulation,
            .overReplenished, .accumulatorStale, .feedSilent:
            preconditionFailure("this rule's subject is no fill, or it is not judged here")
        }
    }

    /// Writes what a rule compared about an accumulator.
    mutating func writeValues(of rule: Rule, accumulator number: UInt32, _ policy: Int) {
        scratch.removeAll()
        scratch.reserve(1024)
        let row = accumulators[number]
        let values = policies[policy].numbers
        switch rule {
        case .accumulatorNegative:
            balance("balance", row.balance)
        case .overAccumulation:
            let (use, span) = use(row, policy)
            balance("accumulated", row.net)
            self.number("packages_bought", row.bought)
            balance("package_size", Balance(Quantity(millionths: reference.products[row.product].packageSize)))
            balance("use", use)
            self.number("use_days", span / 86_400_000_000)
            self.number("over_accumulation_days", Int64(values.overAccumulationDays))
        case .accumulatorStale:
            balance("balance", row.balance)
            moment("last_moved_at", row.lastMoved)
            self.number("stale_days", Int64(values.staleDays))
        case .overReplenished, .gpoProhibitedPurchase:
            self.number("packages_bought", row.bought)
            self.number("packages_due", row.proposed)
        default:
            preconditionFailure("this rule's subject is no accumulator")
        }
    }

    private func name(_ name: StaticString) {
        scratch.reserve(2048)
        scratch.put(",\"")
        scratch.put(name)
        scratch.put("\":")
    }
    private func quote(_ text: StaticString) {
        scratch.put("\"")
        scratch.put(text)
        scratch.put("\"")
    }
    private func date(_ name: StaticString, _ date: CivilDate) {
        self.name(name)
        scratch.put(date)
    }
    private func moment(_ name: StaticString, _ microseconds: Int64) {
        self.name(name)
        scratch.put(Instant(microseconds: microseconds))
    }
    private func number(_ name: StaticString, _ value: Int64) {
        self.name(name)
        scratch.put(value)
    }
    private func balance(_ name: StaticString, _ value: Balance) {
        self.name(name)
        scratch.put(value)
    }
    private func boolean(_ name: StaticString, _ value: Bool) {
        self.name(name)
        scratch.put(value ? "true" : "false")
    }
    private func text(_ name: StaticString, _ bytes: [UInt8]) {
        self.name(name)
        unsafe bytes.withUnsafeBytes { unsafe scratch.put(string: $0) }
    }
    private func prescriber(_ facts: Facts) {
        name("prescriber_npi")
        if facts.shown != 0 {
            putNpi(scratch, reference.providers.rows[facts.prescriber])
        } else {
            scratch.put("null")
        }
    }
    private func product(_ name: StaticString, _ facts: Facts) {
        self.name(name)
        putProduct(scratch, facts.shown != 0 ? facts.product : 0)
    }
    private func claimID(_ claim: UInt32) {
        name("claim_id")
        put(scratch, claims[claim].id)
    }

    // MARK: records and rows

    /// The journal positions of the records that a fill's alert rests on: its dispense, its live claims, its encounters.
    func putRecords(_ out: OutputBuffer, _ rule: Rule, _ facts: Facts) {
        var isFirst = true
        func put(_ kind: StaticString, _ offset: Int64) {
            out.reserve(128)
            out.put(isFirst ? "{\"kind\":\"" : ",{\"kind\":\"")
            isFirst = false
            out.put(kind)
            out.put("\",\"offset\":")
            out.put(offset)
            out.put("}")
        }
        if facts.shown != 0 { put("dispense", dispenses[facts.shown].offset) }
        if rule == .fillDuplicate, facts.duplicateDispense != 0 {
            put("dispense", dispenses[facts.duplicateDispense].offset)
        }
        for claim in live { put("claim", claims[claim].offset) }
        if facts.matched != 0 { put("encounter", encounters[facts.matched].offset) }
        if facts.stay != 0, facts.stay != facts.matched {
            put("encounter", encounters[facts.stay].offset)
        }
        out.reserve(256)
    }

    /// The reference rows that a rule looked at: what the registry says of the site, prescriber, pharmacy or entity.
    func putReferenceRows(_ out: OutputBuffer, _ rule: Rule, _ facts: Facts) {
        var isFirst = true
        func put(_ table: StaticString, _ row: NameRow) {
            for index in Int(row.firstPeriod)..<Int(row.firstPeriod) + Int(row.periodCount) {
                out.reserve(256)
                out.put(isFirst ? "{\"table\":\"" : ",{\"table\":\"")
                isFirst = false
                out.put(table)
                out.put("\",\"effective_from\":")
                out.put(reference.periods[index].from)
                out.put(",\"effective_to\":")
                out.put(reference.periods[index].to)
                out.put("}")
            }
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
        case .pharmacyUnregistered, .manufacturerRestriction: put("pharmacies", pharmacy)
        case .duplicateDiscount:
            put("pharmacies", pharmacy)
            put("covered_entities", reference.entities.rows[facts.entity])
        case .orphanDrugExcluded: put("covered_entities", reference.entities.rows[facts.entity])
        default: break
        }
        out.reserve(256)
    }

    // MARK: one sentence for a person, into `sentence`

    mutating func writeSentence(_ rule: Rule, _ facts: Facts) {
        sentence.removeAll()
        sentence.reserve(8192)
        let row = fills[facts.fill]
        say("Prescription ")
        say(text(of: row.rx))
        say(", fill ")
        sentence.put(Int64(row.fillNumber))
        say(", at pharmacy ")
        say(npiText(reference.pharmacies.rows[row.pharmacy]))
        say(": ")
        switch rule {
        case .encounterMissing:
            say("no visit of the patient with the entity supports it within the look-back.")
        case .encounterInpatient: say("the drug was given during an inpatient stay.")
        case .providerMismatch: say("the prescriber saw the patient in none of the matching visits.")
        case .siteUnregistered:
            if facts.isEntityRegistered {
                say("the prescribing site was not registered when it was written.")
            } else {
                say("the covered entity was not registered.")
            }
        case .providerIneligible: say("the prescriber was not on the entity's roster when it was written.")
        case .pharmacyUnregistered: say("the pharmacy had no arrangement with the entity on the fill date.")
        case .duplicateDiscount:
            if facts.forbiddenByCarveOut {
                say("a Medicaid claim was treated as 340B although Medicaid is carved out.")
            } else {
                say("a carved-in Medicaid claim lacks its 340B marker.")
            }
        case .manufacturerRestriction:
            say("the labeler does not offer 340B prices to this contract pharmacy.")
        case .orphanDrugExcluded: say("an orphan drug is excluded for this type of entity.")
        case .mfpUnmarked: say("a Medicare claim of a fair-price drug lacks its 340B marker.")
        case .ndcUnknown: say("the product code is unknown or can't be normalised.")
        case .ndcMismatch: say("dispense and claim name different products.")
        case .quantityMismatch:
            if facts.claimWithOtherQuantity != 0 {
                say("dispensed and billed quantity differ.")
            } else {
                say("the unit is not the product's billing unit.")
            }
        case .claimWithoutDispense: say("it was billed, but no dispense came within the grace.")
        case .dispenseWithoutClaim: say("it was dispensed, but no claim came within the grace.")
        case .writtenDateInvalid: say("it was filled before it was written or after it had expired.")
        case .fillDuplicate: say("it was dispensed or billed twice under different ids.")
        case .patientVelocity:
            say("one patient got this product from several pharmacies or prescribers within days.")
        case .missedClaim: say("it is eligible, but was not claimed as 340B.")
        case .gpoProhibitedPurchase, .usageSpike, .usageNewPair, .ineligibleRateShift,
            .captureRateDrop, .quantityOutlier, .accumulatorNegative, .overAccumulation,
            .overReplenished, .accumulatorStale, .feedSilent:
            break
        }
    }

    mutating func writeSentence(_ rule: Rule, accumulator number: UInt32, _ policy: Int) {
        sentence.removeAll()
        sentence.reserve(8192)
        let row = accumulators[number]
        say("Product ")
        say(text(ofProduct: row.product))
        say(" at pharmacy ")
        say(npiText(reference.pharmacies.rows[row.pharmacy]))
        say(", account ")
        say(Array(row.account.name.utf8))
        say(": ")
        switch rule {
        case .accumulatorNegative: say("the balance is below zero.")
        case .overAccumulation: say("more was accumulated and not bought than use explains.")
        case .accumulatorStale: say("the balance has not moved for too long.")
        case .overReplenished: say("more packages were bought than were due.")
        case .gpoProhibitedPurchase:
            say("a GPO purchase of a covered outpatient drug by an entity under the GPO prohibition.")
        default: break
        }
    }

    private func say(_ text: StaticString) {
        sentence.reserve(512)
        sentence.put(text)
    }

    private func say(_ text: [UInt8]) {
        sentence.reserve(text.count + 512)
        for byte in text { sentence.put(byte: byte) }
    }
}

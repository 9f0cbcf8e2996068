internal import Journal

// Each rule about a fill with its verdict and what it compared.

extension Machine {
    /// The outcome, and the rules about fills in the contract's order.
    mutating func putRules(_ out: inout Pen, _ facts: Facts, _ open: RuleSet) {
        let numbers = numbers[facts.policy]
        let inForce = rulesInForce(facts.policy, on: facts.date)
        let judgement = Judgement(facts, numbers, inForce)
        let hasMedicaidClaim = live.contains { isMedicaid(claims[$0].payer) }
        let table = ExplainedRows(&self, facts)
        out.put(",\"outcome\":\"")
        out.put(judgement.outcome.text)
        out.put("\"")
        moment(&out, "pending_until", judgement.next)
        out.put(",\"rules\":[")
        var isFirst = true
        for rule in Rule.allCases where !RuleSet.accumulator.union(.series).has(rule) {
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            let finding = RuleFinding(
                rule,
                facts,
                judgement,
                numbers,
                inForce,
                hasMedicaidClaim: hasMedicaidClaim
            )
            putRule(&out, rule, finding, facts, isOpen: open.has(rule))
            table.put(&out, of: rule)
            out.put("}")
        }
        out.put("]")
    }

    /// A rule from its name to the values it compared.
    private mutating func putRule(
        _ out: inout Pen,
        _ rule: Rule,
        _ finding: RuleFinding,
        _ facts: Facts,
        isOpen: Bool
    ) {
        out.reserve(4096)
        out.put("{\"rule\":\"")
        out.put(rule.text)
        out.put("\",\"verdict\":\"")
        out.put(finding.text)
        out.put("\"")
        if case .pending(let until) = finding {
            moment(&out, "until", until ?? .max)
        } else {
            out.put(",\"until\":null")
        }
        out.put(",\"why\":")
        if let reason = finding.reason {
            out.put("\"")
            out.put(reason)
            out.put("\"")
        } else {
            out.put("null")
        }
        boolean(&out, "is_blocking", numbers[facts.policy].blocking.has(rule))
        boolean(&out, "is_alert_open", isOpen)
        putEntry(&out, rule, facts.policy)
        guard rule != .quantityOutlier else {
            out.put(",\"evidence\":null,\"compared\":{}")
            return
        }
        // As an alert about it writes, byte for byte.
        writeValues(of: rule, facts)
        putEvidence(&out, rule, facts)
        out.put(byte: UInt8(ascii: "}"))
        scratch.removeAll()
        var more = scratch.pen(16_384)
        putCompared(&more, rule, facts)
        scratch.keep(more)
        out.put(",\"compared\":{")
        if unsafe scratch.written.count > 0 { putValues(&out) }
        out.put("}")
    }

    /// What the policy says of a rule, beside its numbers.
    func putEntry(_ out: inout Pen, _ rule: Rule, _ policy: Int) {
        let entry = policies[policy].policy[rule]
        out.put(",\"severity\":")
        put(&out, entry.severity)
        out.put(",\"owner\":")
        out.put(string: entry.owner)
        out.put(",\"legal_basis\":[")
        for (place, basis) in entry.legalBasis.enumerated() {
            if place > 0 { out.put(byte: UInt8(ascii: ",")) }
            out.put(string: basis)
        }
        out.put("]")
    }

    func isMedicaid(_ payer: UInt32) -> Bool {
        switch reference.payers[payer].type {
        case .medicaidFeeForService, .medicaidManagedCare: true
        case .unknown, .medicareD, .commercial: false
        }
    }

    /// What a rule compared beside the evidence of an alert: what a passing rule rests on, which no alert shows.
    private func putCompared(_ out: inout Pen, _ rule: Rule, _ facts: Facts) {
        let values = numbers[facts.policy]
        switch rule {
        case .encounterMissing:
            let latest = facts.writtenOn.adding(days: values.encounterAheadDays)
            date(&out, "look_back_to", facts.shown == 0 ? .distantPast : latest)
            putMatched(&out, facts)
            putGrace(&out, facts, values.encounterGraceHours, held: facts.held)
        case .encounterInpatient: boolean(&out, "is_in_stay", facts.stay != 0)
        case .providerMismatch:
            boolean(&out, "saw_prescriber", facts.sawPrescriber)
            boolean(&out, "is_referral_provider", facts.isReferral)
            putGrace(&out, facts, values.encounterGraceHours, held: facts.held)
        case .siteUnregistered: break
        case .providerIneligible: boolean(&out, "is_on_roster", facts.isOnRoster)
        case .pharmacyUnregistered:
            boolean(&out, "is_registered", facts.isPharmacyRegistered)
            guard facts.isPharmacyRegistered else { return }
            text(
                &out,
                "arrangement",
                Array((facts.isContractPharmacy ? "contract" : "in_house").utf8)
            )
        case .duplicateDiscount: putMedicaidClaims(&out, facts)
        case .manufacturerRestriction: boolean(&out, "is_restricted", facts.isRestricted)
        case .orphanDrugExcluded:
            boolean(&out, "is_orphan", facts.isOrphan)
            boolean(
                &out,
                "is_type_excluded",
                values.orphanExcludedTypes.has(facts.entityType)
            )
        case .mfpUnmarked:
            boolean(&out, "has_unmarked_medicare_claim", facts.unmarkedMedicareClaim != 0)
            boolean(&out, "treated_as_340b", facts.isTreated)
        case .ndcUnknown: boolean(&out, "is_in_product_table", facts.isProductKnown)
        case .ndcMismatch, .quantityMismatch: number(&out, "live_claims", Int64(facts.liveCount))
        case .claimWithoutDispense:
            boolean(&out, "has_dispense", facts.primary != 0)
            putGrace(&out, facts, values.dispenseGraceHours)
        case .dispenseWithoutClaim:
            number(&out, "live_claims", Int64(facts.liveCount))
            putGrace(&out, facts, values.claimGraceHours)
        case .writtenDateInvalid:
            let last = facts.writtenOn.adding(days: values.prescriptionLifeDays)
            date(&out, "expires_after", facts.shown == 0 ? .distantPast : last)
        case .fillDuplicate: number(&out, "live_claims", Int64(facts.liveCount))
        case .patientVelocity:
            number(&out, "velocity_pharmacies", Int64(values.velocityPharmacies))
            number(&out, "velocity_prescribers", Int64(values.velocityPrescribers))
        case .missedClaim:
            boolean(&out, "treated_as_340b", facts.isTreated)
            number(&out, "live_claims", Int64(facts.liveCount))
            putGrace(&out, facts, values.claimGraceHours)
        case .gpoProhibitedPurchase, .usageSpike, .usageNewPair, .ineligibleRateShift,
            .captureRateDrop, .quantityOutlier, .accumulatorNegative, .overAccumulation,
            .overReplenished, .accumulatorStale, .feedSilent:
            preconditionFailure("this rule's subject is no fill, or it is not judged here")
        }
    }

    /// The visit that matched.
    private func putMatched(_ out: inout Pen, _ facts: Facts) {
        guard facts.matched != 0 else { return out.put(",\"matched_encounter_id\":null") }
        let visit = encounters[facts.matched]
        name(&out, "matched_encounter_id")
        put(&out, visit.id)
        date(&out, "matched_from", visit.startDate)
        date(&out, "matched_to", visit.lastDate)
    }

    /// When a grace ends.
    private func putGrace(_ out: inout Pen, _ facts: Facts, _ hours: Int32, held: Int64 = 0) {
        guard facts.firstArrival != .max else { return out.put(",\"grace_ends_at\":null") }
        moment(
            &out,
            "grace_ends_at",
            facts.firstArrival &+ Int64(hours) &* 3_600_000_000 &+ held
        )
    }

    /// The live Medicaid claims with the election in force for each.
    private func putMedicaidClaims(_ out: inout Pen, _ facts: Facts) {
        name(&out, "medicaid_claims")
        out.put("[")
        var isFirst = true
        for claim in live where isMedicaid(claims[claim].payer) {
            out.reserve(4096)
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"claim_id\":")
            put(&out, claims[claim].id)
            putPayer(&out, claim, facts)
            out.put("}")
        }
        out.put("]")
    }

    /// What a claim's payer means: type, election for Medicaid, and whether the claim has its marker.
    func putPayer(_ out: inout Pen, _ claim: UInt32, _ facts: Facts) {
        let payer = reference.payers[claims[claim].payer]
        text(&out, "bin", reference.texts.array(payer.bin))
        text(&out, "pcn", reference.texts.array(payer.pcn))
        text(&out, "group", reference.texts.array(payer.group))
        text(&out, "payer_type", Array("\(payer.type.text)".utf8))
        name(&out, "election")
        switch isMedicaid(claims[claim].payer) ? election(payer.type, facts) : .none {
        case .none: out.put("null")
        case .carveIn: out.put("\"carve_in\"")
        case .carveOut: out.put("\"carve_out\"")
        }
        boolean(&out, "is_marked", isMarked[facts.policy][Int(claims[claim].codes)])
    }
}

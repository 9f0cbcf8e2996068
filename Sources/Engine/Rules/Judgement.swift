internal import Journal

/// What all rules together say about a fill.
struct Judgement {
    var failing: RuleSet = []
    var waiting: RuleSet = []
    /// The next moment at which a rule stops waiting.
    var next = Int64.max
    var outcome = Outcome.none

    @inline(__always)
    private mutating func note(_ rule: Rule, _ verdict: Verdict, _ inForce: RuleSet) {
        guard inForce.has(rule) else { return }
        switch verdict {
        case .pass: break
        case .fail: failing.add(rule)
        case .wait(let until):
            waiting.add(rule)
            if until < next { next = until }
        }
    }

    /// Judges a fill by the rules that are `inForce`: those that this version judges on this date. The reasons in order
    /// of precedence, the happy end last.
    init(_ facts: Facts, _ policy: PolicyNumbers, _ inForce: RuleSet) {
        guard facts.primary != 0 else {
            if facts.liveCount == 0 {
                // Rejected claims alone decide nothing; all else that is gone was reversed or returned.
                outcome =
                    facts.hasPaidClaim || facts.hasReturned || facts.hadDispense ? .reversed : .none
                return
            }
            if facts.hasReturned {
                outcome = .reversed
                return
            }
            // A bill without its drug: what was given to whom nobody knows yet. What a bill alone shows is judged at once,
            // on its own date: who pays it, what it names, and whether it came twice (15, 16, 19, 22).
            note(.duplicateDiscount, DuplicateDiscount.judge(facts, policy), inForce)
            note(.mfpUnmarked, MfpUnmarked.judge(facts), inForce)
            note(.ndcUnknown, NdcUnknown.judge(facts), inForce)
            note(.claimWithoutDispense, ClaimWithoutDispense.judge(facts, policy), inForce)
            note(.fillDuplicate, FillDuplicate.judge(facts), inForce)
            let isSettled = facts.silentlyCarvedOut || !failing.isDisjoint(with: policy.blocking)
            outcome = isSettled || waiting.isEmpty ? .notQualified : .pending
            return
        }
        if facts.isBillReversed {
            outcome = .reversed
            return
        }
        note(.encounterMissing, EncounterMissing.judge(facts, policy), inForce)
        note(.encounterInpatient, EncounterInpatient.judge(facts), inForce)
        note(.providerMismatch, ProviderMismatch.judge(facts, policy), inForce)
        note(.siteUnregistered, SiteUnregistered.judge(facts), inForce)
        note(.providerIneligible, ProviderIneligible.judge(facts), inForce)
        note(.pharmacyUnregistered, PharmacyUnregistered.judge(facts), inForce)
        note(.duplicateDiscount, DuplicateDiscount.judge(facts, policy), inForce)
        note(.manufacturerRestriction, ManufacturerRestriction.judge(facts), inForce)
        note(.orphanDrugExcluded, OrphanDrugExcluded.judge(facts, policy), inForce)
        note(.mfpUnmarked, MfpUnmarked.judge(facts), inForce)
        note(.ndcUnknown, NdcUnknown.judge(facts), inForce)
        note(.ndcMismatch, NdcMismatch.judge(facts), inForce)
        note(.quantityMismatch, QuantityMismatch.judge(facts), inForce)
        note(.dispenseWithoutClaim, DispenseWithoutClaim.judge(facts, policy), inForce)
        note(.writtenDateInvalid, WrittenDateInvalid.judge(facts, policy), inForce)
        note(.fillDuplicate, FillDuplicate.judge(facts), inForce)
        note(.patientVelocity, PatientVelocity.judge(facts), inForce)

        if !failing.isDisjoint(with: policy.blocking) {
            outcome = .notQualified
            return
        }
        if facts.silentlyCarvedOut {
            outcome = .notQualified
            return
        }
        note(.missedClaim, MissedClaim.judge(facts, policy), inForce)
        if !waiting.isEmpty {
            outcome = .pending
            return
        }
        // With `dispense_without_claim` switched off an unbilled fill is still no 340B fill.
        guard facts.isTreated else {
            outcome = facts.liveCount > 0 ? .missedOpportunity : .notQualified
            return
        }
        outcome = .qualified
    }
}

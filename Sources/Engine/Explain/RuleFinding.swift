internal import Journal

/// What one rule says about a fill, to a person who asks: beside what a ``Verdict`` knows, that it did not apply, or was
/// not judged, and why.
enum RuleFinding {
    case pass, fail
    /// Until a moment of monitor time; nil where it waits for no moment.
    case pending(until: Int64?)
    case notApplicable(StaticString)
    case notInForce(StaticString)

    /// As an explanation writes it.
    var text: StaticString {
        switch self {
        case .pass: "pass"
        case .fail: "fail"
        case .pending: "pending"
        case .notApplicable: "not_applicable"
        case .notInForce: "not_in_force"
        }
    }

    /// Why a rule did not speak; nil where it did.
    var reason: StaticString? {
        switch self {
        case .pass, .fail, .pending: nil
        case .notApplicable(let reason), .notInForce(let reason): reason
        }
    }

    /// The finding of a rule about a fill.
    ///
    /// - Parameters:
    ///   - rule: one whose subject is a fill.
    ///   - facts: what was compared.
    ///   - judgement: what all rules together said of these facts: it alone says who failed and who waits.
    ///   - policy: the version in force.
    ///   - inForce: the rules that were judged.
    ///   - hasMedicaidClaim: whether a live claim names a Medicaid payer.
    init(
        _ rule: Rule,
        _ facts: Facts,
        _ judgement: Judgement,
        _ policy: PolicyNumbers,
        _ inForce: RuleSet,
        hasMedicaidClaim: Bool
    ) {
        if rule == .quantityOutlier {
            self = .notInForce("this version does not judge it")
        } else if judgement.failing.has(rule) {
            self = .fail
        } else if judgement.waiting.has(rule) {
            self = .pending(until: Self.end(of: rule, facts, policy))
        } else if !inForce.has(rule) {
            self = .notInForce("the policy does not judge it on this date")
        } else if let reason = Self.whyUnjudged(rule, facts, judgement, policy) {
            self = .notApplicable(reason)
        } else if let reason = Self.whyBeside(rule, facts, hasMedicaidClaim: hasMedicaidClaim) {
            self = .notApplicable(reason)
        } else {
            self = .pass
        }
    }

    /// When a waiting rule stops waiting: the rule itself is asked.
    private static func end(of rule: Rule, _ facts: Facts, _ policy: PolicyNumbers) -> Int64? {
        let verdict: Verdict =
            switch rule {
            case .encounterMissing: EncounterMissing.judge(facts, policy)
            case .providerMismatch: ProviderMismatch.judge(facts, policy)
            case .claimWithoutDispense: ClaimWithoutDispense.judge(facts, policy)
            case .dispenseWithoutClaim: DispenseWithoutClaim.judge(facts, policy)
            case .missedClaim: MissedClaim.judge(facts, policy)
            case .duplicateDiscount: DuplicateDiscount.judge(facts, policy)
            default: .pass
            }
        guard case .wait(let until) = verdict, until != .max else { return nil }
        return until
    }

    /// Why a judgement never came to a rule; nil where it did. In the order of `Judgement`.
    private static func whyUnjudged(
        _ rule: Rule,
        _ facts: Facts,
        _ judgement: Judgement,
        _ policy: PolicyNumbers
    ) -> StaticString? {
        if judgement.outcome == .reversed { return "the fill is reversed" }
        if judgement.outcome == .none { return "nothing counts that could be judged" }
        if facts.primary == 0 {
            switch rule {
            case .claimWithoutDispense, .duplicateDiscount, .mfpUnmarked, .ndcUnknown,
                .fillDuplicate:
                return nil
            default: return "no dispense says what was given to whom"
            }
        }
        switch rule {
        case .claimWithoutDispense: return facts.liveCount == 0 ? "nothing is billed" : nil
        case .missedClaim:
            if !judgement.failing.isDisjoint(with: policy.blocking) {
                return "another rule keeps the fill from qualifying"
            }
            if facts.silentlyCarvedOut {
                return "Medicaid is carved out and was billed without 340B"
            }
            return facts.liveCount == 0 ? "nothing is billed" : nil
        default: return nil
        }
    }

    /// Why a rule that passes had nothing to compare; nil where it had.
    private static func whyBeside(
        _ rule: Rule,
        _ facts: Facts,
        hasMedicaidClaim: Bool
    ) -> StaticString? {
        switch rule {
        case .providerMismatch: return facts.anyEncounter ? nil : "no visit matched"
        case .duplicateDiscount:
            return hasMedicaidClaim ? nil : "no live claim names a Medicaid payer"
        case .manufacturerRestriction:
            if !facts.isPharmacyRegistered { return "the pharmacy has no arrangement" }
            if !facts.isProductKnown { return "the product is unknown" }
            return facts.isContractPharmacy ? nil : "the pharmacy is in-house"
        case .orphanDrugExcluded:
            if !facts.isProductKnown { return "the product is unknown" }
            return facts.isOrphan ? nil : "it is no orphan drug"
        case .mfpUnmarked:
            if facts.mfpFrom == .distantFuture { return "the product has no fair price" }
            return facts.liveCount == 0 ? "nothing is billed" : nil
        case .ndcMismatch: return facts.liveCount == 0 ? "nothing is billed" : nil
        case .dispenseWithoutClaim:
            if facts.isCash { return "it was paid in cash" }
            return facts.isAdministered ? "an administered dose has no claim" : nil
        case .patientVelocity: return facts.isAdministered ? "it is an administered dose" : nil
        default: return nil
        }
    }
}

internal import Journal

/// An insured retail fill that nobody billed within the grace (SEMANTICS 5, 13). Cash fills and administered doses have
/// no claim.
enum DispenseWithoutClaim {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        if facts.liveCount > 0 || facts.isCash || facts.isAdministered { return .pass }
        return Grace.verdict(facts, hours: policy.claimGraceHours)
    }
}

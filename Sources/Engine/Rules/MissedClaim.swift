internal import Journal

/// An eligible fill was billed, but not as 340B (SEMANTICS 13). Judged last: only where nothing else fails.
enum MissedClaim {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        if facts.isTreated || facts.liveCount == 0 { return .pass }
        return Grace.verdict(facts, hours: policy.claimGraceHours)
    }
}

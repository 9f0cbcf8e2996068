internal import Journal

/// Something was billed that never left the stock (SEMANTICS 5).
enum ClaimWithoutDispense {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        Grace.verdict(facts, hours: policy.dispenseGraceHours)
    }
}

internal import Journal

/// The patient was seen, but never by the prescriber (SEMANTICS 9). Says nothing where no encounter matched.
///
///     seen by Lee, prescribed by Cho                     ▶  wait for the grace, then fail
///     seen by Lee, prescribed by Cho, a referral         ▶  pass
enum ProviderMismatch {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        if !facts.anyEncounter || facts.sawPrescriber || facts.isReferral { return .pass }
        return Grace.verdict(facts, hours: policy.encounterGraceHours, held: facts.held)
    }
}

internal import Journal

/// A drug went to someone who was not seen by the entity inside the look-back (SEMANTICS 6; 61 FR 55156).
///
///     visit 365 days before the prescription · fill     ▶  pass
///     visit 366 days before the prescription · fill     ▶  wait for the grace, then fail
enum EncounterMissing {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        if facts.anyEncounter { return .pass }
        return Grace.verdict(facts, hours: policy.encounterGraceHours, held: facts.held)
    }
}

/// How long a missing record may still come (SEMANTICS 5).
enum Grace {
    /// Waits until so many hours after the fill's first record, then fails.
    static func verdict(_ facts: Facts, hours: Int32, held: Int64 = 0) -> Verdict {
        guard facts.firstArrival != .max else { return .wait(until: .max) }
        let end = facts.firstArrival &+ Int64(hours) &* 3_600_000_000 &+ held
        return facts.now < end ? .wait(until: end) : .fail
    }

    /// The first moment at which one of some waiting rules stops waiting; nil where a rule is among them whose moment is
    /// not a grace.
    static func next(_ waiting: RuleSet, _ firstArrival: Int64, _ policy: PolicyNumbers) -> Int64? {
        var hours = Int32.max
        var rules = waiting
        while let rule = rules.popFirst() {
            switch rule {
            case .encounterMissing, .providerMismatch:
                hours = min(hours, policy.encounterGraceHours)
            case .dispenseWithoutClaim, .missedClaim: hours = min(hours, policy.claimGraceHours)
            case .claimWithoutDispense: hours = min(hours, policy.dispenseGraceHours)
            default: return nil
            }
        }
        guard hours != .max, firstArrival != .max else { return nil }
        return firstArrival &+ Int64(hours) &* 3_600_000_000
    }
}

internal import Journal

/// A Medicaid claim, whichever payer in the order, that must not be 340B, or lacks its marker (SEMANTICS 19;
/// 42 USC 256b(a)(5)(A)).
///
///     carved out, billed to Medicaid as 340B             ▶  fail
///     carved in, billed to Medicaid with code 20         ▶  pass
///     carved in, billed to Medicaid without code 20      ▶  fail
enum DuplicateDiscount {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        if facts.forbiddenMedicaidClaim != 0 { return .fail }
        if policy.unknownPayerIsPending, facts.claimWithUnknownPayer != 0, facts.isTreated {
            return .wait(until: .max)
        }
        return .pass
    }
}

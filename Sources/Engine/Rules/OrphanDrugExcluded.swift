internal import Journal

/// An orphan drug at an entity of a type that the exclusion covers (SEMANTICS 21; 42 USC 256b(e)).
///
///     orphan drug at a cancer hospital                   ▶  fail
///     orphan drug at a disproportionate share hospital   ▶  pass
enum OrphanDrugExcluded {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        guard facts.isProductKnown, facts.isOrphan else { return .pass }
        return policy.orphanExcludedTypes.has(facts.entityType) ? .fail : .pass
    }
}

internal import Journal

/// A selected drug with a fair price, billed to Medicare without the 340B marker (SEMANTICS 22; 42 USC 1320f-2(d)).
/// Does not block.
///
///     fair price from 2026-01-01 · filled 2026-01-01     ▶  fail
///     fair price from 2026-01-01 · filled 2025-12-31     ▶  pass
enum MfpUnmarked {
    static func judge(_ facts: Facts) -> Verdict {
        guard facts.unmarkedMedicareClaim != 0, facts.isTreated, facts.isProductKnown else {
            return .pass
        }
        return facts.date >= facts.mfpFrom ? .fail : .pass
    }
}

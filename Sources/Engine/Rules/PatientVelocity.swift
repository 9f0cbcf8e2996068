internal import Journal

/// One patient gets one product at several pharmacies, or from several prescribers, within days (SEMANTICS 32). The
/// alert is about the fill that completes the pattern. Does not block.
///
///     three pharmacies within 10 days                    ▶  the third fill fails
///     three pharmacies within 10 days and a second       ▶  pass
enum PatientVelocity {
    static func judge(_ facts: Facts) -> Verdict {
        facts.completesVelocity ? .fail : .pass
    }
}

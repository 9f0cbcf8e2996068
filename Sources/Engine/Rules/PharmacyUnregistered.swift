internal import Journal

/// The pharmacy had no arrangement with the entity on the day of the fill (SEMANTICS 3; 75 FR 10272).
///
///     arrangement until 2025-03-20 · filled 2025-03-20   ▶  pass
///     arrangement until 2025-03-20 · filled 2025-03-21   ▶  fail
enum PharmacyUnregistered {
    static func judge(_ facts: Facts) -> Verdict {
        facts.isPharmacyRegistered ? .pass : .fail
    }
}

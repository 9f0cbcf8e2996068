internal import Journal

/// The prescriber was on no roster row of the entity on the day the prescription was written (SEMANTICS 3).
///
///     contract until 2025-03-10 · written 2025-03-10     ▶  pass
///     contract until 2025-03-10 · written 2025-03-11     ▶  fail
enum ProviderIneligible {
    static func judge(_ facts: Facts) -> Verdict { facts.isOnRoster ? .pass : .fail }
}

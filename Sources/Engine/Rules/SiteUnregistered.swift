internal import Journal

/// The prescription comes from a place that was not registered when it was written, or the entity was not (SEMANTICS 9a).
///
///     site opens 2025-03-01 · written 2025-03-01         ▶  pass
///     site opens 2025-03-01 · written 2025-02-28         ▶  fail
enum SiteUnregistered {
    static func judge(_ facts: Facts) -> Verdict {
        facts.isEntityRegistered && facts.isSiteRegistered ? .pass : .fail
    }
}

internal import Journal

/// Filled before it was written, or after the prescription had expired (SEMANTICS 18).
///
///     written 2024-03-02, filled 2025-03-02              ▶  pass: day 365
///     written 2024-03-01, filled 2025-03-02              ▶  fail: day 366
enum WrittenDateInvalid {
    static func judge(_ facts: Facts, _ policy: PolicyNumbers) -> Verdict {
        let last = facts.writtenOn.adding(days: policy.prescriptionLifeDays)
        return facts.date < facts.writtenOn || facts.date > last ? .fail : .pass
    }
}

internal import Journal

/// Dispense and claim name different products (OUTPUTS).
enum NdcMismatch {
    static func judge(_ facts: Facts) -> Verdict {
        facts.claimWithOtherNdc != 0 ? .fail : .pass
    }
}

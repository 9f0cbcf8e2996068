internal import Journal

/// Dispense and claim name different products (OUTPUTS), or the parts of a fill do, which are added up (SEMANTICS 11).
enum NdcMismatch {
    static func judge(_ facts: Facts) -> Verdict {
        facts.claimWithOtherNdc != 0 || facts.partOfOtherProduct != 0 ? .fail : .pass
    }
}

internal import Journal

/// Dispense and any payer's bill differ in quantity, or the unit is not the product's (SEMANTICS 17).
///
///     dispensed 30, billed 30.000                        ▶  pass
///     dispensed 30, billed 60                            ▶  fail
///     dispensed 30 ML of a product in EA                 ▶  fail
///     dispensed 10 EA, completed with 20 ML              ▶  fail
enum QuantityMismatch {
    static func judge(_ facts: Facts) -> Verdict {
        if facts.claimWithOtherQuantity != 0 { return .fail }
        return hasOtherUnit(facts) ? .fail : .pass
    }

    static func hasOtherUnit(_ facts: Facts) -> Bool {
        facts.isProductKnown && facts.shown != 0
            && (facts.billingUnit != facts.unit || facts.partOfOtherUnit != 0)
    }
}

internal import Journal

/// The product code can't be normalised, in dispense or claim, or is in no product table (SEMANTICS 16).
///
///     0002-8215-01                                       ▶  pass, as 00002821501
///     0002821501                                         ▶  fail: ten digits are ambiguous
///     a part of a fill that names another such           ▶  fail
enum NdcUnknown {
    static func judge(_ facts: Facts) -> Verdict {
        if facts.shown == 0 { return facts.claimWithUnknownNdc != 0 ? .fail : .pass }
        guard facts.isProductKnown, facts.partOfUnknownNdc == 0 else { return .fail }
        return facts.claimWithUnknownNdc != 0 ? .fail : .pass
    }
}

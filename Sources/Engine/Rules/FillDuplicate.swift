internal import Journal

/// The same fill was dispensed or billed twice under different ids (SEMANTICS 15). The first counts once; does not block.
enum FillDuplicate {
    static func judge(_ facts: Facts) -> Verdict {
        facts.duplicateDispense != 0 || facts.duplicateClaim != 0 ? .fail : .pass
    }
}

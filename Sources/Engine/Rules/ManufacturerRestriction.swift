internal import Journal

/// The labeler does not sell at 340B prices to this contract pharmacy for this kind of entity (SEMANTICS 20).
///
///     no_contract from 2025-03-10 · contract pharmacy    ▶  fail
///     no_contract from 2025-03-10 · in-house pharmacy    ▶  pass
///     designated_only · the designated pharmacy          ▶  pass
enum ManufacturerRestriction {
    static func judge(_ facts: Facts) -> Verdict { facts.isRestricted ? .fail : .pass }
}

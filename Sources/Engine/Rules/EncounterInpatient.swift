internal import Journal

/// The drug was given inside an inpatient stay, which is not outpatient use (SEMANTICS 8; 42 USC 256b(a)(1)).
///
///     admitted 10:00, filled 10:00                       ▶  fail
///     discharged 20:00, filled 20:00 the day before      ▶  pass: a discharge prescription
enum EncounterInpatient {
    static func judge(_ facts: Facts) -> Verdict { facts.stay != 0 ? .fail : .pass }
}

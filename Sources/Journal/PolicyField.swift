/// One value of a policy by its name in the file: how it is written, read and bounded.
public struct PolicyField: Sendable {
    /// What a value looks like, for messages.
    public enum Shape: Sendable, Hashable {
        case integer(ClosedRange<Int32>)
        case boolean
        /// `YYYY-MM-DD`, or empty for an open end.
        case date
        case text
        /// A list of texts; where `allowed` is not empty, of these.
        case list(allowed: [String])
    }
    /// Key in the file and in the canonical bytes.
    public let name: String
    /// What it is, one line, for `config init` and `policy show`.
    public let help: String
    public let shape: Shape
    /// The value as texts: one, or a list's items.
    public let read: @Sendable (Policy) -> [String]
    /// Sets the value; false where a text is no value of this shape.
    public let write: @Sendable (inout Policy, [String]) -> Bool
}

extension PolicyField {
    private static func integer(
        _ name: String,
        _ range: ClosedRange<Int32>,
        _ help: String,
        _ path: any WritableKeyPath<Policy, Int32> & Sendable
    ) -> PolicyField {
        PolicyField(
            name: name,
            help: help,
            shape: .integer(range),
            read: { ["\($0[keyPath: path])"] },
            write: { policy, texts in
                guard texts.count == 1, let value = Int32(texts[0]), range.contains(value) else {
                    return false
                }
                policy[keyPath: path] = value
                return true
            }
        )
    }

    private static func boolean(
        _ name: String,
        _ help: String,
        _ path: any WritableKeyPath<Policy, Bool> & Sendable
    ) -> PolicyField {
        PolicyField(
            name: name,
            help: help,
            shape: .boolean,
            read: { ["\($0[keyPath: path])"] },
            write: { policy, texts in
                guard texts.count == 1, let value = Bool(texts[0]) else { return false }
                policy[keyPath: path] = value
                return true
            }
        )
    }

    private static func date(
        _ name: String,
        _ help: String,
        open: CivilDate,
        _ path: any WritableKeyPath<Policy, CivilDate> & Sendable
    ) -> PolicyField {
        PolicyField(
            name: name,
            help: help,
            shape: .date,
            read: { [$0[keyPath: path].text] },
            write: { policy, texts in
                guard texts.count == 1 else { return false }
                guard !texts[0].isEmpty else {
                    policy[keyPath: path] = open
                    return true
                }
                guard let value = CivilDate(text: texts[0]) else { return false }
                policy[keyPath: path] = value
                return true
            }
        )
    }

    private static func text(
        _ name: String,
        _ help: String,
        _ path: any WritableKeyPath<Policy, String> & Sendable
    ) -> PolicyField {
        PolicyField(
            name: name,
            help: help,
            shape: .text,
            read: { [$0[keyPath: path]] },
            write: { policy, texts in
                guard texts.count == 1, isPlain(texts[0]), !texts[0].isEmpty else { return false }
                policy[keyPath: path] = texts[0]
                return true
            }
        )
    }

    private static func list(
        _ name: String,
        _ help: String,
        _ path: any WritableKeyPath<Policy, [String]> & Sendable
    ) -> PolicyField {
        PolicyField(
            name: name,
            help: help,
            shape: .list(allowed: []),
            read: { $0[keyPath: path] },
            write: { policy, texts in
                guard texts.allSatisfy({ isPlain($0) && !$0.isEmpty && !$0.contains(",") }) else {
                    return false
                }
                policy[keyPath: path] = texts
                return true
            }
        )
    }

    private static func codes<Code: ContractCode>(
        _ name: String,
        _ help: String,
        _ path: any WritableKeyPath<Policy, [Code]> & Sendable
    ) -> PolicyField {
        PolicyField(
            name: name,
            help: help,
            shape: .list(allowed: Code.allCases.map { $0.name }),
            read: { $0[keyPath: path].map { $0.name } },
            write: { policy, texts in
                let values = texts.compactMap { Code(utf8: Array($0.utf8)) }
                guard values.count == texts.count else { return false }
                policy[keyPath: path] = values
                return true
            }
        )
    }

    /// No control characters: a text of the policy stands on one line.
    static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 } }

    /// All values, in the order in which they are written. `version` and the two dates stand above them in a file.
    public static let all: [PolicyField] = [
        text("version", "name of this version; every decision carries it", \.version),
        date(
            "effective_from",
            "first date on which this version counts; empty: always",
            open: .distantPast,
            \.effectiveFrom
        ),
        date(
            "effective_to",
            "last date on which it counts; empty: open",
            open: .distantFuture,
            \.effectiveTo
        ),
        integer(
            "look_back_days",
            0...3650,
            "days an encounter may lie before written_on",
            \.lookBackDays
        ),
        integer(
            "encounter_ahead_days",
            0...30,
            "days an encounter may start after written_on",
            \.encounterAheadDays
        ),
        codes(
            "inpatient_classes",
            "encounter classes that are inpatient stays",
            \.inpatientClasses
        ),
        codes(
            "uncounted_classes",
            "encounter classes that make nobody a patient",
            \.uncountedClasses
        ),
        codes("counted_statuses", "encounter statuses that count", \.countedStatuses),
        integer(
            "discharge_hours",
            0...720,
            "hours before the end of a stay in which a retail fill is a discharge prescription",
            \.dischargeHours
        ),
        list(
            "referral_relationships",
            "roster relationships that need no visit with the prescriber",
            \.referralRelationships
        ),
        integer(
            "encounter_grace_hours",
            0...2160,
            "how long an encounter may be late",
            \.encounterGraceHours
        ),
        integer("claim_grace_hours", 0...2160, "how long a claim may be late", \.claimGraceHours),
        integer(
            "dispense_grace_hours",
            0...2160,
            "how long a dispense may be late",
            \.dispenseGraceHours
        ),
        integer(
            "prescription_life_days",
            1...3650,
            "days after written_on on which a prescription may be filled",
            \.prescriptionLifeDays
        ),
        text(
            "marker_code",
            "submission clarification code (NCPDP 420-DK) that marks a 340B claim",
            \.markerCode
        ),
        boolean(
            "unknown_payer_is_pending",
            "a payer that payers.csv does not name holds the fill instead of being no Medicaid",
            \.unknownPayerIsPending
        ),
        boolean(
            "ffs_carve_out_at_contract_pharmacies",
            "fee-for-service Medicaid is carved out at contract pharmacies without an election of their own",
            \.feeForServiceCarveOutAtContractPharmacies
        ),
        list(
            "orphan_excluded_types",
            "entity types that the orphan drug exclusion covers",
            \.orphanExcludedTypes
        ),
        list(
            "gpo_prohibited_types",
            "entity types under the GPO prohibition",
            \.gpoProhibitedTypes
        ),
        integer("velocity_days", 1...365, "window of patient_velocity", \.velocityDays),
        integer(
            "velocity_pharmacies",
            2...100,
            "different pharmacies in it that alert",
            \.velocityPharmacies
        ),
        integer(
            "velocity_prescribers",
            2...100,
            "different prescribers in it that alert",
            \.velocityPrescribers
        ),
        integer(
            "over_accumulation_packages",
            1...1_000_000,
            "packages accumulated and not bought that alert",
            \.overAccumulationPackages
        ),
        integer(
            "over_accumulation_days",
            1...3650,
            "days of use that they must exceed",
            \.overAccumulationDays
        ),
        integer("use_days", 1...366, "days over which use is measured", \.useDays),
        integer(
            "use_days_least",
            1...366,
            "days counted at least for a young accumulator",
            \.useDaysLeast
        ),
        integer("stale_days", 1...3650, "days after which an unmoved balance alerts", \.staleDays),
        integer(
            "horizon_days",
            1...3650,
            "days that a record may be late, and that state is remembered; fixed by the journal's first record",
            \.horizonDays
        ),
        integer(
            "feed_silence_expected",
            1...1_000_000,
            "expected records after which a feed without any is silent",
            \.feedSilenceExpected
        ),
        integer(
            "feed_hold_hours",
            0...2160,
            "how long a silent encounter feed holds fills",
            \.feedHoldHours
        ),
        date(
            "alerts_from",
            "first fill date for which alerts open; empty: all",
            open: .distantPast,
            \.alertsFrom
        ),
    ]
}

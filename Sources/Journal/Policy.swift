/// What one rule of a policy says, beside its numbers.
public struct RulePolicy: Sendable, Hashable {
    /// Whether the rule is judged at all.
    public var isEnabled = true
    public var severity: Severity
    /// Who handles this kind of exception: no rule without one.
    public var owner: String
    /// `root_cause` of its alerts.
    public var rootCause: RootCause
    /// Dates between which the rule is judged, both inclusive: the fill's or invoice's `occurred_at` date, for
    /// accumulators the UTC date of monitor time.
    public var effectiveFrom = CivilDate.distantPast
    public var effectiveTo = CivilDate.distantFuture
    /// Statute, regulation or guidance behind the rule, with its dates, for people.
    public var legalBasis: [String]

    public init(severity: Severity, owner: String, rootCause: RootCause, legalBasis: [String] = [])
    {
        self.severity = severity
        self.owner = owner
        self.rootCause = rootCause
        self.legalBasis = legalBasis
    }

    /// Whether the rule is judged for something of this date.
    @inlinable
    public func isInForce(on date: CivilDate) -> Bool {
        isEnabled && effectiveFrom <= date && date <= effectiveTo
    }
}

/// One version of the policy: every number and list of SEMANTICS, and per rule who handles it and how grave it is.
///
/// The values here are those of the shipped policy (`deploy/policy/default.yaml`); a file states what differs, and
/// unknown keys are errors. Which of several versions counts is chosen by the date that governs (SEMANTICS 34).
public struct Policy: Sendable, Hashable {
    /// Name of the version; every decision carries it.
    public var version = "2026-01"
    /// Dates between which this version is in force, both inclusive.
    public var effectiveFrom = CivilDate.distantPast
    public var effectiveTo = CivilDate.distantFuture

    // MARK: encounters (SEMANTICS 5-9)
    public var lookBackDays: Int32 = 365
    public var encounterAheadDays: Int32 = 1
    public var inpatientClasses: [EncounterClass] = [.inpatient, .acute, .nonAcute]
    public var uncountedClasses: [EncounterClass] = [.preAdmission]
    public var countedStatuses: [EncounterStatus] = [.inProgress, .finished]
    public var dischargeHours: Int32 = 24
    public var referralRelationships: [String] = ["referral"]

    // MARK: graces (5)
    public var encounterGraceHours: Int32 = 24
    public var claimGraceHours: Int32 = 72
    public var dispenseGraceHours: Int32 = 72

    // MARK: fills (12-22)
    public var prescriptionLifeDays: Int32 = 365
    public var markerCode = "20"
    /// What a claim with a payer that no row of `payers.csv` names is: no Medicaid claim, or pending until one does.
    public var unknownPayerIsPending = false
    /// Whether fee-for-service Medicaid is carved out at contract pharmacies that have no election of their own.
    public var feeForServiceCarveOutAtContractPharmacies = true
    public var orphanExcludedTypes: [String] = ["CAN", "CAH", "RRC", "SCH"]
    public var gpoProhibitedTypes: [String] = ["DSH", "PED", "CAN"]

    // MARK: patterns (32)
    public var velocityDays: Int32 = 10
    public var velocityPharmacies: Int32 = 3
    public var velocityPrescribers: Int32 = 3

    // MARK: accumulators (30)
    public var overAccumulationPackages: Int32 = 2
    public var overAccumulationDays: Int32 = 60
    public var useDays: Int32 = 90
    public var useDaysLeast: Int32 = 30
    public var staleDays: Int32 = 180

    // MARK: windows, feeds, day one (35-37)
    public var horizonDays: Int32 = 400
    public var feedSilenceExpected: Int32 = 25
    public var feedHoldHours: Int32 = 72
    /// First fill date for which alerts open; open end: all.
    public var alertsFrom = CivilDate.distantPast

    /// One entry per rule, by `Rule.rawValue`.
    public var rules: [RulePolicy] = Rule.allCases.map(Policy.shipped)

    /// The shipped policy.
    public init() {}

    /// What this version says of a rule.
    public subscript(rule: Rule) -> RulePolicy {
        get { rules[Int(rule.rawValue)] }
        set { rules[Int(rule.rawValue)] = newValue }
    }

    /// Whether this version is in force on a date.
    @inlinable
    public func isInForce(on date: CivilDate) -> Bool {
        effectiveFrom <= date && date <= effectiveTo
    }
}

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

extension Policy {
    /// The whole version as lines `name=value`, lists joined by commas: what the journal holds. Equal policies have
    /// equal bytes.
    public var canonicalBytes: [UInt8] {
        var lines: [String] = []
        for field in PolicyField.all {
            lines.append(field.name + "=" + field.read(self).joined(separator: ","))
        }
        for rule in Rule.allCases {
            let one = self[rule]
            lines.append(
                [
                    "rule." + rule.name, one.isEnabled ? "on" : "off", one.severity.name, one.owner,
                    one.rootCause.name, one.effectiveFrom.text, one.effectiveTo.text,
                ].joined(separator: "\t") + one.legalBasis.map { "\t" + $0 }.joined()
            )
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    /// The policy that canonical bytes hold; nil where they are none.
    public init?(canonicalBytes bytes: [UInt8]) {
        self.init()
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            if line.hasPrefix("rule.") {
                let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
                guard parts.count >= 7,
                    let rule = Rule(utf8: Array(parts[0].dropFirst(5).utf8)),
                    let severity = Severity(utf8: Array(parts[2].utf8)),
                    let rootCause = RootCause(utf8: Array(parts[4].utf8))
                else { return nil }
                var one = RulePolicy(
                    severity: severity,
                    owner: String(parts[3]),
                    rootCause: rootCause,
                    legalBasis: parts[7...].map(String.init)
                )
                one.isEnabled = parts[1] == "on"
                if !parts[5].isEmpty {
                    guard let date = CivilDate(text: parts[5]) else { return nil }
                    one.effectiveFrom = date
                }
                if !parts[6].isEmpty {
                    guard let date = CivilDate(text: parts[6]) else { return nil }
                    one.effectiveTo = date
                }
                self[rule] = one
            } else {
                guard let equals = line.firstIndex(of: "="),
                    let field = PolicyField.all.first(where: { $0.name == line[..<equals] })
                else { return nil }
                let value = String(line[line.index(after: equals)...])
                let texts: [String]
                switch field.shape {
                case .list:
                    texts = value.isEmpty ? [] : value.split(separator: ",").map(String.init)
                case .integer, .boolean, .date, .text: texts = [value]
                }
                guard field.write(&self, texts) else { return nil }
            }
        }
    }

    /// The shipped entry of a rule: severity, owner, root cause and where the rule comes from.
    static func shipped(_ rule: Rule) -> RulePolicy {
        let patient = "61 FR 55156 (1996-10-24), patient definition"
        let diversion = "42 USC 256b(a)(5)(B), prohibition of resale or transfer"
        let duplicate = "42 USC 256b(a)(5)(A), duplicate discounts"
        let contract = "75 FR 10272 (2010-03-05), contract pharmacy services"
        switch rule {
        case .encounterMissing:
            return RulePolicy(
                severity: .high,
                owner: "compliance",
                rootCause: .documentationGap,
                legalBasis: [patient, diversion]
            )
        case .encounterInpatient:
            return RulePolicy(
                severity: .high,
                owner: "pharmacy",
                rootCause: .workflowInconsistency,
                legalBasis: ["42 USC 256b(a)(1), covered outpatient drugs"]
            )
        case .providerMismatch:
            return RulePolicy(
                severity: .medium,
                owner: "compliance",
                rootCause: .documentationGap,
                legalBasis: [patient]
            )
        case .siteUnregistered:
            return RulePolicy(
                severity: .critical,
                owner: "compliance",
                rootCause: .mappingError,
                legalBasis: ["88 FR 73859 (2023-10-27), off-site facilities in OPAIS", diversion]
            )
        case .providerIneligible:
            return RulePolicy(
                severity: .high,
                owner: "medical-staff-office",
                rootCause: .mappingError,
                legalBasis: [patient]
            )
        case .pharmacyUnregistered:
            return RulePolicy(
                severity: .critical,
                owner: "compliance",
                rootCause: .mappingError,
                legalBasis: [contract]
            )
        case .duplicateDiscount:
            return RulePolicy(
                severity: .critical,
                owner: "billing",
                rootCause: .workflowInconsistency,
                legalBasis: [duplicate]
            )
        case .manufacturerRestriction:
            return RulePolicy(
                severity: .medium,
                owner: "contract-pharmacy",
                rootCause: .mappingError,
                legalBasis: ["58 F.4th 696 (3rd Cir. 2023), conditions of manufacturers"]
            )
        case .orphanDrugExcluded:
            return RulePolicy(
                severity: .high,
                owner: "pharmacy",
                rootCause: .mappingError,
                legalBasis: ["42 USC 256b(e), orphan drug exclusion"]
            )
        case .mfpUnmarked:
            return RulePolicy(
                severity: .medium,
                owner: "billing",
                rootCause: .workflowInconsistency,
                legalBasis: ["42 USC 1320f-2(d), maximum fair price (from 2026-01-01)"]
            )
        case .ndcUnknown:
            return RulePolicy(
                severity: .medium,
                owner: "pharmacy-informatics",
                rootCause: .dataQuality
            )
        case .ndcMismatch:
            return RulePolicy(
                severity: .medium,
                owner: "pharmacy-informatics",
                rootCause: .mappingError
            )
        case .quantityMismatch:
            return RulePolicy(
                severity: .medium,
                owner: "pharmacy-informatics",
                rootCause: .dataQuality
            )
        case .claimWithoutDispense:
            return RulePolicy(severity: .high, owner: "contract-pharmacy", rootCause: .timing)
        case .dispenseWithoutClaim:
            return RulePolicy(severity: .medium, owner: "contract-pharmacy", rootCause: .timing)
        case .writtenDateInvalid:
            return RulePolicy(severity: .medium, owner: "pharmacy", rootCause: .dataQuality)
        case .fillDuplicate:
            return RulePolicy(
                severity: .medium,
                owner: "pharmacy",
                rootCause: .workflowInconsistency
            )
        case .gpoProhibitedPurchase:
            return RulePolicy(
                severity: .critical,
                owner: "purchasing",
                rootCause: .workflowInconsistency,
                legalBasis: ["42 USC 256b(a)(4)(L)(iii), GPO prohibition"]
            )
        case .usageSpike:
            return RulePolicy(
                severity: .medium,
                owner: "compliance",
                rootCause: .suspectedDiversion
            )
        case .usageNewPair:
            return RulePolicy(severity: .low, owner: "compliance", rootCause: .suspectedDiversion)
        case .ineligibleRateShift:
            return RulePolicy(severity: .high, owner: "compliance", rootCause: .mappingError)
        case .captureRateDrop:
            return RulePolicy(
                severity: .high,
                owner: "pharmacy-informatics",
                rootCause: .mappingError
            )
        case .quantityOutlier:
            return RulePolicy(severity: .low, owner: "pharmacy", rootCause: .dataQuality)
        case .patientVelocity:
            return RulePolicy(
                severity: .high,
                owner: "compliance",
                rootCause: .suspectedDiversion,
                legalBasis: [diversion]
            )
        case .accumulatorNegative:
            return RulePolicy(severity: .high, owner: "purchasing", rootCause: .timing)
        case .overAccumulation:
            return RulePolicy(
                severity: .medium,
                owner: "purchasing",
                rootCause: .workflowInconsistency
            )
        case .overReplenished:
            return RulePolicy(
                severity: .critical,
                owner: "purchasing",
                rootCause: .workflowInconsistency,
                legalBasis: [diversion]
            )
        case .accumulatorStale:
            return RulePolicy(
                severity: .low,
                owner: "purchasing",
                rootCause: .workflowInconsistency
            )
        case .missedClaim:
            return RulePolicy(
                severity: .low,
                owner: "contract-pharmacy",
                rootCause: .workflowInconsistency
            )
        case .feedSilent:
            return RulePolicy(severity: .high, owner: "integration", rootCause: .dataQuality)
        }
    }
}

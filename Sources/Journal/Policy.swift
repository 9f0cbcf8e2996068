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

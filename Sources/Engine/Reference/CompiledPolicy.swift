internal import Journal

/// A set of entity types: one bit each for the first 63 types there are.
struct TypeSet: BitwiseCopyable {
    var bits: UInt64 = 0
    func has(_ type: UInt16) -> Bool { type < 64 && bits >> UInt64(type) & 1 != 0 }
}

/// The numbers of a policy version that rules compare: a plain value, so that judging a fill counts no reference.
struct PolicyNumbers: BitwiseCopyable {
    let lookBackDays: Int32
    let encounterAheadDays: Int32
    let dischargeHours: Int32
    let encounterGraceHours: Int32
    let claimGraceHours: Int32
    let dispenseGraceHours: Int32
    let prescriptionLifeDays: Int32
    let velocityDays: Int32
    let velocityPharmacies: Int32
    let velocityPrescribers: Int32
    let overAccumulationPackages: Int32
    let overAccumulationDays: Int32
    let useDays: Int32
    let useDaysLeast: Int32
    let staleDays: Int32
    let feedSilenceExpected: Int32
    let feedHoldHours: Int32
    let alertsFrom: CivilDate
    let effectiveFrom: CivilDate
    let effectiveTo: CivilDate
    let unknownPayerIsPending: Bool
    let feeForServiceCarveOutAtContractPharmacies: Bool
    let inpatientClasses: UInt16
    let uncountedClasses: UInt16
    let countedStatuses: UInt16
    let referralRelationships: UInt16
    let orphanExcludedTypes: TypeSet
    let gpoProhibitedTypes: TypeSet
    /// Rules that keep a fill from qualifying, and those that alert on any; beside the numbers, since a constant of
    /// another module is asked for each time whether it was made yet.
    let blocking: RuleSet
    let alwaysAlerting: RuleSet
    /// Rules judged whatever the date; none where some have dates.
    var rules: RuleSet = []
    /// Some rules have dates, so the policy itself must be asked.
    var hasDatedRules = false
    /// Number of the version's text, as it is written, in the machine's pieces.
    var versionText: UInt32 = 0
    /// What alerts of rule 0 say; the other rules follow.
    var firstPiece: UInt32 = 0

    init(_ policy: Policy, _ types: inout Texts) {
        blocking = .blocking
        alwaysAlerting = .alwaysAlerting
        var ofFills: RuleSet = []
        for rule in Rule.allCases where !RuleSet.accumulator.union(.series).has(rule) {
            ofFills.add(rule)
        }
        precondition(
            RuleSet(ofFill: ofFills.ofFill) == ofFills,
            "a fill's row must hold every rule about fills: see RuleSet.ofFill"
        )
        lookBackDays = policy.lookBackDays
        encounterAheadDays = policy.encounterAheadDays
        dischargeHours = policy.dischargeHours
        encounterGraceHours = policy.encounterGraceHours
        claimGraceHours = policy.claimGraceHours
        dispenseGraceHours = policy.dispenseGraceHours
        prescriptionLifeDays = policy.prescriptionLifeDays
        velocityDays = policy.velocityDays
        velocityPharmacies = policy.velocityPharmacies
        velocityPrescribers = policy.velocityPrescribers
        overAccumulationPackages = policy.overAccumulationPackages
        overAccumulationDays = policy.overAccumulationDays
        useDays = policy.useDays
        useDaysLeast = policy.useDaysLeast
        staleDays = policy.staleDays
        feedSilenceExpected = policy.feedSilenceExpected
        feedHoldHours = policy.feedHoldHours
        alertsFrom = policy.alertsFrom
        effectiveFrom = policy.effectiveFrom
        effectiveTo = policy.effectiveTo
        unknownPayerIsPending = policy.unknownPayerIsPending
        feeForServiceCarveOutAtContractPharmacies =
            policy.feeForServiceCarveOutAtContractPharmacies
        inpatientClasses = policy.inpatientClasses.reduce(0) { $0 | 1 << UInt16($1.rawValue) }
        uncountedClasses = policy.uncountedClasses.reduce(0) { $0 | 1 << UInt16($1.rawValue) }
        countedStatuses = policy.countedStatuses.reduce(0) { $0 | 1 << UInt16($1.rawValue) }
        referralRelationships = policy.referralRelationships.reduce(0) { bits, name in
            guard let place = Reference.relationships.firstIndex(of: name) else { return bits }
            return bits | 1 << UInt16(place)
        }
        var orphan = TypeSet()
        for type in policy.orphanExcludedTypes {
            orphan.bits |= 1 << UInt64(types.number(of: type))
        }
        orphanExcludedTypes = orphan
        var prohibited = TypeSet()
        for type in policy.gpoProhibitedTypes {
            prohibited.bits |= 1 << UInt64(types.number(of: type))
        }
        gpoProhibitedTypes = prohibited
    }

    func counts(_ status: EncounterStatus) -> Bool { countedStatuses >> status.rawValue & 1 != 0 }
    func isInpatient(_ classCode: EncounterClass) -> Bool {
        inpatientClasses >> classCode.rawValue & 1 != 0
    }
    func isUncounted(_ classCode: EncounterClass) -> Bool {
        uncountedClasses >> classCode.rawValue & 1 != 0
    }
}

/// Where in the machine's texts stands what every alert of a rule says.
struct PieceRow: BitwiseCopyable {
    /// From the end of `state` to `"subject":`.
    var head: UInt32
    /// From `"root_cause":` to `"summary":`.
    var cause: UInt32
    /// Hash of both: an alert is updated when one of them changes.
    var seed: UInt64
}

/// A version of the policy with the pieces of output that it decides, made once.
final class CompiledPolicy: Sendable {
    /// What every alert of a rule says.
    struct Pieces: Sendable {
        /// From the end of `state` to `"subject":`.
        let severityAndOwner: [UInt8]
        /// From `"root_cause":` to `"summary":`.
        let rootCause: [UInt8]
        /// Hash of all three: an alert is updated when one of them changes.
        let seed: UInt64
    }

    let policy: Policy
    /// The version as a JSON string.
    let version: [UInt8]
    /// By `Rule.rawValue`.
    let pieces: [Pieces]
    /// Rules judged whatever the date, and those that have dates.
    let undated: RuleSet
    private let dated: [Rule]

    init(_ policy: Policy) {
        self.policy = policy
        let writer = OutputBuffer(capacity: 1 << 16)
        var text = writer.pen()
        text.put(string: policy.version)
        writer.keep(text)
        version = unsafe Array(writer.written)
        pieces = Rule.allCases.map { rule in
            let one = policy[rule]
            writer.removeAll()
            var pen = writer.pen()
            pen.put("\",\"severity\":\"")
            pen.put(one.severity.text)
            pen.put("\",\"owner\":")
            pen.put(string: one.owner)
            pen.put(",\"subject\":")
            writer.keep(pen)
            let head = unsafe Array(writer.written)
            writer.removeAll()
            pen = writer.pen()
            pen.put(",\"root_cause\":\"")
            pen.put(one.rootCause.text)
            pen.put("\",\"summary\":")
            writer.keep(pen)
            let cause = unsafe Array(writer.written)
            let seed = unsafe (head + cause).withUnsafeBytes {
                unsafe Hash.bytes($0, seed: Hash.first)
            }
            return Pieces(severityAndOwner: head, rootCause: cause, seed: seed)
        }
        var undated: RuleSet = []
        var dated: [Rule] = []
        for rule in Rule.allCases where policy[rule].isEnabled {
            if policy[rule].effectiveFrom == .distantPast,
                policy[rule].effectiveTo == .distantFuture
            {
                undated.add(rule)
            } else {
                dated.append(rule)
            }
        }
        self.undated = undated
        self.dated = dated
    }

    /// Whether the date matters for the rules in force.
    var hasDatedRules: Bool { !dated.isEmpty }

    /// The rules that are judged for something of this date.
    func rulesInForce(on date: CivilDate) -> RuleSet {
        guard !dated.isEmpty else { return undated }
        var rules = undated
        for rule in dated where policy[rule].isInForce(on: date) { rules.add(rule) }
        return rules
    }

    /// Whether the marker is in a set of clarification codes (joined by 0x1F).
    func isMarked(_ codes: [UInt8]) -> Bool {
        let marker = Array(policy.markerCode.utf8)
        return codes.split(separator: 0x1F).contains { $0.elementsEqual(marker) }
    }
}

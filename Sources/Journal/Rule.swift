/// The rules, in the order of the contract's table (OUTPUTS, "Rule names"): the order in which a decision lists them.
///
/// Raw values are bit numbers in ``RuleSet`` and codes in journal bytes; a new rule goes to its place in the
/// contract's table and takes the next free code through ``RuleSet`` staying within 64 bits.
@frozen
public enum Rule: UInt8, ContractCode, BitwiseCopyable {
    case encounterMissing
    case encounterInpatient
    case providerMismatch
    case siteUnregistered
    case providerIneligible
    case pharmacyUnregistered
    case duplicateDiscount
    case manufacturerRestriction
    case orphanDrugExcluded
    case mfpUnmarked
    case ndcUnknown
    case ndcMismatch
    case quantityMismatch
    case claimWithoutDispense
    case dispenseWithoutClaim
    case writtenDateInvalid
    case fillDuplicate
    case gpoProhibitedPurchase
    case usageSpike
    case usageNewPair
    case ineligibleRateShift
    case captureRateDrop
    case quantityOutlier
    case patientVelocity
    case accumulatorNegative
    case overAccumulation
    case overReplenished
    case accumulatorStale
    case missedClaim
    case feedSilent

    public var text: StaticString {
        switch self {
        case .encounterMissing: "encounter_missing"
        case .encounterInpatient: "encounter_inpatient"
        case .providerMismatch: "provider_mismatch"
        case .siteUnregistered: "site_unregistered"
        case .providerIneligible: "provider_ineligible"
        case .pharmacyUnregistered: "pharmacy_unregistered"
        case .duplicateDiscount: "duplicate_discount"
        case .manufacturerRestriction: "manufacturer_restriction"
        case .orphanDrugExcluded: "orphan_drug_excluded"
        case .mfpUnmarked: "mfp_unmarked"
        case .ndcUnknown: "ndc_unknown"
        case .ndcMismatch: "ndc_mismatch"
        case .quantityMismatch: "quantity_mismatch"
        case .claimWithoutDispense: "claim_without_dispense"
        case .dispenseWithoutClaim: "dispense_without_claim"
        case .writtenDateInvalid: "written_date_invalid"
        case .fillDuplicate: "fill_duplicate"
        case .gpoProhibitedPurchase: "gpo_prohibited_purchase"
        case .usageSpike: "usage_spike"
        case .usageNewPair: "usage_new_pair"
        case .ineligibleRateShift: "ineligible_rate_shift"
        case .captureRateDrop: "capture_rate_drop"
        case .quantityOutlier: "quantity_outlier"
        case .patientVelocity: "patient_velocity"
        case .accumulatorNegative: "accumulator_negative"
        case .overAccumulation: "over_accumulation"
        case .overReplenished: "over_replenished"
        case .accumulatorStale: "accumulator_stale"
        case .missedClaim: "missed_claim"
        case .feedSilent: "feed_silent"
        }
    }
}

/// A set of rules: one bit each.
@frozen
public struct RuleSet: OptionSet, BitwiseCopyable, Hashable, Sendable {
    public var rawValue: UInt32
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The set that holds one rule.
    @inlinable
    public init(_ rule: Rule) { rawValue = 1 << UInt32(rule.rawValue) }

    /// Whether the rule is in the set.
    @inlinable
    public func has(_ rule: Rule) -> Bool { rawValue & (1 << UInt32(rule.rawValue)) != 0 }
    /// Puts the rule in.
    @inlinable
    public mutating func add(_ rule: Rule) { rawValue |= 1 << UInt32(rule.rawValue) }
    /// Takes the lowest rule out and returns it; nil when the set is empty. Visits rules in the contract's order.
    @inlinable
    public mutating func popFirst() -> Rule? {
        guard rawValue != 0 else { return nil }
        let bit = UInt8(rawValue.trailingZeroBitCount)
        rawValue &= rawValue &- 1
        return Rule(rawValue: bit)
    }

    /// Rules about one fill that keep it from qualifying (SEMANTICS 14).
    public static let blocking: RuleSet = [
        .init(.encounterMissing), .init(.encounterInpatient), .init(.providerMismatch),
        .init(.siteUnregistered), .init(.providerIneligible), .init(.pharmacyUnregistered),
        .init(.duplicateDiscount), .init(.manufacturerRestriction), .init(.orphanDrugExcluded),
        .init(.ndcUnknown), .init(.ndcMismatch), .init(.quantityMismatch),
        .init(.claimWithoutDispense), .init(.dispenseWithoutClaim), .init(.writtenDateInvalid),
    ]
    /// Rules that alert whether or not the fill is treated as 340B (SEMANTICS 24).
    public static let alwaysAlerting: RuleSet = [
        .init(.ndcUnknown), .init(.ndcMismatch), .init(.quantityMismatch),
        .init(.claimWithoutDispense), .init(.dispenseWithoutClaim), .init(.fillDuplicate),
        .init(.missedClaim), .init(.mfpUnmarked), .init(.duplicateDiscount),
        .init(.patientVelocity), .init(.quantityOutlier),
    ]
    /// Rules about an accumulator or an invoice.
    public static let accumulator: RuleSet = [
        .init(.gpoProhibitedPurchase), .init(.accumulatorNegative), .init(.overAccumulation),
        .init(.overReplenished), .init(.accumulatorStale),
    ]
    /// The statistical detectors and the feeds: their subject is a series.
    public static let series: RuleSet = [
        .init(.usageSpike), .init(.usageNewPair), .init(.ineligibleRateShift),
        .init(.captureRateDrop), .init(.feedSilent),
    ]
}

/// `root_cause` of an alert.
@frozen
public enum RootCause: UInt8, ContractCode, BitwiseCopyable {
    case mappingError, documentationGap, workflowInconsistency, timing, suspectedDiversion
    case dataQuality

    public var text: StaticString {
        switch self {
        case .mappingError: "mapping_error"
        case .documentationGap: "documentation_gap"
        case .workflowInconsistency: "workflow_inconsistency"
        case .timing: "timing"
        case .suspectedDiversion: "suspected_diversion"
        case .dataQuality: "data_quality"
        }
    }
}

/// `severity` of an alert.
@frozen
public enum Severity: UInt8, ContractCode, BitwiseCopyable {
    case critical, high, medium, low

    public var text: StaticString {
        switch self {
        case .critical: "critical"
        case .high: "high"
        case .medium: "medium"
        case .low: "low"
        }
    }
}

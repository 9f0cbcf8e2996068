internal import Journal

/// What a rule says about a fill at one moment.
enum Verdict: BitwiseCopyable {
    case pass
    case fail
    /// Not yet: the missing fact may still come, until this moment of monitor time (`Int64.max`: no moment).
    case wait(until: Int64)
}

/// All that the rules compare, gathered from the tables once per judgement of a fill.
///
/// Rules are pure functions of these facts; evidence is written from them, so that an alert shows what was compared.
struct Facts: BitwiseCopyable {
    var fill: UInt32 = 0
    var entity: UInt32 = 0
    /// Place of the policy version in force.
    var policy = 0
    /// Monitor time, and when the fill's first record arrived on it.
    var now: Int64 = 0
    var firstArrival: Int64 = 0
    /// How long the graces for visits stood still, in microseconds.
    var held: Int64 = 0

    // MARK: dispenses
    /// The earliest active dispense; 0 where none is.
    var primary: UInt32 = 0
    /// The dispense that a decision shows: the earliest active one, else the earliest that came back; 0 where none is.
    var shown: UInt32 = 0
    var patient: UInt32 = 0
    var prescriber: UInt32 = 0
    /// `BillingUnit`, or 0xFF.
    var unit: UInt8 = 0xFF
    var hasReturned = false
    /// Whether a dispense was ever part of this fill, also one that a correction took to another.
    var hadDispense = false
    /// Sum of the parts, or the first's quantity.
    var quantity: Int64 = 0
    /// A second active dispense that is no part of the same partial fill.
    var duplicateDispense: UInt32 = 0
    /// A part of another unit than the first, one of another product, and one whose product is not known; 0 for none.
    var partOfOtherUnit: UInt32 = 0
    var partOfOtherProduct: UInt32 = 0
    var partOfUnknownNdc: UInt32 = 0
    /// The fill's date and moment: its dispense's, else its first live claim's.
    var date = CivilDate(day: 0)
    var occurredAt: Int64 = 0
    var writtenOn = CivilDate(day: 0)
    var isAdministered = false
    var isCash = false

    // MARK: claims
    var hasPaidClaim = false
    var liveCount = 0
    var firstLive: UInt32 = 0
    var isTreated = false
    var duplicateClaim: UInt32 = 0
    var claimWithUnknownNdc: UInt32 = 0
    var claimWithOtherNdc: UInt32 = 0
    var claimWithOtherQuantity: UInt32 = 0
    var billedQuantity: Int64 = 0
    /// A treated Medicaid claim that a carve-out forbids, or a carved-in one without its marker.
    var forbiddenMedicaidClaim: UInt32 = 0
    var forbiddenByCarveOut = false
    /// A carved-out Medicaid claim of a fill that nobody treats as 340B.
    var silentlyCarvedOut = false
    var unmarkedMedicareClaim: UInt32 = 0
    var claimWithUnknownPayer: UInt32 = 0

    /// Whether it was billed and no bill is left, so that the drug counts as never given (SEMANTICS 10). A cash sale and an
    /// administered dose have no claim (12): a bill that was taken back before the patient paid, or after the dose was
    /// given, takes nothing back.
    var isBillReversed: Bool { hasPaidClaim && liveCount == 0 && !isCash && !isAdministered }

    // MARK: registries
    /// Number of the entity type's text on the fill's date; 0 where it is not registered.
    var entityType: UInt16 = 0
    var isEntityRegistered = false
    var isSiteRegistered = false
    var isOnRoster = false
    var isReferral = false
    var isPharmacyRegistered = false
    var isContractPharmacy = false
    var pharmacyFeeForService = Election.none
    var pharmacyManagedCare = Election.none
    /// The dispense's product, else the first live claim's; 0 where neither is.
    var product: UInt32 = 0
    var isProductKnown = false
    var isOrphan = false
    /// `BillingUnit`, or 0xFF.
    var billingUnit: UInt8 = 0xFF
    var mfpFrom = CivilDate.distantFuture
    var isRestricted = false

    // MARK: encounters
    var anyEncounter = false
    var sawPrescriber = false
    /// The encounter shown as matched; 0 where none counts.
    var matched: UInt32 = 0
    /// The inpatient stay in which the drug was given; 0 where there is none.
    var stay: UInt32 = 0

    // MARK: patterns
    var velocityPharmacies = 0
    var velocityPrescribers = 0
    var completesVelocity = false
}

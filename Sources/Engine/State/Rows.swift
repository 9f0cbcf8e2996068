internal import Journal

// What the engine remembers, as flat rows that name each other by number; 0 is "none". Sizes matter: there are
// millions of each. Times are microseconds, days are days since 1970.

/// A patient of one covered entity: a token, and the chains of what is known of them.
struct PatientRow: BitwiseCopyable {
    var tokenHigh: UInt64
    var tokenLow: UInt64
    var entity: UInt32
    /// Number of the key's name.
    var keyID: UInt32
    var firstEncounter: UInt32 = 0
    var firstDispense: UInt32 = 0
    /// During a key rotation: the patient that this token turned out to be.
    var sameAs: UInt32 = 0
    /// Chain of the tokens that turned out to be this patient.
    var nextAlias: UInt32 = 0
}

/// One version of an encounter that is not the last.
struct EncounterVersionRow: BitwiseCopyable {
    var occurredAt: Int64
    /// `Int64.min` where null.
    var end: Int64
    var offset: Int64
    var endOffset: Int16
    var classCode: EncounterClass
    var status: EncounterStatus
    var provider: UInt32
    /// The version before this one.
    var older: UInt32
}

/// An encounter: its last version, and the chain of the ones before.
struct EncounterRow: BitwiseCopyable {
    var id: Identifier
    var occurredAt: Int64
    var start: Int64
    /// The last end that a version gave, in the order of versions; `Int64.min` while open.
    var end: Int64
    /// Journal offset of the last version.
    var offset: Int64
    var startOffset: Int16
    var endOffset: Int16
    var classCode: EncounterClass
    var status: EncounterStatus
    /// Whether the last version itself gave an end.
    var givesEnd: Bool
    var entity: UInt32
    var patient: UInt32
    var nextOfPatient: UInt32
    var provider: UInt32
    var older: UInt32
    /// Next in the day on which this encounter is forgotten.
    var nextInBucket: UInt32

    var startDate: CivilDate {
        Instant(microseconds: start).date(offsetMinutes: startOffset)
    }
    /// The date of `end`, else of `start` (SEMANTICS 6).
    var lastDate: CivilDate {
        end == .min ? startDate : Instant(microseconds: end).date(offsetMinutes: endOffset)
    }
}

/// The last record of one `dispense_id`.
struct DispenseRow: BitwiseCopyable {
    var id: Identifier
    var quantity: Int64
    var occurredAt: Int64
    /// Journal offset.
    var offset: Int64
    var fill: UInt32
    var nextOfFill: UInt32
    var patient: UInt32
    var nextOfPatient: UInt32
    var prescriber: UInt32
    var site: UInt32
    var product: UInt32
    var writtenOn: Int32
    var occurredOffset: Int16
    var unit: BillingUnit
    var status: DispenseStatus
    var setting: DispenseSetting
    var payment: Payment
    /// `DispensingStatus`, or 0xFF.
    var dispensingStatus: UInt8

    var date: CivilDate { Instant(microseconds: occurredAt).date(offsetMinutes: occurredOffset) }
}

/// One paid claim transaction of a fill.
struct ClaimRow: BitwiseCopyable {
    var id: Identifier
    var quantity: Int64
    var occurredAt: Int64
    /// Journal offset.
    var offset: Int64
    var next: UInt32
    var product: UInt32
    var payer: UInt32
    /// Number of the set of clarification codes.
    var codes: UInt16
    /// Which payer; more than 65,535 of them are one.
    var coverageOrder: UInt16
    var occurredOffset: Int16
    var transaction: ClaimTransaction
    var dispensingStatus: UInt8
    var isClaimed340B: Bool

    var date: CivilDate { Instant(microseconds: occurredAt).date(offsetMinutes: occurredOffset) }
}

/// What a fill was decided to be.
enum Outcome: UInt8, BitwiseCopyable {
    /// No decision yet.
    case none
    case qualified, notQualified, pending, reversed, missedOpportunity

    var text: StaticString {
        switch self {
        case .none: ""
        case .qualified: "qualified"
        case .notQualified: "not_qualified"
        case .pending: "pending"
        case .reversed: "reversed"
        case .missedOpportunity: "missed_opportunity"
        }
    }
}

/// An account, or none.
enum DecidedAccount: UInt8, BitwiseCopyable {
    case none, discounted, groupPurchasing, wholesale
}

/// The part of a decision whose change makes a new one (OUTPUTS, "decisions").
struct Decided: BitwiseCopyable, Equatable {
    /// `Int64.min` where there is none.
    var quantity: Int64 = .min
    var dispense: Identifier = .none
    var failing: RuleSet = []
    var waiting: RuleSet = []
    var product: UInt32 = 0
    var outcome: Outcome = .none
    var account: DecidedAccount = .none
    /// `BillingUnit`, or 0xFF.
    var unit: UInt8 = 0xFF
    var isTreated = false
    /// The account to which the quantity is posted in the ledger.
    var posted: DecidedAccount = .none
}

/// A fill: the unit of decision.
struct FillRow: BitwiseCopyable {
    var rx: Identifier
    /// Monitor time at which its first record arrived; `Int64.max` while none is known.
    var firstArrival: Int64
    /// Number of the record behind the last decision, and the index of the decision in it.
    var decisionRecord: Int64
    var decided = Decided()
    /// The pharmacy of one entity.
    var pharmacy: UInt32
    var fillNumber: UInt32
    var firstDispense: UInt32 = 0
    var firstClaim: UInt32 = 0
    var firstAlert: UInt32 = 0
    /// The dispense that gives product and quantity; 0 where none is active.
    var primary: UInt32 = 0
    var revision: UInt32 = 0
    var decisionIndex: UInt32 = 0
    /// Rules whose alert is open.
    var open: RuleSet = []
    /// Day on which its last record was applied.
    var lastDay: Int32
    /// Next in the bucket of that day.
    var nextInBucket: UInt32 = 0
    var hasQualified = false
    /// Whether a dispense of it was ever known.
    var hadDispense = false
    /// Whether it was billed and no claim is live any more.
    var isBillReversed = false
}

/// One alert, open or resolved.
struct AlertRow: BitwiseCopyable {
    /// First half of its 128-bit id; the second is found again by hashing.
    var idHigh: UInt64
    var idLow: UInt64
    /// Hash of severity, owner, root cause and the values compared: an update is written when it changes.
    var content: UInt32
    /// Fill or accumulator.
    var subject: UInt32
    var next: UInt32
    var occurrence: UInt32 = 0
    var rule: Rule
    var isOpen = false
    var isOfFill: Bool
}

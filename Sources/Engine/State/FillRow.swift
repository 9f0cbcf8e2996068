internal import Journal

// A fill, what was decided of it, and what is kept so that it need not be found out again.

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
    /// The dispense that is shown; 0 where none is. One row stands for one `dispense_id`.
    var dispense: UInt32 = 0
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

extension RuleSet {
    /// The rules about a single fill in twenty bits: the first seventeen of the contract, `quantity_outlier`,
    /// `patient_velocity`, `missed_claim`. No other rule fails, waits or alerts on a fill; `PolicyNumbers` holds that.
    @inline(__always)
    var ofFill: UInt64 {
        let bits = UInt64(rawValue)
        return bits & 0x1FFFF | (bits >> 22 & 3) << 17 | (bits >> 28 & 1) << 19
    }

    @inline(__always)
    init(ofFill bits: UInt64) {
        self.init(
            rawValue: UInt32(
                truncatingIfNeeded: bits & 0x1FFFF | (bits >> 17 & 3) << 22 | (bits >> 19 & 1) << 28
            )
        )
    }
}

/// What the patient's encounters and other dispenses say about a fill: kept, because neither claims nor the passing of
/// time change it, and finding it out again reads a chain of rows that are in no cache.
///
/// Whatever does change it decides the fill anew and whole: a dispense, an encounter that concerns the fill, another
/// fill of its pattern, the policy.
struct PatientFacts: BitwiseCopyable {
    /// The encounter shown as matched; 0 where none counts.
    var matched: UInt32 = 0
    /// Whether the others hold. A fill in an inpatient stay is looked at each time: the stay may be forgotten before it.
    var isKnown = false
    var anyEncounter = false
    var sawPrescriber = false
    /// Whether the patient got the product from nobody else in the window of a pattern.
    var isAlone = false
}

/// A fill: the unit of decision.
struct FillRow: BitwiseCopyable {
    var rx: Identifier
    /// Monitor time at which its first record arrived; `Int64.max` while none is known.
    var firstArrival: Int64
    /// Record behind the last decision (40 bits), revision (24 bits).
    private var decision: UInt64 = 0
    private var quantity: Int64 = .min
    /// The rules about fills that fail, wait, and have an open alert: twenty bits each; then what is known of the
    /// patient: four bits.
    private var sets: UInt64 = 0
    private var dispense: UInt32 = 0
    private var product: UInt32 = 0
    /// The pharmacy of one entity.
    var pharmacy: UInt32
    var fillNumber: UInt32
    var firstDispense: UInt32 = 0
    var firstClaim: UInt32 = 0
    var firstAlert: UInt32 = 0
    /// Index of the last decision among those of its record.
    var decisionIndex: UInt32 = 0
    /// Next in the bucket of its last day.
    var nextInBucket: UInt32 = 0
    /// The encounter that was matched when last looked for; see ``PatientFacts``.
    private var matched: UInt32 = 0
    private var day: UInt16 = 0
    /// Outcome (3 bits), account, account posted to, unit (2 each), then one bit for each of the flags.
    private var bits: UInt16 = 3 << 7

    init(rx: Identifier, firstArrival: Int64, pharmacy: UInt32, fillNumber: UInt32, lastDay: Int32)
    {
        self.rx = rx
        self.firstArrival = firstArrival
        self.pharmacy = pharmacy
        self.fillNumber = fillNumber
        self.lastDay = lastDay
    }

    /// Day on which its last record was applied: since 1970, up to 2149.
    var lastDay: Int32 {
        get { Int32(day) }
        set { day = UInt16(clamping: newValue) }
    }

    /// Number of the record behind the last decision.
    var decisionRecord: Int64 {
        get { Int64(decision & (1 << 40 - 1)) }
        set { decision = decision & ~(1 << 40 - 1) | UInt64(newValue) & (1 << 40 - 1) }
    }
    /// How many decisions there were.
    var revision: UInt32 {
        get { UInt32(decision >> 40) }
        set { decision = decision & (1 << 40 - 1) | UInt64(newValue) << 40 }
    }
    /// Rules whose alert is open.
    var open: RuleSet {
        get { RuleSet(ofFill: sets >> 40) }
        set { sets = sets & ~((1 << 20 - 1) << 40) | newValue.ofFill << 40 }
    }

    /// The last decision.
    var decided: Decided {
        @inline(__always)
        get {
            var decided = Decided()
            decided.quantity = quantity
            decided.dispense = dispense
            decided.failing = RuleSet(ofFill: sets)
            decided.waiting = RuleSet(ofFill: sets >> 20)
            decided.product = product
            decided.outcome = outcome
            decided.account = Self.accounts(bits >> 3)
            decided.posted = Self.accounts(bits >> 5)
            decided.unit = value(bits >> 7)
            decided.isTreated = has(0)
            return decided
        }
        @inline(__always)
        set {
            quantity = newValue.quantity
            dispense = newValue.dispense
            sets =
                sets & ~(1 << 40 - 1) | newValue.failing.ofFill | newValue.waiting.ofFill << 20
            product = newValue.product
            bits =
                bits & ~0x3FF | UInt16(newValue.outcome.rawValue)
                | UInt16(newValue.account.rawValue) << 3 | UInt16(newValue.posted.rawValue) << 5
                | code(newValue.unit) << 7 | (newValue.isTreated ? 1 << 9 : 0)
        }
    }

    /// What the patient's encounters and other dispenses said when they were looked at last.
    var ofPatient: PatientFacts {
        @inline(__always)
        get {
            PatientFacts(
                matched: matched,
                isKnown: sets >> 60 & 1 != 0,
                anyEncounter: sets >> 61 & 1 != 0,
                sawPrescriber: sets >> 62 & 1 != 0,
                isAlone: sets >> 63 != 0
            )
        }
        @inline(__always)
        set {
            matched = newValue.matched
            sets =
                sets & (1 << 60 - 1) | (newValue.isKnown ? 1 << 60 : 0)
                | (newValue.anyEncounter ? 1 << 61 : 0) | (newValue.sawPrescriber ? 1 << 62 : 0)
                | (newValue.isAlone ? 1 << 63 : 0)
        }
    }

    /// Outcome of the last decision.
    var outcome: Outcome { Outcome(rawValue: UInt8(bits & 7)) ?? .none }
    /// Whether the last decision waits for anything.
    var isWaiting: Bool { sets >> 20 & (1 << 20 - 1) != 0 }

    /// The dispense that gives product and quantity, when last decided; 0 where none was active.
    var primary: UInt32 { hasPrimary ? dispense : 0 }

    var hasQualified: Bool {
        get { has(1) }
        set { set(1, newValue) }
    }
    /// Whether a dispense of it was ever known.
    var hadDispense: Bool {
        get { has(2) }
        set { set(2, newValue) }
    }
    /// Whether it was billed and no claim is live any more.
    var isBillReversed: Bool {
        get { has(3) }
        set { set(3, newValue) }
    }
    /// Whether a dispense was active when it was last decided.
    var hasPrimary: Bool {
        get { has(4) }
        set { set(4, newValue) }
    }

    @inline(__always)
    private func has(_ flag: UInt16) -> Bool { bits >> (9 + flag) & 1 != 0 }
    @inline(__always)
    private mutating func set(_ flag: UInt16, _ value: Bool) {
        bits = bits & ~(1 << (9 + flag)) | (value ? 1 << (9 + flag) : 0)
    }
    @inline(__always)
    private static func accounts(_ bits: UInt16) -> DecidedAccount {
        DecidedAccount(rawValue: UInt8(bits & 3)) ?? .none
    }
}

internal import Journal

// What the engine remembers, as flat rows that name each other by number; 0 is "none". Sizes matter: there are
// millions of each. Times are microseconds, days are days since 1970.

/// A patient of one covered entity: a token, and the chains of what is known of them. Half a cache line.
struct PatientRow: BitwiseCopyable {
    var tokenHigh: UInt64
    var tokenLow: UInt64
    /// Number of entity and key, in the machine's scopes; the top bit marks an alias.
    private var scopeAndMark: UInt32
    /// First encounter, or what an alias is the same as: an alias has no encounters of its own.
    private var first: UInt32 = 0
    var firstDispense: UInt32 = 0
    /// Chain of the tokens that turned out to be this patient.
    var nextAlias: UInt32 = 0

    init(tokenHigh: UInt64, tokenLow: UInt64, scope: UInt32) {
        self.tokenHigh = tokenHigh
        self.tokenLow = tokenLow
        scopeAndMark = scope
    }

    var scope: UInt32 { scopeAndMark & ~(1 << 31) }
    private var isAlias: Bool { scopeAndMark >> 31 != 0 }

    var firstEncounter: UInt32 {
        get { isAlias ? 0 : first }
        set { if !isAlias { first = newValue } }
    }
    /// During a key rotation: the patient that this token turned out to be; 0 for one of its own.
    var sameAs: UInt32 {
        get { isAlias ? first : 0 }
        set {
            scopeAndMark |= 1 << 31
            first = newValue
        }
    }
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

/// An encounter: its last version, and the chain of the ones before. One cache line.
struct EncounterRow: BitwiseCopyable {
    var id: Identifier
    var occurredAt: Int64
    var start: Int64
    /// The last end that a version gave, in the order of versions; `Int64.min` while open.
    var end: Int64
    private var offsetLow: UInt32
    var patient: UInt32
    var nextOfPatient: UInt32
    /// Names the entity, too: providers are numbered by entity.
    var provider: UInt32
    var older: UInt32
    /// Next in the day on which this encounter is forgotten.
    var nextInBucket: UInt32 = 0
    var startOffset: Int16
    var endOffset: Int16
    var classCode: EncounterClass
    var status: EncounterStatus
    private var offsetHigh: UInt8
    /// Whether the last version itself gave an end.
    var givesEnd: Bool

    init(
        id: Identifier,
        occurredAt: Int64,
        start: Int64,
        end: Int64,
        offset: Int64,
        startOffset: Int16,
        endOffset: Int16,
        classCode: EncounterClass,
        status: EncounterStatus,
        givesEnd: Bool,
        patient: UInt32,
        provider: UInt32
    ) {
        self.id = id
        self.occurredAt = occurredAt
        self.start = start
        self.end = end
        (offsetLow, offsetHigh) = packed(offset)
        self.startOffset = startOffset
        self.endOffset = endOffset
        self.classCode = classCode
        self.status = status
        self.givesEnd = givesEnd
        self.patient = patient
        nextOfPatient = 0
        self.provider = provider
        older = 0
    }

    /// Journal offset of the last version.
    var offset: Int64 { unpacked(offsetLow, offsetHigh) }

    var startDate: CivilDate {
        Instant(microseconds: start).date(offsetMinutes: startOffset)
    }
    /// The date of `end`, else of `start` (SEMANTICS 6).
    var lastDate: CivilDate {
        end == .min ? startDate : Instant(microseconds: end).date(offsetMinutes: endOffset)
    }
}

/// A journal offset in forty bits: a million million records of one partition.
@inline(__always)
private func packed(_ offset: Int64) -> (UInt32, UInt8) {
    precondition(offset >> 40 == 0, "a journal partition holds at most 2^40 records")
    return (UInt32(truncatingIfNeeded: offset), UInt8(truncatingIfNeeded: offset >> 32))
}

@inline(__always)
private func unpacked(_ low: UInt32, _ high: UInt8) -> Int64 { Int64(high) << 32 | Int64(low) }

/// A code of two bits for a value that may be missing.
@inline(__always)
private func code(_ value: UInt8) -> UInt16 { value == 0xFF ? 3 : UInt16(value) }

@inline(__always)
private func value(_ code: UInt16) -> UInt8 { code & 3 == 3 ? 0xFF : UInt8(code & 3) }

/// The last record of one `dispense_id`. One cache line: it is looked at in nearly every judgement, and there are millions.
struct DispenseRow: BitwiseCopyable {
    var id: Identifier
    var quantity: Int64
    var occurredAt: Int64
    private var offsetLow: UInt32
    var fill: UInt32
    var nextOfFill: UInt32 = 0
    var patient: UInt32
    var nextOfPatient: UInt32 = 0
    var prescriber: UInt32
    var site: UInt32
    var product: UInt32
    var occurredOffset: Int16
    /// Unit, dispensing status, status, setting, payment: two bits each.
    private var codes: UInt16
    private var writtenLow: UInt16
    private var writtenHigh: Int8
    private var offsetHigh: UInt8

    init(
        id: Identifier,
        quantity: Int64,
        occurredAt: Int64,
        offset: Int64,
        fill: UInt32,
        patient: UInt32,
        prescriber: UInt32,
        site: UInt32,
        product: UInt32,
        writtenOn: Int32,
        occurredOffset: Int16,
        unit: BillingUnit,
        status: DispenseStatus,
        setting: DispenseSetting,
        payment: Payment,
        dispensingStatus: UInt8
    ) {
        self.id = id
        self.quantity = quantity
        self.occurredAt = occurredAt
        (offsetLow, offsetHigh) = packed(offset)
        self.fill = fill
        self.patient = patient
        self.prescriber = prescriber
        self.site = site
        self.product = product
        self.occurredOffset = occurredOffset
        codes =
            UInt16(unit.rawValue) | code(dispensingStatus) << 2 | UInt16(status.rawValue) << 4
            | UInt16(setting.rawValue) << 6 | UInt16(payment.rawValue) << 8
        // Dates have years of four digits, so 24 bits hold their days.
        writtenLow = UInt16(truncatingIfNeeded: writtenOn)
        writtenHigh = Int8(truncatingIfNeeded: writtenOn >> 16)
    }

    /// Journal offset.
    var offset: Int64 { unpacked(offsetLow, offsetHigh) }
    /// Day of `written_on`.
    var writtenOn: Int32 { Int32(writtenHigh) << 16 | Int32(writtenLow) }
    /// `BillingUnit.rawValue`.
    var unit: UInt8 { value(codes) }
    /// `DispensingStatus`, or 0xFF.
    var dispensingStatus: UInt8 { value(codes >> 2) }
    var status: DispenseStatus { codes >> 4 & 3 == 0 ? .completed : .returned }
    var setting: DispenseSetting { codes >> 6 & 3 == 0 ? .retail : .administered }
    var payment: Payment { codes >> 8 & 3 == 0 ? .insured : .cash }

    var date: CivilDate { Instant(microseconds: occurredAt).date(offsetMinutes: occurredOffset) }
}

/// One paid claim transaction of a fill.
struct ClaimRow: BitwiseCopyable {
    var id: Identifier
    var quantity: Int64
    var occurredAt: Int64
    private var offsetLow: UInt32
    var next: UInt32 = 0
    var product: UInt32
    var payer: UInt32
    /// Number of the set of clarification codes.
    var codes: UInt16
    /// Which payer; more than 65,535 of them are one.
    var coverageOrder: UInt16
    var occurredOffset: Int16
    private var offsetHigh: UInt8
    /// Transaction, dispensing status, whether claimed as 340B: two bits each.
    private var bits: UInt8

    init(
        id: Identifier,
        quantity: Int64,
        occurredAt: Int64,
        offset: Int64,
        product: UInt32,
        payer: UInt32,
        codes: UInt16,
        coverageOrder: UInt16,
        occurredOffset: Int16,
        transaction: ClaimTransaction,
        dispensingStatus: UInt8,
        isClaimed340B: Bool
    ) {
        self.id = id
        self.quantity = quantity
        self.occurredAt = occurredAt
        (offsetLow, offsetHigh) = packed(offset)
        self.product = product
        self.payer = payer
        self.codes = codes
        self.coverageOrder = coverageOrder
        self.occurredOffset = occurredOffset
        bits =
            transaction.rawValue | UInt8(truncatingIfNeeded: code(dispensingStatus)) << 2
            | (isClaimed340B ? 16 : 0)
    }

    /// Journal offset.
    var offset: Int64 { unpacked(offsetLow, offsetHigh) }
    var transaction: ClaimTransaction { ClaimTransaction(rawValue: bits & 3) ?? .billing }
    /// `DispensingStatus`, or 0xFF.
    var dispensingStatus: UInt8 { value(UInt16(bits >> 2)) }
    var isClaimed340B: Bool { bits & 16 != 0 }

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

/// An alert, open or resolved. Its id is worked out when it is written: a hash costs less than sixteen bytes that are
/// kept for a year.
struct AlertRow: BitwiseCopyable {
    /// Hash of severity, owner, root cause and the values compared: an update is written when it changes.
    var content: UInt32 = 0
    /// Fill or accumulator; 0 in a freed row.
    var subject: UInt32
    var next: UInt32
    /// Rule (6 bits), open, of a fill, then how many times it has opened (24 bits).
    private var bits: UInt32

    init(subject: UInt32, next: UInt32, rule: Rule, isOfFill: Bool) {
        self.subject = subject
        self.next = next
        bits = UInt32(rule.rawValue) | (isOfFill ? 128 : 0)
    }

    var rule: Rule { Rule(rawValue: UInt8(bits & 63)) ?? .encounterMissing }
    var isOfFill: Bool { bits & 128 != 0 }
    var isOpen: Bool {
        get { bits & 64 != 0 }
        set { bits = bits & ~64 | (newValue ? 64 : 0) }
    }
    /// How many times it has opened.
    var occurrence: UInt32 {
        get { bits >> 8 }
        set { bits = bits & 0xFF | min(newValue, 1 << 24 - 1) << 8 }
    }
}

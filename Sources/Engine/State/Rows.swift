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
func code(_ value: UInt8) -> UInt16 { value == 0xFF ? 3 : UInt16(value) }

@inline(__always)
func value(_ code: UInt16) -> UInt8 { code & 3 == 3 ? 0xFF : UInt8(code & 3) }

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
    /// Which payer.
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

/// An alert, open or resolved. Its id is worked out when it is written: a hash costs less than sixteen bytes that are
/// kept for a year.
struct AlertRow: BitwiseCopyable {
    /// Hash of severity, owner, root cause and the values compared: an update is written when it changes.
    var content: UInt32 = 0
    /// Fill, accumulator or feed; 0 in a freed row.
    var subject: UInt32
    var next: UInt32
    /// Rule (6 bits), open, of a fill, how many times it has opened (22 bits), why it resolved last (2 bits).
    private var bits: UInt32

    init(subject: UInt32, next: UInt32, rule: Rule, isOfFill: Bool) {
        self.subject = subject
        self.next = next
        bits = UInt32(rule.rawValue) | (isOfFill ? 128 : 0)
    }

    var rule: Rule { Rule(rawValue: UInt8(bits & 63)) ?? .encounterMissing }
    var isOfFill: Bool { bits & 128 != 0 }
    var isOfFeed: Bool { rule == .feedSilent }
    var isOpen: Bool {
        get { bits & 64 != 0 }
        set { bits = bits & ~64 | (newValue ? 64 : 0) }
    }
    /// How many times it has opened.
    var occurrence: UInt32 {
        get { bits >> 8 & (1 << 22 - 1) }
        set { bits = bits & ~((1 << 22 - 1) << 8) | min(newValue, 1 << 22 - 1) << 8 }
    }
    /// Why it resolved last, once it has.
    var resolution: Resolution {
        get { Resolution(rawValue: UInt8(bits >> 30)) ?? .factsChanged }
        set { bits = bits & ~(3 << 30) | UInt32(newValue.rawValue) << 30 }
    }
}

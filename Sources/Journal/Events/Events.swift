// The six events as the journal holds them: values without references. A `Text` is a piece of the bytes that the
// event was read from, so an event is only good beside those bytes.

/// What every event has.
@frozen
public struct EventHeader: BitwiseCopyable, Sendable {
    /// When the source says it was recorded: bounds forgetting and, offline, moves monitor time.
    public var recordedAt: Instant
    /// Where the record was copied from.
    public var source: RecordSource
    /// Name of the source topic or file.
    public var sourceName: Text
    /// 340B ID of the covered entity.
    public var entity: Text
    /// `event_id`, unique per entity.
    public var eventID: Text
    /// `occurred_at`.
    public var occurredAt: Timestamp
    /// Patient tokens, as ``PatientToken`` packs them; empty where the event has no patient.
    public var tokens: Text

    /// A header; everything else of an event is in its body.
    @inlinable
    public init(
        recordedAt: Instant,
        source: RecordSource,
        sourceName: Text,
        entity: Text,
        eventID: Text,
        occurredAt: Timestamp,
        tokens: Text = .empty
    ) {
        self.recordedAt = recordedAt
        self.source = source
        self.sourceName = sourceName
        self.entity = entity
        self.eventID = eventID
        self.occurredAt = occurredAt
        self.tokens = tokens
    }
}

/// An EHR visit or stay, or a later version of one (EVENTS, "encounter").
@frozen
public struct Encounter: BitwiseCopyable, Sendable {
    public var encounterID: Text
    public var classCode: EncounterClass
    public var status: EncounterStatus
    public var siteID: Text
    public var provider: Npi
    public var start: Timestamp
    /// ``Timestamp/absent`` while open.
    public var end: Timestamp

    @inlinable
    public init(
        encounterID: Text,
        classCode: EncounterClass,
        status: EncounterStatus,
        siteID: Text,
        provider: Npi,
        start: Timestamp,
        end: Timestamp
    ) {
        self.encounterID = encounterID
        self.classCode = classCode
        self.status = status
        self.siteID = siteID
        self.provider = provider
        self.start = start
        self.end = end
    }
}

/// A drug leaves a pharmacy's stock for a patient, or comes back to it (EVENTS, "dispense").
@frozen
public struct Dispense: BitwiseCopyable, Sendable {
    public var dispenseID: Text
    public var rxNumber: Text
    public var fillNumber: UInt32
    public var pharmacy: Npi
    public var prescriber: Npi
    public var siteID: Text
    public var ndc: Ndc
    public var quantity: Quantity
    public var unit: BillingUnit
    /// -1 where absent.
    public var daysSupply: Int32
    public var writtenOn: CivilDate
    public var status: DispenseStatus
    public var setting: DispenseSetting
    public var payment: Payment
    public var dispensingStatus: DispensingStatus?
    /// The encounter in which it was administered; empty where absent.
    public var encounterID: Text

    @inlinable
    public init(
        dispenseID: Text,
        rxNumber: Text,
        fillNumber: UInt32,
        pharmacy: Npi,
        prescriber: Npi,
        siteID: Text,
        ndc: Ndc,
        quantity: Quantity,
        unit: BillingUnit,
        daysSupply: Int32,
        writtenOn: CivilDate,
        status: DispenseStatus,
        setting: DispenseSetting,
        payment: Payment,
        dispensingStatus: DispensingStatus?,
        encounterID: Text
    ) {
        self.dispenseID = dispenseID
        self.rxNumber = rxNumber
        self.fillNumber = fillNumber
        self.pharmacy = pharmacy
        self.prescriber = prescriber
        self.siteID = siteID
        self.ndc = ndc
        self.quantity = quantity
        self.unit = unit
        self.daysSupply = daysSupply
        self.writtenOn = writtenOn
        self.status = status
        self.setting = setting
        self.payment = payment
        self.dispensingStatus = dispensingStatus
        self.encounterID = encounterID
    }
}

/// An adjudicated NCPDP transaction (EVENTS, "claim").
@frozen
public struct Claim: BitwiseCopyable, Sendable {
    public var claimID: Text
    public var rxNumber: Text
    public var fillNumber: UInt32
    public var pharmacy: Npi
    public var ndc: Ndc
    public var quantity: Quantity
    public var transaction: ClaimTransaction
    public var status: ClaimStatus
    /// Which payer: 1 is primary.
    public var coverageOrder: UInt32
    public var dispensingStatus: DispensingStatus?
    public var bin: Text
    public var pcn: Text
    public var group: Text
    /// The submission clarification codes, joined by the byte 0x1F.
    public var clarificationCodes: Text
    /// `claimed_340b`.
    public var isClaimed340B: Bool

    @inlinable
    public init(
        claimID: Text,
        rxNumber: Text,
        fillNumber: UInt32,
        pharmacy: Npi,
        ndc: Ndc,
        quantity: Quantity,
        transaction: ClaimTransaction,
        status: ClaimStatus,
        coverageOrder: UInt32,
        dispensingStatus: DispensingStatus?,
        bin: Text,
        pcn: Text,
        group: Text,
        clarificationCodes: Text,
        isClaimed340B: Bool
    ) {
        self.claimID = claimID
        self.rxNumber = rxNumber
        self.fillNumber = fillNumber
        self.pharmacy = pharmacy
        self.ndc = ndc
        self.quantity = quantity
        self.transaction = transaction
        self.status = status
        self.coverageOrder = coverageOrder
        self.dispensingStatus = dispensingStatus
        self.bin = bin
        self.pcn = pcn
        self.group = group
        self.clarificationCodes = clarificationCodes
        self.isClaimed340B = isClaimed340B
    }
}

/// A wholesaler's invoice line (EVENTS, "purchase").
@frozen
public struct Purchase: BitwiseCopyable, Sendable {
    public var invoiceID: Text
    public var line: Int64
    public var account: Account
    public var pharmacy: Npi
    public var ndc: Ndc
    /// Negative is a credit or a return.
    public var packages: Int64
    /// Dollars a package; ``Quantity/absent`` where the invoice gives none.
    public var unitPrice: Quantity

    @inlinable
    public init(
        invoiceID: Text,
        line: Int64,
        account: Account,
        pharmacy: Npi,
        ndc: Ndc,
        packages: Int64,
        unitPrice: Quantity
    ) {
        self.invoiceID = invoiceID
        self.line = line
        self.account = account
        self.pharmacy = pharmacy
        self.ndc = ndc
        self.packages = packages
        self.unitPrice = unitPrice
    }
}

/// A person's decision about an alert or a replenishment (EVENTS, "disposition").
@frozen
public struct Disposition: BitwiseCopyable, Sendable {
    /// `alert_id` or `replenishment_id`.
    public var subjectID: Text
    public var decision: DispositionDecision
    public var actor: Text
    public var role: Text
    public var note: Text

    @inlinable
    public init(
        subjectID: Text,
        decision: DispositionDecision,
        actor: Text,
        role: Text,
        note: Text
    ) {
        self.subjectID = subjectID
        self.decision = decision
        self.actor = actor
        self.role = role
        self.note = note
    }
}

/// An accumulator is set right (EVENTS, "adjustment").
@frozen
public struct Adjustment: BitwiseCopyable, Sendable {
    public var adjustmentID: Text
    public var pharmacy: Npi
    public var ndc: Ndc
    public var account: Account
    /// Signed.
    public var quantity: Quantity
    /// -1 where absent.
    public var packagesOutstanding: Int64
    public var reason: AdjustmentReason
    public var actor: Text
    public var approvedBy: Text
    public var note: Text

    @inlinable
    public init(
        adjustmentID: Text,
        pharmacy: Npi,
        ndc: Ndc,
        account: Account,
        quantity: Quantity,
        packagesOutstanding: Int64,
        reason: AdjustmentReason,
        actor: Text,
        approvedBy: Text,
        note: Text
    ) {
        self.adjustmentID = adjustmentID
        self.pharmacy = pharmacy
        self.ndc = ndc
        self.account = account
        self.quantity = quantity
        self.packagesOutstanding = packagesOutstanding
        self.reason = reason
        self.actor = actor
        self.approvedBy = approvedBy
        self.note = note
    }
}

/// The body of one event, by its type.
public enum EventBody: BitwiseCopyable, Sendable {
    case encounter(Encounter)
    case dispense(Dispense)
    case claim(Claim)
    case purchase(Purchase)
    case disposition(Disposition)
    case adjustment(Adjustment)
}

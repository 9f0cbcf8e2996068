// The six events read back from their bytes, by the same layouts.

extension RecordView {
    /// The header of an event.
    @inlinable
    public var eventHeader: EventHeader {
        EventHeader(
            recordedAt: recordedAt,
            source: source,
            sourceName: text(0),
            entity: text(1),
            eventID: text(2),
            occurredAt: Timestamp(
                Instant(microseconds: load(EventLayout.occurredAt)),
                offsetMinutes: load(EventLayout.occurredOffset)
            ),
            tokens: text(3)
        )
    }

    @inlinable
    func npi(_ offset: Int, _ index: Int) -> Npi {
        let digits: UInt64 = load(offset)
        return digits == Npi.other ? Npi(text: text(index)) : Npi(digits: digits)
    }

    @inlinable
    func ndc(_ offset: Int, _ index: Int) -> Ndc {
        let code: UInt64 = load(offset)
        var result = Ndc(text: code == Ndc.other ? text(index) : .empty)
        result.code = code
        return result
    }

    @inlinable
    func code<Code: ContractCode>(_ offset: Int, _: Code.Type = Code.self) -> Code {
        // `check` has seen that the byte names a value.
        unsafe Code(rawValue: load(offset)).unsafelyUnwrapped
    }

    /// The event that this record holds; the kind must be the one asked for.
    @inlinable
    public var encounter: Encounter {
        Encounter(
            encounterID: text(4),
            classCode: code(EncounterLayout.classCode),
            status: code(EncounterLayout.status),
            siteID: text(5),
            provider: npi(EncounterLayout.provider, 6),
            start: Timestamp(
                Instant(microseconds: load(EncounterLayout.start)),
                offsetMinutes: load(EncounterLayout.startOffset)
            ),
            end: Timestamp(
                Instant(microseconds: load(EncounterLayout.end)),
                offsetMinutes: load(EncounterLayout.endOffset)
            )
        )
    }

    /// The event that this record holds; the kind must be the one asked for.
    @inlinable
    public var dispense: Dispense {
        Dispense(
            dispenseID: text(4),
            rxNumber: text(5),
            fillNumber: load(DispenseLayout.fillNumber),
            pharmacy: npi(DispenseLayout.pharmacy, 8),
            prescriber: npi(DispenseLayout.prescriber, 9),
            siteID: text(6),
            ndc: ndc(DispenseLayout.ndc, 10),
            quantity: Quantity(millionths: load(DispenseLayout.quantity)),
            unit: code(DispenseLayout.unit),
            daysSupply: load(DispenseLayout.daysSupply),
            writtenOn: CivilDate(day: load(DispenseLayout.writtenOn)),
            status: code(DispenseLayout.status),
            setting: code(DispenseLayout.setting),
            payment: code(DispenseLayout.payment),
            dispensingStatus: DispensingStatus(rawValue: load(DispenseLayout.dispensingStatus)),
            encounterID: text(7)
        )
    }

    /// The event that this record holds; the kind must be the one asked for.
    @inlinable
    public var claim: Claim {
        Claim(
            claimID: text(4),
            rxNumber: text(5),
            fillNumber: load(ClaimLayout.fillNumber),
            pharmacy: npi(ClaimLayout.pharmacy, 10),
            ndc: ndc(ClaimLayout.ndc, 11),
            quantity: Quantity(millionths: load(ClaimLayout.quantity)),
            transaction: code(ClaimLayout.transaction),
            status: code(ClaimLayout.status),
            coverageOrder: load(ClaimLayout.coverageOrder),
            dispensingStatus: DispensingStatus(rawValue: load(ClaimLayout.dispensingStatus)),
            bin: text(6),
            pcn: text(7),
            group: text(8),
            clarificationCodes: text(9),
            isClaimed340B: load(ClaimLayout.isClaimed340B, as: UInt8.self) != 0
        )
    }

    /// The event that this record holds; the kind must be the one asked for.
    @inlinable
    public var purchase: Purchase {
        Purchase(
            invoiceID: text(4),
            line: load(PurchaseLayout.line),
            account: code(PurchaseLayout.account),
            pharmacy: npi(PurchaseLayout.pharmacy, 5),
            ndc: ndc(PurchaseLayout.ndc, 6),
            packages: load(PurchaseLayout.packages),
            unitPrice: Quantity(millionths: load(PurchaseLayout.unitPrice))
        )
    }

    /// The event that this record holds; the kind must be the one asked for.
    @inlinable
    public var disposition: Disposition {
        Disposition(
            subjectID: text(4),
            decision: code(DispositionLayout.decision),
            actor: text(5),
            role: text(6),
            note: text(7)
        )
    }

    /// The event that this record holds; the kind must be the one asked for.
    @inlinable
    public var adjustment: Adjustment {
        Adjustment(
            adjustmentID: text(4),
            pharmacy: npi(AdjustmentLayout.pharmacy, 8),
            ndc: ndc(AdjustmentLayout.ndc, 9),
            account: code(AdjustmentLayout.account),
            quantity: Quantity(millionths: load(AdjustmentLayout.quantity)),
            packagesOutstanding: load(AdjustmentLayout.packagesOutstanding),
            reason: code(AdjustmentLayout.reason),
            actor: text(5),
            approvedBy: text(6),
            note: text(7)
        )
    }

    /// What a dispense and a claim say of their fill; the kind must be one of these two.
    @inlinable
    public var fillKey: (pharmacy: Npi, rxNumber: Text, fillNumber: UInt32, ndc: Ndc) {
        let isDispense = load(1, as: UInt8.self) == RecordKind.dispense.rawValue
        return (
            npi(DispenseLayout.pharmacy, isDispense ? 8 : 10), text(5),
            load(DispenseLayout.fillNumber),
            isDispense ? ndc(DispenseLayout.ndc, 10) : ndc(ClaimLayout.ndc, 11)
        )
    }

    /// Who gave the encounter or prescribed the dispense; the kind must be one of these two.
    @inlinable
    public var provider: Npi {
        load(1, as: UInt8.self) == RecordKind.dispense.rawValue
            ? npi(DispenseLayout.prescriber, 9) : npi(EncounterLayout.provider, 6)
    }
}

internal import Journal

// Each event's fields, in the order of EVENTS' tables: of several that are wrong, the first is named.

extension RecordReader {
    /// Reads the event that was scanned: all of the body, and the header without what only the decoder knows.
    ///
    /// One call for all fields: for each call from outside the compiler copies the whole reader (18
    /// instructions, six times an event).
    @inline(never)
    func readEvent(
        _ header: inout EventHeader,
        _ body: inout EventBody,
        recordedAt: Instant?
    ) throws(Fault) {
        let type = try eventType()
        header.eventID = try identifier(.eventID)
        header.entity = try entity()
        header.occurredAt = try timestamp(.occurredAt)
        let published = try optionalTimestamp(.recordedAt)
        header.recordedAt =
            recordedAt ?? (published.isPresent ? published : header.occurredAt).instant
        switch type {
        case .encounter: body = .encounter(try encounter())
        case .dispense: body = .dispense(try dispense())
        case .claim: body = .claim(try claim())
        case .purchase: body = .purchase(try purchase())
        case .disposition: body = .disposition(try disposition())
        case .adjustment: body = .adjustment(try adjustment())
        }
    }

    func eventType() throws(Fault) -> EventType {
        let slot = try required(.eventType)
        guard slot.kind == .string else { throw Fault(.notAString, .eventType) }
        guard
            let type = codes.code(
                ContractCodes.eventTypes,
                scratch,
                at: slot.place,
                count: slot.count
            )
        else { throw Fault(.unknownType, .eventType) }
        return type
    }

    func entity() throws(Fault) -> Text {
        let text = try string(.coveredEntityID)
        guard isEntity(text) else { throw Fault(.badEntity, .coveredEntityID) }
        return text
    }

    /// 1 to 32 of `A-Z0-9-`: words from the beginning and one that ends with the text (92 instructions with a mask for
    /// each word, now 67).
    func isEntity(_ text: Text) -> Bool {
        let count = Int(text.count)
        guard count &- 1 < 32, count > 0 else { return false }
        var place = Int(text.offset)
        if count < 8 {
            // Behind the text's end, bytes count as dashes.
            let mask = Scratch.mask(count)
            return RecordReader.areEntityBytes(
                (scratch.word(place) & mask) | (0x2D2D_2D2D_2D2D_2D2D & ~mask)
            )
        }
        let last = place &+ count &- 8
        while place < last {
            guard RecordReader.areEntityBytes(scratch.word(place)) else { return false }
            place &+= 8
        }
        return RecordReader.areEntityBytes(scratch.word(last))
    }

    /// Whether all eight bytes are of `A-Z0-9-`.
    @inline(__always)
    private static func areEntityBytes(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // In each byte of ASCII the top bit comes up from a bound on: added is what the bound lacks of 128.
        let letters = (word &+ ones &* (128 - 65)) & ~(word &+ ones &* (128 - 91))
        let digits = (word &+ ones &* (128 - 48)) & ~(word &+ ones &* (128 - 58))
        let dashes = (word &+ ones &* (128 - 45)) & ~(word &+ ones &* (128 - 46))
        return (letters | digits | dashes) & ~word & (ones &* 0x80) == ones &* 0x80
    }

    func encounter() throws(Fault) -> Encounter {
        let encounterID = try identifier(.encounterID)
        _ = try identifier(.patientID)
        return Encounter(
            encounterID: encounterID,
            classCode: try code(.classCode, ContractCodes.encounterClasses),
            status: try code(.status, ContractCodes.encounterStatuses),
            siteID: try identifier(.siteID),
            provider: try npi(.providerNPI),
            start: try timestamp(.start),
            end: try optionalTimestamp(.end)
        )
    }

    func dispense() throws(Fault) -> Dispense {
        let dispenseID = try identifier(.dispenseID)
        let rxNumber = try identifier(.rxNumber)
        _ = try identifier(.patientID)
        let fillNumber = try fillNumber()
        let pharmacy = try npi(.pharmacyNPI)
        let prescriber = try npi(.prescriberNPI)
        let siteID = try identifier(.siteID)
        let ndc = try ndc(.ndc)
        let quantity = try quantity()
        let unit = try code(.unit, ContractCodes.units)
        let daysSupply = try daysSupply()
        let writtenOn = try date(.writtenOn)
        let status = try code(.status, ContractCodes.dispenseStatuses)
        let setting = try optionalCode(.setting, ContractCodes.settings) ?? .retail
        // An administered dose without its encounter is no dead letter: the contract's list does not name it.
        let encounterID = try optionalIdentifier(.encounterID)
        let payment = try optionalCode(.payment, ContractCodes.payments) ?? .insured
        return Dispense(
            dispenseID: dispenseID,
            rxNumber: rxNumber,
            fillNumber: fillNumber,
            pharmacy: pharmacy,
            prescriber: prescriber,
            siteID: siteID,
            ndc: ndc,
            quantity: quantity,
            unit: unit,
            daysSupply: daysSupply,
            writtenOn: writtenOn,
            status: status,
            setting: setting,
            payment: payment,
            dispensingStatus: try optionalCode(.dispensingStatus, ContractCodes.dispensingStatuses),
            encounterID: encounterID
        )
    }

    func claim() throws(Fault) -> Claim {
        Claim(
            claimID: try identifier(.claimID),
            rxNumber: try identifier(.rxNumber),
            fillNumber: try fillNumber(),
            pharmacy: try npi(.pharmacyNPI),
            ndc: try ndc(.ndc),
            quantity: try quantity(),
            transaction: try code(.transaction, ContractCodes.transactions),
            status: try code(.status, ContractCodes.claimStatuses),
            coverageOrder: try coverageOrder(),
            dispensingStatus: try optionalCode(.dispensingStatus, ContractCodes.dispensingStatuses),
            bin: try optionalString(.bin),
            pcn: try optionalString(.pcn),
            group: try optionalString(.group),
            clarificationCodes: try clarificationCodes(),
            isClaimed340B: try boolean(.claimed340B)
        )
    }

    func purchase() throws(Fault) -> Purchase {
        Purchase(
            invoiceID: try identifier(.invoiceID),
            line: try integer(.line),
            account: try code(.account, ContractCodes.accounts),
            pharmacy: try npi(.pharmacyNPI),
            ndc: try ndc(.ndc),
            packages: try packages(),
            unitPrice: try unitPrice()
        )
    }

    func disposition() throws(Fault) -> Disposition {
        Disposition(
            subjectID: try identifier(.subjectID),
            decision: try code(.decision, ContractCodes.decisions),
            actor: try string(.actor),
            role: try optionalString(.role),
            note: try optionalString(.note)
        )
    }

    func adjustment() throws(Fault) -> Adjustment {
        let adjustmentID = try identifier(.adjustmentID)
        let pharmacy = try npi(.pharmacyNPI)
        let ndc = try ndc(.ndc)
        let account = try code(.account, ContractCodes.accounts)
        // 340B and GPO alone have accumulators.
        guard account != .wholesale else { throw Fault(.notInList, .account) }
        return Adjustment(
            adjustmentID: adjustmentID,
            pharmacy: pharmacy,
            ndc: ndc,
            account: account,
            quantity: try decimal(.quantity, isSigned: true),
            packagesOutstanding: try packagesOutstanding(),
            reason: try code(.reason, ContractCodes.reasons),
            actor: try string(.actor),
            approvedBy: try optionalString(.approvedBy),
            note: try optionalString(.note)
        )
    }
}

// What `check()` lets pass, since it can be read, and what no writer of this program writes.

extension RecordView {
    /// What in this record cannot have been written by ingest, as phrases; the record must have passed ``check()``.
    ///
    /// A mistake of the source is none: rules judge those. These are values that decoding refuses.
    public var implausibilities: [String] {
        guard let kind else { return [] }
        var found: [String] = []
        if load(3, as: UInt8.self) != 0 { found.append("its spare byte is set") }
        if load(2, as: UInt8.self) & ~3 != 0 { found.append("it has flags without a meaning") }
        for index in 0..<textCount where !isBinary(index, kind) {
            let text = text(index)
            // The text's bytes stand as long as the record.
            if unsafe String(validating: bytes(text), as: UTF8.self) == nil {
                found.append("its text \(index) is no UTF-8")
            }
        }
        if kind.isEvent {
            found += eventImplausibilities
        } else if kind == .genesis {
            if MonitorClock(rawValue: load(50)) == nil { found.append("its clock has no meaning") }
            if load(51, as: UInt8.self) != 0 { found.append("its spare byte is set") }
            if string(text(0)).isEmpty { found.append("it names no application") }
            if genesis.horizonDays == 0 { found.append("its horizon is nothing") }
        } else if kind == .sourceRegistered {
            if sourceRegistration.firstOffset < 0 { found.append("its first offset is negative") }
            if sourceRegistration.topic.isEmpty { found.append("it names no topic") }
        } else if kind == .referenceRow, load(41, as: UInt8.self) > 1 {
            found.append("whether it is withdrawn is neither yes nor no")
        }
        if kind.isCounted, !sourceName.isEmpty, source.partition < 0 || source.offset < 0,
            !isFromFile
        {
            found.append("its place in \(sourceName) is negative")
        }
        return found
    }

    private func isBinary(_ index: Int, _ kind: RecordKind) -> Bool {
        switch kind {
        case .tick: index > 0 && index % 2 == 0
        case .referenceComplete: index == 1
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment: index == 3
        case .genesis, .sourceRegistered, .sourceRetired, .referenceRow, .policy: false
        }
    }

    private var eventImplausibilities: [String] {
        var found: [String] = []
        let header = eventHeader
        func check(_ holds: Bool, _ phrase: String) { if !holds { found.append(phrase) } }
        let isEntity = unsafe bytes(header.entity).allSatisfy {
            (65...90).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
        }
        check(isEntity && (1...32).contains(header.entity.count), "its entity is no 340B ID")
        check((1...128).contains(header.eventID.count), "its event_id is empty or too long")
        check(isZone(header.occurredAt), "its occurred_at has no offset that exists")
        let tokens = unsafe PatientToken.texts(bytes(header.tokens))
        check(tokens != nil, "its patient tokens are none")
        guard let kind else { return found }
        switch kind {
        case .encounter:
            let value = encounter
            check(isIdentifier(value.encounterID), "its encounter_id is empty or too long")
            check(isPlausible(value.provider), "its provider_npi has more than ten digits")
            check(isZone(value.start) && isZone(value.end), "its start or end has no offset")
        case .dispense:
            let value = dispense
            check(isIdentifier(value.dispenseID), "its dispense_id is empty or too long")
            check(isIdentifier(value.rxNumber), "its rx_number is empty or too long")
            check(isPlausible(value.pharmacy), "its pharmacy_npi has more than ten digits")
            check(isPlausible(value.prescriber), "its prescriber_npi has more than ten digits")
            check(isPlausible(value.ndc), "its ndc has other digits than it says")
            check(value.quantity > .zero, "its quantity is not positive")
            check(value.daysSupply >= -1, "its days_supply is negative")
        case .claim:
            let value = claim
            check(isIdentifier(value.claimID), "its claim_id is empty or too long")
            check(isIdentifier(value.rxNumber), "its rx_number is empty or too long")
            check(isPlausible(value.pharmacy), "its pharmacy_npi has more than ten digits")
            check(isPlausible(value.ndc), "its ndc has other digits than it says")
            check(value.quantity > .zero, "its quantity is not positive")
            check(value.coverageOrder >= 1, "its coverage_order is 0")
            check(load(ClaimLayout.isClaimed340B, as: UInt8.self) <= 1, "its claimed_340b is none")
        case .purchase:
            let value = purchase
            check(isIdentifier(value.invoiceID), "its invoice_id is empty or too long")
            check(isPlausible(value.pharmacy), "its pharmacy_npi has more than ten digits")
            check(isPlausible(value.ndc), "its ndc has other digits than it says")
            check(value.packages != 0, "its packages are 0")
        case .disposition:
            check(isIdentifier(disposition.subjectID), "its subject_id is empty or too long")
        case .adjustment:
            let value = adjustment
            check(isIdentifier(value.adjustmentID), "its adjustment_id is empty or too long")
            check(isPlausible(value.pharmacy), "its pharmacy_npi has more than ten digits")
            check(isPlausible(value.ndc), "its ndc has other digits than it says")
            check(value.packagesOutstanding >= -1, "its packages_outstanding is negative")
        case .genesis, .sourceRegistered, .sourceRetired, .tick, .referenceRow, .referenceComplete,
            .policy:
            break
        }
        return found
    }

    private func isIdentifier(_ text: Text) -> Bool { (1...128).contains(text.count) }

    private func isZone(_ time: Timestamp) -> Bool { (-1439...1439).contains(time.offsetMinutes) }

    private func isPlausible(_ npi: Npi) -> Bool {
        npi.digits == Npi.other || npi.digits < 10_000_000_000
    }

    private func isPlausible(_ ndc: Ndc) -> Bool {
        guard ndc.isNormalised else { return true }
        let digits = ndc.code >> 56
        return (digits == 11 || digits == 12)
            && ndc.code & (1 << 56 - 1) < (digits == 11 ? 100_000_000_000 : 1_000_000_000_000)
    }
}

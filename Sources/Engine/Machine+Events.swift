internal import Journal

// Events into rows. Each changes what is known of some fills and has just those decided again.

extension Machine {
    // MARK: dispenses

    mutating func apply(
        _ dispense: Dispense,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        change = .dispense
        let id = unsafe IncomingIdentifier(
            record.bytes(dispense.dispenseID),
            word: inHand.thingWord
        )
        let idHash = inHand.thingHash
        var number = dispenseIndex.find(idHash) {
            isEqual(dispenses[$0].id, id) && self.entity(ofFill: dispenses[$0].fill) == entity
        }
        let occurredAt = header.occurredAt.instant.microseconds
        // The last record of a dispense counts, by `occurred_at`, then arrival (SEMANTICS 11).
        if number != 0, occurredAt < dispenses[number].occurredAt {
            counts.superseded += 1
            // The fill that it was about before has lost it, as if the records had come in their order (2, 11).
            let fill = unsafe fill(
                inHand.pharmacy,
                record.bytes(dispense.rxNumber),
                dispense.fillNumber,
                header.recordedAt
            )
            if fill != dispenses[number].fill, !fills[fill].hadDispense {
                fills[fill].hadDispense = true
                decide(fill)
            }
            return
        }
        counts.applied += 1
        let patient = unsafe patient(record.bytes(header.tokens), entity)
        let fill = unsafe fill(
            inHand.pharmacy,
            record.bytes(dispense.rxNumber),
            dispense.fillNumber,
            header.recordedAt
        )
        if dispense.status == .returned, fills[fill].firstDispense == 0, fills[fill].firstClaim == 0
        {
            counts.reversalsOfUnknownFills += 1
        }
        var row = DispenseRow(
            id: .none,
            quantity: dispense.quantity.millionths,
            occurredAt: occurredAt,
            offset: offset,
            fill: fill,
            patient: patient,
            prescriber: inHand.prescriber,
            site: inHand.site,
            product: inHand.product,
            writtenOn: dispense.writtenOn.day,
            occurredOffset: header.occurredAt.offsetMinutes,
            unit: dispense.unit,
            status: dispense.status,
            setting: dispense.setting,
            payment: dispense.payment,
            dispensingStatus: dispense.dispensingStatus?.rawValue ?? 0xFF
        )

        affected.empty()
        if number == 0 {
            row.id = keep(id)
            number = dispenses.insert(row)
            dispenseIndex.insert(idHash, number)
        } else {
            let before = dispenses[number]
            collectVelocity(of: number)
            if before.fill != fill { affected.append(before.fill) }
            unlinkFromFill(number)
            unlinkFromPatient(number, keeping: patient)
            row.id = before.id
            dispenses[number] = row
            linkToPatient(number)
            linkToFill(number)
            finish(dispense: number, fill)
            return
        }
        linkToPatient(number)
        linkToFill(number)
        finish(dispense: number, fill)
    }

    private mutating func finish(dispense number: UInt32, _ fill: UInt32) {
        fills[fill].hadDispense = true
        collectVelocity(of: number)
        if mergedPatient != 0 { collectFills(ofPatient: mergedPatient) }
        if affected.isEmpty {
            decide(fill)
        } else {
            affected.append(fill)
            decideAffected()
        }
    }

    /// Puts a dispense into its patient's chain, which runs from the latest to the earliest.
    mutating func linkToPatient(_ dispense: UInt32) {
        let patient = dispenses[dispense].patient
        guard patient != 0 else { return }
        let occurredAt = dispenses[dispense].occurredAt
        var previous: UInt32 = 0
        var next = patients[patient].firstDispense
        if let crowd = crowds[patient] {
            add(dispense: dispense, to: crowd)
            previous = crowd.dispenses.row(behind: dispense, at: occurredAt)
            if previous != 0 { next = dispenses[previous].nextOfPatient }
        }
        while next != 0, dispenses[next].occurredAt > occurredAt {
            previous = next
            next = dispenses[next].nextOfPatient
        }
        dispenses[dispense].nextOfPatient = next
        if previous == 0 {
            patients[patient].firstDispense = dispense
        } else {
            dispenses[previous].nextOfPatient = dispense
        }
    }

    /// Puts a dispense into its fill's chain, in the order of `occurred_at`, then arrival.
    private mutating func linkToFill(_ dispense: UInt32) {
        let row = dispenses[dispense]
        var previous: UInt32 = 0
        var next = fills[row.fill].firstDispense
        while next != 0, dispenses[next].occurredAt <= row.occurredAt {
            previous = next
            next = dispenses[next].nextOfFill
        }
        dispenses[dispense].nextOfFill = next
        if previous == 0 {
            fills[row.fill].firstDispense = dispense
        } else {
            dispenses[previous].nextOfFill = dispense
        }
    }

    private mutating func unlinkFromFill(_ dispense: UInt32) {
        let row = dispenses[dispense]
        if fills[row.fill].firstDispense == dispense {
            fills[row.fill].firstDispense = row.nextOfFill
            return
        }
        var previous = fills[row.fill].firstDispense
        while previous != 0, dispenses[previous].nextOfFill != dispense {
            previous = dispenses[previous].nextOfFill
        }
        if previous != 0 { dispenses[previous].nextOfFill = row.nextOfFill }
    }

    /// Notes the other fills of the same patient and product whose pattern this dispense may change (SEMANTICS 32).
    private mutating func collectVelocity(of number: UInt32) {
        let row = dispenses[number]
        guard row.patient != 0, row.setting == .retail else { return }
        // The chain runs from the latest to the earliest: a dispense that comes in its time looks at none.
        var other = patients[row.patient].firstDispense
        while other != 0, dispenses[other].occurredAt >= row.occurredAt {
            if other != number, dispenses[other].product == row.product,
                dispenses[other].fill != row.fill
            {
                affected.append(dispenses[other].fill)
            }
            other = dispenses[other].nextOfPatient
        }
    }

    mutating func collectFills(ofPatient patient: UInt32) {
        var dispense = patients[patient].firstDispense
        while dispense != 0 {
            affected.append(dispenses[dispense].fill)
            dispense = dispenses[dispense].nextOfPatient
        }
        mergedPatient = 0
    }

    // MARK: claims

    mutating func apply(
        _ claim: Claim,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        change = .claim
        guard claim.status == .paid else {
            counts.claimsRejected += 1
            return
        }
        counts.applied += 1
        let fill = unsafe fill(
            inHand.pharmacy,
            record.bytes(claim.rxNumber),
            claim.fillNumber,
            header.recordedAt
        )
        if claim.transaction == .reversal, fills[fill].firstDispense == 0,
            fills[fill].firstClaim == 0
        {
            counts.reversalsOfUnknownFills += 1
        }
        let id = unsafe IncomingIdentifier(record.bytes(claim.claimID))
        let row = ClaimRow(
            id: keep(id),
            quantity: claim.quantity.millionths,
            occurredAt: header.occurredAt.instant.microseconds,
            offset: offset,
            product: inHand.product,
            payer: reference.payer(claim, in: record),
            codes: unsafe codeSet(record.bytes(claim.clarificationCodes)),
            coverageOrder: UInt16(clamping: claim.coverageOrder),
            occurredOffset: header.occurredAt.offsetMinutes,
            transaction: claim.transaction,
            dispensingStatus: claim.dispensingStatus?.rawValue ?? 0xFF,
            isClaimed340B: claim.isClaimed340B
        )
        let number = claims.insert(row)
        var previous: UInt32 = 0
        var next = fills[fill].firstClaim
        while next != 0, claims[next].occurredAt <= row.occurredAt {
            previous = next
            next = claims[next].next
        }
        claims[number].next = next
        if previous == 0 {
            fills[fill].firstClaim = number
        } else {
            claims[previous].next = number
        }
        decide(fill, isPatientSame: true)
    }

    /// The fill of a key, which is made if it is new; either way its last record is this one.
    ///
    /// A record that was read ahead of the other sources arrives, for graces and forgetting, when monitor time gets to
    /// where it was recorded: until then its claim or visit can't have been copied (SEMANTICS 1, 5).
    private mutating func fill(
        _ pharmacy: UInt32,
        _ rx: UnsafeRawBufferPointer,
        _ fillNumber: UInt32,
        _ recordedAt: Instant
    ) -> UInt32 {
        let incoming = unsafe IncomingIdentifier(rx, word: inHand.rxWord)
        let hash = inHand.fillHash
        let found = fillIndex.find(hash) {
            fills[$0].pharmacy == pharmacy && fills[$0].fillNumber == fillNumber
                && isEqual(fills[$0].rx, incoming)
        }
        let arrival = max(now, recordedAt)
        let day = arrival.utcDate.day
        if found != 0 {
            fills[found].lastDay = max(fills[found].lastDay, day)
            return found
        }
        let number = fills.insert(
            FillRow(
                rx: keep(incoming),
                firstArrival: arrival.microseconds,
                pharmacy: pharmacy,
                fillNumber: fillNumber,
                lastDay: day
            )
        )
        fillIndex.insert(hash, number)
        if now == .distantPast { undated.append(number) } else { remember(fill: number) }
        return number
    }

    /// Has a fill looked at when it may be forgotten.
    mutating func remember(fill: UInt32) {
        fills[fill].nextInBucket = fillBuckets.insert(
            fill,
            due: fills[fill].lastDay &+ Int32(horizonDays) &+ 1,
            today: today
        )
    }
}

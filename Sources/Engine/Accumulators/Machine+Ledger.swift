internal import Journal

// The ledger: every balance is the sum of its published increments at every offset; nothing is edited
// (SEMANTICS 26-30). A decision that qualifies posts its quantity, one that stops being so takes it back.

extension Machine {
    /// Why an increment was posted (OUTPUTS, "accumulators").
    enum IncrementReason {
        case dispense, takenBackByReturn, reversal, replenishment, adjustment

        var text: StaticString {
            switch self {
            case .dispense: "dispense"
            case .takenBackByReturn: "return"
            case .reversal: "reversal"
            case .replenishment: "replenishment"
            case .adjustment: "adjustment"
            }
        }
    }

    /// What an increment comes from.
    enum IncrementCause {
        case fill
        case replenishment(UInt32)
        /// A disposition, with the event's id; an adjustment, with its own.
        case disposition(Text)
        case adjustment(Text)
    }

    /// Posts what a change of decision means, the decrement first.
    mutating func post(_ facts: Facts, from before: Decided, to after: Decided) {
        let isSame =
            before.posted == after.posted && before.product == after.product
            && before.quantity == after.quantity
        if before.posted == .none && after.posted == .none || isSame { return }
        let pharmacy = fills[facts.fill].pharmacy
        if before.posted != .none {
            let reason: IncrementReason =
                after.outcome != .reversed
                ? .adjustment
                : facts.primary == 0 && facts.hasReturned ? .takenBackByReturn : .reversal
            let accumulator = accumulator(
                pharmacy,
                before.product,
                before.posted == .discounted ? .discounted : .groupPurchasing
            )
            move(
                accumulator,
                by: -Balance(Quantity(millionths: before.quantity)),
                reason,
                .fill,
                facts,
                // A fill that has lost its only dispense has no time of its own: the record that took it has one.
                occurredAt: facts.occurredAt == .min ? recordOccurredAt : facts.occurredAt
            )
        }
        if after.posted != .none {
            let accumulator = accumulator(
                pharmacy,
                after.product,
                after.posted == .discounted ? .discounted : .groupPurchasing
            )
            let quantity = Balance(Quantity(millionths: after.quantity))
            if after.posted == .discounted {
                noteUse(accumulator, Quantity(millionths: after.quantity))
            }
            move(accumulator, by: quantity, .dispense, .fill, facts, occurredAt: facts.occurredAt)
            replenish(accumulator, facts, occurredAt: facts.occurredAt)
        }
    }

    static func accumulatorHash(_ pharmacy: UInt32, _ product: UInt32, _ account: Account) -> UInt64
    {
        Hash.words(UInt64(pharmacy) << 32 | UInt64(product), UInt64(account.rawValue))
    }

    /// The accumulator of a key, which is made if it is new.
    mutating func accumulator(_ pharmacy: UInt32, _ product: UInt32, _ account: Account) -> UInt32 {
        let key = Self.accumulatorHash(pharmacy, product, account)
        let found = accumulatorIndex.find(key) {
            accumulators[$0].pharmacy == pharmacy && accumulators[$0].product == product
                && accumulators[$0].account == account
        }
        if found != 0 { return found }
        let number = accumulators.insert(
            AccumulatorRow(pharmacy: pharmacy, product: product, account: account)
        )
        accumulatorIndex.insert(key, number)
        return number
    }

    /// Posts one increment or decrement, and looks at what the new balance means.
    mutating func move(
        _ number: UInt32,
        by quantity: Balance,
        _ reason: IncrementReason,
        _ cause: IncrementCause,
        _ facts: Facts?,
        occurredAt: Int64,
        record: RecordView? = nil
    ) {
        let before = accumulators[number].balance
        let after = before + quantity
        accumulators[number].balance = after
        // Packages go from the balance to what is proposed and, rejected, back: the net quantity stays what it was.
        switch cause {
        case .fill, .adjustment: accumulators[number].net = accumulators[number].net + quantity
        case .replenishment, .disposition: break
        }
        if accumulators[number].firstMoved == .min {
            accumulators[number].firstMoved = now.microseconds
        }
        accumulators[number].lastMoved = now.microseconds
        accumulators[number].boughtWhenMoved = accumulators[number].bought
        writeIncrement(number, quantity, reason, cause, facts, occurredAt: occurredAt, record)
        accumulators[number].keySequence += 1
        guard accumulators[number].account == .discounted else { return }
        // Each movement puts the moment off; only another version can bring it forward.
        if accumulators[number].watchedAt == .max || numbers.count > 1 { watch(number) }
        settleAccumulator(number, wentNegative: before >= .zero && after < .zero)
    }

    /// Proposes the whole packages that a balance holds (27).
    private mutating func replenish(
        _ number: UInt32,
        _ facts: Facts,
        occurredAt: Int64
    ) {
        let row = accumulators[number]
        let product = reference.products[row.product]
        guard product.isKnown, product.packageSize > 0 else { return }
        let size = Quantity(millionths: product.packageSize)
        guard row.balance >= Balance(size) else { return }
        let packages = Int64(clamping: row.balance.millionths / Int128(product.packageSize))
        let after = row.balance - Balance.packages(packages, of: size)
        let proposal = replenishments.insert(
            ReplenishmentRow(
                balanceBefore: row.balance,
                packages: packages,
                packageSize: product.packageSize,
                recordNumber: recordNumber,
                first: row.coveredFrom,
                last: row.keySequence - 1,
                accumulator: number,
                index: UInt32(outputIndex[3])
            )
        )
        let hash = Hash.words(
            UInt64(bitPattern: recordNumber),
            UInt64(replenishments[proposal].index)
        )
        replenishmentIndex.insert(hash, proposal)
        writeReplenishment(proposal, .proposed, policy(on: CivilDate(day: today)))
        accumulators[number].proposed = AccumulatorRow.sum(row.proposed, packages)
        move(
            number,
            by: after - row.balance,
            .replenishment,
            .replenishment(proposal),
            facts,
            occurredAt: occurredAt
        )
        accumulators[number].coveredFrom = accumulators[number].keySequence
        settleInvoices(number)
    }

    private mutating func forget(replenishment: UInt32) {
        let row = replenishments[replenishment]
        let hash = Hash.words(UInt64(bitPattern: row.recordNumber), UInt64(row.index))
        replenishmentIndex.remove(hash, replenishment)
        replenishments.remove(replenishment)
    }

    // MARK: events about accumulators

    mutating func apply(
        _ purchase: Purchase,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        change = .none
        counts.applied += 1
        // What was bought at WAC is reconciled with nothing.
        guard purchase.account != .wholesale else { return }
        let number = accumulator(
            reference.pharmacy(entity, purchase.pharmacy, in: record),
            reference.product(purchase.ndc, in: record),
            purchase.account
        )
        accumulators[number].bought = AccumulatorRow.sum(
            accumulators[number].bought,
            purchase.packages
        )
        let date = header.occurredAt.date
        let row = accumulators[number]
        let rule: Rule =
            purchase.account == .discounted ? .overReplenished : .gpoProhibitedPurchase
        // A credit brings the count down: it never is the purchase that was too many.
        let policy = policy(on: date)
        if purchase.packages > 0, row.bought > row.proposed, date >= numbers[policy].alertsFrom,
            isJudged(rule, number, date, policy)
        {
            let invoice = unsafe IncomingIdentifier(record.bytes(purchase.invoiceID))
            openInvoiceAlert(rule, number, invoice, date)
        }
        settleInvoices(number)
    }

    mutating func apply(
        _ adjustment: Adjustment,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        change = .adjustment
        let isOwnApproval = unsafe record.bytes(adjustment.approvedBy)
            .elementsEqual(record.bytes(adjustment.actor))
        let isApproved = !adjustment.approvedBy.isEmpty && !isOwnApproval
        // Four eyes: without a second person the record is kept and does nothing (37).
        guard isApproved, adjustment.account != .wholesale else {
            counts.adjustmentsUnapproved += 1
            return
        }
        counts.applied += 1
        let number = accumulator(
            reference.pharmacy(entity, adjustment.pharmacy, in: record),
            reference.product(adjustment.ndc, in: record),
            adjustment.account
        )
        if adjustment.packagesOutstanding > 0 {
            accumulators[number].proposed = AccumulatorRow.sum(
                accumulators[number].proposed,
                adjustment.packagesOutstanding
            )
        }
        move(
            number,
            by: Balance(adjustment.quantity),
            .adjustment,
            .adjustment(adjustment.adjustmentID),
            nil,
            occurredAt: header.occurredAt.instant.microseconds,
            record: record
        )
        settleInvoices(number)
    }

    mutating func apply(
        _ disposition: Disposition,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        change = .disposition
        let withoutEffect = counts.dispositionsWithoutEffect
        let subject = unsafe record.bytes(disposition.subjectID)
        let text = unsafe String(decoding: subject, as: UTF8.self)
        if text.hasPrefix("r_") {
            decide(replenishment: text, disposition, header, entity, record)
        } else if text.hasPrefix("a_") {
            noteAlert(text, disposition, entity, record)
        } else {
            counts.dispositionsWithoutEffect += 1
        }
        if counts.dispositionsWithoutEffect == withoutEffect { counts.applied += 1 }
    }

    /// Of `approved` and `rejected` the first stands; a rejection adds the packages back (27).
    private mutating func decide(
        replenishment text: String,
        _ disposition: Disposition,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        let parts = text.dropFirst(2).split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, Int32(parts[0]) == partition, let number = Int64(parts[1]),
            let index = UInt32(parts[2]), text == "r_\(partition)_\(number)_\(index)"
        else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        let found = replenishmentIndex.find(Hash.words(UInt64(bitPattern: number), UInt64(index))) {
            replenishments[$0].recordNumber == number && replenishments[$0].index == index
        }
        guard found != 0,
            disposition.decision == .approved || disposition.decision == .rejected,
            reference.pharmacies.rows[accumulators[replenishments[found].accumulator].pharmacy]
                .entity
                == entity
        else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        let row = replenishments[found]
        let policy = policy(on: CivilDate(day: today))
        let isRejected = disposition.decision == .rejected
        writeReplenishment(found, isRejected ? .rejected : .approved, policy)
        forget(replenishment: found)
        guard isRejected else { return }
        accumulators[row.accumulator].proposed -= row.packages
        let quantity = Balance.packages(row.packages, of: Quantity(millionths: row.packageSize))
        move(
            row.accumulator,
            by: quantity,
            .adjustment,
            .disposition(header.eventID),
            nil,
            occurredAt: header.occurredAt.instant.microseconds,
            record: record
        )
        settleInvoices(row.accumulator)
    }

    // MARK: records

    private mutating func writeIncrement(
        _ number: UInt32,
        _ quantity: Balance,
        _ reason: IncrementReason,
        _ cause: IncrementCause,
        _ facts: Facts?,
        occurredAt: Int64,
        _ record: RecordView?
    ) {
        if isSilent { return count(.accumulators) }
        let row = accumulators[number]
        let entity = reference.pharmacies.rows[row.pharmacy].entity
        let policy = policy(on: CivilDate(day: today))
        var out = pen(.accumulators)
        let index = outputIndex[2]
        begin(&out, .accumulators, entity, policy)
        out.put(",\"increment_id\":\"i_")
        putNumber(&out, recordNumber, index)
        out.put("\",\"key_sequence\":")
        out.put(row.keySequence)
        out.put(",\"pharmacy_npi\":")
        put(&out, reference.pharmacies, row.pharmacy)
        out.put(",\"ndc11\":")
        putProduct(&out, row.product)
        out.put(",\"account\":")
        put(&out, row.account)
        out.put(",\"unit\":")
        putUnit(&out, row.product)
        out.put(",\"quantity\":")
        out.put(quantity)
        out.put(",\"reason\":\"")
        out.put(oneOf: reason.text)
        out.put("\",\"balance\":")
        out.put(row.balance)
        out.put(",\"occurred_at\":")
        out.put(Instant(microseconds: occurredAt))
        out.put(",\"cause\":{\"kind\":")
        switch cause {
        case .fill:
            out.put("\"fill\"")
            if let facts {
                out.put(",\"decision_id\":\"d_")
                putNumber(
                    &out,
                    fills[facts.fill].decisionRecord,
                    Int64(fills[facts.fill].decisionIndex)
                )
                out.put("\"")
                putFillFields(&out, facts)
            }
        case .replenishment(let proposal):
            out.put("\"replenishment\",\"replenishment_id\":\"r_")
            putNumber(
                &out,
                replenishments[proposal].recordNumber,
                Int64(replenishments[proposal].index)
            )
            out.put("\"")
        case .disposition(let id):
            out.put("\"disposition\",\"event_id\":")
            if let record { unsafe out.put(string: record.bytes(id)) }
        case .adjustment(let id):
            out.put("\"adjustment\",\"adjustment_id\":")
            if let record { unsafe out.put(string: record.bytes(id)) }
        }
        out.put("}}")
        finish(.accumulators, entity, out)
    }

    func putUnit(_ out: inout Pen, _ product: UInt32) {
        putUnit(&out, BillingUnit(rawValue: reference.products[product].unit))
    }

    private mutating func writeReplenishment(
        _ number: UInt32,
        _ state: ReplenishmentState,
        _ policy: Int
    ) {
        if isSilent { return count(.replenishments) }
        let row = replenishments[number]
        let accumulator = accumulators[row.accumulator]
        let entity = reference.pharmacies.rows[accumulator.pharmacy].entity
        let size = Quantity(millionths: row.packageSize)
        var out = pen(.replenishments)
        begin(&out, .replenishments, entity, policy)
        out.put(",\"replenishment_id\":\"r_")
        putNumber(&out, row.recordNumber, Int64(row.index))
        out.put("\",\"pharmacy_npi\":")
        put(&out, reference.pharmacies, accumulator.pharmacy)
        out.put(",\"ndc11\":")
        putProduct(&out, accumulator.product)
        out.put(",\"account\":")
        put(&out, accumulator.account)
        out.put(",\"packages\":")
        out.put(row.packages)
        out.put(",\"package_size\":")
        out.put(Balance(size))
        out.put(",\"unit\":")
        putUnit(&out, accumulator.product)
        out.put(",\"balance_before\":")
        out.put(row.balanceBefore)
        out.put(",\"balance_after\":")
        out.put(row.balanceBefore - Balance.packages(row.packages, of: size))
        out.put(",\"state\":\"")
        out.put(oneOf: state.text)
        out.put("\",\"increments\":{\"first\":")
        out.put(row.first)
        out.put(",\"last\":")
        out.put(row.last)
        out.put("}}")
        finish(.replenishments, entity, out)
    }
}

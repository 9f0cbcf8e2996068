internal import Journal

// The rules about an accumulator or an invoice: accumulator_negative, over_accumulation, accumulator_stale (340B
// balances), over_replenished and gpo_prohibited_purchase (invoices). SEMANTICS 28-31.

extension Machine {
    /// Looks at a 340B balance after it moved.
    mutating func settleAccumulator(_ number: UInt32, wentNegative: Bool) {
        let date = CivilDate(day: today)
        let policy = policy(on: date)
        let inForce = rulesInForce(policy, on: date)
        moveWindow(number, policy)
        let row = accumulators[number]

        let isNegative =
            row.balance < .zero && (wentNegative || hasOpenAlert(number, .accumulatorNegative))
        settle(.accumulatorNegative, number, isNegative, policy, inForce)
        settle(.overAccumulation, number, isOverAccumulated(row, policy), policy, inForce)
        // It has just moved.
        if hasOpenAlert(number, .accumulatorStale) {
            settle(.accumulatorStale, number, false, policy, inForce)
        }
    }

    /// Units accumulated less bought: at least so many packages, and more than so many days of use (30).
    private func isOverAccumulated(_ row: AccumulatorRow, _ policy: Int) -> Bool {
        let product = reference.products[row.product]
        guard product.isKnown, product.packageSize > 0 else { return false }
        let values = numbers[policy]
        let size = Quantity(millionths: product.packageSize)
        let excess = row.net - Balance.packages(row.boughtWhenMoved, of: size)
        guard excess >= Balance.packages(Int64(values.overAccumulationPackages), of: size) else {
            return false
        }
        let (use, span) = use(row, policy)
        return excess.millionths &* Int128(span)
            > Int128(values.overAccumulationDays) &* 86_400_000_000 &* use.millionths
    }

    // MARK: stale balances

    /// When a balance that moves no more will have waited too long, by the version in force now (30, 34).
    private func staleMoment(_ row: AccumulatorRow) -> Int64 {
        let policy = policy(on: CivilDate(day: judgedOn))
        return row.lastMoved &+ Int64(numbers[policy].staleDays) &* 86_400_000_000
    }

    /// Has a balance looked at when it will have waited too long.
    mutating func watch(_ number: UInt32) {
        guard accumulators[number].balance != .zero, accumulators[number].lastMoved != .min else {
            return
        }
        let moment = staleMoment(accumulators[number])
        guard moment < accumulators[number].watchedAt else { return }
        accumulators[number].watchedAt = moment
        deadlines.insert(at: moment, row: number | Self.accumulatorBit)
    }

    /// A balance's moment has come: it moved meanwhile, waits longer by the version now in force, or is stale.
    mutating func judgeStale(_ number: UInt32) {
        // Another version brought its moment forward: then this is none any more.
        guard accumulators[number].watchedAt == firing else { return }
        accumulators[number].watchedAt = .max
        let date = CivilDate(day: judgedOn)
        let policy = policy(on: date)
        settleStale(number, policy, rulesInForce(policy, on: date))
    }

    private mutating func settleStale(_ number: UInt32, _ policy: Int, _ inForce: RuleSet) {
        let row = accumulators[number]
        guard row.balance != .zero else { return }
        let isStale = judgedAt >= staleMoment(row)
        settle(.accumulatorStale, number, isStale, policy, inForce)
        if !isStale { watch(number) }
    }

    // MARK: changes of policy and tables

    /// After a change of policy or tables, and on the days on which a version comes into force: rules may have been
    /// switched off or on, and other limits may hold.
    mutating func settleAccumulators() {
        guard accumulators.count > 0 else { return }
        let date = CivilDate(day: judgedOn)
        let policy = policy(on: date)
        let inForce = rulesInForce(policy, on: date)
        for number in 1..<UInt32(accumulators.used) {
            let row = accumulators[number]
            if row.account == .discounted, row.lastMoved != .min {
                settle(
                    .accumulatorNegative,
                    number,
                    row.balance < .zero && hasOpenAlert(number, .accumulatorNegative),
                    policy,
                    inForce
                )
                settle(
                    .overAccumulation,
                    number,
                    hasOpenAlert(number, .overAccumulation) && isOverAccumulated(row, policy),
                    policy,
                    inForce
                )
                settleStale(number, policy, inForce)
            }
            reviewInvoices(number)
        }
    }

    func hasOpenAlert(_ number: UInt32, _ rule: Rule) -> Bool {
        var alert = accumulators[number].firstAlert
        while alert != 0 {
            if alerts[alert].rule == rule { return alerts[alert].isOpen }
            alert = alerts[alert].next
        }
        return false
    }
}

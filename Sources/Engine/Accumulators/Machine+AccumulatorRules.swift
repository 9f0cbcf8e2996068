internal import Journal

// The rules about an accumulator or an invoice: accumulator_negative, over_accumulation, accumulator_stale (340B
// balances), over_replenished and gpo_prohibited_purchase (invoices). SEMANTICS 28-31.

extension Machine {
    /// Looks at a 340B balance after it moved.
    mutating func settleAccumulator(_ number: UInt32, wentNegative: Bool) {
        let date = CivilDate(day: today)
        let policy = policy(on: date)
        let inForce = rulesInForce(policy, on: date)
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

    /// What fills used in the window up to the last movement, and how many microseconds that is: since the first
    /// movement, within bounds.
    func use(_ row: AccumulatorRow, _ policy: Int) -> (Balance, Int64) {
        let values = numbers[policy]
        let day = 86_400_000_000 as Int64
        let first = row.lastMoved &- Int64(values.useDays) &* day
        var sum = Balance.zero
        var number = row.firstUse
        while number != 0, uses[number].at >= first {
            sum = sum + Balance(uses[number].quantity)
            number = uses[number].next
        }
        let since = row.firstMoved == .min ? 0 : row.lastMoved &- row.firstMoved
        return (
            sum, min(Int64(values.useDays) &* day, max(Int64(values.useDaysLeast) &* day, since))
        )
    }

    // MARK: stale balances

    /// Has a moved balance looked at when it will have waited too long.
    func staleMoment(_ row: AccumulatorRow) -> Int64 {
        let policy = policy(on: Instant(microseconds: row.lastMoved).utcDate)
        return row.lastMoved &+ Int64(numbers[policy].staleDays) &* 86_400_000_000
    }

    mutating func watch(_ number: UInt32) {
        guard !accumulators[number].isWatched, accumulators[number].balance != .zero,
            accumulators[number].lastMoved != .min
        else { return }
        accumulators[number].isWatched = true
        deadlines.insert(at: staleMoment(accumulators[number]), row: number | Self.accumulatorBit)
    }

    /// A balance's moment has come: it moved meanwhile, or it is stale.
    mutating func judgeStale(_ number: UInt32) {
        accumulators[number].isWatched = false
        let row = accumulators[number]
        guard row.balance != .zero else { return }
        let moment = staleMoment(row)
        if now.microseconds < moment {
            watch(number)
            return
        }
        let date = CivilDate(day: today)
        let policy = policy(on: date)
        settle(.accumulatorStale, number, true, policy, rulesInForce(policy, on: date))
    }

    // MARK: invoices

    /// Resolves what is open about invoices once the cumulative count is covered (25, 28, 31).
    mutating func settleInvoices(_ number: UInt32) {
        let row = accumulators[number]
        guard row.firstAlert != 0, row.bought <= row.proposed else { return }
        let policy = policy(on: CivilDate(day: today))
        var alert = row.firstAlert
        while alert != 0 {
            let one = alerts[alert]
            if one.isOpen, one.rule == .overReplenished || one.rule == .gpoProhibitedPurchase {
                resolve(alert, policy, .covered)
            }
            alert = one.next
        }
    }

    /// After a change of policy or tables: rules may have been switched off or on.
    mutating func settleAccumulators() {
        guard accumulators.count > 0 else { return }
        let date = CivilDate(day: today)
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
                if change == .policy, row.balance != .zero {
                    let isStale = now.microseconds >= staleMoment(row)
                    settle(.accumulatorStale, number, isStale, policy, inForce)
                    if !isStale {
                        deadlines.insert(at: staleMoment(row), row: number | Self.accumulatorBit)
                        accumulators[number].isWatched = true
                    }
                }
            }
            var alert = row.firstAlert
            while alert != 0 {
                let one = alerts[alert]
                if one.isOpen, one.rule == .overReplenished || one.rule == .gpoProhibitedPurchase,
                    !policies[policy].policy[one.rule].isEnabled
                {
                    resolve(alert, policy, .ruleDisabled)
                }
                alert = one.next
            }
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

internal import Journal

// What fills used of an accumulator lately, by which over-accumulation is measured (SEMANTICS 30).

extension Machine {
    /// Notes what a fill used of an accumulator; what lies out of every version's window is let go.
    mutating func noteUse(_ number: UInt32, _ quantity: Quantity) {
        var list = accumulators[number].uses
        let added = uses.insert(UseRow(quantity: quantity, at: now.microseconds))
        if list.newest == 0 { list.oldest = added } else { uses[list.newest].next = added }
        list.newest = added
        if list.start == 0 { list.start = added }
        list.sum = list.sum + Balance(quantity)

        var longest: Int32 = 0
        for policy in numbers { longest = max(longest, policy.useDays) }
        let first = Self.windowStart(now.microseconds, longest)
        while uses[list.oldest].at < first {
            let old = list.oldest
            if old == list.start { passStart(&list) }
            list.oldest = uses[old].next
            uses.remove(old)
        }
        accumulators[number].uses = list
    }

    /// What was used before any time was known counts from the first moment that is.
    mutating func dateUses(_ number: UInt32) {
        var use = accumulators[number].uses.oldest
        while use != 0 {
            uses[use].at = now.microseconds
            use = uses[use].next
        }
    }

    /// After a movement: what lies before the window of the version in force leaves the sum.
    mutating func moveWindow(_ number: UInt32, _ policy: Int) {
        var list = accumulators[number].uses
        guard list.oldest != 0 else { return }
        let days = numbers[policy].useDays
        let first = Self.windowStart(accumulators[number].lastMoved, days)
        if list.days != days {
            list.days = days
            list.start = list.oldest
            list.sum = sum(from: list.oldest, since: .min)
        }
        while list.start != 0, uses[list.start].at < first { passStart(&list) }
        accumulators[number].uses = list
    }

    /// What fills used in the window up to the last movement, and how many microseconds that is: since the first
    /// movement, within bounds.
    func use(_ row: AccumulatorRow, _ policy: Int) -> (Balance, Int64) {
        let values = numbers[policy]
        let day = 86_400_000_000 as Int64
        let since = row.firstMoved == .min ? 0 : row.lastMoved &- row.firstMoved
        let span = min(
            Int64(values.useDays) &* day,
            max(Int64(values.useDaysLeast) &* day, since)
        )
        if values.useDays == row.uses.days { return (row.uses.sum, span) }
        // Another version than that of the last movement, with another window.
        return (
            sum(from: row.uses.oldest, since: Self.windowStart(row.lastMoved, values.useDays)), span
        )
    }

    private static func windowStart(_ end: Int64, _ days: Int32) -> Int64 {
        end == .min ? .min : end &- Int64(days) &* 86_400_000_000
    }

    private mutating func passStart(_ list: inout UseList) {
        list.sum = list.sum - Balance(uses[list.start].quantity)
        list.start = uses[list.start].next
    }

    private func sum(from first: UInt32, since moment: Int64) -> Balance {
        var sum = Balance.zero
        var number = first
        while number != 0 {
            if uses[number].at >= moment { sum = sum + Balance(uses[number].quantity) }
            number = uses[number].next
        }
        return sum
    }
}

internal import Journal

// Several fills decided at once: those that a record, a publication or a policy touches, each once, in the contract's order.

extension Machine {
    /// Decides the fills in `affected`, each once, by dispense `occurred_at`, then `dispense_id` (SEMANTICS 26).
    mutating func decideAffected() {
        if affected.count > 1 {
            var order = affected
            order.sort { isBefore($0, $1) }
            var previous: UInt32 = 0
            for fill in order where fill != previous {
                previous = fill
                decide(fill)
            }
        } else if let only = affected.first {
            decide(only)
        }
        affected.removeAll(keepingCapacity: true)
    }

    /// By dispense `occurred_at`, then `dispense_id` (SEMANTICS 26).
    func isBefore(_ left: UInt32, _ right: UInt32) -> Bool {
        if left == right { return false }
        let a = leading(left)
        let b = leading(right)
        // A fill without a dispense has lost the one that another now has: it goes first.
        if a == 0 || b == 0 { return a == b ? left < right : a == 0 }
        if dispenses[a].occurredAt != dispenses[b].occurredAt {
            return dispenses[a].occurredAt < dispenses[b].occurredAt
        }
        let x = text(of: dispenses[a].id)
        let y = text(of: dispenses[b].id)
        return x == y ? left < right : x.lexicographicallyPrecedes(y)
    }

    /// The dispense that gives a fill its time: the earliest active one, else the earliest; 0 where it has none.
    private func leading(_ fill: UInt32) -> UInt32 {
        let active = primary(of: fill)
        return active != 0 ? active : fills[fill].firstDispense
    }

    /// Decides again what a publication touched, and only that (SEMANTICS 34).
    mutating func redecide(_ touched: Reference.Touched) {
        guard !touched.isEmpty, !policies.isEmpty else { return }
        change = .reference
        redecideAll { machine, fill in
            let row = machine.fills[fill]
            if touched.pharmacies.contains(row.pharmacy)
                || touched.entities.contains(machine.reference.pharmacies.rows[row.pharmacy].entity)
            {
                return true
            }
            var dispense = row.firstDispense
            while dispense != 0 {
                let one = machine.dispenses[dispense]
                if touched.sites.contains(one.site) || touched.providers.contains(one.prescriber)
                    || touched.products.contains(one.product)
                    || touched.labelers.contains(machine.reference.products[one.product].labeler)
                {
                    return true
                }
                dispense = one.nextOfFill
            }
            // A bill without its drug is judged by what it names itself.
            var claim = row.firstDispense == 0 ? row.firstClaim : 0
            while claim != 0 {
                if touched.products.contains(machine.claims[claim].product) { return true }
                claim = machine.claims[claim].next
            }
            return touched.payers && row.firstClaim != 0
        }
        settleAccumulators()
    }

    /// Decides all remembered fills that `isTouched` accepts, in the contract's order.
    mutating func redecideAll(_ isTouched: (borrowing Machine, UInt32) -> Bool) {
        guard reference.isComplete, fills.count > 0 else { return }
        affected.removeAll(keepingCapacity: true)
        for fill in 1..<UInt32(fills.used) where isAlive(fill) && isTouched(self, fill) {
            affected.append(fill)
        }
        decideAffected()
    }

    /// Whether a number is a fill that is remembered: a freed row has neither dispense nor claim nor decision.
    func isAlive(_ fill: UInt32) -> Bool {
        fills[fill].firstDispense != 0 || fills[fill].firstClaim != 0
            || fills[fill].decided.outcome != .none
    }
}

public import Journal

/// What another policy would have changed.
///
/// Everywhere `before` is the policy that was in force, `after` the other one.
public struct VerdictDiff: Sendable {
    /// The last decision about a fill.
    public struct Verdict: Sendable, Hashable {
        /// `qualified`, `not_qualified`, `pending`, `reversed` or `missed_opportunity`.
        public var outcome: String
        /// `340B`, `GPO`, `WAC`; nil where there is none.
        public var account: String?
        /// Rules that failed, in the contract's order.
        public var failed: [Rule]
        /// Rules that were pending.
        public var pending: [Rule]
        /// Billing units.
        public var quantity: Quantity
        public var unit: String?
        public var ndc11: String?
    }

    /// What a change of units is worth at the prices of the journal's purchases.
    public struct Money: Sendable, Hashable {
        /// Billing units that more (or fewer) come from 340B stock.
        public var units: Balance
        /// Dollars of a package at the 340B account's price; nil where no purchase had a price.
        public var price340B: Quantity?
        /// Dollars of a package at the WAC account's price, else GPO's; nil where no purchase had a price.
        public var otherPrice: Quantity?
        /// Whose price the other is.
        public var otherAccount: String?
        /// Billing units of a package; nil where the product is not in the tables.
        public var packageSize: Quantity?

        /// Dollars that more (or less) are spent on 340B stock, to the millionth.
        public var spent: Balance? { price340B.flatMap(dollars) }
        /// Dollars that more (or less) are saved: what the same units cost in the other account, less the 340B price.
        public var saved: Balance? {
            guard let price340B, let otherPrice else { return nil }
            guard let other = dollars(otherPrice), let own = dollars(price340B) else { return nil }
            return other - own
        }

        /// Units × price ÷ package size; the seventh place behind the point is rounded, halves away from zero.
        private func dollars(_ price: Quantity) -> Balance? {
            guard let packageSize, packageSize.millionths > 0 else { return nil }
            let product = units.millionths * Int128(price.millionths)
            let size = Int128(packageSize.millionths)
            let half = product < 0 ? -(size / 2) : size / 2
            return Balance(millionths: (product + half) / size)
        }
    }

    /// A fill that ends with another verdict.
    public struct Fill: Sendable {
        public var entity: String
        public var pharmacy: String
        public var rxNumber: String
        public var fillNumber: String
        public var dispenseID: String?
        /// Nil where one of the policies decided nothing about it.
        public var before: Verdict?
        public var after: Verdict?
        public var money: Money

        /// Rules whose result is another one.
        public var changedRules: RuleSet {
            func sets(_ verdict: Verdict?) -> (RuleSet, RuleSet) {
                var failed: RuleSet = []
                var pending: RuleSet = []
                for rule in verdict?.failed ?? [] { failed.add(rule) }
                for rule in verdict?.pending ?? [] { pending.add(rule) }
                return (failed, pending)
            }
            let (first, second) = (sets(before), sets(after))
            return first.0.symmetricDifference(second.0)
                .union(first.1.symmetricDifference(second.1))
        }
    }

    /// An alert that is open at the end with one policy and not with the other, or with another severity or owner.
    public struct Alert: Sendable {
        public var id: String
        public var entity: String
        public var rule: Rule
        /// Its subject, as JSON.
        public var subject: String
        /// Nil where it is not open.
        public var before: (severity: String, owner: String)?
        public var after: (severity: String, owner: String)?
    }

    /// An accumulator as it ends.
    public struct Ledger: Sendable, Hashable {
        /// Billing units.
        public var balance = Balance.zero
        /// Billing units that decisions added, less those taken back.
        public var earned = Balance.zero
        /// Packages proposed, less those rejected.
        public var packagesDue: Int64 = 0
    }

    /// An accumulator that ends otherwise.
    public struct Accumulator: Sendable {
        public var entity: String
        public var pharmacy: String
        public var ndc11: String?
        public var account: String
        public var before: Ledger
        public var after: Ledger
    }

    /// What changes about one rule.
    public struct OfRule: Sendable {
        public var rule: Rule
        /// Fills that fail it at the end, and fills in which it is pending.
        public var failed = (before: 0, after: 0)
        public var pending = (before: 0, after: 0)
        /// Fills whose verdict changed and whose result of this rule is another one.
        public var changedFills = 0
        /// Alerts open at the end, opened in the range, resolved in the range.
        public var open = (before: 0, after: 0)
        public var opened = (before: 0, after: 0)
        public var resolved = (before: 0, after: 0)
        /// 340B units of the changed fills, and their dollars as far as there are prices. A fill counts at every rule
        /// whose result changed, so rules do not add up to the whole.
        public var units = Balance.zero
        public var spent = Balance.zero
        public var saved = Balance.zero

        init(_ rule: Rule) { self.rule = rule }

        /// Whether anything about it differs.
        public var isChanged: Bool {
            failed.before != failed.after || pending.before != pending.after || changedFills > 0
                || open.before != open.after || opened.before != opened.after
                || resolved.before != resolved.after
        }
    }

    /// Policy versions by name.
    public var beforeVersions: [String] = []
    public var afterVersions: [String] = []
    /// Fills decided in the range by either policy.
    public var fillCount = 0
    /// Those whose verdict differs, by entity, pharmacy, prescription and fill.
    public var fills: [Fill] = []
    /// Fills by outcome at the end.
    public var outcomes: [(outcome: String, before: Int, after: Int)] = []
    /// How many changed fills went from which outcome to which; nil is none.
    public var moves: [(before: String?, after: String?, fills: Int, units: Balance)] = []
    /// Alerts that differ at the end, by rule, entity and id.
    public var alerts: [Alert] = []
    /// Accumulators that differ at the end, and how many there are.
    public var accumulators: [Accumulator] = []
    public var accumulatorCount = 0
    /// All rules, in the contract's order.
    public var rules: [OfRule] = Rule.allCases.map { OfRule($0) }
    /// Over all changed fills: 340B units, dollars as far as there are prices.
    public var units = Balance.zero
    public var spent = Balance.zero
    public var saved = Balance.zero
    /// Changed fills that move 340B units and have no price for the one or the other.
    public var fillsWithoutSpent = 0
    public var fillsWithoutSaved = 0

    /// Whether nothing differs.
    public var isSame: Bool {
        fills.isEmpty && alerts.isEmpty && accumulators.isEmpty
            && !rules.contains(where: \.isChanged)
    }
}

internal import Engine
internal import Journal

extension VerdictBook {
    /// What differs between the two folds, of which the second had these versions of a policy.
    func diff(_ versions: [Policy]) -> VerdictDiff {
        var diff = VerdictDiff()
        diff.beforeVersions = sides[0].versions
        diff.afterVersions = versions.map(\.version)
        addFills(&diff)
        addAlerts(&diff)
        addAccumulators(&diff)
        return diff
    }

    private func parts(_ key: [UInt8]) -> [String?] {
        key.split(separator: 0x1F, omittingEmptySubsequences: false).map { OutputValue.text($0) }
    }

    private func text(_ word: UInt32) -> String? { OutputValue.text(words[word]) }

    private func rules(_ set: RuleSet) -> [Rule] {
        var rest = set
        var rules: [Rule] = []
        while let rule = rest.popFirst() { rules.append(rule) }
        return rules
    }

    private func verdict(_ decision: Decision) -> VerdictDiff.Verdict {
        VerdictDiff.Verdict(
            outcome: text(decision.outcome) ?? "",
            account: text(decision.account),
            failed: rules(decision.failed),
            pending: rules(decision.pending),
            quantity: Quantity(millionths: decision.quantity),
            unit: text(decision.unit),
            ndc11: text(decision.product)
        )
    }

    /// Units that come from 340B stock.
    private func units(_ verdict: VerdictDiff.Verdict?) -> Balance {
        guard let verdict, verdict.outcome == "qualified", verdict.account == "340B" else {
            return .zero
        }
        return Balance(verdict.quantity)
    }

    private func addFills(_ diff: inout VerdictDiff) {
        var outcomes: [String: (Int, Int)] = [:]
        var moves: [String: (String?, String?, Int, Balance)] = [:]
        for key in 0..<UInt32(fillKeys.count) {
            let before = sides[0].fills[key]
            let after = sides[1].fills[key]
            guard before?.isInRange == true || after?.isInRange == true else { continue }
            diff.fillCount += 1
            if let before {
                outcomes[text(before.outcome) ?? "", default: (0, 0)].0 += 1
                for rule in rules(before.failed) {
                    diff.rules[Int(rule.rawValue)].failed.before += 1
                }
                for rule in rules(before.pending) {
                    diff.rules[Int(rule.rawValue)].pending.before += 1
                }
            }
            if let after {
                outcomes[text(after.outcome) ?? "", default: (0, 0)].1 += 1
                for rule in rules(after.failed) { diff.rules[Int(rule.rawValue)].failed.after += 1 }
                for rule in rules(after.pending) {
                    diff.rules[Int(rule.rawValue)].pending.after += 1
                }
            }
            guard before != after else { continue }
            let names = parts(fillKeys[key])
            let left = before.map(verdict)
            let right = after.map(verdict)
            let change = units(right) - units(left)
            let fill = VerdictDiff.Fill(
                entity: names[0] ?? "",
                pharmacy: names[1] ?? "",
                rxNumber: names[2] ?? "",
                fillNumber: names[3] ?? "",
                dispenseID: (after ?? before).flatMap { text($0.dispense) },
                before: left,
                after: right,
                money: prices.money(
                    change,
                    names[0] ?? "",
                    names[1] ?? "",
                    right?.ndc11 ?? left?.ndc11
                )
            )
            diff.fills.append(fill)
            let move = (left?.outcome ?? "") + ">" + (right?.outcome ?? "")
            var sum = moves[move] ?? (left?.outcome, right?.outcome, 0, .zero)
            sum.2 += 1
            sum.3 = sum.3 + change
            moves[move] = sum
            add(fill, &diff)
        }
        diff.outcomes = outcomes.sorted { $0.key < $1.key }.map { ($0.key, $0.value.0, $0.value.1) }
        diff.moves = moves.sorted { $0.key < $1.key }.map { $0.value }
        diff.fills.sort {
            ($0.entity, $0.pharmacy, $0.rxNumber, $0.fillNumber)
                < ($1.entity, $1.pharmacy, $1.rxNumber, $1.fillNumber)
        }
    }

    /// Adds a changed fill to the sums.
    private func add(_ fill: VerdictDiff.Fill, _ diff: inout VerdictDiff) {
        let money = fill.money
        diff.units = diff.units + money.units
        diff.spent = diff.spent + (money.spent ?? .zero)
        diff.saved = diff.saved + (money.saved ?? .zero)
        if money.units != .zero {
            if money.spent == nil { diff.fillsWithoutSpent += 1 }
            if money.saved == nil { diff.fillsWithoutSaved += 1 }
        }
        for rule in rules(fill.changedRules) {
            let place = Int(rule.rawValue)
            diff.rules[place].changedFills += 1
            diff.rules[place].units = diff.rules[place].units + money.units
            diff.rules[place].spent = diff.rules[place].spent + (money.spent ?? .zero)
            diff.rules[place].saved = diff.rules[place].saved + (money.saved ?? .zero)
        }
    }

    private func addAlerts(_ diff: inout VerdictDiff) {
        for place in diff.rules.indices {
            diff.rules[place].opened = (sides[0].opened[place], sides[1].opened[place])
            diff.rules[place].resolved = (sides[0].resolved[place], sides[1].resolved[place])
        }
        for key in 0..<UInt32(alertKeys.count) {
            let before = sides[0].alerts[key].flatMap { $0.isOpen ? $0 : nil }
            let after = sides[1].alerts[key].flatMap { $0.isOpen ? $0 : nil }
            guard let one = before ?? after else { continue }
            if before != nil { diff.rules[Int(one.rule.rawValue)].open.before += 1 }
            if after != nil { diff.rules[Int(one.rule.rawValue)].open.after += 1 }
            let isSame = before?.severity == after?.severity && before?.owner == after?.owner
            guard !isSame else { continue }
            let isInRange = Side.allCases.contains {
                sides[$0.rawValue].alerts[key]?.isInRange == true
            }
            guard isInRange else { continue }
            func state(_ alert: AlertState?) -> (severity: String, owner: String)? {
                alert.map { (text($0.severity) ?? "", text($0.owner) ?? "") }
            }
            diff.alerts.append(
                VerdictDiff.Alert(
                    id: OutputValue.text(alertKeys[key]) ?? "",
                    entity: text(one.entity) ?? "",
                    rule: one.rule,
                    subject: String(decoding: words[one.subject], as: UTF8.self),
                    before: state(before),
                    after: state(after)
                )
            )
        }
        diff.alerts.sort {
            ($0.rule.rawValue, $0.entity, $0.id) < ($1.rule.rawValue, $1.entity, $1.id)
        }
    }

    private func addAccumulators(_ diff: inout VerdictDiff) {
        diff.accumulatorCount = ledgerKeys.count
        for key in 0..<UInt32(ledgerKeys.count) {
            let before = sides[0].ledgers[key] ?? .init()
            let after = sides[1].ledgers[key] ?? .init()
            guard before != after else { continue }
            let names = parts(ledgerKeys[key])
            diff.accumulators.append(
                VerdictDiff.Accumulator(
                    entity: names[0] ?? "",
                    pharmacy: names[1] ?? "",
                    ndc11: names[2],
                    account: names[3] ?? "",
                    before: before,
                    after: after
                )
            )
        }
        diff.accumulators.sort {
            ($0.entity, $0.pharmacy, $0.ndc11 ?? "", $0.account)
                < ($1.entity, $1.pharmacy, $1.ndc11 ?? "", $1.account)
        }
    }
}

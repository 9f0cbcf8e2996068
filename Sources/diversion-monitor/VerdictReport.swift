internal import CommandLineKit
internal import Journal
internal import Pipeline
internal import Wording

/// What another policy would have changed, as text, JSON and CSV.
struct VerdictReport {
    let diff: VerdictDiff

    private static func signed(_ value: Balance) -> String {
        value > .zero ? "+" + value.text : value.text
    }
    private static func pair(_ pair: (before: Int, after: Int)) -> String {
        pair.before == pair.after
            ? grouped(pair.before) : "\(grouped(pair.before)) → \(grouped(pair.after))"
    }

    // MARK: text

    /// For a person; `limit` is the most lines of a list.
    func text(limit: Int = 10) -> String {
        var lines = [
            "policy        \(diff.beforeVersions.joined(separator: ", ")) →"
                + " \(diff.afterVersions.joined(separator: ", "))",
            "fills         \(grouped(diff.fillCount)) decided, \(grouped(diff.fills.count)) with another"
                + " verdict",
        ]
        for outcome in diff.outcomes {
            let name =
                outcome.outcome + String(repeating: " ", count: max(0, 18 - outcome.outcome.count))
            lines.append("  \(name)  \(Self.pair((outcome.before, outcome.after)))")
        }
        for move in diff.moves {
            lines.append(
                "  \(grouped(move.fills)) \(move.before ?? "undecided") → \(move.after ?? "undecided"),"
                    + " 340B units \(Self.signed(move.units))"
            )
        }
        lines.append(
            "alerts        \(grouped(diff.alerts.count)) open with one policy alone, or changed"
        )
        lines.append(
            "accumulators  \(grouped(diff.accumulators.count)) of \(grouped(diff.accumulatorCount)) end"
                + " otherwise"
        )
        lines += money
        let changed = diff.rules.filter(\.isChanged)
        if !changed.isEmpty { lines.append("rules") }
        for rule in changed { lines.append("  " + line(rule)) }
        if !diff.fills.isEmpty { lines.append("fills with another verdict") }
        for fill in diff.fills.prefix(limit) { lines.append("  " + line(fill)) }
        if diff.fills.count > limit {
            lines.append("  … \(grouped(diff.fills.count - limit)) more: see --json or --output")
        }
        if diff.isSame { lines.append("nothing differs: the two policies give the same verdicts.") }
        return lines.map { $0 + "\n" }.joined()
    }

    private var money: [String] {
        guard diff.units != .zero || diff.fills.contains(where: { $0.money.units != .zero }) else {
            return ["dollars       no fill moves units from or to 340B stock"]
        }
        let moving = diff.fills.count { $0.money.units != .zero }
        func dollars(_ sum: Balance, without count: Int) -> String {
            if count == moving {
                return "unknown: none of the \(grouped(moving)) fills has a price"
            }
            return "\(Self.signed(sum)) USD" + without(count)
        }
        func without(_ count: Int) -> String {
            count == 0
                ? ""
                : ", without the \(grouped(count)) of \(grouped(moving)) fills that have no price"
        }
        return [
            "dollars       340B units \(Self.signed(diff.units))",
            "  340B purchases  \(dollars(diff.spent, without: diff.fillsWithoutSpent))",
            "  savings         \(dollars(diff.saved, without: diff.fillsWithoutSaved))",
        ]
    }

    private func line(_ rule: VerdictDiff.OfRule) -> String {
        var parts: [String] = []
        func add(_ name: String, _ pair: (before: Int, after: Int)) {
            if pair.before != pair.after { parts.append("\(name) \(Self.pair(pair))") }
        }
        add("fills failing", rule.failed)
        add("pending", rule.pending)
        if rule.changedFills > 0 {
            parts.append("verdicts changed with it \(grouped(rule.changedFills))")
        }
        add("alerts open", rule.open)
        add("opened", rule.opened)
        add("resolved", rule.resolved)
        if rule.units != .zero {
            parts.append(
                "340B units \(Self.signed(rule.units)), savings \(Self.signed(rule.saved)) USD"
            )
        }
        return "\(rule.rule.name): " + parts.joined(separator: ", ")
    }

    private func line(_ fill: VerdictDiff.Fill) -> String {
        func words(_ verdict: VerdictDiff.Verdict?) -> String {
            guard let verdict else { return "undecided" }
            let rules = verdict.failed + verdict.pending
            return verdict.outcome
                + (rules.isEmpty ? "" : " (\(rules.map(\.name).joined(separator: ", ")))")
        }
        return "\(fill.entity) prescription \(fill.rxNumber), fill \(fill.fillNumber), at"
            + " \(fill.pharmacy): \(words(fill.before)) → \(words(fill.after))"
    }

    // MARK: JSON

    /// Everything, as one JSON object.
    var json: String {
        func quote(_ text: String?) -> String { text.map(JSONValue.quoted) ?? "null" }
        func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }
        func pair(_ pair: (before: Int, after: Int)) -> String {
            "{\"before\":\(pair.before),\"after\":\(pair.after)}"
        }
        func verdict(_ verdict: VerdictDiff.Verdict?) -> String {
            guard let verdict else { return "null" }
            return "{\"outcome\":\(quote(verdict.outcome)),\"account\":\(quote(verdict.account)),"
                + "\"ndc11\":\(quote(verdict.ndc11)),\"quantity\":\(quote(verdict.quantity.text)),"
                + "\"unit\":\(quote(verdict.unit)),\"failed\":"
                + list(verdict.failed.map { quote($0.name) }) + ",\"pending\":"
                + list(verdict.pending.map { quote($0.name) }) + "}"
        }
        func money(_ money: VerdictDiff.Money) -> String {
            "{\"units_340b\":\(quote(money.units.text)),\"price_340b\":\(quote(money.price340B?.text)),"
                + "\"price_other\":\(quote(money.otherPrice?.text)),"
                + "\"other_account\":\(quote(money.otherAccount)),"
                + "\"package_size\":\(quote(money.packageSize?.text)),"
                + "\"spent_usd\":\(quote(money.spent?.text)),\"saved_usd\":\(quote(money.saved?.text))}"
        }
        func alert(_ state: (severity: String, owner: String)?) -> String {
            guard let state else { return "null" }
            return "{\"severity\":\(quote(state.severity)),\"owner\":\(quote(state.owner))}"
        }
        func ledger(_ ledger: VerdictDiff.Ledger) -> String {
            "{\"balance\":\(quote(ledger.balance.text)),\"earned\":\(quote(ledger.earned.text)),"
                + "\"packages_due\":\(ledger.packagesDue)}"
        }
        let fills = diff.fills.map { fill in
            "{\"covered_entity_id\":\(quote(fill.entity)),\"pharmacy_npi\":\(quote(fill.pharmacy)),"
                + "\"rx_number\":\(quote(fill.rxNumber)),\"fill_number\":\(fill.fillNumber),"
                + "\"dispense_id\":\(quote(fill.dispenseID)),\"before\":\(verdict(fill.before)),"
                + "\"after\":\(verdict(fill.after)),\"dollars\":\(money(fill.money))}"
        }
        let alerts = diff.alerts.map { one in
            "{\"alert_id\":\(quote(one.id)),\"covered_entity_id\":\(quote(one.entity)),"
                + "\"rule\":\(quote(one.rule.name)),\"subject\":\(one.subject),"
                + "\"before\":\(alert(one.before)),\"after\":\(alert(one.after))}"
        }
        let accumulators = diff.accumulators.map { one in
            "{\"covered_entity_id\":\(quote(one.entity)),\"pharmacy_npi\":\(quote(one.pharmacy)),"
                + "\"ndc11\":\(quote(one.ndc11)),\"account\":\(quote(one.account)),"
                + "\"before\":\(ledger(one.before)),\"after\":\(ledger(one.after))}"
        }
        let rules = diff.rules.filter(\.isChanged).map { rule in
            "{\"rule\":\(quote(rule.rule.name)),\"fills_failing\":\(pair(rule.failed)),"
                + "\"fills_pending\":\(pair(rule.pending)),\"verdicts_changed\":\(rule.changedFills),"
                + "\"alerts_open\":\(pair(rule.open)),\"alerts_opened\":\(pair(rule.opened)),"
                + "\"alerts_resolved\":\(pair(rule.resolved)),\"units_340b\":\(quote(rule.units.text)),"
                + "\"spent_usd\":\(quote(rule.spent.text)),\"saved_usd\":\(quote(rule.saved.text))}"
        }
        let outcomes = diff.outcomes.map { outcome in
            "{\"outcome\":\(quote(outcome.outcome)),\"before\":\(outcome.before),\"after\":\(outcome.after)}"
        }
        return "{\"policy\":{\"before\":\(list(diff.beforeVersions.map { quote($0) })),\"after\":"
            + "\(list(diff.afterVersions.map { quote($0) }))},\"fills_decided\":\(diff.fillCount),"
            + "\"outcomes\":\(list(outcomes)),\"units_340b\":\(quote(diff.units.text)),"
            + "\"spent_usd\":\(quote(diff.spent.text)),\"saved_usd\":\(quote(diff.saved.text)),"
            + "\"fills_without_340b_price\":\(diff.fillsWithoutSpent),"
            + "\"fills_without_savings_price\":\(diff.fillsWithoutSaved),\"rules\":\(list(rules)),"
            + "\"fills\":\(list(fills)),\"alerts\":\(list(alerts)),"
            + "\"accumulators\":\(list(accumulators))}\n"
    }

    // MARK: CSV

    /// The tables by file name: RFC 4180, with a header.
    var tables: [(name: String, text: String)] {
        func verdict(_ verdict: VerdictDiff.Verdict?) -> [String] {
            guard let verdict else { return ["", "", "", "", "", ""] }
            return [
                verdict.outcome, verdict.account ?? "", verdict.quantity.text,
                verdict.ndc11 ?? "", verdict.failed.map(\.name).joined(separator: " "),
                verdict.pending.map(\.name).joined(separator: " "),
            ]
        }
        let sides = ["before", "after"]
        let fills = diff.fills.map { fill in
            [fill.entity, fill.pharmacy, fill.rxNumber, fill.fillNumber, fill.dispenseID ?? ""]
                + verdict(fill.before) + verdict(fill.after) + [
                    fill.money.units.text, fill.money.packageSize?.text ?? "",
                    fill.money.price340B?.text ?? "", fill.money.otherPrice?.text ?? "",
                    fill.money.otherAccount ?? "", fill.money.spent?.text ?? "",
                    fill.money.saved?.text ?? "",
                ]
        }
        let alerts = diff.alerts.map { alert in
            [
                alert.id, alert.entity, alert.rule.name, alert.subject,
                alert.before?.severity ?? "", alert.before?.owner ?? "",
                alert.after?.severity ?? "", alert.after?.owner ?? "",
            ]
        }
        let accumulators = diff.accumulators.map { one in
            [one.entity, one.pharmacy, one.ndc11 ?? "", one.account]
                + [one.before, one.after].flatMap {
                    [$0.balance.text, $0.earned.text, "\($0.packagesDue)"]
                }
        }
        let rules = diff.rules.map { rule in
            [rule.rule.name]
                + [rule.failed, rule.pending, rule.open, rule.opened, rule.resolved].flatMap {
                    ["\($0.before)", "\($0.after)"]
                }
                + ["\(rule.changedFills)", rule.units.text, rule.spent.text, rule.saved.text]
        }
        func names(_ names: [String]) -> [String] {
            sides.flatMap { side in names.map { "\($0)_\(side)" } }
        }
        func pairs(_ names: [String]) -> [String] {
            names.flatMap { name in sides.map { "\(name)_\($0)" } }
        }
        return [
            (
                "verdicts-fills.csv",
                Self.csv(
                    [
                        "covered_entity_id", "pharmacy_npi", "rx_number", "fill_number",
                        "dispense_id",
                    ]
                        + names(["outcome", "account", "quantity", "ndc11", "failed", "pending"])
                        + [
                            "units_340b", "package_size", "price_340b", "price_other",
                            "other_account", "spent_usd", "saved_usd",
                        ],
                    fills
                )
            ),
            (
                "verdicts-alerts.csv",
                Self.csv(
                    ["alert_id", "covered_entity_id", "rule", "subject"]
                        + names(["severity", "owner"]),
                    alerts
                )
            ),
            (
                "verdicts-accumulators.csv",
                Self.csv(
                    ["covered_entity_id", "pharmacy_npi", "ndc11", "account"]
                        + names(["balance", "earned", "packages_due"]),
                    accumulators
                )
            ),
            (
                "verdicts-rules.csv",
                Self.csv(
                    ["rule"]
                        + pairs([
                            "fills_failing", "fills_pending", "alerts_open", "alerts_opened",
                            "alerts_resolved",
                        ]) + ["verdicts_changed", "units_340b", "spent_usd", "saved_usd"],
                    rules
                )
            ),
        ]
    }

    private static func csv(_ header: [String], _ rows: [[String]]) -> String {
        ([header] + rows).map { row in
            row.map { field in
                field.utf8.contains(where: { [0x2C, 0x22, 0x0D, 0x0A].contains($0) })
                    ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
            }.joined(separator: ",") + "\r\n"
        }.joined()
    }
}

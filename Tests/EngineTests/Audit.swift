import Engine
import Foundation

/// Reads outputs as an auditor would: only what was published, and whether it adds up.
///
/// Every sentence of OUTPUTS that can be checked without knowing the inputs is checked on each record.
struct Audit {
    /// What does not add up.
    private(set) var findings: [String] = []

    struct Decision: Equatable {
        var revision: Int
        var content: String
        var outcome: String
        var account: String
        var product: String
        var quantity: Int
        var isTreated: Bool
        var fails: [String]
        var hasQualified: Bool
    }
    /// The latest decision of each fill.
    private(set) var decisions: [String: Decision] = [:]
    private var decisionsByID: [String: (fill: String, decision: Decision)] = [:]

    struct Account: Equatable {
        var balance = 0
        var keySequence = 0
        var proposed = 0
        var coveredFrom = 0
        var units: [String: Int] = [:]
        /// What fills have put in and not taken back, by fill.
        var fills: [String: Int] = [:]
    }
    private(set) var accounts: [String: Account] = [:]
    /// Proposals by id, in units; rejected ones are gone.
    private(set) var proposals: [String: (account: String, units: Int, state: String)] = [:]
    private var owed: [String: Int] = [:]

    struct Alert {
        var rule: String
        var subject: String
        var isOpen: Bool
        var occurrence: Int
        /// What an update must differ in.
        var content: String
    }
    private(set) var alerts: [String: Alert] = [:]

    private var sequences: [OutputTopic: Int] = [:]
    private var lastOffset: [OutputTopic: Int] = [:]
    private var lastTime: [OutputTopic: String] = [:]
    private(set) var count = 0

    /// What does not depend on the order of arrival: the latest decisions and the net of each accumulator.
    var finalState: [String: String] {
        var state: [String: String] = [:]
        for (fill, decision) in decisions { state["fill " + fill] = decision.content }
        for (key, account) in accounts {
            let proposed = proposals.values.filter { $0.account == key && $0.state != "rejected" }
                .reduce(0) { $0 + $1.units }
            // An accumulator that was never moved for good is as good as none.
            let net = account.balance + proposed
            if net != 0 { state["net " + key] = "\(net)" }
        }
        return state
    }

    private mutating func check(_ holds: Bool, _ finding: @autoclosure () -> String) {
        if !holds, findings.count < 20 { findings.append(finding()) }
    }

    /// Reads all outputs that a machine holds.
    mutating func read(_ machine: borrowing Machine) {
        for topic in OutputTopic.allCases {
            let buffer = machine.outputs[Int(topic.rawValue)]
            for index in 0..<buffer.count {
                let data = Data(buffer.value(at: index))
                guard let value = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
                else {
                    check(false, "no JSON: \(String(decoding: data, as: UTF8.self))")
                    continue
                }
                count += 1
                readCommon(topic, value)
                switch topic {
                case .decisions: readDecision(value)
                case .alerts: readAlert(value)
                case .accumulators: readIncrement(value)
                case .replenishments: readReplenishment(value)
                }
            }
        }
        settle()
    }

    private mutating func readCommon(_ topic: OutputTopic, _ value: [String: Any]) {
        let sequence = sequences[topic, default: 0]
        check(value["sequence"] as? Int == sequence, "\(topic.name) has a gap at \(sequence)")
        sequences[topic] = sequence + 1
        let journal = value["journal"] as? [String: Any] ?? [:]
        let offset = journal["offset"] as? Int ?? -1
        check(
            offset >= lastOffset[topic, default: 0],
            "\(topic.name) goes back to offset \(offset)"
        )
        lastOffset[topic] = offset
        let time = Self.text(value["event_time"])
        check(time >= lastTime[topic, default: ""], "\(topic.name): time goes back to \(time)")
        lastTime[topic] = time
    }

    private func entity(_ value: [String: Any]) -> String {
        value["covered_entity_id"] as? String ?? "?"
    }

    private static func text(_ value: Any?) -> String {
        switch value {
        case let text as String: text
        case let number as Int: "\(number)"
        default: "-"
        }
    }

    /// Millionths of a decimal text.
    static func millionths(_ value: Any?) -> Int {
        guard let text = value as? String else { return 0 }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let whole = Int(parts[0]) ?? 0
        guard parts.count > 1 else { return whole * 1_000_000 }
        let fraction = Int((parts[1] + "000000").prefix(6)) ?? 0
        return whole * 1_000_000 + (text.hasPrefix("-") ? -fraction : fraction)
    }

    private func fill(_ value: [String: Any], entity: String) -> String {
        "\(entity)/\(Self.text(value["pharmacy_npi"]))/\(Self.text(value["rx_number"]))/"
            + Self.text(value["fill_number"])
    }

    private mutating func readDecision(_ value: [String: Any]) {
        let name = fill(value["fill"] as? [String: Any] ?? [:], entity: entity(value))
        let rules = (value["rules"] as? [[String: Any]] ?? []).map {
            (name: Self.text($0["rule"]), isFailing: Self.text($0["result"]) == "fail")
        }
        let fails = rules.filter(\.isFailing).map(\.name)
        let content =
            ["outcome", "account", "ndc11", "quantity", "unit", "dispense_id"]
            .map { Self.text(value[$0]) }.joined(separator: " ")
            + " treated \(value["treated_as_340b"] as? Bool ?? false) "
            + rules.map { $0.name + ($0.isFailing ? "" : "?") }.joined(separator: ",")
        let before = decisions[name]
        let revision = value["revision"] as? Int ?? 0
        let outcome = Self.text(value["outcome"])
        check(
            revision == (before?.revision ?? 0) + 1,
            "\(name) has a gap before revision \(revision)"
        )
        // Of GPO doses only those given to inpatients accumulate, and that a dose was given shows nowhere.
        let isHidden = Self.text(value["account"]) == "GPO"
        check(isHidden || content != before?.content, "\(name) was decided again without a change")
        decisions[name] = Decision(
            revision: revision,
            content: content,
            outcome: outcome,
            account: Self.text(value["account"]),
            product: Self.text(value["ndc11"]),
            quantity: Self.millionths(value["quantity"]),
            isTreated: value["treated_as_340b"] as? Bool ?? false,
            fails: fails,
            hasQualified: before?.hasQualified ?? false || outcome == "qualified"
        )
        let isEligible = outcome == "qualified" || outcome == "missed_opportunity"
        check(value["eligible"] as? Bool == isEligible, "\(name) is \(outcome), eligible or not")
        let pending = rules.contains { !$0.isFailing }
        check(pending || outcome != "pending", "\(name) is pending on nothing")
        check(pending || value["pending_until"] is NSNull, "\(name) waits for nothing")
        let id = Self.text(value["decision_id"])
        check(decisionsByID[id] == nil, "\(id) twice")
        decisionsByID[id] = decisions[name].map { (name, $0) }
    }

    private mutating func readIncrement(_ value: [String: Any]) {
        let key =
            "\(entity(value))/\(Self.text(value["pharmacy_npi"]))/\(Self.text(value["ndc11"]))/"
            + Self.text(value["account"])
        var account = accounts[key] ?? Account()
        let quantity = Self.millionths(value["quantity"])
        let reason = Self.text(value["reason"])
        check(
            value["key_sequence"] as? Int == account.keySequence,
            "\(key) has a gap at \(account.keySequence)"
        )
        account.keySequence += 1
        account.balance += quantity
        check(
            Self.millionths(value["balance"]) == account.balance,
            "\(key) says \(Self.text(value["balance"])) and adds up to \(account.balance)"
        )
        let cause = value["cause"] as? [String: Any] ?? [:]
        switch Self.text(cause["kind"]) {
        case "fill":
            let name = fill(cause, entity: entity(value))
            let decision = decisionsByID[Self.text(cause["decision_id"])]
            check(decision?.fill == name, "\(key) was moved by a decision about another fill")
            account.fills[name, default: 0] += quantity
            switch reason {
            case "dispense": check(quantity > 0, "\(key): a dispense of \(quantity)")
            case "return", "reversal":
                check(quantity < 0, "\(key): a \(reason) of \(quantity)")
                check(
                    decision?.decision.outcome == "reversed",
                    "\(name): \(reason), not reversed"
                )
            case "adjustment": check(quantity < 0, "\(key): a correction of \(quantity)")
            default: check(false, "\(key): a fill is no cause of \(reason)")
            }
        case "replenishment":
            let id = Self.text(cause["replenishment_id"])
            check(reason == "replenishment", "\(id) moved \(key) as \(reason)")
            owed[id, default: 0] += quantity
            account.proposed -= quantity
            account.coveredFrom = account.keySequence
            check(account.balance >= 0, "\(id) drove \(key) below zero")
        case "disposition", "adjustment":
            check(reason == "adjustment", "\(key): \(Self.text(cause["kind"])) as \(reason)")
        default: check(false, "\(key): a cause of no kind")
        }
        accounts[key] = account
    }

    private mutating func readReplenishment(_ value: [String: Any]) {
        let key =
            "\(entity(value))/\(Self.text(value["pharmacy_npi"]))/\(Self.text(value["ndc11"]))/"
            + Self.text(value["account"])
        let id = Self.text(value["replenishment_id"])
        let size = Self.millionths(value["package_size"])
        let packages = value["packages"] as? Int ?? 0
        let before = Self.millionths(value["balance_before"])
        let after = Self.millionths(value["balance_after"])
        check(before - after == packages * size, "\(id) proposes other than it deducts")
        check(after >= 0 && after < size && packages > 0, "\(id) leaves a whole package")
        let state = Self.text(value["state"])
        if state == "proposed" {
            check(proposals[id] == nil, "\(id) proposed twice")
            owed[id, default: 0] += packages * size
            let span = value["increments"] as? [String: Any] ?? [:]
            let first = span["first"] as? Int ?? -1
            let last = span["last"] as? Int ?? -1
            check(first >= 0 && last >= first, "\(id) covers nothing")
        } else {
            let before = proposals[id]?.state ?? "nothing"
            check(before == "proposed", "\(id) \(state) after \(before)")
        }
        proposals[id] = (key, packages * size, state)
    }

    private mutating func readAlert(_ value: [String: Any]) {
        let id = Self.text(value["alert_id"])
        let rule = Self.text(value["rule"])
        let state = Self.text(value["state"])
        let occurrence = value["occurrence"] as? Int ?? 0
        var named = value["subject"] as? [String: Any] ?? [:]
        var subject = ""
        if named["kind"] as? String == "fill" {
            subject = fill(named, entity: entity(value))
            let decision = decisionsByID[Self.text(value["decision_id"])]
            check(decision?.fill == subject, "\(id) names a decision about another fill")
            let fails = decision?.decision.fails.contains(rule) ?? false
            check(fails || state == "resolved", "\(rule) \(state) on \(subject), not failing")
            // What nobody treats as 340B any more stops being an exception, not being ineligible;
            // and so does an inpatient's dose (24).
            let isStillOne =
                fails && rule != "encounter_inpatient" && decision?.decision.isTreated ?? false
                && decision?.decision.outcome != "reversed"
            check(!isStillOne || state != "resolved", "\(rule) resolved on \(subject), failing")
        } else {
            named["kind"] = nil
            subject = named.map { "\($0.key)=\(Self.text($0.value))" }.sorted().joined(
                separator: " "
            )
            subject = entity(value) + " " + subject
        }
        let before = alerts[id]
        check(
            before == nil || before?.subject == subject && before?.rule == rule,
            "\(id) is two alerts"
        )
        let evidence = value["evidence"] as? [String: Any] ?? [:]
        let compared: [String: Any] = [
            "severity": value["severity"] ?? "", "owner": value["owner"] ?? "",
            "root_cause": value["root_cause"] ?? "", "values": evidence["values"] ?? "",
            "dispositions": evidence["dispositions"] ?? "",
        ]
        let bytes = try? JSONSerialization.data(withJSONObject: compared, options: .sortedKeys)
        let content = String(decoding: bytes ?? Data(), as: UTF8.self)
        check(
            state != "updated" || content != before?.content,
            "\(rule) on \(subject): updated, and nothing changed"
        )
        // A disposition about a resolved alert resolves it once more.
        let isSpokenOf = state == "resolved" && before != nil && content != before?.content
        check(
            (before?.isOpen ?? false) == (state != "opened") || isSpokenOf,
            "\(rule) on \(subject): \(state)"
        )
        let expected = (before?.occurrence ?? 0) + (state == "opened" ? 1 : 0)
        check(occurrence == expected, "\(rule) on \(subject): occurrence \(occurrence)")
        check((value["resolution"] is NSNull) == (state != "resolved"), "\(id) resolved or not")
        alerts[id] = Alert(
            rule: rule,
            subject: subject,
            isOpen: state != "resolved",
            occurrence: occurrence,
            content: content
        )
    }

    /// What must hold between records: the ledger is what the decisions say, the alerts are what fails.
    private mutating func settle() {
        for (id, units) in owed { check(units == 0, "\(id) was not deducted as proposed") }
        owed = [:]
        var posted: [String: [String: Int]] = [:]
        for (key, account) in accounts {
            for (fill, units) in account.fills where units != 0 {
                posted[fill, default: [:]][key] = units
            }
        }
        for (fill, decision) in decisions {
            let own = posted[fill] ?? [:]
            let place = fill.split(separator: "/").prefix(2).joined(separator: "/")
            let key = "\(place)/\(decision.product)/\(decision.account)"
            if decision.outcome == "qualified" {
                check(own == [key: decision.quantity], "\(fill) qualified and posted \(own)")
            } else if decision.account == "GPO" {
                check(own.isEmpty || own == [key: decision.quantity], "\(fill) posted \(own)")
            } else {
                check(own.isEmpty, "\(fill) \(decision.outcome) and posted \(own)")
            }
        }
        var open: [String: Set<String>] = [:]
        for alert in alerts.values where alert.isOpen {
            open[alert.subject, default: []].insert(alert.rule)
        }
        for (fill, decision) in decisions {
            var due = Set(decision.outcome == "reversed" ? [] : decision.fails)
            if !decision.isTreated, !decision.hasQualified {
                due.formIntersection(Self.alwaysAlerting)
            }
            var has = open[fill] ?? []
            // Whether a dose was administered is not in its decision (SEMANTICS 24).
            due.remove("encounter_inpatient")
            has.remove("encounter_inpatient")
            check(has == due, "\(fill) has alerts \(has.sorted()), and fails \(due.sorted())")
        }
    }

    /// Rules that alert whether or not the fill is treated as 340B (SEMANTICS 24).
    private static let alwaysAlerting: Set<String> = [
        "ndc_unknown", "ndc_mismatch", "quantity_mismatch", "claim_without_dispense",
        "dispense_without_claim", "fill_duplicate", "missed_claim", "mfp_unmarked",
        "duplicate_discount", "patient_velocity",
    ]
}

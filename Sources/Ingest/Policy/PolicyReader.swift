public import Journal
internal import Wording
public import YAML

/// Reads the versions of the policy from a YAML file, one a document.
///
///     version: 2026-07
///     effective_from: 2026-07-01
///     claim_grace_hours: 96
///     rules:
///       usage_spike: {severity: high, owner: diversion-team}
///
/// A document says what differs from the shipped policy; its keys are those of ``Journal/PolicyField/all`` and
/// `rules`. Everything that is wrong is told at once, with its place.
public enum PolicyReader {
    /// The versions, in the order of the file; at least one.
    public static func read(_ bytes: [UInt8], file: String) throws(Diagnostics) -> [Policy] {
        let documents = try parse(bytes, file: file)
        var reading = Reading(file: file)
        var policies: [Policy] = []
        for document in documents {
            policies.append(reading.policy(document))
        }
        for (index, policy) in policies.enumerated()
        where policies[..<index].contains(where: { $0.version == policy.version }) {
            reading.note(
                reading.position(of: "version", in: documents[index]),
                "version: \"\(policy.version)\" is also the name of an earlier version. Give this one its own."
            )
        }
        if documents.isEmpty {
            reading.note(
                Position(line: 1, column: 1),
                "the file holds no policy. Write at least the name of a version, for example version: 2026-07."
            )
        }
        guard reading.diagnostics.isEmpty else { throw Diagnostics(reading.diagnostics) }
        return policies
    }

    /// What was found wrong so far.
    private struct Reading {
        let file: String
        var diagnostics: [Diagnostic] = []

        mutating func note(_ position: Position, _ message: String) {
            diagnostics.append(Diagnostic(file: file, position: position, message: message))
        }

        func position(of key: String, in node: Node) -> Position {
            guard case .mapping(let pairs) = node.content,
                let pair = pairs.first(where: { $0.key == key })
            else { return node.position }
            return pair.position
        }

        mutating func policy(_ document: Node) -> Policy {
            var policy = Policy()
            guard case .mapping(let pairs) = document.content else {
                note(
                    document.position,
                    "keys with values are expected, for example version: 2026-07."
                )
                return policy
            }
            for pair in pairs {
                if pair.key == "rules" {
                    rules(pair.value, &policy)
                } else if let field = PolicyField.all.first(where: { $0.name == pair.key }) {
                    set(field, pair.value, &policy)
                } else {
                    let known = PolicyField.all.map(\.name) + ["rules"]
                    let isRule = Rule.allCases.contains { $0.name == pair.key }
                    note(
                        pair.position,
                        "\"\(pair.key)\" is no value of the policy."
                            + (isRule
                                ? " It is a rule: put it under rules."
                                : didYouMean(pair.key, among: known))
                    )
                }
            }
            if policy.effectiveTo < policy.effectiveFrom {
                note(
                    position(of: "effective_to", in: document),
                    "effective_to: it is before effective_from. Correct one of them."
                )
            }
            return policy
        }

        /// Sets one value; a value of the wrong shape is noted.
        mutating func set(_ field: PolicyField, _ node: Node, _ policy: inout Policy) {
            guard let texts = texts(field, node) else { return }
            if !field.write(&policy, texts) {
                note(
                    node.position,
                    "\(field.name): a comma or a control character stands in it, or nothing. Write plain text."
                )
            }
        }

        /// The value's texts, where they have the field's shape.
        private mutating func texts(_ field: PolicyField, _ node: Node) -> [String]? {
            let name = field.name
            switch field.shape {
            case .integer(let range):
                guard let text = scalar(name, node, "a whole number"), isPlain(name, node, text),
                    let number = integer(name, node, text)
                else { return nil }
                guard range.contains(number) else {
                    note(
                        node.position,
                        "\(name): \(text) is out of range. Write \(range.lowerBound) to \(range.upperBound)."
                    )
                    return nil
                }
                return ["\(number)"]
            case .boolean:
                guard let text = boolean(name, node) else { return nil }
                return ["\(text)"]
            case .date:
                return date(name, node).map { [$0] }
            case .text:
                return scalar(name, node, "a text").map { [$0] }
            case .list(let allowed):
                return list(name, node, allowed)
            }
        }

        private mutating func rules(_ node: Node, _ policy: inout Policy) {
            guard case .mapping(let pairs) = node.content else {
                note(node.position, "rules: names of rules with what differs are expected.")
                return
            }
            for pair in pairs {
                guard let rule = Rule(utf8: Array(pair.key.utf8)) else {
                    note(
                        pair.position,
                        "rules: \"\(pair.key)\" is no rule."
                            + didYouMean(pair.key, among: Rule.allCases.map(\.name))
                    )
                    continue
                }
                policy[rule] = self.rule(pair, policy[rule])
            }
        }

        private static let ruleKeys = [
            "enabled", "severity", "owner", "root_cause", "effective_from", "effective_to",
            "legal_basis",
        ]

        /// What a version says of one rule, from what is shipped.
        private mutating func rule(_ pair: Node.Pair, _ shipped: RulePolicy) -> RulePolicy {
            var result = shipped
            let path = "rules.\(pair.key)"
            guard case .mapping(let pairs) = pair.value.content else {
                note(
                    pair.value.position,
                    "\(path): what differs is expected, for example enabled: false."
                )
                return result
            }
            for pair in pairs {
                let name = "\(path).\(pair.key)"
                let value = pair.value
                switch pair.key {
                case "enabled":
                    if let flag = boolean(name, value) { result.isEnabled = flag }
                case "severity":
                    if let severity = code(name, value, Severity.self) {
                        result.severity = severity
                    }
                case "owner":
                    guard let owner = scalar(name, value, "who handles this kind of exception")
                    else { continue }
                    if owner.isEmpty || !isOneLine(owner) {
                        note(
                            value.position,
                            "\(name): no rule is without somebody who handles it. Name them in one line."
                        )
                    } else {
                        result.owner = owner
                    }
                case "root_cause":
                    if let cause = code(name, value, RootCause.self) { result.rootCause = cause }
                case "effective_from":
                    if let text = date(name, value) {
                        result.effectiveFrom = CivilDate(text: text) ?? .distantPast
                    }
                case "effective_to":
                    if let text = date(name, value) {
                        result.effectiveTo = CivilDate(text: text) ?? .distantFuture
                    }
                case "legal_basis":
                    guard let basis = list(name, value, []) else { continue }
                    if basis.allSatisfy({ !$0.isEmpty && isOneLine($0) }) {
                        result.legalBasis = basis
                    } else {
                        note(value.position, "\(name): write every source in one line of text.")
                    }
                default:
                    note(
                        pair.position,
                        "\(path): \"\(pair.key)\" is not known here."
                            + didYouMean(pair.key, among: Reading.ruleKeys)
                            + " Known are \(spoken(Reading.ruleKeys, joinedBy: "and"))."
                    )
                }
            }
            if result.effectiveTo < result.effectiveFrom {
                note(
                    position(of: "effective_to", in: pair.value),
                    "\(path).effective_to: it is before effective_from. Correct one of them."
                )
            }
            return result
        }

        // MARK: values

        private mutating func scalar(_ name: String, _ node: Node, _ wanted: String) -> String? {
            guard case .scalar(let text, _) = node.content, !node.isNull else {
                note(node.position, "\(name): \(wanted) is expected.")
                return nil
            }
            return text
        }

        /// Numbers and booleans stand without quotes: in quotes they are texts.
        private mutating func isPlain(_ name: String, _ node: Node, _ text: String) -> Bool {
            if case .scalar(_, .plain) = node.content { return true }
            note(node.position, "\(name): \"\(text)\" is text in quotes. Take them away.")
            return false
        }

        private mutating func integer(_ name: String, _ node: Node, _ text: String) -> Int32? {
            guard let number = wholeNumber(text) else {
                note(
                    node.position,
                    "\(name): \"\(text)\" is no whole number. Write one, for example 30."
                )
                return nil
            }
            // Clamped: what does not fit is out of every range, and is told as that.
            return Int32(clamping: number)
        }

        private mutating func boolean(_ name: String, _ node: Node) -> Bool? {
            guard let text = scalar(name, node, "true or false"), isPlain(name, node, text) else {
                return nil
            }
            if let value = Bool(text) { return value }
            note(
                node.position,
                "\(name): \"\(text)\" is neither true nor false. Write one of them."
            )
            return nil
        }

        /// A date's text; empty for an open end.
        private mutating func date(_ name: String, _ node: Node) -> String? {
            if node.isNull { return "" }
            guard let text = scalar(name, node, "a date") else { return nil }
            if text.isEmpty || CivilDate(text: text) != nil { return text }
            note(
                node.position,
                "\(name): \"\(text)\" is no date. Write year, month and day, for example 2026-03-31."
            )
            return nil
        }

        private mutating func code<Code: ContractCode>(
            _ name: String,
            _ node: Node,
            _: Code.Type
        ) -> Code? {
            let words = Code.allCases.map(\.name)
            guard let text = scalar(name, node, spoken(words)) else { return nil }
            if let code = Code(utf8: Array(text.utf8)) { return code }
            note(
                node.position,
                "\(name): \"\(text)\" is not known here.\(didYouMean(text, among: words)) Write \(spoken(words))."
            )
            return nil
        }

        private mutating func list(
            _ name: String,
            _ node: Node,
            _ allowed: [String]
        ) -> [String]? {
            guard case .sequence(let items) = node.content else {
                note(node.position, "\(name): a list is expected, for example [A, B].")
                return nil
            }
            var texts: [String] = []
            var isGood = true
            for (index, item) in items.enumerated() {
                guard let text = scalar("\(name)[\(index)]", item, "a text") else {
                    isGood = false
                    continue
                }
                if !allowed.isEmpty, !allowed.contains(text) {
                    note(
                        item.position,
                        "\(name): \"\(text)\" is not known here.\(didYouMean(text, among: allowed)) Write \(spoken(allowed))."
                    )
                    isGood = false
                } else if texts.contains(text) {
                    note(item.position, "\(name): \"\(text)\" stands twice. Delete one.")
                    isGood = false
                }
                texts.append(text)
            }
            return isGood ? texts : nil
        }

        private func isOneLine(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 } }
    }
}

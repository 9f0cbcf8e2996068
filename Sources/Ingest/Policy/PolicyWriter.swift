public import Journal

/// Writes a policy as commented YAML that ``PolicyReader`` reads back: `deploy/policy/default.yaml` and what
/// `config init` writes.
public enum PolicyWriter {
    /// The whole version: every value under a line that says what it is, every rule with its legal basis.
    public static func text(_ policy: Policy = Policy()) -> String {
        var lines = [
            "# The policy: every number and list that the rules judge by, and per rule who handles it and how",
            "# grave it is. A file needs to state only what differs from the shipped policy, which is this one.",
            "# Several versions stand in one file as documents between lines of three dashes; of these the one in",
            "# force on the date that governs counts.",
            "",
        ]
        for field in PolicyField.all {
            lines.append("# \(field.help)")
            let texts = field.read(policy)
            switch field.shape {
            case .integer, .boolean: lines.append("\(field.name): \(texts[0])")
            case .date, .text: lines.append("\(field.name): \(scalar(texts[0]))")
            case .list:
                lines.append("\(field.name): [\(texts.map(scalar).joined(separator: ", "))]")
            }
        }
        lines += [
            "",
            "# Per rule: whether it is judged, how grave it is, who handles it, what its alerts usually come",
            "# from, the dates between which it is judged (empty: open), and where it comes from.",
            "rules:",
        ]
        for rule in Rule.allCases {
            let one = policy[rule]
            lines += [
                "  \(rule.name):", "    enabled: \(one.isEnabled)",
                "    severity: \(one.severity.name)", "    owner: \(scalar(one.owner))",
                "    root_cause: \(one.rootCause.name)",
                "    effective_from: \(scalar(one.effectiveFrom.text))",
                "    effective_to: \(scalar(one.effectiveTo.text))",
            ]
            if one.legalBasis.isEmpty {
                lines.append("    legal_basis: []")
            } else {
                lines.append("    legal_basis:")
                lines += one.legalBasis.map { "      - \(scalar($0))" }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A text as YAML: plain where nobody could take it for anything else, else between double quotes.
    private static func scalar(_ text: String) -> String {
        let isWord =
            text.utf8.first.map { ($0 | 0x20) &- 97 < 26 } == true
            && text.utf8.allSatisfy {
                ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 0x2D || $0 == 0x5F
            }
        let taken = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        if isWord, !taken.contains(text.lowercased()) { return text }
        if CivilDate(text: text) != nil { return text }
        var quoted = "\""
        for character in text {
            if character == "\"" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "\""
    }
}

extension Program {
    /// The manual page, section 1, of the program with all its commands, in the `man` macros.
    public func manualPage() -> String {
        var page = ".TH \(root.name.uppercased()) 1 \"\" \"\(root.name) \(version)\"\n"
        page += ".SH NAME\n\(roff(root.name)) \\- \(roff(root.abstract))\n"
        page += ".SH SYNOPSIS\n\(roff(usage(of: [root])))\n"
        if !root.discussion.isEmpty { page += ".SH DESCRIPTION\n" + paragraphs(root.discussion) }
        page += tables(sections(of: [root]), heading: ".SH")
        page += examples(of: root, heading: ".SH")
        func visit(_ chain: [Command]) {
            for command in chain[chain.count - 1].subcommands where !command.isHidden {
                let chain = chain + [command]
                page += ".SH \(roff(chain.dropFirst().map(\.name).joined(separator: " ")))\n"
                page += "\(roff(usage(of: chain)))\n.PP\n\(roff(command.abstract + "."))\n"
                if !command.discussion.isEmpty { page += ".PP\n" + paragraphs(command.discussion) }
                // What every command takes and may end with stands once, in the program's part.
                let own = sections(of: [command]).map { title, rows in
                    (title, rows.filter { !["-h, --help", "    --version"].contains($0.term) })
                }
                page += tables(own.filter { !$0.1.isEmpty }, heading: ".SS")
                if !command.exitStatuses.isEmpty {
                    let rows = command.exitStatuses.map { ("\($0.code)", $0.meaning + ".") }
                    page += tables([("Exit codes", rows)], heading: ".SS")
                }
                page += examples(of: command, heading: ".SS")
                visit(chain)
            }
        }
        visit([root])
        return page + tables([("EXIT STATUS", exitStatuses(of: root))], heading: ".SH")
    }

    private func tables(
        _ sections: [(title: String, rows: [HelpRow])],
        heading: String
    ) -> String {
        sections.map { title, rows in
            "\(heading) \(title)\n"
                + rows.map { term, meaning in
                    ".TP\n\\fB\(roff(String(term.trimmingPrefix(while: \.isWhitespace))))\\fR\n"
                        + paragraphs(meaning)
                }.joined()
        }.joined()
    }

    private func examples(of command: Command, heading: String) -> String {
        if command.examples.isEmpty { return "" }
        return "\(heading) Examples\n"
            + command.examples.map { "\(roff($0.purpose)):\n.PP\n.nf\n    \(roff($0.line))\n.fi\n" }
            .joined(separator: ".PP\n")
    }

    /// Paragraphs apart, and lines that begin with spaces as they are.
    private func paragraphs(_ text: String) -> String {
        let lines = wrap(text, indent: 0, width: 72).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        return lines.dropLast().map { line in
            if line.isEmpty { return ".PP\n" }
            return line.hasPrefix(" ")
                ? ".nf\n\(roff(String(line)))\n.fi\n" : roff(String(line)) + "\n"
        }.joined()
    }
}

/// The text without the characters that roff reads as its own.
private func roff(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
}

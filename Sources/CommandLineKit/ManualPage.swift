extension Program {
    /// The manual page, section 1, of the program with all its commands, in the `man` macros.
    public func manualPage() -> String {
        var page = ".TH \(root.name.uppercased()) 1 \"\" \"\(root.name) \(version)\"\n"
        page += ".SH NAME\n\(roff(root.name)) \\- \(roff(root.abstract))\n"
        page += ".SH SYNOPSIS\n\(roff(usage(of: [root])))\n"
        if !root.discussion.isEmpty { page += ".SH DESCRIPTION\n" + paragraphs(root.discussion) }
        page += tables(of: [root], heading: ".SH")
        page += examples(of: root, heading: ".SH")
        func visit(_ chain: [Command]) {
            for command in chain[chain.count - 1].subcommands where !command.isHidden {
                let chain = chain + [command]
                page += ".SH \(roff(chain.dropFirst().map(\.name).joined(separator: " ")))\n"
                page += "\(roff(usage(of: chain)))\n.PP\n\(roff(command.abstract + "."))\n"
                if !command.discussion.isEmpty { page += ".PP\n" + paragraphs(command.discussion) }
                page += tables(of: chain, heading: ".SS") + examples(of: command, heading: ".SS")
                visit(chain)
            }
        }
        visit([root])
        return page
    }

    private func tables(of chain: [Command], heading: String) -> String {
        sections(of: chain).map { title, rows in
            "\(heading) \(title)\n"
                + rows.map { term, meaning in
                    ".TP\n\\fB\(roff(String(term.trimmingPrefix(while: \.isWhitespace))))\\fR\n"
                        + "\(roff(meaning))\n"
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
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.isEmpty { return ".PP\n" }
            return line.hasPrefix(" ") ? ".nf\n\(roff(String(line)))\n.fi\n" : roff(String(line)) + "\n"
        }.joined()
    }
}

/// The text without the characters that roff reads as its own.
private func roff(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
}

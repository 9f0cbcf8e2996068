/// The help of the last command of `chain`, whose first is the program.
func helpText(of chain: [Command], on sink: Sink) -> String {
    let command = chain[chain.count - 1]
    let width = min(sink.width, 100)
    var text = sink.styled("Usage:", .bold) + " \(usage(of: chain))\n\n"
    text += wrap(command.abstract + ".", indent: 0, width: width)
    if !command.discussion.isEmpty {
        text += "\n" + wrap(command.discussion, indent: 0, width: width)
    }
    for (title, rows) in sections(of: chain) {
        text += "\n" + sink.styled(title + ":", .bold) + "\n" + table(rows, width: width)
    }
    if !command.examples.isEmpty {
        text += "\n" + sink.styled("Examples:", .bold) + "\n"
        for example in command.examples {
            text += "  \(example.purpose):\n    \(sink.styled(example.line, .cyan))\n"
        }
    }
    if command.body != nil {
        let rows = exitStatuses(of: command)
        text += "\n" + sink.styled("Exit codes:", .bold) + "\n" + table(rows, width: width)
    }
    if command.body == nil {
        let path = chain.dropFirst().map { $0.name + " " }.joined()
        text += "\nSee \"\(chain[0].name) help \(path)COMMAND\" for one command.\n"
    }
    return text
}

/// `diversion-monitor topics plan [OPTIONS] --cluster NAME FILE`.
func usage(of chain: [Command]) -> String {
    let command = chain[chain.count - 1]
    let required = chain.flatMap(\.options).filter { $0.isRequired && !$0.isHidden }
    let words =
        chain.map(\.name) + ["[OPTIONS]"] + required.map { "--\($0.name) \($0.valueName)" }
        + (command.body == nil ? ["COMMAND"] : command.arguments.map(\.usage))
    return words.joined(separator: " ")
}

/// A line of a help table: what to type, and what it does.
typealias HelpRow = (term: String, meaning: String)

/// The tables of a command's help, in the order they are read.
func sections(of chain: [Command]) -> [(title: String, rows: [HelpRow])] {
    let command = chain[chain.count - 1]
    var sections: [(title: String, rows: [HelpRow])] = []
    func add(_ row: HelpRow, to title: String) {
        if let index = sections.firstIndex(where: { $0.title == title }) {
            sections[index].rows.append(row)
        } else {
            sections.append((title, [row]))
        }
    }
    for child in command.subcommands where !child.isHidden {
        add((child.name, child.abstract + "."), to: "Commands")
    }
    for argument in command.arguments {
        add((argument.name, argument.help + "."), to: "Arguments")
    }
    let options = chain.reversed().flatMap(\.options).filter { !$0.isHidden }
    for option in options where option.section == "Options" {
        add((option.usage, meaning(of: option)), to: "Options")
    }
    add(("-h, --help", "Show this help."), to: "Options")
    if chain.count == 1 { add(("    --version", "Show the version."), to: "Options") }
    for option in options where option.section != "Options" {
        add((option.usage, meaning(of: option)), to: option.section)
    }
    return sections
}

/// The exit statuses of a command, those that every command shares among them.
func exitStatuses(of command: Command) -> [HelpRow] {
    let own = command.exitStatuses
    return (own + ExitStatus.common.filter { !own.contains($0) })
        .sorted { $0.code < $1.code }
        .map { ("\($0.code)", $0.meaning + ".") }
}

/// What an option does, with its default and the environment variable that stands for it.
private func meaning(of option: Option) -> String {
    var notes: [String] = []
    if case .choice(let words) = option.kind, !option.valueName.contains("|") {
        notes.append("one of: \(words.joined(separator: ", "))")
    }
    if option.arity == .repeated { notes.append("may be repeated") }
    // A no-break space keeps a name to copy on the line of what it is.
    if let value = option.defaultValue { notes.append("default:\u{A0}\(value)") }
    if let name = option.environment { notes.append("environment:\u{A0}\(name)") }
    return option.help + "." + notes.map { " [\($0)]" }.joined()
}

/// The rows with the meanings aligned; a long term has its meaning on the next line.
private func table(_ rows: [HelpRow], width: Int) -> String {
    let longest = 28
    let column = rows.map(\.term.count).filter { $0 <= longest }.max() ?? longest
    var text = ""
    for (term, meaning) in rows {
        let lines = wrap(meaning, indent: column + 4, width: width)
        if term.count > column {
            text += "  \(term)\n\(lines)"
        } else {
            let padding = String(repeating: " ", count: column - term.count + 2)
            text += "  \(term)\(padding)" + lines.drop { $0 == " " }
        }
    }
    return text
}

/// The text in lines of at most `width` characters, each after `indent` spaces.
///
/// A blank line parts paragraphs; a line that begins with spaces is kept as it is. A word longer
/// than a line stands alone, uncut: it may be a path to copy. A no-break space becomes a space
/// once the lines are made.
func wrap(_ text: String, indent: Int, width: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    func endLine() {
        if !line.isEmpty { lines.append(margin + line) }
        line = ""
    }
    for source in text.split(separator: "\n", omittingEmptySubsequences: false) {
        guard !source.isEmpty, !source.hasPrefix(" ") else {
            endLine()
            lines.append(source.isEmpty ? "" : margin + source)
            continue
        }
        for word in source.split(separator: " ") {
            if !line.isEmpty, indent + line.count + 1 + word.count > width { endLine() }
            line += line.isEmpty ? String(word) : " \(word)"
        }
    }
    endLine()
    return lines.map { $0.replacing("\u{A0}", with: " ") + "\n" }.joined()
}

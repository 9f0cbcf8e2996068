internal import Wording

/// Words → what to do. Reading goes on after a mistake, as if the nearest right word had been
/// typed, so that one run tells all mistakes and none that only follows from another.
struct Parser {
    enum Outcome {
        case run(Command, Invocation)
        case help(of: [Command])
        case version
        case wrong(UsageError)
    }

    private let program: Program
    private let terminal: Terminal
    /// The root and the commands chosen so far.
    private var chain: [Command]
    private var rest: ArraySlice<String> = []
    private var words: [String] = []
    private var given: [String: [String]] = [:]
    private var openOptions: [(name: String, value: String)] = []
    private var problems: [String] = []
    private var wantsHelp = false
    private var wantsVersion = false
    /// An option nobody knows may have had a value, which now looks like an argument: while this
    /// holds, the number of arguments is not judged.
    private var isUncertain = false
    private var hasUnknownCommand = false

    init(_ program: Program, on terminal: Terminal) {
        self.program = program
        self.terminal = terminal
        chain = [program.root]
    }

    mutating func parse(_ arguments: [String]) -> Outcome {
        rest = arguments[...]
        while let word = rest.popFirst() {
            if word == "--" {
                while let word = rest.popFirst() { readWord(word) }
            } else if isOption(word) {
                readOption(word)
            } else {
                readWord(word)
            }
        }
        if wantsHelp, !hasUnknownCommand { return .help(of: chain) }
        if wantsVersion, problems.isEmpty { return .version }
        if !hasUnknownCommand { checkComplete() }
        guard problems.isEmpty, let body = chain.last, body.body != nil else {
            return .wrong(UsageError(path: chain.map(\.name), problems: problems))
        }
        return .run(body, invocation())
    }

    /// The options that may be given here, the command's own before those of its groups.
    private var options: [Option] { chain.reversed().flatMap(\.options) }
    private var command: Command { chain[chain.count - 1] }

    private mutating func readWord(_ word: String) {
        guard command.body == nil else { return words.append(word) }
        if let next = command.subcommands.first(where: { $0.name == word }) {
            return chain.append(next)
        }
        problems.append(unknown(word, among: command.subcommands))
        hasUnknownCommand = true
        // What follows belongs to a command that is not known: it cannot be judged.
        rest = []
    }

    private mutating func readOption(_ word: String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let typed = String(parts[0])
        let value = parts.count > 1 ? String(parts[1]) : nil
        if typed == "--help" || typed == "-h" { return wantsHelp = true }
        if typed == "--version", chain.count == 1 { return wantsVersion = true }
        if let (option, isNegated) = find(typed) {
            return read(option, isNegated: isNegated, typed: typed, value: value)
        }
        if chain.contains(where: { $0.openPrefixes.contains { typed.hasPrefix("--" + $0) } }) {
            guard let value = value ?? popValue(of: typed) else { return }
            return openOptions.append((String(typed.dropFirst(2)), value))
        }
        let names = options.filter { !$0.isHidden }.flatMap {
            [$0.name] + ($0.isNegatable ? ["no-\($0.name)"] : [])
        }
        let nearest =
            typed.hasPrefix("--")
            ? closest(to: String(typed.dropFirst(2)), among: names + ["help"]).map { "--" + $0 }
            : nil
        let hint = nearest.map { " Did you mean \($0)?" } ?? ""
        problems.append("\(typed) is not an option here.\(hint)")
        guard let nearest, let (option, isNegated) = find(nearest) else {
            return isUncertain = true
        }
        let isWithoutValue =
            option.arity != .flag && option.impliedValues.isEmpty && value == nil
            && nextValue == nil
        if isWithoutValue { return given[option.name, default: []] += [] }
        read(option, isNegated: isNegated, typed: nearest, value: value)
    }

    private func find(_ typed: String) -> (option: Option, isNegated: Bool)? {
        for option in options {
            if ([option.name] + option.aliases).contains(where: { typed == "--" + $0 }) {
                return (option, false)
            }
            if let short = option.short, typed == "-\(short)" { return (option, false) }
            if option.isNegatable, typed == "--no-" + option.name { return (option, true) }
        }
        return nil
    }

    private mutating func read(_ option: Option, isNegated: Bool, typed: String, value: String?) {
        if option.arity == .flag {
            if let value {
                problems.append("\(typed) takes no value, but \"\(value)\" is given. Leave it out.")
            }
            return given[option.name, default: []].append(isNegated ? "false" : "true")
        }
        // An option that lost its value counts as given: that it is required is no second mistake.
        let isRepeated = option.arity == .single && given[option.name] != nil
        given[option.name, default: []] += []
        if isRepeated { problems.append("\(typed) is given twice. Give it once.") }
        guard let value = value ?? implied(option) ?? popValue(of: typed) else { return }
        given[option.name, default: []].append(value)
        if let mismatch = option.kind.mismatch(value) {
            problems.append("\(typed): \"\(value)\" \(mismatch)")
        }
    }

    /// The next word, if it can be a value: a dash begins an option, unless a number follows.
    private var nextValue: String? {
        rest.first.flatMap { isOption($0) ? nil : $0 }
    }

    /// What an option means that is given alone; nil where the next word is its value.
    private func implied(_ option: Option) -> String? {
        nextValue.map(option.impliedValues.contains) == true ? nil : option.impliedValues.first
    }

    private func isOption(_ word: String) -> Bool {
        word.hasPrefix("-") && word != "-" && wholeNumber(word) == nil
    }

    private mutating func popValue(of typed: String) -> String? {
        if nextValue != nil { return rest.popFirst() }
        problems.append(
            "\(typed) needs a value. Give it as \(typed) VALUE, or as \(typed)=VALUE if it begins"
                + " with a dash."
        )
        return nil
    }

    /// What can only be judged when all words are read: what is missing and what is left over.
    private mutating func checkComplete() {
        guard command.body != nil else {
            let names = command.subcommands.filter { !$0.isHidden }.map(\.name)
            return problems.append("A command is missing. Give \(spoken(names)).")
        }
        for option in options where option.isRequired && given[option.name] == nil {
            problems.append("--\(option.name) \(option.valueName) is missing. \(option.help).")
        }
        var left = words[...]
        for argument in command.arguments {
            let takesAll = argument.arity == .rest || argument.arity == .restOrMore
            let taken = takesAll ? left : left.prefix(1)
            left = left.dropFirst(taken.count)
            if !taken.isEmpty { given[argument.name] = Array(taken) }
            let isNeeded = argument.arity == .required || argument.arity == .restOrMore
            if isNeeded, taken.isEmpty, !isUncertain {
                problems.append("\(argument.name) is missing. \(argument.help).")
            }
            for word in taken {
                guard let mismatch = argument.kind.mismatch(word) else { continue }
                problems.append("\(argument.name): \"\(word)\" \(mismatch)")
            }
        }
        if !left.isEmpty, !isUncertain {
            let extra = left.map { "\"\($0)\"" }
            let (verb, pronoun) = extra.count == 1 ? ("is", "it") : ("are", "them")
            problems.append(
                "\(spoken(extra, joinedBy: "and")) \(verb) more than it takes. Leave \(pronoun) out."
            )
        }
    }

    private func invocation() -> Invocation {
        var declared: [String: Invocation.Declaration] = [:]
        for option in options where declared[option.name] == nil {
            declared[option.name] = .init(
                kind: option.kind,
                defaultValue: option.defaultValue,
                isFlag: option.arity == .flag
            )
        }
        for argument in command.arguments {
            declared[argument.name] = .init(kind: argument.kind, defaultValue: nil, isFlag: false)
        }
        return Invocation(
            path: chain.dropFirst().map(\.name),
            terminal: terminal,
            openOptions: openOptions,
            program: program,
            declared: declared,
            given: given.filter { !$0.value.isEmpty }
        )
    }
}

/// The sentence about a word that should have been one of `commands`.
func unknown(_ word: String, among commands: [Command]) -> String {
    let names = commands.filter { !$0.isHidden }.map(\.name)
    if names.isEmpty { return "\"\(word)\" is not a command: there are none in it." }
    return "\"\(word)\" is not a command.\(didYouMean(word, among: names))"
}

/// All that is wrong with a command line, told at once.
struct UsageError: Error {
    let path: [String]
    let problems: [String]

    func describe(on sink: Sink) -> String {
        let name = path[0]
        let what = path.count > 1 ? "run \"\(path.dropFirst().joined(separator: " "))\"" : "start"
        let title = sink.styled("\(name): could not \(what):", .red)
        let lines = problems.map { "  \($0)" }.joined(separator: "\n")
        return "\(title)\n\(lines)\nSee \"\(path.joined(separator: " ")) --help\".\n"
    }
}

/// One command: either it runs, or it is a group of commands (`topics` of `topics plan`).
///
///     Command("plan", "Show what must change in the brokers' topics",
///         arguments: [.rest("FILE", .file, "Topic files; all of topics/ when none is named")],
///         options: [.value("format", .choice(["text", "json"]), default: "text", "How to print")]
///     ) { invocation in
///         plan(invocation.strings("FILE"), as: invocation.string("format"))
///     }
///
/// Parsing, help, completions and the manual page are all read from this declaration.
public struct Command: Sendable {
    /// What a command does when it runs. It throws `CommandFailure` to end with a message.
    public typealias Body = @Sendable (Invocation) async throws -> ExitStatus

    /// The word on the command line.
    public let name: String
    /// One line without a full stop, as a list of commands shows it.
    public let abstract: String
    /// Paragraphs for the reader of `--help`; a blank line parts them.
    public let discussion: String
    /// The positional arguments: the required ones, then the optional ones, then the rest.
    public let arguments: [Argument]
    /// The options; those of a group may be given to every command in it.
    public let options: [Option]
    /// Options with these prefixes are taken as they come, each with a value: `--kafka.x.y 1`.
    ///
    /// The program judges them, see `Invocation.openOptions`.
    public let openPrefixes: [String]
    /// Command lines worth copying.
    public let examples: [Example]
    /// What the command's exit statuses mean, beyond `ExitStatus.common`.
    public let exitStatuses: [ExitStatus]
    /// The commands of a group; empty for one that runs.
    public let subcommands: [Command]
    /// Whether help and completions leave it out.
    public let isHidden: Bool
    let body: Body?

    /// A command that runs.
    public init(
        _ name: String,
        _ abstract: String,
        discussion: String = "",
        arguments: [Argument] = [],
        options: [Option] = [],
        openPrefixes: [String] = [],
        examples: [Example] = [],
        exitStatuses: [ExitStatus] = [],
        isHidden: Bool = false,
        run: @escaping Body
    ) {
        self.name = name
        self.abstract = abstract
        self.discussion = discussion
        self.arguments = arguments
        self.options = options
        self.openPrefixes = openPrefixes
        self.examples = examples
        self.exitStatuses = exitStatuses
        self.isHidden = isHidden
        subcommands = []
        body = run
        checkDeclaration()
    }

    /// A group of commands.
    public init(
        _ name: String,
        _ abstract: String,
        discussion: String = "",
        options: [Option] = [],
        openPrefixes: [String] = [],
        examples: [Example] = [],
        subcommands: [Command]
    ) {
        self.name = name
        self.abstract = abstract
        self.discussion = discussion
        arguments = []
        self.options = options
        self.openPrefixes = openPrefixes
        self.examples = examples
        exitStatuses = []
        isHidden = false
        self.subcommands = subcommands
        body = nil
        checkDeclaration()
    }

    private func checkDeclaration() {
        let names = options.flatMap { [$0.name] + $0.aliases }
        precondition(Set(names).count == names.count, "\(name) declares an option twice")
        let commands = subcommands.map(\.name)
        precondition(Set(commands).count == commands.count, "\(name) declares a command twice")
        let order = arguments.map { $0.arity.rawValue }
        precondition(
            order == order.sorted()
                && order.count(where: { $0 >= Argument.Arity.rest.rawValue }) < 2,
            "\(name) declares an argument after an optional one or after the rest"
        )
        for option in options {
            guard let value = option.defaultValue else { continue }
            precondition(option.kind.mismatch(value) == nil, "--\(option.name) has a bad default")
        }
    }
}

/// A command line worth copying, and what it is good for.
public struct Example: Sendable {
    let purpose: String
    let line: String

    /// `purpose` is a sentence without its full stop; `line` starts with the program's name.
    public init(_ purpose: String, _ line: String) {
        self.purpose = purpose
        self.line = line
    }
}

/// A word that stands by its position: `journal dump FILE`.
public struct Argument: Sendable {
    enum Arity: Int { case required, optional, rest, restOrMore }
    /// How the usage line calls it, which is also the name the command asks for.
    public let name: String
    let kind: ValueKind
    let help: String
    let arity: Arity

    /// An argument that must be given.
    public static func required(_ name: String, _ kind: ValueKind, _ help: String) -> Self {
        Self(name: name, kind: kind, help: help, arity: .required)
    }

    /// An argument that may be left out.
    public static func optional(_ name: String, _ kind: ValueKind, _ help: String) -> Self {
        Self(name: name, kind: kind, help: help, arity: .optional)
    }

    /// All words that are left, at least one when `isRequired`.
    public static func rest(
        _ name: String,
        _ kind: ValueKind,
        _ help: String,
        isRequired: Bool = false
    ) -> Self {
        Self(name: name, kind: kind, help: help, arity: isRequired ? .restOrMore : .rest)
    }

    /// The argument as the usage line writes it: `FILE`, `[FILE]`, `[FILE ...]`.
    var usage: String {
        switch arity {
        case .required: name
        case .optional: "[\(name)]"
        case .rest: "[\(name) ...]"
        case .restOrMore: "\(name) ..."
        }
    }
}

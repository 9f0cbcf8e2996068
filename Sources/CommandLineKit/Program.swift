/// The executable as a whole: its name, version and commands, and `help`, `completions` and
/// `manual`, which come by themselves.
///
///     let status = await program.run(arguments, on: .standard(environment: environment))
///     exit(status.code)
///
/// It never ends the process and writes only to the terminal it is given, and so a test runs it
/// as a person does.
public struct Program: Sendable {
    let root: Command
    let version: String

    /// A program. Its `options` and `openPrefixes` may be given to every command.
    public init(
        _ name: String,
        version: String,
        _ abstract: String,
        discussion: String = "",
        options: [Option] = [],
        openPrefixes: [String] = [],
        examples: [Example] = [],
        commands: [Command]
    ) {
        self.version = version
        root = Command(
            name,
            abstract,
            discussion: discussion,
            options: options,
            openPrefixes: openPrefixes,
            examples: examples,
            subcommands: commands + [.help, .completions, .manual]
        )
    }

    /// Runs the command that `arguments`, without the program's own name, ask for.
    ///
    /// Mistakes on the command line and what a command throws are written to `terminal.errors`.
    public func run(_ arguments: [String], on terminal: Terminal) async -> ExitStatus {
        var parser = Parser(self, on: terminal)
        do {
            switch parser.parse(arguments) {
            case .run(let command, let invocation):
                guard let body = command.body else { return .usage }
                return try await body(invocation)
            case .help(let chain):
                terminal.output.write(helpText(of: chain, on: terminal.output))
                return .success
            case .version:
                terminal.output.print("\(root.name) \(version)")
                return .success
            case .wrong(let error):
                throw error
            }
        } catch let error as UsageError {
            terminal.errors.write(error.describe(on: terminal.errors))
            return .usage
        } catch let failure as CommandFailure {
            terminal.errors.print("\(terminal.errors.styled(root.name + ":", .red)) \(failure)")
            return failure.status
        } catch {
            terminal.errors.print("\(terminal.errors.styled(root.name + ":", .red)) \(error)")
            return .failure
        }
    }

    /// The completion script for a shell.
    public func completions(for shell: Shell) -> String { script(for: shell) }

    /// The commands from the root to the one `path` names.
    func chain(to path: [String]) throws(UsageError) -> [Command] {
        var chain = [root]
        for word in path {
            let commands = chain[chain.count - 1].subcommands
            guard let next = commands.first(where: { $0.name == word }) else {
                throw UsageError(
                    path: chain.map(\.name),
                    problems: [unknown(word, among: commands)]
                )
            }
            chain.append(next)
        }
        return chain
    }
}

extension Command {
    static let help = Command(
        "help",
        "Show what a command does",
        arguments: [.rest("COMMAND", .text, "The command's words, as in \"help config show\"")]
    ) { invocation in
        let output = invocation.terminal.output
        let chain = try invocation.program.chain(to: invocation.strings("COMMAND"))
        output.write(helpText(of: chain, on: output))
        return .success
    }

    static let completions = Command(
        "completions",
        "Print the completion script for a shell",
        discussion: """
            The script is made from the program's own declarations: after an update, print it \
            again.
            """,
        arguments: [
            .required("SHELL", .choice(Shell.allCases.map(\.rawValue)), "bash, zsh or fish")
        ],
        examples: [
            Example(
                "Complete in this bash",
                "source <(diversion-monitor completions bash)"
            )
        ]
    ) { invocation in
        guard let shell = Shell(rawValue: invocation.string("SHELL")) else { return .usage }
        invocation.terminal.output.write(invocation.program.completions(for: shell))
        return .success
    }

    static let manual = Command("manual", "Print the manual page", isHidden: true) { invocation in
        invocation.terminal.output.write(invocation.program.manualPage())
        return .success
    }
}

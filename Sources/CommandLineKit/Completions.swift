/// A shell that completions can be printed for.
public enum Shell: String, Sendable, CaseIterable {
    /// GNU bash, from 4.
    case bash
    /// zsh, with `compinit`.
    case zsh
    /// fish, from 3.
    case fish
}

/// What may follow once the words of `path` are typed.
private struct CompletionPoint {
    let path: String
    let command: Command
    let options: [Option]

    init(_ chain: [Command]) {
        path = chain.dropFirst().map(\.name).joined(separator: " ")
        command = chain[chain.count - 1]
        options = chain.reversed().flatMap(\.options).filter { !$0.isHidden }
    }

    var subcommands: [Command] { command.subcommands.filter { !$0.isHidden } }

    /// Everything to type here, with its meaning: the commands, then the options.
    var candidates: [HelpRow] {
        subcommands.map { ($0.name, $0.abstract) }
            + options.flatMap { option in names(of: option).map { ($0, option.help) } }
            + [("--help", "Show this help")]
    }

    func names(of option: Option) -> [String] {
        ["--\(option.name)"] + (option.isNegatable ? ["--no-\(option.name)"] : [])
            + (option.short.map { ["-\($0)"] } ?? [])
    }

    /// What the command's first argument may be; completions treat all arguments like it.
    var argumentKind: ValueKind? { command.arguments.first?.kind }
}

extension Program {
    func script(for shell: Shell) -> String {
        var points: [CompletionPoint] = []
        func visit(_ chain: [Command]) {
            points.append(CompletionPoint(chain))
            for child in chain[chain.count - 1].subcommands where !child.isHidden {
                visit(chain + [child])
            }
        }
        visit([root])
        switch shell {
        case .bash: return bashScript(points)
        case .zsh: return zshScript(points)
        case .fish: return fishScript(points)
        }
    }

    /// With the program's own name, since zsh expects a function named like its file.
    private var function: String { "_" + root.name }

    /// The lines by which bash and zsh walk from the program to the command typed so far.
    private func walk(_ points: [CompletionPoint]) -> String {
        points.filter { !$0.path.isEmpty }.map { point in
            let parent = point.path.dropLast(point.command.name.count)
            let step = parent.isEmpty ? " \(point.path)" : point.path
            return "            \(quoted(step))) chosen=\(quoted(point.path)) ;;\n"
        }.joined()
    }

    /// For each option with a value, the pattern `PATH:OPTION` and what completes its value.
    private func values(
        _ points: [CompletionPoint],
        _ action: (ValueKind) -> String
    ) -> String {
        points.flatMap { point in
            point.options.filter { $0.arity != .flag }.map { option in
                let patterns = point.names(of: option).map { quoted("\(point.path):\($0)") }
                return
                    "        \(patterns.joined(separator: "|"))) \(action(option.kind)); return ;;\n"
            }
        }.joined()
    }

    /// For each command whose arguments can be completed, how.
    private func arguments(_ points: [CompletionPoint], _ action: (ValueKind) -> String) -> String {
        points.compactMap { point in
            guard let kind = point.argumentKind else { return nil }
            return "            \(quoted(point.path))) \(action(kind)); return ;;\n"
        }.joined()
    }

    private func bashScript(_ points: [CompletionPoint]) -> String {
        func action(_ kind: ValueKind) -> String {
            switch kind {
            case .choice(let words):
                "COMPREPLY=($(compgen -W \(quoted(words.joined(separator: " "))) -- \"$current\"))"
            case .file: "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$current\"))"
            case .directory: "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$current\"))"
            case .text, .integer, .duration: "COMPREPLY=()"
            }
        }
        let words = points.map { point in
            let terms = point.candidates.map(\.term).joined(separator: " ")
            return "        \(quoted(point.path))) candidates=\(quoted(terms)) ;;\n"
        }.joined()
        return """
            # bash completions for \(root.name) \(version)
            \(function)() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local chosen= candidates= word
                # bash parts --option=value into three words.
                if [[ $current == = ]]; then
                    current=
                elif [[ $previous == = ]]; then
                    previous=${COMP_WORDS[COMP_CWORD-2]}
                fi
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    case "$chosen $word" in
            \(walk(points))        esac
                done
                case "$chosen:$previous" in
            \(values(points, action))    esac
                case "$chosen" in
            \(words)    esac
                if [[ $current != -* ]]; then
                    case "$chosen" in
            \(arguments(points, action))        esac
                fi
                COMPREPLY=($(compgen -W "$candidates" -- "$current"))
            }
            complete -F \(function) \(root.name)

            """
    }

    private func zshScript(_ points: [CompletionPoint]) -> String {
        func action(_ kind: ValueKind) -> String {
            switch kind {
            case .choice(let words): "compadd -- \(words.map(quoted).joined(separator: " "))"
            case .file: "_files"
            case .directory: "_files -/"
            case .text, .integer, .duration: "_message value"
            }
        }
        let words = points.map { point in
            let terms = point.candidates.map { term, meaning in
                quoted(term.replacing(":", with: "\\:") + ":" + meaning)
            }
            return
                "        \(quoted(point.path))) candidates=(\(terms.joined(separator: " "))) ;;\n"
        }.joined()
        return """
            #compdef \(root.name)
            # zsh completions for \(root.name) \(version)
            \(function)() {
                local chosen= word previous=${words[CURRENT-1]}
                local -a candidates
                if [[ ${words[CURRENT]} == --*=* ]]; then
                    previous=${words[CURRENT]%%=*}
                    compset -P '*='
                fi
                for word in ${words[2,CURRENT-1]}; do
                    case "$chosen $word" in
            \(walk(points))        esac
                done
                case "$chosen:$previous" in
            \(values(points, action))    esac
                case "$chosen" in
            \(words)    esac
                if [[ ${words[CURRENT]} != -* ]]; then
                    case "$chosen" in
            \(arguments(points, action))        esac
                fi
                _describe \(root.name) candidates
            }
            # Loaded by zsh itself this file is the function's body; sourced, it is a declaration.
            if [[ ${funcstack[1]} == \(function) ]]; then
                \(function) "$@"
            else
                compdef \(function) \(root.name)
            fi

            """
    }

    private func fishScript(_ points: [CompletionPoint]) -> String {
        func value(_ kind: ValueKind) -> String {
            switch kind {
            case .choice(let words): " -x -a \(fishQuoted(words.joined(separator: " ")))"
            case .file: " -r -F"
            case .directory: " -x -a '(__fish_complete_directories)'"
            case .text, .integer, .duration: " -x"
            }
        }
        let steps = points.filter { !$0.path.isEmpty }.map { point in
            let parent = point.path.dropLast(point.command.name.count)
            return quoted(parent.isEmpty ? " \(point.path)" : point.path)
        }
        var text = """
            # fish completions for \(root.name) \(version)
            function _\(function)_at
                set -l chosen
                for word in (commandline -opc)[2..-1]
                    switch "$chosen $word"
                        case \(steps.joined(separator: " "))
                            set chosen (string trim "$chosen $word")
                    end
                end
                test "$chosen" = "$argv[1]"
            end
            complete -c \(root.name) -f

            """
        for point in points {
            let start =
                "complete -c \(root.name) -n \(fishQuoted("_\(function)_at '\(point.path)'"))"
            for child in point.subcommands {
                text += "\(start) -a \(child.name) -d \(fishQuoted(child.abstract))\n"
            }
            for option in point.options {
                let letter = option.short.map { " -s \($0)" } ?? ""
                let argument = option.arity == .flag ? "" : value(option.kind)
                let help = fishQuoted(option.help)
                text += "\(start) -l \(option.name)\(letter)\(argument) -d \(help)\n"
                if option.isNegatable { text += "\(start) -l no-\(option.name) -d \(help)\n" }
            }
            text += "\(start) -l help -s h -d 'Show this help'\n"
            switch point.argumentKind {
            case .file, .directory: text += "\(start) -F\n"
            case .choice(let words):
                text += "\(start) -a \(fishQuoted(words.joined(separator: " ")))\n"
            case .text, .integer, .duration, nil: break
            }
        }
        return text
    }
}

/// The text as one word of bash or zsh.
private func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }

/// The text as one word of fish, where a backslash counts even between quotes.
private func fishQuoted(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
}

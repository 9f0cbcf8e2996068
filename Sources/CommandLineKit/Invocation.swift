internal import Wording

/// What a command was given, checked: the values of its options and arguments.
///
/// A value is asked for by the name it was declared with. To ask for one that was not declared,
/// or for a number where text was declared, is a bug and stops the program with a sentence.
public struct Invocation: Sendable {
    /// The words that chose the command: `["topics", "plan"]`.
    public let path: [String]
    /// Where the command writes.
    public let terminal: Terminal
    /// The options under an open prefix, in the order given: `("kafka.consumer.x", "1")`.
    public let openOptions: [(name: String, value: String)]
    let program: Program
    let declared: [String: Declaration]
    let given: [String: [String]]

    struct Declaration: Sendable {
        let kind: ValueKind
        let defaultValue: String?
        let isFlag: Bool
    }

    /// Whether a flag was set, the last of `--x` and `--no-x` counting; `standard` if neither was.
    public func flag(_ name: String, default standard: Bool = false) -> Bool {
        precondition(declaration(name).isFlag, "--\(name) is not declared as a flag")
        return given[name]?.last.map { $0 == "true" } ?? standard
    }

    /// The text of a value that was declared required or with a default.
    public func string(_ name: String) -> String { demand(stringIfGiven(name), name) }
    /// The number of a value that was declared required or with a default.
    public func integer(_ name: String) -> Int { demand(integerIfGiven(name), name) }
    /// The duration of a value that was declared required or with a default.
    public func duration(_ name: String) -> Duration { demand(durationIfGiven(name), name) }

    /// The text of a value, its default, or nil.
    public func stringIfGiven(_ name: String) -> String? {
        given[name]?.last ?? declaration(name).defaultValue
    }

    /// The number of a value, its default, or nil.
    public func integerIfGiven(_ name: String) -> Int? {
        guard case .integer = declaration(name).kind else {
            preconditionFailure("\(name) is not declared as a number")
        }
        return stringIfGiven(name).flatMap(wholeNumber)
    }

    /// The duration of a value, its default, or nil.
    public func durationIfGiven(_ name: String) -> Duration? {
        precondition(declaration(name).kind == .duration, "\(name) is not declared as a duration")
        return stringIfGiven(name).flatMap { Duration(text: $0) }
    }

    /// Every value of a repeated option or of the rest of the words, in the order given.
    ///
    /// For a list of paths declare the kind `.file` or `.directory`.
    public func strings(_ name: String) -> [String] {
        given[name] ?? declaration(name).defaultValue.map { [$0] } ?? []
    }

    /// Whether the person gave the option or argument: its default does not count.
    public func isGiven(_ name: String) -> Bool {
        _ = declaration(name)
        return given[name] != nil
    }

    private func declaration(_ name: String) -> Declaration {
        guard let declaration = declared[name] else {
            preconditionFailure("\(path.joined(separator: " ")) does not declare \(name)")
        }
        return declaration
    }

    private func demand<Value>(_ value: Value?, _ name: String) -> Value {
        guard let value else {
            preconditionFailure("\(name) is neither required nor has it a default; ask IfGiven")
        }
        return value
    }
}

internal import Wording

/// An option: `--force`, `--limit 10`, `-o FILE`.
public struct Option: Sendable {
    enum Arity { case flag, single, repeated }
    /// The name without its dashes, which is also the name the command asks for.
    public let name: String
    let arity: Arity
    let short: Character?
    let aliases: [String]
    let kind: ValueKind
    let placeholder: String
    let defaultValue: String?
    let environment: String?
    let section: String
    let help: String
    let isNegatable: Bool
    let isRequired: Bool
    let isHidden: Bool

    /// An option without a value. A negatable one may be taken back with `--no-NAME`.
    ///
    /// `aliases` are other names that work and are not shown, for command lines of the past.
    public static func flag(
        _ name: String,
        short: Character? = nil,
        negatable: Bool = false,
        aliases: [String] = [],
        section: String = "Options",
        isHidden: Bool = false,
        _ help: String
    ) -> Self {
        Self(
            name: name,
            arity: .flag,
            short: short,
            aliases: aliases,
            kind: .text,
            placeholder: "",
            defaultValue: nil,
            environment: nil,
            section: section,
            help: help,
            isNegatable: negatable,
            isRequired: false,
            isHidden: isHidden
        )
    }

    /// An option with a value; a `repeated` one collects every value it is given.
    ///
    /// `environment` is shown in the help for the reader; the kit itself reads no environment.
    public static func value(
        _ name: String,
        _ kind: ValueKind,
        short: Character? = nil,
        placeholder: String? = nil,
        default defaultValue: String? = nil,
        environment: String? = nil,
        repeated: Bool = false,
        isRequired: Bool = false,
        aliases: [String] = [],
        section: String = "Options",
        isHidden: Bool = false,
        _ help: String
    ) -> Self {
        Self(
            name: name,
            arity: repeated ? .repeated : .single,
            short: short,
            aliases: aliases,
            kind: kind,
            placeholder: placeholder ?? kind.placeholder,
            defaultValue: defaultValue,
            environment: environment,
            section: section,
            help: help,
            isNegatable: false,
            isRequired: isRequired,
            isHidden: isHidden
        )
    }

    /// The names as help writes them: `-o, --output FILE`, `    --[no-]color`.
    var usage: String {
        let letter = short.map { "-\($0), " } ?? "    "
        return letter + "--" + (isNegatable ? "[no-]" : "") + name
            + (arity == .flag ? "" : " \(placeholder)")
    }
}

/// What a value may be. It is checked before any command runs, so that all mistakes on a command
/// line are told at once; completions offer what it allows.
public enum ValueKind: Sendable, Equatable {
    /// Any text.
    case text
    /// A whole number in a range.
    case integer(ClosedRange<Int>)
    /// A duration with its unit: `5s`, `200ms`, `2d`.
    case duration
    /// One of these words.
    case choice([String])
    /// The path of a file. Whether it exists is the command's business.
    case file
    /// The path of a directory.
    case directory

    var placeholder: String {
        switch self {
        case .text: "TEXT"
        case .integer: "NUMBER"
        case .duration: "DURATION"
        case .choice(let words):
            words.map { $0.count }.reduce(0, +) < 24
                ? words.joined(separator: "|") : "WORD"
        case .file: "FILE"
        case .directory: "DIRECTORY"
        }
    }

    /// Why `text` is not such a value and what would be, or nil when it is one.
    func mismatch(_ text: String) -> String? {
        switch self {
        case .text: return nil
        case .integer(let range):
            guard let number = wholeNumber(text) else {
                return
                    "is not a whole number. Give one, for example \(max(range.lowerBound, min(range.upperBound, 1)))."
            }
            if range.contains(number) { return nil }
            let limits = (range.lowerBound, range.upperBound)
            if limits.1 == .max { return "is too small. The least is \(limits.0)." }
            if limits.0 == .min { return "is too large. The most is \(limits.1)." }
            return "is out of range. Give a number from \(limits.0) to \(limits.1)."
        case .duration:
            if Duration(text: text) != nil { return nil }
            return
                "is not a duration. Give a number and its unit, for example 200ms, 5s, 30m or 2d."
        case .choice(let words):
            if words.contains(text) { return nil }
            return "is not one of its values.\(didYouMean(text, among: words))"
                + " Give \(spoken(words))."
        case .file, .directory:
            return text.isEmpty ? "is empty. Give a path." : nil
        }
    }
}

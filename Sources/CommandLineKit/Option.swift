internal import Wording

/// An option: `--force`, `--limit 10`, `-o FILE`.
public struct Option: Sendable {
    enum Arity { case flag, single, repeated }
    /// The name without its dashes, which is also the name the command asks for.
    public let name: String
    let arity: Arity
    let help: String
    let section: String
    let aliases: [String]
    let isHidden: Bool
    private(set) var short: Character?
    private(set) var isNegatable = false
    private(set) var kind = ValueKind.text
    private(set) var valueName = ""
    private(set) var defaultValue: String?
    private(set) var environment: String?
    private(set) var isRequired = false
    /// The words that may follow, of which it means the first where none does; empty where a value must follow.
    private(set) var impliedValues: [String] = []

    private init(
        _ name: String,
        _ arity: Arity,
        _ help: String,
        in section: String,
        aliases: [String],
        isHidden: Bool
    ) {
        self.name = name
        self.arity = arity
        self.help = help
        self.section = section
        self.aliases = aliases
        self.isHidden = isHidden
    }

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
        var option = Self(name, .flag, help, in: section, aliases: aliases, isHidden: isHidden)
        option.short = short
        option.isNegatable = negatable
        return option
    }

    /// An option with a value; a `repeated` one collects every value it is given.
    ///
    /// `environment` is shown in the help for the reader; the kit itself reads no environment. One with `implied`
    /// values may be given alone and then means the first; the next word is its value only if it is one of them.
    public static func value(
        _ name: String,
        _ kind: ValueKind,
        short: Character? = nil,
        valueName: String? = nil,
        default defaultValue: String? = nil,
        environment: String? = nil,
        repeated: Bool = false,
        isRequired: Bool = false,
        implied impliedValues: [String] = [],
        aliases: [String] = [],
        section: String = "Options",
        isHidden: Bool = false,
        _ help: String
    ) -> Self {
        let arity = repeated ? Arity.repeated : .single
        var option = Self(name, arity, help, in: section, aliases: aliases, isHidden: isHidden)
        option.short = short
        option.kind = kind
        option.valueName = valueName ?? kind.valueName
        option.defaultValue = defaultValue
        option.environment = environment
        option.isRequired = isRequired
        option.impliedValues = impliedValues
        return option
    }

    /// The names as help writes them: `-o, --output FILE`, `    --[no-]color`.
    var usage: String {
        let letter = short.map { "-\($0), " } ?? "    "
        return letter + "--" + (isNegatable ? "[no-]" : "") + name
            + (arity == .flag ? "" : impliedValues.isEmpty ? " \(valueName)" : " [\(valueName)]")
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

    var valueName: String {
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
                let example = max(range.lowerBound, min(range.upperBound, 1))
                return "is not a whole number. Give one, for example \(example)."
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

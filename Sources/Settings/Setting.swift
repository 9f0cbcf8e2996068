internal import Wording

/// One setting. Its dotted key is its name everywhere:
///
///     kafka.bootstrap   ▶   --kafka.bootstrap VALUE
///                           DIVERSION_MONITOR_KAFKA_BOOTSTRAP=VALUE
///                           kafka.bootstrap: VALUE, or bootstrap: below kafka:
public struct Setting: Sendable {
    /// What a value may be.
    public enum Kind: Sendable, Equatable {
        /// Any text.
        case string
        /// A whole number in a range.
        case integer(ClosedRange<Int>)
        /// A duration with its unit, in a range if there is one: `200ms`, `5s`, `2d`.
        case duration(ClosedRange<Duration>? = nil)
        /// `true` or `false`.
        case bool
        /// One of these words.
        case enumeration([String])
        /// A path; whether it exists is the business of who opens it.
        case path
        /// Texts: a list in the file, elsewhere with commas between them.
        case strings
        /// What must never be printed. `KEY_file` may name a file that holds it instead.
        case secret
    }

    /// The dotted key.
    public let key: String
    /// What a value may be.
    public let kind: Kind
    /// The value when none is given, as a person would write it.
    public let defaultText: String?
    /// Whether a value must be given.
    public let isRequired: Bool
    /// What stands for the value in help: `HOST:PORT`.
    public let valueName: String
    /// What it is for: sentences without the last full stop.
    public let help: String

    /// A setting. Without a default and not required it may be left unset.
    public init(
        _ key: String,
        _ kind: Kind,
        default defaultText: String? = nil,
        isRequired: Bool = false,
        valueName: String? = nil,
        _ help: String
    ) {
        precondition(defaultText == nil || !isRequired, "\(key) is required and has a default")
        self.key = key
        self.kind = kind
        self.defaultText = defaultText
        self.isRequired = isRequired
        self.valueName = valueName ?? kind.valueName
        self.help = help
    }
}

extension Setting.Kind {
    /// The kind in words, for the reader of a settings file.
    var inWords: String {
        switch self {
        case .string: "Text"
        case .integer(let range):
            if range.upperBound == .max {
                range.lowerBound == .min
                    ? "A whole number" : "A whole number from \(range.lowerBound)"
            } else {
                "A whole number from \(range.lowerBound) to \(range.upperBound)"
            }
        case .duration(nil): "A duration"
        case .duration(let range?):
            "A duration from \(range.lowerBound.text) to \(range.upperBound.text)"
        case .bool: "true or false"
        case .enumeration(let words): "One of \(words.joined(separator: ", "))"
        case .path: "A path"
        case .strings: "A list"
        case .secret: "A secret"
        }
    }

    var valueName: String {
        switch self {
        case .string: "TEXT"
        case .integer: "NUMBER"
        case .duration: "DURATION"
        case .bool: "true|false"
        case .enumeration(let words): words.joined(separator: "|")
        case .path: "PATH"
        case .strings: "A,B"
        case .secret: "SECRET"
        }
    }

    /// The value a text stands for, or why it stands for none, in words that follow the text.
    func parse(_ text: String) -> Result<SettingValue, Mismatch> {
        switch self {
        case .string: return .success(.string(text))
        case .integer(let range):
            guard let number = wholeNumber(text) else {
                return .failure(Mismatch("is not a whole number. Give one, \(example(in: range))"))
            }
            if range.contains(number) { return .success(.integer(number)) }
            if number < range.lowerBound {
                return .failure(Mismatch("is too small. The least is \(range.lowerBound)."))
            }
            return .failure(Mismatch("is too large. The most is \(range.upperBound)."))
        case .duration(let range):
            guard let duration = Duration(text: text) else {
                let advice = "Give a number and its unit, for example 200ms, 5s or 2d."
                return .failure(Mismatch("is not a duration. \(advice)"))
            }
            if let range, duration < range.lowerBound {
                return .failure(Mismatch("is too short. The least is \(range.lowerBound.text)."))
            }
            if let range, duration > range.upperBound {
                return .failure(Mismatch("is too long. The most is \(range.upperBound.text)."))
            }
            return .success(.duration(duration))
        case .bool:
            if text == "true" || text == "false" { return .success(.bool(text == "true")) }
            return .failure(Mismatch("is not a boolean. Give true or false."))
        case .enumeration(let words):
            if words.contains(text) { return .success(.string(text)) }
            let hint = didYouMean(text, among: words)
            return .failure(Mismatch("is not one of its values.\(hint) Give \(spoken(words))."))
        case .path:
            if !text.isEmpty { return .success(.string(text)) }
            return .failure(Mismatch("is not a path. Give one."))
        case .strings:
            let parts = text.split(separator: ",").map { $0.trimmingSpaces() }
            return .success(.strings(parts.filter { !$0.isEmpty }))
        case .secret:
            if !text.isEmpty { return .success(.secret(Secret(text))) }
            return .failure(Mismatch("is empty. Give the secret, or a file that holds it."))
        }
    }

    private func example(in range: ClosedRange<Int>) -> String {
        "for example \(min(max(1, range.lowerBound), range.upperBound))."
    }
}

/// Why a text is not a value.
struct Mismatch: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

extension Substring {
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

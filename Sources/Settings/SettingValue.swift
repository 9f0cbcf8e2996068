internal import Wording

/// The value of a setting, checked.
public enum SettingValue: Sendable, Equatable, CustomStringConvertible {
    /// Text, a path or the word of an enumeration.
    case string(String)
    /// A whole number.
    case integer(Int)
    /// A duration.
    case duration(Duration)
    /// A boolean.
    case bool(Bool)
    /// Texts.
    case strings([String])
    /// What is not printed.
    case secret(Secret)

    /// The value as `config show` prints it: a secret as `***`.
    public var description: String {
        switch self {
        case .string(let text): text.isEmpty ? "\"\"" : text
        case .integer(let number): "\(number)"
        case .duration(let duration): duration.text
        case .bool(let isTrue): "\(isTrue)"
        case .strings(let texts): texts.isEmpty ? "[]" : texts.joined(separator: ",")
        case .secret(let secret): secret.description
        }
    }

    /// The text to hand to the library that asked for it; of a secret the secret itself.
    public func reveal() -> String {
        if case .string(let text) = self { return text }
        if case .secret(let secret) = self { return secret.reveal() }
        return description
    }
}

/// Text that does not print: interpolated, dumped or debugged, it reads `***`.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    /// A secret.
    public init(_ text: String) { self.text = text }

    /// The secret itself, for the one call that needs it.
    public func reveal() -> String { text }

    /// Always `***`.
    public var description: String { "***" }

    /// Always `***`.
    public var debugDescription: String { "***" }

    /// Without children: `dump` prints what it finds in them.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: nil) }
}

public import YAML

/// Where a value was given. Earlier cases win over later ones.
public enum Origin: Sendable, Equatable, CustomStringConvertible {
    /// On the command line, by this key.
    case flag(String)
    /// In the environment, by the variable of this name.
    case environment(String)
    /// In the settings file.
    case file(String, Position)
    /// Nowhere: the declaration's default stands.
    case standard

    /// As `config show` and messages name it: `--app`, `DIVERSION_MONITOR_APP`,
    /// `monitor.yaml:3:1` or `default`.
    public var description: String {
        switch self {
        case .flag(let key): "--\(key)"
        case .environment(let name): name
        case .file(let name, let position): "\(name):\(position)"
        case .standard: "default"
        }
    }

    var isInFile: Bool { if case .file = self { true } else { false } }

    /// The place in the order of precedence.
    var rank: Int {
        switch self {
        case .flag: 0
        case .environment: 1
        case .file: 2
        case .standard: 3
        }
    }
}

/// Something wrong with the settings, for the person who wrote them.
public struct SettingsProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where: a flag, a variable, a place in the file; nil for what is given nowhere.
    public let origin: Origin?
    /// What is wrong and what to do.
    public let message: String

    /// A problem, also one that a caller finds between settings that contradict each other.
    public init(origin: Origin?, message: String) {
        self.origin = origin
        self.message = message
    }

    /// `ORIGIN: message`.
    public var description: String { origin.map { "\($0): \(message)" } ?? message }
}

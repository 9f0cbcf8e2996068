internal import Wording

/// All settings of a program: what may be set, and by which names.
///
/// It reads neither files nor the environment: who calls `resolve` hands them in.
public struct SettingsSchema: Sendable {
    /// The settings, in the order they are shown.
    public let settings: [Setting]
    /// Prefixes under which names of another program are passed through.
    public let openPrefixes: [OpenPrefix]
    /// Keys that may not be set, although an open prefix would take them.
    public let refusals: [Refusal]
    /// What the names of environment variables begin with: `DIVERSION_MONITOR_`.
    public let environmentPrefix: String
    /// Variables that begin with the prefix and are no settings, such as `…_CONFIG`.
    public let otherVariables: [String]

    /// A schema. A default that its own setting refuses is a bug and stops the program here.
    public init(
        _ settings: [Setting],
        openPrefixes: [OpenPrefix] = [],
        refusals: [Refusal] = [],
        environmentPrefix: String = "DIVERSION_MONITOR_",
        otherVariables: [String] = []
    ) {
        self.settings = settings
        // The longest first: kafka.consumer.x belongs to kafka.consumer. and not to kafka.
        self.openPrefixes = openPrefixes.sorted { $0.prefix.count > $1.prefix.count }
        self.refusals = refusals
        self.environmentPrefix = environmentPrefix
        self.otherVariables = otherVariables
        let variables = settings.map { environmentName(of: $0.key) }
        precondition(
            Set(variables).count == variables.count,
            "two settings have one name in the environment"
        )
        for setting in settings {
            guard let text = setting.defaultText else { continue }
            if case .failure(let mismatch) = setting.kind.parse(text) {
                preconditionFailure(
                    "the default of \(setting.key), \"\(text)\", \(mismatch.reason)"
                )
            }
        }
    }

    /// The variable that stands for a key: dots and dashes become underscores.
    public func environmentName(of key: String) -> String {
        environmentPrefix
            + String(key.map { $0 == "." || $0 == "-" ? "_" : $0 }).uppercased()
    }
}

/// A prefix under which any name is passed through, to a library that knows it: `kafka.consumer.`.
public struct OpenPrefix: Sendable {
    /// The prefix, with its last dot.
    public let prefix: String
    /// What its names are for: a sentence without the full stop.
    public let help: String
    /// The names the library knows, if they can be had: others are then wrong.
    public let names: [String]?
    /// A name that contains one of these holds a secret.
    public let secretWords: [String]

    /// A prefix. `secretWords` are those of librdkafka unless others are given.
    public init(
        _ prefix: String,
        names: [String]? = nil,
        secretWords: [String] = ["password", "secret", ".pem", "oauthbearer.config"],
        _ help: String
    ) {
        precondition(prefix.hasSuffix("."), "the open prefix \(prefix) does not end with a dot")
        self.prefix = prefix
        self.help = help
        self.names = names
        self.secretWords = secretWords
    }
}

/// A key that may not be set.
public struct Refusal: Sendable {
    /// The dotted key.
    public let key: String
    /// Why, as a sentence's end: `the monitor owns this, because …`.
    public let reason: String

    /// A key that may not be set, and why.
    public init(_ key: String, _ reason: String) {
        self.key = key
        self.reason = reason
    }
}

/// What a key stands for.
enum Meaning {
    case setting(Setting)
    case open(OpenPrefix, isSecret: Bool)
    /// The key names a file that holds the secret of this key.
    case secretFile(of: String, OpenPrefix?)
    case refused(String)
    /// Nothing. The nearest is a key, or a variable where a variable was given.
    case unknown(nearest: String?)
}

extension SettingsSchema {
    func meaning(of key: String) -> Meaning {
        if let refusal = refusals.first(where: { $0.key == key }) {
            return .refused(refusal.reason)
        }
        if let setting = settings.first(where: { $0.key == key }) { return .setting(setting) }
        let base = key.hasSuffix("_file") ? String(key.dropLast(5)) : nil
        if let base, settings.contains(where: { $0.key == base && $0.kind == .secret }) {
            return .secretFile(of: base, nil)
        }
        for open in openPrefixes where key.hasPrefix(open.prefix) && key != open.prefix {
            let name = String(key.dropFirst(open.prefix.count))
            if let base, open.holdsSecret(base) { return .secretFile(of: base, open) }
            if let names = open.names, !names.contains(name) {
                let known = names.map { open.prefix + $0 } + settings.map(\.key)
                return .unknown(nearest: closest(to: key, among: known))
            }
            return .open(open, isSecret: open.holdsSecret(name))
        }
        return .unknown(nearest: closest(to: key, among: knownKeys))
    }

    /// The key a variable stands for, as far as its name tells, and what that means.
    ///
    /// Under an open prefix an underscore is a dot: all of librdkafka's names are written so.
    func meaning(ofVariable name: String) -> (key: String, meaning: Meaning) {
        let named = openPrefixes.flatMap { open in (open.names ?? []).map { open.prefix + $0 } }
        for key in refusals.map(\.key) + knownKeys + named where environmentName(of: key) == name {
            return (key, meaning(of: key))
        }
        var key = name.dropFirst(environmentPrefix.count).lowercased().replacing("_", with: ".")
        if key.hasSuffix(".file"),
            case .open(_, isSecret: true) = meaning(of: String(key.dropLast(5)))
        {
            key = key.dropLast(5) + "_file"
        }
        switch meaning(of: key) {
        case .unknown:
            let nearest = closest(to: name, among: knownKeys.map(environmentName))
            return (key, .unknown(nearest: nearest))
        case let meaning: return (key, meaning)
        }
    }

    /// Every key that is declared by name, with the `_file` keys of secrets.
    private var knownKeys: [String] {
        settings.map(\.key) + settings.filter { $0.kind == .secret }.map { $0.key + "_file" }
    }
}

extension OpenPrefix {
    func holdsSecret(_ name: String) -> Bool { secretWords.contains { name.contains($0) } }
}

internal import Wording
internal import YAML

/// A settings file in memory.
public struct SettingsFile: Sendable {
    /// Its name in messages.
    public let name: String
    /// What it holds.
    public let bytes: [UInt8]

    /// A settings file in memory.
    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// A file that holds a secret, as it was read.
public struct SecretFile: Sendable {
    /// What it holds; one line end at the end is not part of the secret.
    public let text: String
    /// The file's permissions, as `stat` tells them.
    public let mode: UInt32

    /// A file that holds a secret.
    public init(text: String, mode: UInt32) {
        self.text = text
        self.mode = mode
    }
}

/// Why a secret could not be read, in words that follow `could not read KEY from PATH: `.
public struct SecretFileError: Error, Sendable {
    let reason: String

    /// `reason` is a sentence without its full stop, such as `it is missing`.
    public init(_ reason: String) { self.reason = reason }
}

/// What became of the settings.
public struct Resolution: Sendable {
    /// The values that are in force. They may be used only if there are no problems.
    public let settings: EffectiveSettings
    /// All that is wrong: on the command line, in the environment, in the file, and what is missing.
    public let problems: [SettingsProblem]
    /// What works and should be changed all the same.
    public let warnings: [SettingsProblem]
}

extension SettingsSchema {
    /// The values in force, each with its origin: flags win over the environment, the environment
    /// over the file, the file over the defaults.
    ///
    /// Wrong values are told even where a stronger origin hides them: they would bite later.
    public func resolve(
        flags: [(name: String, value: String)] = [],
        environment: [String: String] = [:],
        file: SettingsFile? = nil,
        readSecret: (_ path: String) throws(SecretFileError) -> SecretFile
    ) -> Resolution {
        var claims = Claims(schema: self)
        for (name, value) in flags {
            claims.add(name, meaning(of: name), .text(value), .flag(name))
        }
        // Sorted, since a dictionary's order differs in every process.
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(environmentPrefix) && !otherVariables.contains(name) {
            let (key, meaning) = meaning(ofVariable: name)
            claims.add(key, meaning, .text(value), .environment(name))
        }
        if let file { claims.add(file) }
        return claims.settle(readSecret: readSecret)
    }
}

/// What was given for the keys, before it is decided which is in force.
private struct Claims {
    enum Given {
        case text(String)
        case list([String])
    }

    struct Claim {
        let value: SettingValue
        let origin: Origin
        let prefix: OpenPrefix?
        /// Whether the value is the path of a file that holds the secret.
        let isFile: Bool
    }

    let schema: SettingsSchema
    private var claims: [String: [Claim]] = [:]
    /// The keys that were given anything, right or wrong.
    private var mentioned: Set<String> = []
    private var problems: [SettingsProblem] = []
    private var warnings: [SettingsProblem] = []
    private var isFileRead = true

    init(schema: SettingsSchema) { self.schema = schema }

    mutating func add(_ key: String, _ meaning: Meaning, _ given: Given, _ origin: Origin) {
        switch meaning {
        case .refused(let reason):
            report("\(key) cannot be set: \(reason). Remove it.", origin)
        case .unknown(let nearest):
            let dashes = if case .flag = origin { "--" } else { "" }
            let hint = nearest.map { " Did you mean \(dashes)\($0)?" } ?? ""
            report("\(origin.isInFile ? key : "this") is not a setting.\(hint)", origin)
        case .setting(let setting):
            add(key, setting.kind, nil, given, origin)
        case .open(let prefix, let isSecret):
            warn(about: key, under: prefix, origin)
            add(key, isSecret ? .secret : .string, prefix, given, origin)
        case .secretFile(let base, let prefix):
            add(base, .path, prefix, given, origin, isFile: true)
        }
    }

    private mutating func add(
        _ key: String,
        _ kind: Setting.Kind,
        _ prefix: OpenPrefix?,
        _ given: Given,
        _ origin: Origin,
        isFile: Bool = false
    ) {
        mentioned.insert(key)
        // A flag or variable is named by the place already; a line of the file is not.
        let name = origin.isInFile ? "\(key): " : ""
        let value: SettingValue
        switch (given, kind) {
        case (.list(let texts), .strings): value = .strings(texts)
        case (.list, _): return report("\(name)a list stands where one value is expected.", origin)
        case (.text(let text), _):
            switch kind.parse(text) {
            case .success(let parsed): value = parsed
            case .failure(let mismatch):
                let subject = kind == .secret ? "its value" : "\"\(text)\""
                return report("\(name)\(subject) \(mismatch.reason)", origin)
            }
        }
        if kind == .secret, case .flag = origin {
            warn("every user of this machine can see it. Give \(key)_file.", origin)
        }
        let claim = Claim(value: value, origin: origin, prefix: prefix, isFile: isFile)
        if let rival = claims[key]?.last(where: { $0.origin.rank == origin.rank }) {
            // --sources a --sources b: a list given by flags grows.
            if case .flag = origin, case .strings(let more) = value,
                case .strings(let sofar) = rival.value
            {
                claims[key] = [
                    Claim(value: .strings(sofar + more), origin: origin, prefix: nil, isFile: false)
                ]
                return
            }
            let first = rival.origin == origin ? "" : ", first as \(rival.origin)"
            return report("\(name)it is given twice\(first). Keep one.", origin)
        }
        claims[key, default: []].append(claim)
    }

    mutating func add(_ file: SettingsFile) {
        let documents: [Node]
        do {
            documents = try parse(file.bytes, file: file.name)
        } catch {
            for diagnostic in error.list {
                report(diagnostic.message, .file(file.name, diagnostic.position))
            }
            isFileRead = false
            return
        }
        if documents.count > 1 {
            report("a second document begins. Keep one.", .file(file.name, documents[1].position))
        }
        // A file whose lines are all comments has no document: everything is as by default.
        guard let document = documents.first, !document.isNull else { return }
        guard case .mapping(let pairs) = document.content else {
            return report(
                "settings are expected, each as \"key: value\".",
                .file(file.name, document.position)
            )
        }
        add(pairs, below: "", file.name)
    }

    private mutating func add(_ pairs: [Node.Pair], below parent: String, _ file: String) {
        for pair in pairs {
            let key = parent + pair.key
            let origin = Origin.file(file, pair.position)
            switch pair.value.content {
            case .mapping(let pairs):
                add(pairs, below: key + ".", file)
            case .scalar where pair.value.isNull:
                mentioned.insert(key)
                report("\(key): no value is given. Give one or delete the line.", origin)
            case .scalar(let text, _):
                add(key, schema.meaning(of: key), .text(text), origin)
            case .sequence(let nodes):
                let texts = nodes.compactMap { node -> String? in
                    if case .scalar(let text, _) = node.content, !node.isNull { return text }
                    report("\(key): an element is not text.", .file(file, node.position))
                    return nil
                }
                add(key, schema.meaning(of: key), .list(texts), origin)
            }
        }
    }

    mutating func settle(
        readSecret: (String) throws(SecretFileError) -> SecretFile
    ) -> Resolution {
        var entries: [EffectiveSettings.Entry] = []
        var missing: [Setting] = []
        for setting in schema.settings {
            if let claims = claims.removeValue(forKey: setting.key) {
                if let entry = entry(setting.key, claims, readSecret) { entries.append(entry) }
            } else if let text = setting.defaultText {
                guard case .success(let value) = setting.kind.parse(text) else { continue }
                entries.append(.init(key: setting.key, value: value, origin: .standard))
            } else if setting.isRequired, !mentioned.contains(setting.key) {
                missing.append(setting)
            }
        }
        for (key, claims) in claims.sorted(by: { $0.key < $1.key }) {
            if let entry = entry(key, claims, readSecret) { entries.append(entry) }
        }
        // A file that could not be read may hold them all.
        for setting in missing where isFileRead {
            let flag = "--\(setting.key) \(setting.valueName)"
            let variable = schema.environmentName(of: setting.key)
            report(
                "\(setting.key) is missing: \(setting.help). Give it as \(flag), as \(variable) or in"
                    + " the settings file.",
                nil
            )
        }
        return Resolution(
            settings: EffectiveSettings(entries: entries, schema: schema),
            problems: problems,
            warnings: warnings
        )
    }

    private mutating func entry(
        _ key: String,
        _ claims: [Claim],
        _ readSecret: (String) throws(SecretFileError) -> SecretFile
    ) -> EffectiveSettings.Entry? {
        guard let claim = claims.min(by: { $0.origin.rank < $1.origin.rank }) else { return nil }
        var value = claim.value
        let path = claim.isFile ? value.reveal() : nil
        if let path {
            guard let secret = secret(in: path, for: key, claim.origin, readSecret) else {
                return nil
            }
            value = .secret(secret)
        }
        return .init(
            key: key,
            value: value,
            origin: claim.origin,
            secretFile: path,
            prefix: claim.prefix?.prefix
        )
    }

    private mutating func secret(
        in path: String,
        for key: String,
        _ origin: Origin,
        _ readSecret: (String) throws(SecretFileError) -> SecretFile
    ) -> Secret? {
        do throws(SecretFileError) {
            let file = try readSecret(path)
            if file.mode & 0o006 != 0 {
                let message =
                    "\(path) holds a secret and is open to every user. Run chmod 600 on it."
                warn(message, origin)
            }
            let text =
                file.text.last == "\n" || file.text.last == "\r\n"
                ? String(file.text.dropLast()) : file.text
            if !text.isEmpty { return Secret(text) }
            report("could not read \(key) from \(path): it is empty. Put the secret there.", origin)
        } catch {
            report("could not read \(key) from \(path): \(error.reason).", origin)
        }
        return nil
    }

    /// A name one or two letters from a setting of ours is passed on, but was hardly meant.
    private mutating func warn(about key: String, under open: OpenPrefix, _ origin: Origin) {
        let ours = schema.settings.map(\.key).filter { $0.hasPrefix(open.prefix) }
        guard open.names == nil,
            let near = closest(
                to: String(key.dropFirst(open.prefix.count)),
                among: ours.map { String($0.dropFirst(open.prefix.count)) },
                within: 2
            )
        else { return }
        warn("\(key) is passed on as it is. Did you mean \(open.prefix)\(near)?", origin)
    }

    private mutating func warn(_ message: String, _ origin: Origin) {
        warnings.append(SettingsProblem(origin: origin, message: message))
    }

    private mutating func report(_ message: String, _ origin: Origin?) {
        problems.append(SettingsProblem(origin: origin, message: message))
    }
}

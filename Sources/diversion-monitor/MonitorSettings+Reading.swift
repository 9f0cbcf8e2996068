internal import CommandLineKit
internal import Journal
internal import Kafka
internal import Pipeline
internal import Settings
internal import Wording

extension MonitorSettings {
    /// What became of the settings; to be used only where there are no problems.
    struct Resolved {
        let settings: EffectiveSettings
        let problems: [SettingsProblem]
        let warnings: [SettingsProblem]
    }

    /// The settings in force, with all that is wrong.
    static func resolve(
        _ invocation: Invocation,
        _ groups: [Group],
        needs: [Need]
    ) throws(CommandFailure) -> Resolved {
        let environment = Environment.all
        var file: SettingsFile?
        let path = invocation.stringIfGiven("config") ?? environment[fileVariable]
        if let path, !path.isEmpty {
            do throws(CommandFailure) {
                file = SettingsFile(name: path, bytes: try Files.read(path, to: "the settings"))
            } catch {
                throw CommandFailure(error.description, status: .configuration)
            }
        }
        let declared = groups.flatMap(settings)
        var flags: [(name: String, value: String)] = []
        for key in declared.flatMap(keys) {
            if let value = invocation.stringIfGiven(key) { flags.append((key, value)) }
        }
        let schema = schema(needs)
        let found = schema.resolve(
            flags: flags + invocation.openOptions,
            environment: environment,
            file: file
        ) { (path) throws(SecretFileError) in
            do throws(CommandFailure) {
                let bytes = try Files.read(path)
                return SecretFile(
                    text: String(decoding: bytes, as: UTF8.self),
                    mode: Files.mode(of: path)
                )
            } catch {
                let reason = error.description.split(separator: ": ", maxSplits: 1).last ?? ""
                throw SecretFileError(String(reason.hasSuffix(".") ? reason.dropLast() : reason))
            }
        }
        return Resolved(
            settings: found.settings,
            problems: found.problems + ownProblems(found.settings),
            warnings: found.warnings
        )
    }

    /// The settings of a command; everything that is wrong with them is thrown at once.
    init(
        _ invocation: Invocation,
        _ groups: Group...,
        needs: [Need] = []
    ) throws(CommandFailure) {
        let resolution = try Self.resolve(invocation, groups, needs: needs)
        guard resolution.problems.isEmpty else {
            throw Self.failure(resolution.problems)
        }
        effective = resolution.settings
        warnings = resolution.warnings.map(\.description)
        for warning in warnings { invocation.terminal.errors.print("warning: \(warning)") }
    }

    /// The sentence about settings that are wrong.
    static func failure(_ problems: [SettingsProblem]) -> CommandFailure {
        CommandFailure(
            "could not use the settings:\n"
                + problems.map { "  \($0)\n" }.joined()
                + "\"diversion-monitor config check\" tries them again.",
            status: .configuration
        )
    }

    /// What only we can see: settings that librdkafka refuses, and keys that are too weak.
    private static func ownProblems(_ settings: EffectiveSettings) -> [SettingsProblem] {
        var problems: [SettingsProblem] = []
        let roles = ServiceConfiguration.Role.allCases.map(\.rawValue)
        for role in settings.strings("roles") where !roles.contains(role) {
            problems.append(
                SettingsProblem(
                    origin: settings.entry("roles")?.origin,
                    message: "roles: \"\(role)\" is none.\(didYouMean(role, among: roles))"
                        + " Give \(spoken(roles, joinedBy: "and/or"))."
                )
            )
        }
        problems += OperationsEndpoint.problems(settings).map { key, message in
            SettingsProblem(origin: settings.entry(key)?.origin, message: message)
        }
        if let key = settings.secretIfSet("token.key") {
            problems += problem(with: key, named: "token.key_id", of: "token.key", settings)
        }
        if let key = settings.secretIfSet("token.previous_key") {
            problems += problem(
                with: key,
                named: "token.previous_key_id",
                of: "token.previous_key",
                settings
            )
        }
        for prefix in ["kafka.", "kafka.consumer.", "kafka.producer."] {
            var client = ClientSettings(
                settings.open(prefix).map { ($0.name, $0.value.reveal()) }
            )
            // Whether the address is needed is the command's business.
            client["bootstrap.servers"] =
                settings.stringIfSet("kafka.bootstrap.servers") ?? "none:1"
            problems += client.problems().map { problem in
                let key =
                    problem.name == "bootstrap.servers"
                    ? "kafka.bootstrap.servers" : prefix + problem.name
                let origin = settings.entry(key)?.origin
                return SettingsProblem(origin: origin, message: "\(key): \(problem.message)")
            }
        }
        return problems
    }

    private static func problem(
        with key: Secret,
        named nameKey: String,
        of key2: String,
        _ settings: EffectiveSettings
    ) -> [SettingsProblem] {
        guard let name = settings.stringIfSet(nameKey) else {
            return [
                SettingsProblem(
                    origin: settings.entry(key2)?.origin,
                    message: "\(key2) has no name. Give it one with \(nameKey)."
                )
            ]
        }
        if key.reveal().utf8.count < 32 {
            return [
                SettingsProblem(
                    origin: settings.entry(key2)?.origin,
                    message: "\(key2) is shorter than 32 bytes and could be guessed."
                        + " Make one with: openssl rand -base64 48"
                )
            ]
        }
        guard PatientTokenKey(keyID: name, key: Array(key.reveal().utf8)) == nil else { return [] }
        return [
            SettingsProblem(
                origin: settings.entry(nameKey)?.origin,
                message: "\(nameKey): \"\(name)\" is no name of a key. Give 1 to 16 of a-z and 0-9."
            )
        ]
    }
}

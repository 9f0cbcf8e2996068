internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka
internal import Pipeline
internal import Settings
internal import Wording

/// All settings of the monitor, declared once, and what a command makes of them.
///
/// A setting has one name: on the command line `--NAME`, in the environment `DIVERSION_MONITOR_NAME`,
/// in the settings file and in `config show`. A flag wins over the environment, the environment over
/// the file, the file over the default.
struct MonitorSettings {
    /// What a command needs of the settings.
    enum Need {
        /// The brokers' addresses.
        case kafka
        /// The key that turns patient identifiers into tokens.
        case tokenKey
    }

    /// The values with their origins.
    let effective: EffectiveSettings
    /// What works and should be changed all the same.
    let warnings: [String]

    /// The application's name.
    var application: String { effective.string("app") }
}

// MARK: - What may be set

extension MonitorSettings {
    /// What the names of environment variables begin with.
    static let environmentPrefix = "DIVERSION_MONITOR_"
    /// The variable that names the settings file.
    static let fileVariable = environmentPrefix + "CONFIG"

    private static let general: [Setting] = [
        Setting(
            "app",
            .string,
            default: "diversion-monitor",
            placeholder: "NAME",
            "The application's name: its consumer groups are APP.ingest and APP.score, its"
                + " transactional ids begin with the same words. Two monitors on one cluster need two"
                + " names"
        )
    ]

    private static let brokers: [Setting] = [
        Setting(
            "kafka.bootstrap.servers",
            .string,
            placeholder: "HOST:PORT,HOST:PORT",
            "The brokers to begin with; they tell of the others"
        )
    ]

    private static let topics: [Setting] =
        [
            Setting(
                "topics.prefix",
                .string,
                default: "",
                "What is put before the name of every topic, such as \"test.\" of test.alerts"
            )
        ]
        + TopicRole.allCases.map { role in
            Setting(
                "topics." + role.name,
                role.isSource ? .strings : .string,
                default: role.name,
                placeholder: role.isSource ? "NAME,NAME" : "NAME",
                role.settingHelp
            )
        }

    private static let tokens: [Setting] = [
        Setting(
            "token.key_id",
            .string,
            default: "k1",
            placeholder: "ID",
            "The name of the token key, 1 to 16 of a-z and 0-9; every token carries it"
        ),
        Setting(
            "token.key",
            .secret,
            "The key that turns patient identifiers into tokens: at least 32 characters, for example"
                + " of openssl rand -base64 48. Whoever has it can tell which patient a token is"
        ),
        Setting(
            "token.previous_key_id",
            .string,
            placeholder: "ID",
            "The name of the key before this one, while records are still tokenised with both"
        ),
        Setting(
            "token.previous_key",
            .secret,
            "The key before this one: with both, patients keep their history over a change of key"
        ),
    ]

    private static let service: [Setting] = [
        Setting(
            "roles",
            .strings,
            default: "ingest,score",
            placeholder: "ROLE,ROLE",
            "What this process does: ingest copies source topics to the journal, score decides from it"
        ),
        Setting(
            "instance",
            .string,
            placeholder: "NAME",
            "The worker's own name: it keeps its partitions over a restart. No two running processes"
                + " may have the same"
        ),
        Setting(
            "clock",
            .enumeration(["wall", "records"]),
            default: "wall",
            "The time at the end of a source partition: the wall's, or the newest record's and what has"
                + " passed since, for histories"
        ),
        Setting(
            "sources.start",
            .enumeration(["earliest", "latest"]),
            default: "earliest",
            "Where a source partition begins that was never read"
        ),
        Setting(
            "sources.allowed_skew",
            .duration(.seconds(1) ... .seconds(86_400)),
            default: "5m",
            "How far a source record's time may lie ahead of the wall's; what lies further ahead counts"
                + " as recorded then"
        ),
        Setting(
            "transactions.collect",
            .duration(.zero ... .seconds(1)),
            default: "10ms",
            "How long a transaction waits for more records: shorter is sooner, longer is cheaper"
        ),
        Setting(
            "transactions.records",
            .integer(1...1_000_000),
            default: "50000",
            "The most records of one transaction while there is a backlog"
        ),
        Setting(
            "patience",
            .duration(.seconds(1) ... .seconds(86_400)),
            default: "2m",
            "How long to try again while Kafka cannot be reached; then the process ends with 75"
        ),
    ]

    private static let all = general + service + brokers + topics + tokens

    private static func schema(_ needs: [Need]) -> SettingsSchema {
        let required = needs.map { need in
            switch need {
            case .kafka: "kafka.bootstrap.servers"
            case .tokenKey: "token.key"
            }
        }
        return SettingsSchema(
            all.map { setting in
                guard required.contains(setting.key) else { return setting }
                return Setting(
                    setting.key,
                    setting.kind,
                    isRequired: true,
                    placeholder: setting.placeholder,
                    setting.help
                )
            },
            openPrefixes: [
                OpenPrefix(
                    "kafka.",
                    "Any other setting of librdkafka, for every connection; see its CONFIGURATION.md"
                ),
                OpenPrefix("kafka.consumer.", "The same, for connections that read only"),
                OpenPrefix("kafka.producer.", "The same, for connections that write only"),
            ],
            refusals: ["kafka.", "kafka.consumer.", "kafka.producer."].flatMap { prefix in
                ClientSettings.owned.map { owned in
                    Refusal(prefix + owned.name, refusalReason(owned.reason))
                }
            },
            environmentPrefix: environmentPrefix,
            otherVariables: [fileVariable]
        )
    }

    /// The reason as the end of a sentence, which adds its own full stop.
    private static func refusalReason(_ sentence: String) -> String {
        let text = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    /// The commented file that `config init` writes.
    static var template: String {
        let schema = schema([.kafka, .tokenKey])
        // The refusals fill three screens and are told when they matter.
        return SettingsSchema(
            schema.settings,
            openPrefixes: schema.openPrefixes,
            environmentPrefix: environmentPrefix
        ).template(program: "diversion-monitor")
    }
}

// MARK: - On the command line

extension MonitorSettings {
    /// Groups of settings that a command's help shows.
    enum Group: CaseIterable { case general, service, kafka, topics, tokens }

    private static func settings(of group: Group) -> [Setting] {
        switch group {
        case .general: general
        case .service: service
        case .kafka: brokers
        case .topics: topics
        case .tokens: tokens
        }
    }

    /// What the names of librdkafka's settings begin with on the command line.
    static let openPrefixes = ["kafka."]

    /// `--config` and the settings of some groups.
    static func options(_ groups: Group...) -> [Option] {
        let settings = groups.flatMap(settings)
        let schema = schema([])
        return [
            .value(
                "config",
                .file,
                short: "c",
                environment: fileVariable,
                "The settings file; see \"config init\""
            )
        ]
            + settings.flatMap { setting in
                keys(of: setting).map { key in
                    let isFile = key != setting.key
                    // A secret on the command line works, but every user of the machine sees it.
                    let isHidden = setting.kind == .secret && !isFile
                    let standard = setting.defaultText ?? ""
                    return .value(
                        key,
                        isFile ? .file : .text,
                        placeholder: isFile ? "FILE" : setting.placeholder,
                        environment: schema.environmentName(of: key),
                        section: "Settings",
                        isHidden: isHidden,
                        setting.help + (isFile ? ". The file holds it" : "")
                            + (standard.isEmpty ? "" : ". Default: \(standard)")
                    )
                }
            }
    }

    /// The names of a setting on the command line: of a secret also that of a file that holds it.
    private static func keys(of setting: Setting) -> [String] {
        setting.kind == .secret ? [setting.key, setting.key + "_file"] : [setting.key]
    }
}

// MARK: - Reading

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

// MARK: - What the modules take

extension MonitorSettings {
    /// The tokenizer, nil where no key is set.
    var tokenizer: Tokenizer? {
        guard let primary = key("token.key", "token.key_id") else { return nil }
        let previous = key("token.previous_key", "token.previous_key_id")
        return Tokenizer(primary, others: previous.map { [$0] } ?? [])
    }

    private func key(_ key: String, _ name: String) -> PatientTokenKey? {
        guard let secret = effective.secretIfSet(key), let name = effective.stringIfSet(name) else {
            return nil
        }
        return PatientTokenKey(keyID: name, key: Array(secret.reveal().utf8))
    }

    /// The settings of connections that read, or of those that write.
    enum Direction: String { case consumer, producer, both }

    /// librdkafka's settings.
    func client(_ direction: Direction = .both) -> ClientSettings {
        var settings = ClientSettings(
            [("bootstrap.servers", effective.string("kafka.bootstrap.servers"))]
        )
        let own = direction == .both ? [] : passed("kafka.\(direction.rawValue).")
        for (name, value) in passed("kafka.") + own { settings[name] = value }
        return settings
    }

    /// The name of a topic on the cluster.
    func name(of role: TopicRole) -> String {
        prefix + effective.string("topics." + role.name)
    }

    /// The names of the source topics, by the type they are meant for.
    var sourceNames: [String] {
        var names: [String] = []
        for role in TopicRole.allCases where role.isSource {
            for name in effective.strings("topics." + role.name)
            where !names.contains(prefix + name) { names.append(prefix + name) }
        }
        return names
    }

    /// The names of the topics that play a role: of a source there may be several.
    func names(of role: TopicRole) -> [String] {
        role.isSource
            ? effective.strings("topics." + role.name).map { prefix + $0 } : [name(of: role)]
    }

    private var prefix: String { effective.string("topics.prefix") }

    /// What the service is to do.
    func service(_ tokenizer: Tokenizer) -> ServiceConfiguration {
        var service = ServiceConfiguration(kafka: client(), tokenizer: tokenizer)
        service.consumers = ClientSettings(passed("kafka.consumer."))
        service.producers = ClientSettings(passed("kafka.producer."))
        service.application = application
        service.topics.prefix = prefix
        service.topics.sources = sourceNames.map { String($0.dropFirst(prefix.count)) }
        service.topics.reference = effective.string("topics.reference")
        service.topics.policy = effective.string("topics.policy")
        service.topics.journal = effective.string("topics.journal")
        service.topics.deadLetters = effective.string("topics.dead-letters")
        service.topics.decisions = effective.string("topics.decisions")
        service.topics.alerts = effective.string("topics.alerts")
        service.topics.accumulators = effective.string("topics.accumulators")
        service.topics.replenishments = effective.string("topics.replenishments")
        service.roles = Set(
            effective.strings("roles").compactMap(ServiceConfiguration.Role.init(rawValue:))
        )
        service.instance = effective.stringIfSet("instance")
        service.clock = effective.string("clock") == "records" ? .records : .wall
        service.sourcesStart = effective.string("sources.start") == "latest" ? .latest : .earliest
        service.allowedSkewSeconds = Int(effective.duration("sources.allowed_skew") / .seconds(1))
        service.collectMilliseconds = Int(
            effective.duration("transactions.collect") / .milliseconds(1)
        )
        service.transactionRecords = effective.integer("transactions.records")
        service.patienceSeconds = Int(effective.duration("patience") / .seconds(1))
        return service
    }

    private func passed(_ prefix: String) -> [(name: String, value: String)] {
        effective.open(prefix).map { ($0.name, $0.value.reveal()) }
    }
}

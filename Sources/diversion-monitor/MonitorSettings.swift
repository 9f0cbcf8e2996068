internal import CommandLineKit
internal import Kafka
internal import Pipeline
internal import Settings

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
    /// The name under which a stage works: what its group and its transactional identifiers begin with.
    func application(of stage: String) -> String {
        stage == "score" ? effective.stringIfSet("score.app") ?? application : application
    }
    /// Whether record times tell the time, as in a history, and not the wall's clock.
    var recordsTellTime: Bool { effective.string("clock") == "records" }
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
            valueName: "NAME",
            "The application's name: its consumer groups are APP.ingest and APP.score, its"
                + " transactional ids begin with the same words. Two monitors on one cluster need two"
                + " names"
        ),
        Setting(
            "score.app",
            .string,
            valueName: "NAME",
            "The name for score alone: its group is NAME.score. A version of the program that decides"
                + " otherwise publishes a further set of outputs of the same journal under it, into topics of"
                + " its own for outputs and snapshots"
        ),
    ]

    private static let brokers: [Setting] = [
        Setting(
            "kafka.bootstrap.servers",
            .string,
            valueName: "HOST:PORT,HOST:PORT",
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
                valueName: role.isSource ? "NAME,NAME" : "NAME",
                role.settingHelp
            )
        }

    private static let tokens: [Setting] = [
        Setting(
            "token.key_id",
            .string,
            default: "k1",
            valueName: "ID",
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
            valueName: "ID",
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
            valueName: "ROLE,ROLE",
            "What this process does: ingest copies source topics to the journal, score decides from it"
        ),
        Setting(
            "instance",
            .string,
            valueName: "NAME",
            "The worker's own name: it keeps its partitions over a restart. No two running processes"
                + " may have the same"
        ),
        Setting(
            "standby",
            .bool,
            default: "false",
            "Keep the state of other workers' journal partitions too, and take them over within a second when"
                + " one is gone. It needs the memory for all partitions"
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
            "snapshots.records",
            .integer(0...1_000_000_000),
            default: "2000000",
            "How many journal records of a partition lie between two snapshots of its state; 0: no such"
                + " limit"
        ),
        Setting(
            "snapshots.every",
            .duration(.zero ... .seconds(86_400 * 30)),
            default: "15m",
            "How much time lies between two snapshots of a partition's state; 0s: no such limit."
                + " Without either a restart folds the journal from its beginning"
        ),
        Setting(
            "patience",
            .duration(.seconds(1) ... .seconds(86_400)),
            default: "2m",
            "How long to try again while Kafka cannot be reached; then the process ends with 75"
        ),
    ]

    private static let operations: [Setting] = [
        Setting(
            "http.listen",
            .string,
            default: "127.0.0.1:9464-9479",
            valueName: "HOST:PORT",
            "Where /metrics, /livez and /readyz are answered: the first free port of a range, or \"off\"."
                + " Beyond this machine only with TLS and a token, or with http.plaintext"
        ),
        Setting(
            "http.plaintext",
            .bool,
            default: "false",
            "Answer other machines without TLS and token: for a pod's own network. Nothing that is"
                + " answered is about a patient"
        ),
        Setting(
            "http.tls.certificate",
            .path,
            "The listener's certificate as a PEM file, with those between it and the root behind it"
        ),
        Setting("http.tls.key", .secret, "The certificate's private key, as PEM"),
        Setting(
            "http.token",
            .secret,
            "What a reader of /metrics and of ?verbose must show as Authorization: Bearer TOKEN"
        ),
        Setting(
            "log.format",
            .enumeration(ServiceLog.Format.allCases.map(\.rawValue)),
            default: "logfmt",
            "How run writes its log, one line an event"
        ),
        Setting(
            "log.level",
            .enumeration(ServiceLog.Level.allCases.map(\.rawValue)),
            default: "info",
            "The least serious lines that run writes"
        ),
    ]

    static let all = general + service + operations + brokers + topics + tokens

    static func schema(_ needs: [Need]) -> SettingsSchema {
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
                    valueName: setting.valueName,
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
    enum Group: CaseIterable { case general, service, operations, kafka, topics, tokens }

    static func settings(of group: Group) -> [Setting] {
        switch group {
        case .general: general
        case .service: service
        case .operations: operations
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
                        valueName: isFile ? "FILE" : setting.valueName,
                        environment: schema.environmentName(of: key),
                        implied: setting.kind == .bool ? ["true", "false"] : [],
                        section: "Settings",
                        isHidden: isHidden,
                        setting.help + (isFile ? ". The file holds it" : "")
                            + (standard.isEmpty ? "" : ". Default: \(standard)")
                    )
                }
            }
    }

    /// The names of a setting on the command line: of a secret also that of a file that holds it.
    static func keys(of setting: Setting) -> [String] {
        setting.kind == .secret ? [setting.key, setting.key + "_file"] : [setting.key]
    }
}

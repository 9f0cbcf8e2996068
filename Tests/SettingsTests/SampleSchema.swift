import Settings

/// A schema with one setting of each kind.
let schema = SettingsSchema(
    [
        Setting("app", .string, default: "diversion-monitor", "The name of this installation"),
        Setting(
            "kafka.bootstrap",
            .strings,
            isRequired: true,
            valueName: "HOST:PORT",
            "The brokers to begin with"
        ),
        Setting("kafka.retries", .integer(0...10), default: "3", "How often to try again"),
        Setting(
            "sources.grace",
            .duration(.seconds(1)...(.seconds(3_600))),
            default: "5s",
            "How long to wait for a late record"
        ),
        Setting(
            "sources.start",
            .enumeration(["earliest", "latest"]),
            default: "earliest",
            "Where to begin when nothing was read before"
        ),
        Setting("reference", .path, "The directory of reference tables"),
        Setting("dry-run", .bool, default: "false", "Whether to decide without writing"),
        Setting("console.token", .secret, "The token that opens the console"),
    ],
    openPrefixes: [
        OpenPrefix("kafka.", "Settings of librdkafka for all clients"),
        OpenPrefix(
            "kafka.consumer.",
            names: ["fetch.min.bytes", "max.poll.interval.ms"],
            "Settings of librdkafka for consumers"
        ),
    ],
    refusals: [
        Refusal(
            "kafka.isolation.level",
            "the monitor owns this, because it must see committed records only"
        )
    ],
    otherVariables: ["DIVERSION_MONITOR_CONFIG"]
)

/// Resolves with a file named monitor.yaml and one secret in /run/token.
func resolve(
    flags: [(name: String, value: String)] = [],
    environment: [String: String] = [:],
    file: String? = nil,
    secrets: [String: SecretFile] = ["/run/token": SecretFile(text: "swordfish\n", mode: 0o100600)]
) -> Resolution {
    schema.resolve(
        flags: flags,
        environment: environment,
        file: file.map { SettingsFile(name: "monitor.yaml", bytes: Array($0.utf8)) }
    ) { path throws(SecretFileError) in
        guard let secret = secrets[path] else { throw SecretFileError("it does not exist") }
        return secret
    }
}

/// What a person is told, one problem a line.
func told(_ resolution: Resolution) -> String {
    resolution.problems.map(\.description).joined(separator: "\n")
}

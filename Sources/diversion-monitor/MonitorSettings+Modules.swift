internal import Ingest
internal import Journal
internal import Kafka
internal import Pipeline
internal import Settings

/// What the modules take.
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
        service.scoreApplication = effective.stringIfSet("score.app")
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
        service.topics.snapshots = effective.string("topics.snapshots")
        service.snapshotRecords = Int64(effective.integer("snapshots.records"))
        service.snapshotSeconds = Int(effective.duration("snapshots.every") / .seconds(1))
        service.roles = Set(
            effective.strings("roles").compactMap(ServiceConfiguration.Role.init(rawValue:))
        )
        service.instance = effective.stringIfSet("instance")
        service.isStandby = effective.bool("standby")
        service.clock = effective.string("clock") == "records" ? .records : .wall
        service.sourcesStart = effective.string("sources.start") == "latest" ? .latest : .earliest
        service.allowedSkewSeconds = Int(effective.duration("sources.allowed_skew") / .seconds(1))
        service.collectMilliseconds = Int(
            effective.duration("transactions.collect") / .milliseconds(1)
        )
        service.transactionRecords = effective.integer("transactions.records")
        service.patienceSeconds = Int(effective.duration("patience") / .seconds(1))
        service.version = Monitor.version
        service.logLevel = ServiceLog.Level(rawValue: effective.string("log.level")) ?? .info
        return service
    }

    private func passed(_ prefix: String) -> [(name: String, value: String)] {
        effective.open(prefix).map { ($0.name, $0.value.reveal()) }
    }
}

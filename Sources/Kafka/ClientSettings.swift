import CKafka
import Glibc

/// What a handle is for; each has its own defaults.
public enum ClientRole: Hashable, Sendable, CaseIterable {
    /// Membership of a consumer group without fetching: `MemberConsumer`.
    case member
    /// Fetching without a group: `FetchConsumer`.
    case fetch
    /// Writing in transactions: `TransactionalProducer`.
    case transactionalProducer
    /// Writing without transactions: `Producer`.
    case producer
    /// Reading and changing topics: `Admin`.
    case admin

    var isConsumer: Bool { self == .member || self == .fetch }
    var libraryType: rd_kafka_type_t { isConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER }
}

/// The user's librdkafka settings, in order, over our defaults and under the values that we own.
///
///     var settings = ClientSettings(bootstrap: "kafka-1:9093,kafka-2:9093")
///     settings["security.protocol"] = "ssl"
///     guard settings.problems().isEmpty else { … }
///
/// One set of settings serves every role: a setting that a role does not know (`linger.ms` of a
/// consumer) is left out there. Reasons and measurements of the defaults: librdkafka's
/// CONFIGURATION.md and the table of each role in `defaults(for:)`.
public struct ClientSettings: Sendable {
    /// One setting.
    public struct Entry: Sendable, Equatable {
        /// librdkafka's name, such as `sasl.username`.
        public let name: String
        /// The value as text.
        public let value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A setting that the user must not give.
    public struct Owned: Sendable {
        /// librdkafka's name.
        public let name: String
        /// Why it is ours, as a sentence.
        public let reason: String

        init(_ name: String, _ reason: String) {
            self.name = name
            self.reason = reason
        }
    }

    /// Something wrong with the user's settings.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// The setting it is about.
        public let name: String
        /// What is wrong and what to do, as a sentence.
        public let message: String
        /// `name: message`.
        public var description: String { "\(name): \(message)" }
    }

    /// What the user gave, in the order given.
    public private(set) var entries: [Entry] = []
    /// Takes librdkafka's log lines; by default they go nowhere.
    public var onLog: LogSink?
    /// Takes librdkafka's statistics; by default none are made.
    public var onStatistics: StatisticsSink?

    /// Settings as read from a file, in its order.
    public init(_ entries: [(name: String, value: String)] = []) {
        self.entries = entries.map { Entry($0.name, $0.value) }
    }

    /// Settings for a cluster that needs nothing but its address: `host:port,host:port`.
    public init(bootstrap: String) { self.init([("bootstrap.servers", bootstrap)]) }

    /// The value of a setting; when it was given several times, the last.
    public subscript(name: String) -> String? {
        get { entries.last { $0.name == name }?.value }
        set {
            entries.removeAll { $0.name == name }
            if let newValue { entries.append(Entry(name, newValue)) }
        }
    }

    /// The settings for one role in the order in which they are applied, without those the
    /// role does not know.
    func effective(for role: ClientRole, _ own: [Entry]) -> [Entry] {
        let names = PropertyScope.all
        let given = Self.defaults(for: role) + entries
        let known = given.filter { entry in
            guard let scope = names[entry.name] else { return true }
            return role.isConsumer ? scope != .producer : scope != .consumer
        }
        return known + Self.fixed(for: role) + own
    }
}

extension ClientSettings {
    private static let anyRole = [
        Entry("socket.nagle.disable", "true"),  // On until 2.10: adds latency.
        Entry("reconnect.backoff.max.ms", "1000"),  // Back 0.4 to 0.7 s after a broker's return.
    ]

    private static func refresh(_ milliseconds: String) -> Entry {
        Entry("topic.metadata.refresh.interval.ms", milliseconds)
    }

    private static let sending = [
        Entry("linger.ms", "2"),
        Entry("batch.size", "1000000"),
        Entry("batch.num.messages", "10000"),
        Entry("queue.buffering.max.messages", "1000000"),
        Entry("queue.buffering.max.kbytes", "262144"),
        Entry("compression.codec", "lz4"),
        Entry("message.max.bytes", "2000000"),
        // Back-to-back transactions take 15 ms instead of 94 to 104: the next one meets
        // CONCURRENT_TRANSACTIONS and waits this long.
        Entry("retry.backoff.ms", "5"),
    ]

    /// Our defaults, which the user's settings replace.
    public static func defaults(for role: ClientRole) -> [Entry] {
        switch role {
        case .member:
            anyRole + [
                Entry("session.timeout.ms", "6000"),
                Entry("heartbeat.interval.ms", "500"),
                Entry("max.poll.interval.ms", "10000"),
                // A topic made, or grown, just now is shared out this much later at most.
                refresh("5000"),
            ]
        case .fetch:
            anyRole + [
                refresh("30000"),
                Entry("fetch.wait.max.ms", "20"),
                Entry("fetch.max.bytes", "8388608"),
                Entry("queued.min.messages", "50000"),
                // For each partition, as each has a queue of its own.
                Entry("queued.max.messages.kbytes", "8192"),
            ] + (LibraryVersion.hasQueueBackoff ? [Entry("fetch.queue.backoff.ms", "5")] : [])
        case .transactionalProducer:
            anyRole + sending + [
                refresh("30000"),
                Entry("transaction.timeout.ms", "10000"), Entry("socket.timeout.ms", "8000"),
            ]
        case .producer: anyRole + sending + [refresh("30000")]
        case .admin: anyRole + [refresh("30000")]
        }
    }

    /// What we set last, whatever the user gave.
    static func fixed(for role: ClientRole) -> [Entry] {
        switch role {
        case .member:
            [
                Entry("enable.auto.commit", "false"), Entry("enable.auto.offset.store", "false"),
                Entry("isolation.level", "read_committed"),
                Entry("allow.auto.create.topics", "false"),
            ]
        case .fetch:
            [
                Entry("enable.auto.commit", "false"), Entry("enable.auto.offset.store", "false"),
                Entry("auto.offset.reset", "error"), Entry("check.crcs", "true"),
                Entry("enable.partition.eof", "true"),
                Entry("allow.auto.create.topics", "false"),
            ]
        case .transactionalProducer:
            [
                Entry("enable.idempotence", "true"),
                Entry("delivery.report.only.error", "true"),
            ]
        case .producer:
            [
                Entry("enable.idempotence", "true"),
                Entry("delivery.report.only.error", "true"),
            ]
        case .admin: []
        }
    }

    /// The settings that are refused from the user, each with the reason.
    public static let owned: [Owned] = [
        Owned("group.id", "The group is named after the application; set that instead."),
        Owned("group.instance.id", "It is set where the worker's identity is configured."),
        Owned(
            "transactional.id",
            "It is made of the application's name and the partition, so that a new owner fences "
                + "the old one; any other value lets two of them write."
        ),
        Owned(
            "enable.auto.commit",
            "Offsets are committed in the transaction of the outputs, never on their own."
        ),
        Owned("auto.commit.interval.ms", "Nothing is committed automatically."),
        Owned("enable.auto.offset.store", "Offsets are committed in the transaction."),
        Owned("auto.commit.enable", "Offsets are committed in the transaction."),
        Owned("offset.store.method", "Offsets are committed in the transaction."),
        Owned(
            "isolation.level",
            "Inputs are read committed; aborted records would otherwise be counted."
        ),
        Owned(
            "auto.offset.reset",
            "It is \"error\": a missing offset must stop the reader, not make it guess."
        ),
        Owned(
            "partition.assignment.strategy",
            "Cooperative assignment hangs and crashes in librdkafka 2.0.2."
        ),
        Owned("enable.idempotence", "It is always on: without it records are doubled."),
        Owned("acks", "It is always \"all\", as idempotence demands."),
        Owned("request.required.acks", "It is always \"all\", as idempotence demands."),
        Owned("delivery.report.only.error", "Only failed deliveries are of interest."),
        Owned("enable.partition.eof", "The end of a partition ends a replay."),
        Owned("check.crcs", "It is always on: a damaged record must not be read."),
        Owned("allow.auto.create.topics", "Topics are created on purpose, with their settings."),
        Owned("client.rack", "Fetching from followers loops and crashes in librdkafka 2.0.2."),
        Owned("partitioner", "Every record is written to the partition its key demands."),
        Owned("enable.sparse.connections", "The waker relies on it."),
        Owned("test.mock.num.brokers", "It replaces the cluster by an imitation."),
    ]

    /// Names whose values are never shown.
    static let secrets: Set<String> = [
        "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
        "sasl.oauthbearer.config", "sasl.oauthbearer.client.secret",
    ]

    /// The name's value must not be shown to anybody.
    public static func isSecret(_ name: String) -> Bool { secrets.contains(name) }
}

extension ClientSettings {
    /// Everything that is wrong, in the order given; empty when a client can be made.
    ///
    /// librdkafka checks each setting in a scratch configuration, so its own message is reported.
    public func problems() -> [Problem] {
        var found: [Problem] = []
        if self["bootstrap.servers"] == nil, self["metadata.broker.list"] == nil {
            found.append(
                Problem(
                    name: "bootstrap.servers",
                    message: "It is missing. Add the brokers' addresses, for example "
                        + "\"kafka-1:9092,kafka-2:9092\"."
                )
            )
        }
        // Safe: the configuration is made and destroyed here.
        let scratch = unsafe rd_kafka_conf_new()
        defer { unsafe rd_kafka_conf_destroy(scratch) }
        var seen: Set<String> = []
        for entry in entries {
            if !seen.insert(entry.name).inserted {
                found.append(
                    Problem(name: entry.name, message: "It is given twice. Remove one of the two.")
                )
                continue
            }
            if let message = unsafe Self.problem(of: entry, in: scratch) {
                found.append(Problem(name: entry.name, message: message))
            }
        }
        return found
    }

    /// What is wrong with one setting.
    @unsafe private static func problem(of entry: Entry, in scratch: OpaquePointer?) -> String? {
        if let owned = owned.first(where: { $0.name == entry.name }) {
            return "It cannot be set. \(owned.reason)"
        }
        if entry.name == "client.id", entry.value.utf8.count > 32 {
            return "It has more than 32 characters, which may crash librdkafka before 2.5."
        }
        if entry.name == "bootstrap.servers", entry.value.isEmpty {
            return "It is empty. Give the brokers' addresses, for example \"kafka-1:9092\"."
        }
        guard let refusal = unsafe set(entry, in: scratch) else { return nil }
        return refusal + (suggestion(for: entry.name).map { " Did you mean \"\($0)\"?" } ?? "")
    }

    /// Applies one setting; the answer is librdkafka's refusal.
    @unsafe static func set(_ entry: Entry, in settings: OpaquePointer?) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            // Safe: librdkafka copies name and value and is told the buffer's size.
            let result = unsafe rd_kafka_conf_set(
                settings,
                entry.name,
                entry.value,
                buffer.baseAddress,
                buffer.count
            )
            if result == RD_KAFKA_CONF_OK { return nil }
            if result == RD_KAFKA_CONF_INVALID, secrets.contains(entry.name) {
                return "The value is not valid."  // librdkafka's message would repeat it.
            }
            return unsafe text(UnsafePointer(buffer.baseAddress)) + "."
        }
    }

    /// The known name that is closest, when it is at most two changes away.
    private static func suggestion(for name: String) -> String? {
        guard PropertyScope.all[name] == nil else { return nil }
        let wanted = Array(name.utf8)
        var best: (name: String, distance: Int)?
        for known in PropertyScope.all.keys.sorted() {
            let distance = editDistance(wanted, Array(known.utf8))
            if distance <= 2, distance < best?.distance ?? 3 { best = (known, distance) }
        }
        return best?.name
    }

    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard abs(left.count - right.count) <= 2 else { return 3 }
        var row = Array(0...right.count)
        for (i, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let replaced = diagonal + (byte == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}

extension ClientSettings: CustomStringConvertible {
    /// One line a setting, without secrets.
    public var description: String {
        entries.map { "\($0.name)=\(Self.isSecret($0.name) ? "(hidden)" : $0.value)" }
            .joined(separator: "\n")
    }
}

/// Which kind of client knows a setting.
enum PropertyScope: Sendable {
    case both
    case consumer
    case producer

    /// All settings the linked librdkafka knows, from its own table.
    static let all: [String: PropertyScope] = {
        var start: UnsafeMutablePointer<CChar>?
        var size = 0
        // Safe: the stream writes into memory it owns until it is closed; then it is ours to free.
        guard let stream = unsafe open_memstream(&start, &size) else { return [:] }
        unsafe rd_kafka_conf_properties_show(stream)
        unsafe fclose(stream)
        defer { unsafe free(start) }
        return unsafe parse(text(UnsafePointer(start)))
    }()

    /// Lines of the form `name | C | range | default | …`.
    private static func parse(_ table: String) -> [String: PropertyScope] {
        var found: [String: PropertyScope] = [:]
        for line in table.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.filter { $0 != " " } }
            guard cells.count > 2, cells[0] != "Property" else { continue }
            let scope: PropertyScope
            switch cells[1] {
            case "*": scope = .both
            case "C": scope = .consumer
            case "P": scope = .producer
            default: continue
            }
            // A name may stand in both the global and the topic table.
            found[cells[0]] = found[cells[0]].map { $0 == scope ? scope : .both } ?? scope
        }
        return found
    }
}

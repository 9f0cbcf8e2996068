internal import CommandLineKit
internal import Kafka
internal import Settings
internal import Synchronization

/// `doctor`: what is wrong between the monitor and its cluster, one by one.
enum DoctorCommand {
    static let command = Command(
        "doctor",
        "Tell what is wrong with the connection to Kafka",
        discussion: """
            Tries, one by one, what "run" needs: the listener, TLS, SASL, every topic with its \
            number of partitions, the right to read and to write each, the consumer groups and the \
            transactional ids. What is wrong is named with what to do.

            It writes a record to each topic that the monitor writes, in a transaction of its own \
            (transactional ids APP.score.doctor and APP.ingest.doctor) that it then aborts: no \
            reader sees any of them. --no-write leaves that out.
            """,
        options: [
            .flag("write", negatable: true, "Try to write, in transactions that are aborted"),
            .value("timeout", .duration, default: "10s", "How long to wait for the cluster"),
        ] + MonitorSettings.options(.general, .kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [Example("Before the first start", "diversion-monitor doctor -c monitor.yaml")]
    ) { invocation in
        let settings = try MonitorSettings(invocation, .general, .kafka, .topics, needs: [.kafka])
        var doctor = Doctor(
            settings,
            limit: invocation.duration("timeout"),
            output: invocation.terminal.output
        )
        doctor.examine(writing: invocation.flag("write", default: true))
        let count = doctor.faults
        invocation.terminal.errors.print(
            count == 0 ? "nothing is wrong" : "\(count) thing\(count == 1 ? " is" : "s are") wrong"
        )
        return count == 0 ? .success : .failure
    }
}

/// One examination.
private struct Doctor {
    private let settings: MonitorSettings
    private let limit: Duration
    private let output: Sink
    /// How much is wrong.
    private(set) var faults = 0
    private let log = DoctorLog()
    private var topics: [String: Int32] = [:]

    init(_ settings: MonitorSettings, limit: Duration, output: Sink) {
        self.settings = settings
        self.limit = limit
        self.output = output
    }

    mutating func examine(writing: Bool) {
        good("librdkafka \(LibraryVersion.text)")
        guard connect() else { return }
        examineTopics()
        for group in ["ingest", "score"] {
            examineGroup("\(settings.application(of: group)).\(group)")
        }
        examineReading()
        guard writing else { return }
        examineWriting("score", [.decisions, .alerts, .accumulators, .replenishments, .snapshots])
        examineWriting("ingest", [.journal, .deadLetters])
    }

    private func good(_ text: String) { output.print(output.styled("ok   ", .green) + text) }

    private mutating func bad(_ text: String, _ advice: String) {
        faults += 1
        output.print(output.styled("wrong", .red) + " \(text)\n      \(advice)")
    }

    private func client(_ direction: MonitorSettings.Direction) -> ClientSettings {
        var client = settings.client(direction)
        client.onLog = { [log] line in log.add(line) }
        return client
    }

    // MARK: listener, TLS, SASL

    /// Connects; an error of a broker is told by its log lines, which say more than a time-out.
    private mutating func connect() -> Bool {
        let addresses = settings.effective.string("kafka.bootstrap.servers")
        do throws(KafkaError) {
            let admin = try Admin(client(.both))
            let cluster = try admin.describeCluster(within: limit)
            let protocolName = client(.both)["security.protocol"] ?? "plaintext"
            good("connected to \(addresses) with \(protocolName)")
            let brokers = cluster.brokers.map { "\($0.id) at \($0.host):\($0.port)" }
            good("brokers: \(brokers.joined(separator: ", "))")
            for topic in cluster.topics where topic.error == nil {
                topics[topic.name] = Int32(topic.partitions.count)
            }
            tellOtherBrokers()
            return true
        } catch {
            let faults = log.faults(client(.both))
            if faults.isEmpty {
                bad(
                    "no answer from \(addresses): \(error.message)",
                    "Check kafka.bootstrap.servers."
                )
            }
            for fault in faults { bad(fault.what, fault.advice) }
            return false
        }
    }

    /// The bootstrap address may answer and name brokers that cannot be reached.
    private mutating func tellOtherBrokers() {
        for fault in log.faults(client(.both)) { bad(fault.what, fault.advice) }
        log.clear()
    }

    // MARK: topics

    private mutating func examineTopics() {
        let journal = topics[settings.name(of: .journal)]
        for role in TopicRole.allCases {
            for name in settings.names(of: role) {
                guard let count = topics[name] else {
                    bad(
                        "topic \(name) is not there, or may not be described",
                        "Make it with \"diversion-monitor topics apply\", or allow Describe on it."
                    )
                    continue
                }
                if role.followsJournal, let journal, count != journal {
                    bad(
                        "topic \(name) has \(count) partitions, the journal \(journal)",
                        "They must be as many: see \"diversion-monitor topics plan\"."
                    )
                } else {
                    good("topic \(name): \(count) partition\(count == 1 ? "" : "s")")
                }
            }
        }
    }

    // MARK: rights

    private mutating func examineGroup(_ group: String) {
        let end = ContinuousClock.now + limit
        let journal = TopicPartition(settings.name(of: .journal), 0)
        do throws(KafkaError) {
            let offsets = try GroupOffsets(of: group, client(.both))
            while true {
                do throws(KafkaError) {
                    _ = try offsets.committed([journal], within: min(limit, .seconds(2)))
                    break
                } catch {
                    // The first question about a group has its coordinator load it, on a new cluster
                    // even make the topic of all groups; librdkafka's own wait for it may be lost.
                    let mayPass = error.isRetriable || error.isTimeout
                    guard mayPass, !error.isDenied, ContinuousClock.now < end else { throw error }
                    Interruption.sleep(.milliseconds(200))
                }
            }
            good("group \(group) may be read")
        } catch {
            bad(
                "group \(group): \(error.message)",
                error.isDenied
                    ? "Allow Read on the group \(group) to this user."
                    : "Look at the group coordinator of the cluster."
            )
        }
    }

    private mutating func examineReading() {
        let roles: [TopicRole] = [
            .reference, .policy, .journal, .deadLetters, .snapshots, .decisions, .alerts,
            .accumulators, .replenishments,
        ]
        let names = settings.sourceNames + roles.map(settings.name)
        let present = names.filter { topics[$0] != nil }
        guard !present.isEmpty else { return }
        do throws(KafkaError) {
            let consumer = try FetchConsumer(client(.consumer))
            var queue = consumer.queue()
            var waiting: Set<Int> = []
            var failures: [Int: KafkaError] = [:]
            for name in present {
                waiting.insert(try queue.start(TopicPartition(name, 0), at: .tail(1)))
            }
            let end = ContinuousClock.now + limit
            while !waiting.isEmpty, ContinuousClock.now < end {
                let batch = try queue.next(limit: 100, waiting: .milliseconds(100))
                for index in 0..<batch.count { waiting.remove(batch[index].source) }
                for event in queue.takeEvents() {
                    switch event {
                    case .endOfPartition(let source, _): waiting.remove(source)
                    case .failed(let source?, let error):
                        if waiting.remove(source) != nil { failures[source] = error }
                    case .failed(nil, _): continue
                    }
                }
            }
            for (source, name) in present.enumerated() {
                if let error = failures[source] {
                    bad(
                        "reading \(name): \(error.message)",
                        error.isDenied
                            ? "Allow Read on the topic \(name) to this user."
                            : "Look at the leader of \(name), partition 0."
                    )
                } else if waiting.contains(source) {
                    bad(
                        "reading \(name): no answer within \(limit)",
                        "Look at the leader of \(name), partition 0."
                    )
                } else {
                    good("topic \(name) may be read")
                }
            }
        } catch {
            bad("reading: \(error.message)", "Look at the settings under kafka.consumer.")
        }
    }

    private mutating func examineWriting(_ stage: String, _ roles: [TopicRole]) {
        let own = "\(settings.application(of: stage)).\(stage)"
        let id = own + ".doctor"
        do {
            var producer = try TransactionalProducer(id: id, client(.producer))
            try producer.initialize(within: limit)
            good("transactional id \(id) may be used")
            for role in roles {
                let name = settings.name(of: role)
                guard topics[name] != nil else { continue }
                try write(to: name, &producer)
            }
        } catch let error as TransactionError {
            bad(
                "transactional id \(id): \(error.error.message)",
                error.error.isDenied
                    ? "Allow Describe and Write on transactional ids that begin with"
                        + " \(own)."
                    : "Look at the transaction coordinator of the cluster."
            )
        } catch {
            bad("writing with \(id): \(error)", "Look at the settings under kafka.producer.")
        }
    }

    /// Writes one record in a transaction that is aborted.
    private mutating func write(
        to name: String,
        _ producer: inout TransactionalProducer
    ) throws {
        let topic = try producer.topic(name, within: limit)
        try producer.begin()
        let value: [UInt8] = Array("doctor".utf8)
        // Safe: the array outlives the call, which copies. A compacted topic wants a key.
        try unsafe producer.produce(
            value.span.bytes,
            key: value.span.bytes,
            to: topic,
            partition: 0
        )
        do throws(KafkaError) {
            try producer.deliver(within: limit)
            good("topic \(name) may be written")
        } catch {
            bad(
                "writing \(name): \(error.message)",
                error.isDenied
                    ? "Allow Write on the topic \(name) to this user."
                    : "Look at the leader of \(name), partition 0."
            )
        }
        try producer.abort(within: limit)
    }
}

/// What librdkafka logged, and what it means.
private final class DoctorLog: Sendable {
    struct Fault: Hashable {
        let what: String
        let advice: String
    }

    private let lines = Mutex<[LogLine]>([])

    func add(_ line: LogLine) { lines.withLock { $0.append(line) } }
    func clear() { lines.withLock { $0 = [] } }

    /// Every fault once, in the order in which they were logged.
    func faults(_ settings: ClientSettings) -> [Fault] {
        var found: [Fault] = []
        for line in lines.withLock({ $0 }) where line.level <= 6 {
            guard let fault = Self.fault(line.message, settings),
                !found.contains(where: { $0.advice == fault.advice })
            else { continue }
            found.append(fault)
        }
        return found
    }

    /// The meaning of a log line of a connection that failed; nil for lines about anything else.
    private static func fault(_ message: String, _ settings: ClientSettings) -> Fault? {
        // [thrd:NAME]: ssl://HOST:PORT/bootstrap: what happened (after 3ms in state CONNECT)
        let text = message.split(separator: "]: ", maxSplits: 1).last.map(String.init) ?? message
        let parts = text.split(separator: ": ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        let broker = String(parts[0].split(separator: "/").last { $0 != "bootstrap" } ?? "")
        let detail = String(parts[1].split(separator: " (after").first ?? "")
        func fault(_ what: String, _ advice: String) -> Fault {
            Fault(what: "\(what) \(broker): \(detail)", advice: advice)
        }
        let mechanism = settings["sasl.mechanism"] ?? settings["sasl.mechanisms"] ?? "GSSAPI"
        if detail.contains("Connection refused") {
            return fault(
                "listener",
                "Nothing listens there: check host and port in kafka.bootstrap.servers, and what the"
                    + " broker advertises (advertised.listeners)."
            )
        }
        if detail.contains("resolve") {
            return fault("listener", "The name is unknown here: check it, and the name server.")
        }
        if detail.contains("timed out") || detail.contains("unreachable") {
            return fault("listener", "No answer: check the address, and the firewall between.")
        }
        if detail.contains("certificate verify failed") {
            return fault(
                "TLS",
                "The broker's certificate is not trusted, or is made for another name: set"
                    + " kafka.ssl.ca.location to the authority that signed it."
            )
        }
        if detail.contains("PLAINTEXT") || detail.contains("wrong version number") {
            return fault(
                "TLS",
                "The listener speaks no TLS: use its TLS port, or correct kafka.security.protocol."
            )
        }
        if detail.contains("unexpected eof") {
            return fault(
                "TLS",
                "It hung up on the handshake: it may speak no TLS. Check the port and"
                    + " kafka.security.protocol."
            )
        }
        if detail.contains("security.protocol") {
            return fault(
                "TLS",
                "The listener wants TLS: set kafka.security.protocol to ssl or sasl_ssl, or use"
                    + " another port."
            )
        }
        if detail.contains("SSL") || detail.contains("certificate") {
            return fault(
                "TLS",
                "Check kafka.ssl.ca.location, and where the listener wants a client certificate"
                    + " kafka.ssl.certificate.location and kafka.ssl.key.location."
            )
        }
        if detail.contains("SASL") || detail.contains("uthentication") {
            let isRepeatedNonce = LibraryVersion.number < 0x0206_01ff
            if mechanism.hasPrefix("SCRAM"), isRepeatedNonce, detail.contains("credentials") {
                return fault(
                    "SASL",
                    "User and password may be right: librdkafka \(LibraryVersion.text) repeats its"
                        + " nonce, which Kafka 4 refuses as invalid credentials"
                        + " (confluentinc/librdkafka#4895). Use PLAIN over TLS or a client"
                        + " certificate, or librdkafka 2.6.1 or later."
                )
            }
            if detail.contains("mechanism") && !detail.contains("credentials") {
                return fault(
                    "SASL",
                    "The listener does not offer \(mechanism): correct kafka.sasl.mechanism."
                )
            }
            return fault("SASL", "Check kafka.sasl.username and kafka.sasl.password.")
        }
        if detail.contains("Disconnected") {
            return fault(
                "listener",
                "It hung up: check kafka.security.protocol against the listener's."
            )
        }
        return nil
    }
}

internal import Engine
internal import Kafka

/// The monitor on Kafka: source topics → journal → outputs, exactly once, until it is told to stop.
///
///     let stop = StopFlag()            // a signal handler calls stop.stop()
///     let end = Service(configuration).run(until: stop)
///     exit(end.kind.rawValue)
///
/// Processes with the same configuration share the work by consumer groups. Each role has threads of its own, and what
/// they share is the wish to stop.
public struct Service: Sendable {
    let configuration: ServiceConfiguration
    /// What other programs may ask it, also before and after it runs.
    public let operations: Operations

    /// A service; it does nothing before ``run(until:)``.
    public init(_ configuration: ServiceConfiguration) {
        let operations = Operations()
        var configuration = configuration
        if let sink = configuration.log {
            let gate = LogGate(operations.instruments, lowest: configuration.logLevel, sink: sink)
            configuration.log = { line in gate.take(line, at: Ticker.now) }
            if configuration.logsKafka {
                configuration.kafka.onLog = { line in
                    guard line.level <= 4 else { return }
                    gate.take(ServiceLog.Line(line), at: Ticker.now)
                }
            }
        }
        self.configuration = configuration
        self.operations = operations
    }

    /// Says something on the service's behalf, among its own lines.
    public func say(_ event: String, _ values: (name: String, value: String)...) {
        configuration.log?(
            ServiceLog.Line(level: .info, role: "service", event: event, values: values)
        )
    }

    /// Works until `stop` is set or the service can't go on. It takes at most about ten seconds to end; what is then
    /// still on its way is without effect, so the process may exit.
    public func run(until stop: StopFlag) -> ServiceEnd {
        let control = ServiceControl(stop, operations)
        let log = ServiceLog(role: "service", sink: configuration.log)
        operations.begin(configuration)
        operations.watchdog.start(control, log, heartbeat: configuration.heartbeat)
        let watch = operations.watchdog.watch("service")
        defer {
            operations.watchdog.remove(watch)
            operations.watchdog.end()
        }
        let partitionCount: Int32
        do { partitionCount = try checkTopics(control, log, watch) } catch {
            if error == .stopped {
                log.info("ended", ("status", "0"), ("drained", "true"), ("reason", ""))
                return error
            }
            operations.topics(Check("topics", false, error.message))
            log.error("ended", ("status", "\(error.kind.rawValue)"), ("reason", error.message))
            return error
        }
        operations.topics(Check("topics", true, "ok"), journalPartitions: partitionCount)
        watch.end()
        var threads: [WorkThread] = []
        if configuration.roles.contains(.ingest) {
            control.enter()
            threads.append(
                WorkThread("ingest") { [configuration] in
                    IngestWorker.run(configuration, control, partitionCount: partitionCount)
                    control.leave()
                }
            )
        }
        if configuration.roles.contains(.score) {
            let worker = ScoreWorker(
                configuration: configuration,
                control: control,
                log: ServiceLog(role: "score", sink: configuration.log),
                partitionCount: partitionCount
            )
            control.enter()
            threads.append(
                WorkThread("score") {
                    worker.run()
                    control.leave()
                }
            )
        }
        while !control.shouldStop { control.waitForChange(.milliseconds(100)) }
        operations.stopping()
        let hasEnded = control.waitForThreads(.seconds(9))
        if hasEnded { for thread in threads { thread.join() } }
        let end = control.reason
        log.info(
            "ended",
            ("status", "\(end.kind.rawValue)"),
            ("drained", "\(hasEnded)"),
            ("reason", end.message)
        )
        return end
    }

    /// Checks that all topics are there and fit each other.
    ///
    /// - Returns: the number of journal partitions.
    private func checkTopics(
        _ control: ServiceControl,
        _ log: ServiceLog,
        _ watch: Watch
    ) throws(ServiceEnd) -> Int32 {
        watch.begin(.start)
        let admin: Admin
        do { admin = try Admin(configuration.kafka) } catch {
            throw .configuration(error.description)
        }
        let deadline = Ticker.now + Int64(configuration.patienceSeconds) * 1000
        func count(_ topic: String) throws(ServiceEnd) -> Int32 {
            while true {
                watch.begin(.topics)
                do throws(KafkaError) {
                    let found = try admin.describeTopic(topic, within: .seconds(10))
                    if let error = found.error { throw error }
                    if !found.partitions.isEmpty { return Int32(found.partitions.count) }
                } catch {
                    if error.isUnknownTopicOrPartition {
                        throw .configuration(
                            "find the topic \(topic): it does not exist. Create it, or set another name."
                        )
                    }
                    if error.isDenied { throw .configuration(error.description) }
                    guard Ticker.now < deadline else { throw .temporary(error.description) }
                    log.warning("kafka-unreachable", ("reason", error.description))
                }
                control.pause(.seconds(1))
                if control.shouldStop { throw .stopped }
            }
        }
        let partitions = try count(configuration.journalTopic)
        for topic in configuration.outputTopics {
            let found = try count(topic)
            guard found == partitions else {
                throw .configuration(
                    "use the topic \(topic): it has \(found) partitions and the journal \(partitions). Outputs have "
                        + "as many as the journal: create it anew."
                )
            }
        }
        if configuration.roles.contains(.score), configuration.hasSnapshots {
            let found = try count(configuration.snapshotTopic)
            guard found == partitions else {
                throw .configuration(
                    "use the topic \(configuration.snapshotTopic): it has \(found) partitions and the journal "
                        + "\(partitions). It holds nothing that the journal could not make again: create it anew."
                )
            }
        }
        if configuration.roles.contains(.ingest) {
            let letters = try count(configuration.deadLetterTopic)
            guard SourceMetadata.hasRoom(journal: partitions, deadLetters: letters) else {
                throw .configuration(
                    "use the topics \(configuration.journalTopic) and \(configuration.deadLetterTopic): they have "
                        + "\(partitions) and \(letters) partitions, and what must be known of so many does not fit "
                        + "beside an offset. Twice the journal's and those of the dead letters may be "
                        + "\(SourceMetadata.mostNumbers) together: create one of the two anew with fewer."
                )
            }
            for topic in [configuration.referenceTopic, configuration.policyTopic] {
                let found = try count(topic)
                guard found == 1 else {
                    throw .configuration(
                        "use the topic \(topic): it has \(found) partitions and must have one, since the order of "
                            + "its records counts."
                    )
                }
            }
            for topic in configuration.sourceTopics + [configuration.deadLetterTopic] {
                _ = try count(topic)
            }
        }
        return partitions
    }
}

extension ServiceLog.Line {
    /// A line of librdkafka's: its facility is the event.
    init(_ line: LogLine) {
        self.init(
            level: line.level <= 3 ? .error : .warning,
            role: "kafka",
            event: line.facility,
            values: [("client", line.client), ("message", line.message)]
        )
    }
}

internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka
internal import Pipeline
internal import Wording

/// `demo`: the whole service on a broker in this process.
enum DemoCommand {
    static let command = Command(
        "demo",
        "See it work, with a broker in this process and sample data",
        discussion: """
            Starts an imitation of a Kafka cluster inside this process, makes the topics, publishes \
            the sample's reference tables, sends four months of five covered entities to the source \
            topics, and runs the real service on them: ingest and score, through their consumer \
            groups. Alerts are printed as they happen, and a summary at the end.

            Everything in the sample is invented. Nothing is written to disk.
            """,
        options: [
            .value(
                "data",
                .directory,
                "Another sample: a folder with events.ndjson and reference/"
            ),
            .flag("verbose", short: "v", "Show what the service says, too"),
        ],
        examples: [Example("See it work", "diversion-monitor demo")]
    ) { invocation in
        Interruption.listen()
        try Demo(invocation).run()
        return .success
    }
}

/// One performance.
private struct Demo {
    private let terminal: Terminal
    private let sample: Sample
    private let isVerbose: Bool

    init(_ invocation: Invocation) throws(CommandFailure) {
        terminal = invocation.terminal
        sample = try Sample(invocation.stringIfGiven("data"))
        isVerbose = invocation.flag("verbose")
    }

    func run() throws(CommandFailure) {
        do throws(KafkaError) {
            let broker = try EmbeddedBroker()
            var configuration = ServiceConfiguration(
                kafka: ClientSettings(bootstrap: broker.bootstrap),
                tokenizer: Tokenizer(.published)
            )
            configuration.application = "demo"
            configuration.clock = .records
            // Every step waits for the one before it.
            configuration.collectMilliseconds = 1
            // The broker in this process keeps five megabytes of a partition.
            configuration.snapshotRecords = 0
            configuration.snapshotSeconds = 0
            configuration.kafka["fetch.wait.max.ms"] = "2"
            let topics = configuration.topics
            for name in topics.sources { try broker.createTopic(name, partitions: 2) }
            for name in [topics.reference, topics.policy] {
                try broker.createTopic(name, partitions: 1)
            }
            for name in [topics.journal, topics.deadLetters] + outputs(topics) {
                try broker.createTopic(name, partitions: 4)
            }
            say("A Kafka in this process listens on \(broker.bootstrap).")
            try perform(configuration)
        } catch {
            throw CommandFailure(kafka: error)
        }
    }

    private func outputs(_ topics: ServiceConfiguration.Topics) -> [String] {
        [topics.decisions, topics.alerts, topics.accumulators, topics.replenishments]
    }

    private func say(_ line: String) { terminal.output.print(line) }

    private func perform(_ given: ServiceConfiguration) throws(KafkaError) {
        var configuration = given
        if isVerbose { configuration.log = { [terminal] in terminal.errors.print("\($0)") } }
        let topics = configuration.topics
        try publishReference(topics.reference, configuration.kafka)
        say(
            "\(grouped(sample.reference.rows.count)) rows of reference tables are published;"
                + " \(grouped(sample.events.count)) events of five covered entities follow."
        )
        say("The service joins its consumer groups; alerts appear as they happen.\n")
        var player = try SamplePlayer(sample, topics.sources, configuration.kafka)
        let stop = StopFlag()
        let service = Service(configuration)
        // The service blocks, so it has a thread; this one shows what comes out.
        let worker = Background { service.run(until: stop) }
        defer {
            stop.stop()
            worker.wait()
        }

        var tally = DemoTally()
        let names = outputs(topics) + [topics.deadLetters, topics.journal]
        var reader: TopicReader
        do throws(CommandFailure) {
            reader = try TopicReader(names, configuration.kafka)
        } catch {
            return say("\(error)")
        }
        let limit = ContinuousClock.now + .seconds(120)
        var start: ContinuousClock.Instant?
        var quietSince = ContinuousClock.now
        while !Interruption.isSet, ContinuousClock.now < limit {
            if tally.events + tally.deadLetters >= player.sent { try player.playStep() }
            let records: [TopicReader.Record]
            do throws(CommandFailure) { records = try reader.next() } catch {
                return say("\(error)")
            }
            for record in records {
                guard let alert = tally.take(record) else { continue }
                say(alert.line(on: terminal.output))
            }
            if tally.changed {
                quietSince = ContinuousClock.now
                start = start ?? quietSince
            }
            tally.changed = false
            if let end = worker.result, end.kind != .stopped {
                return say("\nThe service ended: could not \(end.message)")
            }
            let isRead = tally.events + tally.deadLetters >= sample.events.count
            if player.isDone, isRead, ContinuousClock.now - quietSince > .seconds(2) { break }
        }
        let seconds = (quietSince - (start ?? quietSince)) / .seconds(1)
        terminal.output.write(tally.summary(seconds: max(0.001, seconds)))
        terminal.output.write(nextCommands(tally.board.open { _ in true }.first))
    }

    private func publishReference(
        _ name: String,
        _ settings: ClientSettings
    ) throws(KafkaError) {
        do throws(CommandFailure) {
            try Publishing.send(
                ReferenceTopic.publication(of: sample.reference.rows).map { ($0.key, $0.value) },
                to: name,
                settings
            )
        } catch {
            say("\(error)")
        }
    }

    /// What to try next; an alert has the same id in whatever run it opens.
    private func nextCommands(_ alert: AlertRecord?) -> String {
        // As it was called: after `make demo` it is not on the PATH yet.
        let program = CommandLine.arguments.first ?? "diversion-monitor"
        return """

            Try next:
              \(program) score --reference \(sample.folder)/reference -o out \
            --keep-journal out/journal.dmj \(sample.folder)/events.ndjson
              \(program) alerts --from out/alerts.ndjson --severity critical
              \(program) explain \(alert?.id ?? "ID") out/journal.dmj

            """
    }
}

/// A folder with reference tables and events.
private struct Sample {
    let folder: String
    let reference: ReferencePublication
    /// The lines of events.ndjson.
    let events: [[UInt8]]

    init(_ given: String?) throws(CommandFailure) {
        guard let folder = given ?? Self.places.first(where: Files.isFolder) else {
            throw CommandFailure(
                "could not find the sample data: it is in none of \(Self.places.joined(separator: ", "))."
                    + " Name its folder with --data."
            )
        }
        self.folder = folder
        reference = try ReferenceFolder(Files.path(folder, "reference")).publication
        let bytes = try Files.read(Files.path(folder, "events.ndjson"), to: "the sample")
        events = bytes.split(separator: 0x0A).map(Array.init)
    }

    /// In this folder, beside an installed program, in the repository a program was built in.
    private static var places: [String] {
        let program = Files.executable
        let folder = program.split(separator: "/").dropLast().joined(separator: "/")
        return [
            "fixtures/sample", "/\(folder)/../share/diversion-monitor/sample",
            "/\(folder)/../../../fixtures/sample",
        ]
    }
}

/// Sends the events of a sample, each to the topic of its type, in steps.
///
/// Months are played in seconds, so a topic that is read a moment before another would be days ahead
/// of it. In a step all records lie within hours, and purchases, which are judged when they arrive,
/// are apart from what makes packages due; the next step waits until this one is in the journal.
private struct SamplePlayer: ~Copyable {
    private struct Event {
        let line: [UInt8]
        let topic: ProducerTopic
        /// An entity's: corrections follow what they correct, even where both say the same time.
        let partition: Int32
        let recordedAt: Instant
        let isPurchase: Bool
    }

    private var producer: Producer
    private var events: [Event] = []
    private(set) var sent = 0

    init(
        _ sample: Sample,
        _ names: [String],
        _ settings: ClientSettings
    ) throws(KafkaError) {
        var producer = try Producer(settings)
        var topics: [String: ProducerTopic] = [:]
        for name in names { topics[name] = try producer.topic(name, within: .seconds(10)) }
        self.producer = producer
        var decoder = EventDecoder()
        let source = decoder.addSource("sample", isFile: true)
        var recordedAt = Instant(milliseconds: 0)
        var name = "claims"
        for line in sample.events {
            // A line that is no event stands beside the one before it.
            // Safe: the array outlives the call.
            if (try? unsafe decoder.decode(line.span.bytes, from: source, recordedAt: nil)) != nil {
                recordedAt = decoder.header.recordedAt
                name = Self.topic(of: line)
            }
            guard let topic = topics[name] else { continue }
            events.append(
                Event(
                    line: line,
                    topic: topic,
                    partition: Self.partition(of: line, among: topic.partitionCount),
                    recordedAt: recordedAt,
                    isPurchase: name == "purchases"
                )
            )
        }
    }

    var isDone: Bool { sent == events.count }

    /// Sends the next step. The time in Kafka is when the record was recorded.
    mutating func playStep() throws(KafkaError) {
        guard !isDone else { return }
        let first = events[sent]
        let end = first.recordedAt.adding(hours: 6)
        while sent < events.count, events[sent].recordedAt <= end,
            events[sent].isPurchase == first.isPurchase
        {
            let event = events[sent]
            // Safe: the array outlives the call, which copies.
            try unsafe producer.produce(
                event.line.span.bytes,
                headers: [],
                timestampMilliseconds: event.recordedAt.microseconds / 1000,
                to: event.topic,
                partition: event.partition
            )
            sent += 1
        }
        try producer.flush(within: .seconds(30))
    }

    private static func partition(of line: [UInt8], among count: Int32) -> Int32 {
        let entity = JSONValue(line)?["covered_entity_id"]?.text ?? ""
        // Safe: the buffer is used within the closure.
        return unsafe Array(entity.utf8).withUnsafeBytes { key in
            unsafe Partitioner.partition(of: key, count: count)
        }
    }

    /// By type; what has none goes with the claims, where the monitor will find it unusable.
    private static func topic(of line: [UInt8]) -> String {
        switch JSONValue(line)?["event_type"]?.text {
        case "encounter": "encounters"
        case "dispense": "dispenses"
        case "purchase": "purchases"
        case "disposition", "adjustment": "dispositions"
        default: "claims"
        }
    }
}

/// What came out, counted.
private struct DemoTally {
    /// Events in the journal.
    private(set) var events = 0
    private(set) var deadLetters = 0
    /// Whether anything came since somebody last looked; ticks of time do not count.
    var changed = false
    private var decisions = 0
    /// The last outcome of each fill.
    private var fills: [String: String] = [:]
    private var opened: [String: Int] = [:]
    private(set) var board = AlertBoard()
    /// The last balance of each accumulator.
    private var balances: [String: String] = [:]
    private var movements = 0
    private var proposals = 0
    private var packages = 0
    private var letterCodes: [String: Int] = [:]

    /// Takes a record; the alert, where it is one.
    mutating func take(_ record: TopicReader.Record) -> AlertRecord? {
        guard let bytes = record.value else { return nil }
        switch record.topic {
        case 0: takeDecision(bytes)
        case 1:
            guard let alert = AlertRecord(bytes) else { return nil }
            changed = true
            board.take(alert)
            if alert.state == "opened" { opened[alert.rule, default: 0] += 1 }
            return alert
        case 2: takeIncrement(bytes)
        case 3: takeReplenishment(bytes)
        case 4:
            deadLetters += 1
            changed = true
            if let code = JSONValue(bytes)?["error"]?["code"]?.text {
                letterCodes[code, default: 0] += 1
            }
        default:
            // Byte 1 of a journal record is its kind; events are from 16 on.
            if bytes.count > 1, bytes[1] >= RecordKind.encounter.rawValue {
                events += 1
                changed = true
            }
        }
        return nil
    }

    private mutating func takeDecision(_ bytes: [UInt8]) {
        guard let record = JSONValue(bytes), let fill = record["fill"] else { return }
        changed = true
        decisions += 1
        let parts = [
            record["covered_entity_id"], fill["pharmacy_npi"], fill["rx_number"],
            fill["fill_number"],
        ]
        let key = parts.map { $0?.text ?? "" }.joined(separator: "/")
        fills[key] = record["outcome"]?.text ?? ""
    }

    private mutating func takeIncrement(_ bytes: [UInt8]) {
        guard let record = JSONValue(bytes) else { return }
        changed = true
        movements += 1
        let names = ["covered_entity_id", "pharmacy_npi", "ndc11", "account"]
        let key = names.map { record[$0]?.text ?? "" }.joined(separator: "/")
        balances[key] = record["balance"]?.text ?? "0"
    }

    private mutating func takeReplenishment(_ bytes: [UInt8]) {
        guard let record = JSONValue(bytes), record["state"]?.text == "proposed" else { return }
        changed = true
        proposals += 1
        packages += record["packages"]?.text.flatMap { Int($0) } ?? 0
    }

    /// The closing summary.
    func summary(seconds: Double) -> String {
        func list(_ counts: [String: Int]) -> String {
            counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\(grouped($0.value)) \($0.key)" }.joined(separator: ", ")
        }
        let outcomes = Dictionary(fills.values.map { ($0, 1) }, uniquingKeysWith: +)
        let total = events + deadLetters
        let open = board.open { _ in true }.count
        let standing = balances.values.count { $0 != "0" }
        return """

            events read     \(grouped(total)) in \(ScoreSummary.rounded(seconds)) s, \
            \(grouped(Int(Double(total) / seconds)))/s, step by step; "score" shows the engine's speed
            dead letters    \(grouped(deadLetters)): \(list(letterCodes))
            decisions       \(grouped(decisions)) about \(grouped(fills.count)) fills: \
            \(list(outcomes))
            alerts          \(grouped(opened.values.reduce(0, +))) opened, \(open) still open: \
            \(list(opened))
            accumulators    \(grouped(balances.count)) with \(grouped(movements)) movements; \
            \(grouped(standing)) have a balance
            replenishments  \(grouped(proposals)), \(grouped(packages)) packages due

            """
    }
}

import Engine
import Glibc
import Ingest
import Journal
import Kafka
import Pipeline
import Synchronization

/// Set by signals.
let stop = StopFlag()

/// What the process was told to do.
struct Stage {
    let words: [String: String]
    var configuration: ServiceConfiguration

    init(_ words: [String: String]) {
        self.words = words
        configuration = ServiceConfiguration(
            kafka: ClientSettings(bootstrap: words["bootstrap"] ?? ""),
            tokenizer: Tokenizer(PatientTokenKey.published)
        )
        for (name, value) in words where name.hasPrefix("kafka.") {
            configuration.kafka[String(name.dropFirst(6))] = value
        }
        configuration.application = words["application"] ?? "stage"
        configuration.topics.prefix = words["prefix"] ?? ""
        configuration.instance = words["instance"]
        configuration.isStandby = words["standby"] == "true"
        if let roles = words["roles"] {
            configuration.roles = Set(
                roles.split(separator: ",").compactMap {
                    ServiceConfiguration.Role(rawValue: String($0))
                }
            )
        }
        if let clock = words["clock"].flatMap(ServiceConfiguration.Clock.init(rawValue:)) {
            configuration.clock = clock
        }
        if let start = words["start"].flatMap(ServiceConfiguration.SourceStart.init(rawValue:)) {
            configuration.sourcesStart = start
        }
        if let collect = words["collect"].flatMap(Int.init) {
            configuration.collectMilliseconds = collect
        }
        if let most = words["records"].flatMap(Int.init) { configuration.transactionRecords = most }
        if let patience = words["patience"].flatMap(Int.init) {
            configuration.patienceSeconds = patience
        }
        // So often that a test of a few thousand records sees many.
        configuration.snapshotRecords = words["snapshots"].flatMap(Int64.init) ?? 700
        configuration.snapshotSeconds =
            configuration.snapshotRecords > 0
            ? words["snapshot-seconds"].flatMap(Int.init) ?? 2 : 0
        configuration.log = { line in
            say("\(milliseconds()) \(getpid()) \(line)")
        }
    }

    func name(_ topic: String) -> String { configuration.topics.prefix + topic }

    // MARK: the service

    func run() -> Int32 {
        signal(SIGTERM) { _ in stop.stop() }
        signal(SIGINT) { _ in stop.stop() }
        return Service(configuration).run(until: stop).kind.rawValue
    }

    // MARK: tools

    func topics() throws {
        let admin = try Admin(configuration.kafka)
        let partitions = Int32(words["partitions"] ?? "4") ?? 4
        let sources = Int32(words["sources"] ?? "2") ?? 2
        let large = [("max.message.bytes", "2097152")]
        var made = configuration.topics.sources.map {
            // Histories have old times, which Kafka would delete at once.
            NewTopic(
                name($0),
                partitions: sources,
                configuration: large + [("retention.ms", "-1")]
            )
        }
        let topics = configuration.topics
        for one in [topics.reference, topics.policy] {
            made.append(NewTopic(name(one), partitions: 1))
        }
        for one in [
            topics.journal, topics.deadLetters, topics.decisions, topics.alerts,
            topics.accumulators,
            topics.replenishments,
        ] {
            made.append(
                NewTopic(
                    name(one),
                    partitions: partitions,
                    configuration: large + [("retention.ms", "-1")]
                )
            )
        }
        made.append(
            NewTopic(
                name(topics.snapshots),
                partitions: partitions,
                configuration: large + [
                    ("cleanup.policy", "compact,delete"), ("retention.ms", "-1"),
                    ("segment.bytes", "1048576"),
                    ("min.cleanable.dirty.ratio", "0.01"),
                ]
            )
        )
        for result in try admin.createTopics(made, within: .seconds(30)) {
            if let error = result.error { throw error }
        }
        // Brokers learn of new topics a little later: wait until each partition answers.
        let consumer = try FetchConsumer(configuration.kafka)
        for topic in made {
            let wanted = (0..<topic.partitions).map { TopicPartition(topic.name, $0) }
            while consumer.offsets(of: wanted, within: .seconds(10)).contains(where: {
                if case .failure = $0 { return true } else { return false }
            }) { usleep(50_000) }
            while (try? consumer.partitionCount(of: topic.name, within: .seconds(5)))
                != topic.partitions
            {
                usleep(50_000)
            }
        }
        say("topics \(made.count)")
    }

    /// Waits until the running roles have done all that there is.
    func settle() throws {
        let consumer = try FetchConsumer(configuration.kafka)
        let all = try FetchConsumer(configuration.kafka, isolation: .readUncommitted)
        let deadline = milliseconds() + Int64((Int(words["seconds"] ?? "60") ?? 60) * 1000)
        for role in configuration.roles.sorted(by: { $0.rawValue < $1.rawValue }) {
            let topics =
                role == .ingest ? configuration.topics.sources : [configuration.topics.journal]
            var wanted: [TopicPartition] = []
            for topic in topics {
                let count = try consumer.partitionCount(of: name(topic), within: .seconds(20))
                wanted += (0..<count).map { TopicPartition(name(topic), $0) }
            }
            let offsets = try GroupOffsets(
                of: configuration.application + "." + role.rawValue,
                configuration.kafka
            )
            while true {
                // What is committed must lie behind the last record; markers may follow it.
                // A broker that has just begun may not know the group's coordinator yet.
                let found = try? offsets.committed(wanted, within: .seconds(20))
                var open = found == nil ? wanted : []
                for one in found ?? [] {
                    // A broker that has just begun may not know its leaders yet.
                    let bounds = all.offsets(of: [one.partition], within: .seconds(20))[0]
                    guard let end = try? bounds.get().end else {
                        open.append(one.partition)
                        continue
                    }
                    guard let offset = one.offset else {
                        open.append(one.partition)
                        continue
                    }
                    if offset >= end { continue }
                    var queue = consumer.queue()
                    let source = try queue.start(one.partition, at: .offset(offset))
                    while queue.position(of: source) < end {
                        let batch = try queue.next(limit: 1, waiting: .milliseconds(100))
                        if batch.count > 0 {
                            open.append(one.partition)
                            break
                        }
                    }
                }
                // Ticks never end while ingest runs: the score stage is asked when it does not.
                if open.isEmpty { break }
                guard milliseconds() < deadline else {
                    say("not settled: \(open)")
                    exit(1)
                }
                usleep(200_000)
            }
        }
        say("settled")
    }

    func recover() throws {
        for one in try SourceRecovery(configuration).run(until: stop) {
            say("recovered \(one.partition) \(one.offset) lost \(one.lost)")
        }
    }

    /// Deletes all snapshots that there are, behind the back of the receipts that name them.
    func damage() throws {
        let consumer = try FetchConsumer(configuration.kafka)
        let topic = name(configuration.topics.snapshots)
        let count = try consumer.partitionCount(of: topic, within: .seconds(20))
        let places = (0..<count).map { TopicPartition(topic, $0) }
        let admin = try Admin(configuration.kafka)
        for (place, bounds) in zip(places, consumer.offsets(of: places, within: .seconds(20))) {
            try admin.deleteRecords(of: place, below: try bounds.get().end, within: .seconds(20))
        }
        say("damaged \(count)")
    }

    /// Holds a transaction open, for so many seconds, that has written offsets of a role's group: what a crashed broker
    /// can leave behind. Then it is aborted.
    func hold() throws {
        var settings = configuration.kafka
        settings["transaction.timeout.ms"] = "60000"
        for role in configuration.roles.sorted(by: { $0.rawValue < $1.rawValue }) {
            let group = configuration.application + "." + role.rawValue
            let place =
                role == .ingest
                ? TopicPartition(name("claims"), 0) : TopicPartition(name("journal"), 0)
            var producer = try TransactionalProducer(id: group + ".hold", settings)
            try producer.initialize()
            try producer.begin()
            try producer.sendOffsets(
                [ConsumedOffset(place, offset: 0)],
                of: GroupMetadata(unfenced: group)
            )
            say("holding \(place)")
            sleep(UInt32(words["seconds"] ?? "15") ?? 15)
            try producer.abort()
        }
    }

    /// Writes what is no record of ours to the journal and the dead letters, and aborts it.
    func foreign() throws {
        var producer = try TransactionalProducer(
            id: configuration.application + ".ingest.doctor",
            configuration.kafka
        )
        try producer.initialize()
        try producer.begin()
        for topic in [configuration.topics.journal, configuration.topics.deadLetters] {
            let opened = try producer.topic(name(topic), within: .seconds(10))
            for partition in 0..<opened.partitionCount {
                try producer.produce(
                    Array("doctor".utf8).span.bytes,
                    key: Array("doctor".utf8).span.bytes,
                    to: opened,
                    partition: partition
                )
            }
        }
        try producer.deliver(within: .seconds(10))
        try producer.abort()
    }

    /// How long after its source record's time an output is visible, for so many seconds: `2000/s` of what is fed.
    func latency() throws {
        let consumer = try FetchConsumer(configuration.kafka)
        let topic = words["topic"] ?? configuration.topics.decisions
        let count = try consumer.partitionCount(of: name(topic), within: .seconds(20))
        let journalCount = count
        var queue = consumer.queue()
        var journalQueue = consumer.queue()
        for partition in 0..<count {
            _ = try queue.start(TopicPartition(name(topic), partition), at: .end)
        }
        for partition in 0..<journalCount {
            _ = try journalQueue.start(
                TopicPartition(name(configuration.topics.journal), partition),
                at: .end
            )
        }
        // Journal records carry the source record's time; outputs name the journal record.
        var times: [Int64: Int64] = [:]
        var delays: [Int64] = []
        let end = milliseconds() + Int64((Int(words["seconds"] ?? "10") ?? 10) * 1000)
        while milliseconds() < end {
            do {
                let batch = try queue.next(limit: 1000, waiting: .milliseconds(2))
                let now = milliseconds()
                do {
                    let journal = try journalQueue.next(limit: 8000, waiting: .zero)
                    for index in 0..<journal.count {
                        let record = journal[index].value.withUnsafeBytes {
                            RecordView($0.baseAddress!, count: $0.count)
                        }
                        guard let kind = record.kind, kind.rawValue >= 16 else { continue }
                        times[journal[index].offset << 8 | Int64(journal[index].partition)] =
                            record.recordedAt.microseconds / 1000
                    }
                }
                for index in 0..<batch.count {
                    let text = batch[index].value.withUnsafeBytes { Array($0) }
                    let mark = Array("\"journal\":{\"partition\":".utf8)
                    guard let place = Self.find(mark, in: text) else { continue }
                    var numbers: [Int64] = []
                    var value: Int64?
                    for byte in text[(place + mark.count)...] {
                        if byte >= 48, byte <= 57 {
                            value = (value ?? 0) * 10 + Int64(byte - 48)
                        } else if let found = value {
                            numbers.append(found)
                            value = nil
                            if numbers.count == 2 { break }
                        }
                    }
                    if numbers.count == 2, let time = times[numbers[1] << 8 | numbers[0]] {
                        delays.append(now - time)
                    }
                }
            }
        }
        delays.sort()
        guard !delays.isEmpty else { return say("latency none") }
        func at(_ share: Double) -> Int64 {
            delays[min(delays.count - 1, Int(Double(delays.count) * share))]
        }
        say(
            "latency count \(delays.count) p50 \(at(0.5)) p90 \(at(0.9)) p99 \(at(0.99)) max \(delays[delays.count - 1]) ms"
        )
    }
}

func milliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

func readFile(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let size = ftell(file)
    rewind(file)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        count = fread(buffer.baseAddress, 1, size, file)
    }
}

/// Writes a line at once: standard output is a pipe or a file.
func say(_ line: String) {
    let text = line + "\n"
    _ = text.withCString { write(1, $0, text.utf8.count) }
}

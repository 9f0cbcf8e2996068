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
        configuration.snapshotSeconds = configuration.snapshotRecords > 0 ? 2 : 0
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

    /// Publishes reference rows, then sends the lines of a file to the topic of their type, any key, any partition.
    ///
    /// With `days` each turn is so many days later than the one before it, and the last has the file's own dates:
    /// then time goes by as in years of traffic, and a state forgets.
    func feed() throws {
        let repeats = Int(words["times"] ?? "1") ?? 1
        let days = Int(words["days"] ?? "0") ?? 0
        var producer = try Producer(configuration.kafka)
        if let folder = words["reference"] {
            var rows: [ReferenceRow] = []
            for table in ReferenceTable.allCases {
                guard var bytes = readFile(folder + "/" + table.name + ".csv") else { continue }
                Self.moveDates(&bytes, by: -days * (repeats - 1))
                rows += ReferenceReader.read(table, bytes, file: table.name).rows
            }
            let topic = try producer.topic(
                name(configuration.topics.reference),
                within: .seconds(20)
            )
            for record in ReferenceTopic.publication(of: rows) {
                let key = record.key
                let value = record.value ?? []
                try producer.produce(value.span.bytes, key: key.span.bytes, to: topic, partition: 0)
            }
            try producer.flush(within: .seconds(30))
        }
        guard let path = words["events"], let bytes = readFile(path) else { return }
        var topics: [String: ProducerTopic] = [:]
        for source in configuration.topics.sources {
            topics[source] = try producer.topic(name(source), within: .seconds(20))
        }
        // Of a history the records' times in Kafka are those at which they were recorded.
        var decoder = EventDecoder()
        let source = decoder.addSource(path, isFile: true)
        let isHistory = words["time"] == "recorded"
        var time: Int64 = 0
        let rate = Int(words["rate"] ?? "0") ?? 0
        let started = milliseconds()
        var count = 0
        for turn in 0..<repeats {
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
                var line = Array(bytes[start..<end])
                start = end + 1
                if line.isEmpty { continue }
                if turn > 0 || words["mark"] != nil {
                    Self.rename(&line, words["mark"] ?? "t\(turn)")
                }
                Self.moveDates(&line, by: -days * (repeats - 1 - turn))
                if let entity = words["entity"] { Self.set("covered_entity_id", entity, &line) }
                guard let topic = topics[Self.topic(of: line)] else { continue }
                let partition = Int32(count) % topic.partitionCount
                if isHistory {
                    if (try? decoder.decode(line.span.bytes, from: source, recordedAt: nil)) != nil
                    {
                        time = decoder.header.recordedAt.microseconds / 1000
                    }
                    // What can't be read has the time of what came before it.
                    try producer.produce(
                        line.span.bytes,
                        headers: [],
                        timestampMilliseconds: time,
                        to: topic,
                        partition: partition
                    )
                } else {
                    try producer.produce(line.span.bytes, to: topic, partition: partition)
                }
                count += 1
                if rate > 0 {
                    let due = started + Int64(count * 1000 / rate)
                    while milliseconds() < due {
                        try producer.poll()
                        usleep(500)
                    }
                }
            }
        }
        try producer.flush(within: .seconds(120))
        try producer.poll()
        say("fed \(count) in \(milliseconds() - started) ms")
    }

    /// Another turn of the same file: other identifiers, so that nothing is a duplicate, and other patients, so that no
    /// history grows with the length of a test.
    static func rename(_ line: inout [UInt8], _ prefix: String) {
        let mark = Array("\"event_id\":\"".utf8)
        guard let place = find(mark, in: line) else { return }
        line.insert(contentsOf: Array("\(prefix)-".utf8), at: place + mark.count)
        for field in [
            "\"rx_number\":\"", "\"dispense_id\":\"", "\"claim_id\":\"", "\"encounter_id\":\"",
            "\"patient_id\":\"",
        ] {
            let bytes = Array(field.utf8)
            if let place = find(bytes, in: line) {
                line.insert(contentsOf: Array("\(prefix)-".utf8), at: place + bytes.count)
            }
        }
    }

    /// Gives a field another text.
    static func set(_ field: String, _ text: String, _ line: inout [UInt8]) {
        let mark = Array("\"\(field)\":\"".utf8)
        guard let place = find(mark, in: line) else { return }
        let start = place + mark.count
        guard let end = line[start...].firstIndex(of: 34) else { return }
        line.replaceSubrange(start..<end, with: Array(text.utf8))
    }

    /// Moves all dates of a text, `2026-05-01` alone or before a time of day.
    static func moveDates(_ text: inout [UInt8], by days: Int) {
        guard days != 0, text.count >= 10 else { return }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in text[range] {
                guard byte >= 48, byte <= 57 else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            return value
        }
        var place = 0
        while place + 10 <= text.count {
            guard text[place + 4] == 45, text[place + 7] == 45,
                place == 0 || !(48...57).contains(text[place - 1]),
                let year = number(place..<place + 4), let month = number(place + 5..<place + 7),
                let day = number(place + 8..<place + 10),
                let date = CivilDate(year: year, month: month, day: day)
            else {
                place += 1
                continue
            }
            text.replaceSubrange(
                place..<place + 10,
                with: Array("\(date.adding(days: Int32(days)))".utf8)
            )
            place += 10
        }
    }

    static func find(_ pattern: [UInt8], in line: [UInt8]) -> Int? {
        guard line.count >= pattern.count else { return nil }
        return line.withUnsafeBufferPointer { line in
            (0...line.count - pattern.count).first { place in
                line[place] == pattern[0] && line[place...].starts(with: pattern)
            }
        }
    }

    static func topic(of line: [UInt8]) -> String {
        for (type, topic) in [
            ("encounter", "encounters"), ("dispense", "dispenses"), ("claim", "claims"),
            ("purchase", "purchases"), ("disposition", "dispositions"),
            ("adjustment", "dispositions"),
        ]
        where find(Array("\"event_type\":\"\(type)\"".utf8), in: line) != nil
            || find(Array("\"event_type\": \"\(type)\"".utf8), in: line) != nil
        {
            return topic
        }
        return "claims"
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

    func dump() throws {
        let folder = words["to"] ?? "."
        for part in try JournalDump(configuration.kafka, topic: name(configuration.topics.journal))
            .write(to: folder)
        {
            say("dumped \(part.partition) records \(part.records) end \(part.highWatermark)")
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

    /// How many records the source topics hold; their producer writes without transactions, so each offset is one.
    func sources() throws {
        let consumer = try FetchConsumer(configuration.kafka, isolation: .readUncommitted)
        var sum: Int64 = 0
        for topic in configuration.topics.sources {
            let count = try consumer.partitionCount(of: name(topic), within: .seconds(20))
            let places = (0..<count).map { TopicPartition(name(topic), $0) }
            for bounds in consumer.offsets(of: places, within: .seconds(20)) {
                let bounds = try bounds.get()
                sum += bounds.end - bounds.low
            }
        }
        say("sources \(sum)")
    }

    /// The control records of a dumped partition, for a person who looks for a fault.
    func ticks() throws {
        var reader = try JournalFileReader(words["from"] ?? "")
        while try reader.next() {
            switch reader.record.kind {
            case .tick:
                say(
                    "\(reader.offset) tick "
                        + reader.record.progress.map {
                            "\($0.topic)/\($0.partition)=\($0.reached.microseconds / 1_000_000)"
                        }
                        .joined(separator: " ")
                )
            case .sourceRegistered:
                say("\(reader.offset) registered \(reader.record.sourceRegistration)")
            case nil: break
            default:
                if words["all"] != nil {
                    say(
                        "\(reader.offset) \(reader.record.kind!) \(reader.record.source) "
                            + "\(reader.record.recordedAt.microseconds / 1_000_000)"
                    )
                }
            }
        }
    }

    func score() throws {
        let from = words["from"] ?? "."
        var files: [String] = []
        if let directory = opendir(from) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name.hasSuffix(".dmj") { files.append(from + "/" + name) }
            }
            closedir(directory)
        }
        let report = try JournalScore(files: files, output: words["to"] ?? ".").run()
        say(
            "folded \(report.counts.records) events \(report.counts.records - report.counts.control) applied \(report.counts.applied) duplicates \(report.counts.duplicates) "
                + report.outputs.map { "\($0.topic) \($0.count)" }.joined(separator: " ")
        )
    }

    /// Every output topic, partition 0 in order, then 1, and so on, held against the files of a fold, byte by byte.
    ///
    /// Nothing is kept, so hours of traffic can be compared.
    func outputs() throws {
        let topics = configuration.topics
        let consumer = try FetchConsumer(configuration.kafka)
        let all = try FetchConsumer(configuration.kafka, isolation: .readUncommitted)
        for topic in [
            topics.decisions, topics.alerts, topics.accumulators, topics.replenishments,
            topics.deadLetters,
        ] {
            // No fold gives dead letters: they are counted.
            let path = (words["against"] ?? ".") + "/" + topic + ".ndjson"
            let isFolded = topic != topics.deadLetters
            let file = fopen(isFolded ? path : "/dev/null", "r")
            guard let file else {
                say("failed: there is no \(path)")
                exit(1)
            }
            let count = try consumer.partitionCount(of: name(topic), within: .seconds(20))
            var records = 0
            for partition in 0..<count {
                let place = TopicPartition(name(topic), partition)
                let bounds = try all.offsets(of: [place], within: .seconds(20))[0].get()
                var queue = consumer.queue()
                let source = try queue.start(place, at: .offset(bounds.low))
                while queue.position(of: source) < bounds.end {
                    let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
                    for index in 0..<batch.count {
                        records += 1
                        guard isFolded else { continue }
                        let isSame = batch[index].value.withUnsafeBytes { seen in
                            withUnsafeTemporaryAllocation(
                                of: UInt8.self,
                                capacity: seen.count + 1
                            ) { line in
                                fread(line.baseAddress, 1, line.count, file) == line.count
                                    && line.last == 10 && line.dropLast().elementsEqual(seen)
                            }
                        }
                        guard isSame else {
                            say(
                                "failed: \(place) offset \(batch[index].offset) is not line \(records) of \(path): "
                                    + batch[index].value.withUnsafeBytes {
                                        String(decoding: $0, as: UTF8.self)
                                    }
                            )
                            exit(1)
                        }
                    }
                }
            }
            guard !isFolded || fgetc(file) == EOF else {
                say("failed: \(path) has more than the \(records) lines that were published")
                exit(1)
            }
            fclose(file)
            say("read \(topic) \(records)")
        }
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

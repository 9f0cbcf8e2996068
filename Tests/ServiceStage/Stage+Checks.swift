import Engine
import Glibc
import Ingest
import Journal
import Kafka
import Pipeline
import Synchronization

// What the service has made of them, read by somebody else.

extension Stage {
    func dump() throws {
        let folder = words["to"] ?? "."
        for part in try JournalDump(configuration.kafka, topic: name(configuration.topics.journal))
            .write(to: folder)
        {
            say("dumped \(part.partition) records \(part.records) end \(part.highWatermark)")
        }
    }

    /// Holds the dumped journal and the dead letters against the source topics: which records are in neither, and which
    /// more than once.
    func copied() throws {
        let all = try FetchConsumer(configuration.kafka, isolation: .readUncommitted)
        let committed = try FetchConsumer(configuration.kafka)
        var seen: [TopicPartition: [UInt8]] = [:]
        var count = 0
        func see(_ source: TopicPartition, _ offset: Int64) {
            guard seen[source] != nil, offset >= 0 else { return }
            let place = Int(offset)
            let length = seen[source]?.count ?? 0
            if place >= length {
                seen[source]?.append(contentsOf: repeatElement(0, count: place + 1 - length))
            }
            seen[source]?[place] &+= 1
            count += 1
        }
        for topic in configuration.topics.sources {
            let partitions = try all.partitionCount(of: name(topic), within: .seconds(20))
            for partition in 0..<partitions { seen[TopicPartition(name(topic), partition)] = [] }
        }
        var topic: [UInt8] = []
        var topicName = ""
        for file in dumps() {
            var reader = try JournalFileReader(file)
            while try reader.next() {
                let record = reader.record
                guard let kind = record.kind, kind.rawValue >= 16 else { continue }
                let bytes = Array(record.bytes(record.text(0)))
                if bytes != topic {
                    topic = bytes
                    topicName = String(decoding: bytes, as: UTF8.self)
                }
                see(TopicPartition(topicName, record.source.partition), record.source.offset)
            }
        }
        var letters = 0
        try read(name(configuration.topics.deadLetters), nil, committed, all) { message in
            letters += 1
            var values: [String: String] = [:]
            for header in message.headers() {
                values[header.name] = String(decoding: header.value ?? [], as: UTF8.self)
            }
            guard let topic = values["__connect.errors.topic"],
                let partition = values["__connect.errors.partition"].flatMap({ Int32($0) }),
                let offset = values["__connect.errors.offset"].flatMap({ Int64($0) })
            else { return }
            see(TopicPartition(topic, partition), offset)
        }
        var lost: [String] = []
        var doubled: [String] = []
        for (source, counts) in seen {
            let bounds = try all.offsets(of: [source], within: .seconds(20))[0].get()
            for offset in bounds.low..<bounds.end {
                let times = offset < counts.count ? counts[Int(offset)] : 0
                if times == 0 { lost.append("\(source) offset \(offset)") }
                if times > 1 { doubled.append("\(source) offset \(offset)") }
            }
        }
        say("copied \(count) dead-letters \(letters) lost \(lost.count) doubled \(doubled.count)")
        for one in lost.prefix(10) { say("lost: \(one)") }
        for one in doubled.prefix(10) { say("doubled: \(one)") }
    }

    /// The files of a dumped journal, or that of the partition asked for.
    private func dumps() -> [String] {
        let from = words["from"] ?? "."
        if let partition = partition {
            return [
                from + "/"
                    + JournalDump.fileName(
                        topic: name(configuration.topics.journal),
                        partition: partition
                    )
            ]
        }
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
        return files
    }

    /// All committed records of a topic's partition, or of one partition after the other.
    private func read(
        _ topic: String,
        _ partition: Int32?,
        _ committed: FetchConsumer,
        _ all: FetchConsumer,
        _ body: (borrowing Message) throws -> Void
    ) throws {
        let count = try committed.partitionCount(of: topic, within: .seconds(20))
        for partition in partition.map({ $0..<$0 + 1 }) ?? 0..<count {
            let place = TopicPartition(topic, partition)
            let bounds = try all.offsets(of: [place], within: .seconds(20))[0].get()
            var queue = committed.queue()
            let source = try queue.start(place, at: .offset(bounds.low))
            while queue.position(of: source) < bounds.end {
                let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
                for index in 0..<batch.count { try body(batch[index]) }
            }
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
        let report = try JournalScore(files: dumps(), output: words["to"] ?? ".").run()
        say(
            "folded \(report.counts.records) events \(report.counts.records - report.counts.control) applied \(report.counts.applied) duplicates \(report.counts.duplicates) "
                + report.outputs.map { "\($0.topic) \($0.count)" }.joined(separator: " ")
        )
    }

    private var partition: Int32? { words["partition"].flatMap { Int32($0) } }

    /// One partition of every folded topic, held against the files of that partition's fold, byte by byte.
    ///
    /// Nothing is kept, so hours of traffic can be compared.
    func outputs() throws {
        let topics = configuration.topics
        let consumer = try FetchConsumer(configuration.kafka)
        let all = try FetchConsumer(configuration.kafka, isolation: .readUncommitted)
        for topic in [
            topics.decisions, topics.alerts, topics.accumulators, topics.replenishments,
        ] {
            let path = (words["against"] ?? ".") + "/" + topic + ".ndjson"
            guard let file = fopen(path, "r") else {
                say("failed: there is no \(path)")
                exit(1)
            }
            var records = 0
            try read(name(topic), partition, consumer, all) { message in
                records += 1
                let isSame = message.value.withUnsafeBytes { seen in
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
                        "failed: \(topic) offset \(message.offset) is not line \(records) of \(path): "
                            + message.value.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                    )
                    exit(1)
                }
            }
            guard fgetc(file) == EOF else {
                say("failed: \(path) has more than the \(records) lines that were published")
                exit(1)
            }
            fclose(file)
            say("read \(topic) \(records)")
        }
    }
}

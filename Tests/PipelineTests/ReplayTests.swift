import Foundation
import Glibc
import Ingest
import Journal
import Kafka
import TestKit
import Testing

@testable import Pipeline

/// A replay that is stopped anywhere goes on there, and one of a whole service finds what it published.
struct ReplayTests {
    /// A folder that goes with its last owner.
    private final class Place: Sendable {
        let path: String
        init() throws {
            path = NSTemporaryDirectory() + "replay-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        func read(_ name: String) throws -> Data {
            try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
        }
    }

    /// Scores the sample into a folder and keeps its journal there.
    private static func scored() throws -> Place {
        let place = try Place()
        var rows: [ReferenceRow] = []
        for table in ReferenceTable.allCases {
            let path = Sample.reference + "/" + table.name + ".csv"
            guard let bytes = FileManager.default.contents(atPath: path) else { continue }
            rows += ReferenceReader.read(table, Array(bytes), file: table.name).rows
        }
        let publication = ReferencePublication(rows)
        var options = FileScoreOptions(
            reference: publication.rows,
            referenceDigest: publication.digest,
            policies: [Policy()],
            inputs: [Sample.events],
            output: place.path,
            tokenizer: Tokenizer(.published)
        )
        options.journal = place.path + "/journal.dmj"
        _ = try FileScore(options).run()
        return place
    }

    private static let files = ["decisions", "alerts", "accumulators", "replenishments"].map {
        $0 + ".ndjson"
    }

    @Test func `stopped after any number of records, it goes on with the same bytes`() throws {
        let live = try Self.scored()
        for step in [1, 500, 1777, 4200] {
            let target = try Place()
            var runs = 0
            while true {
                let stop = StopFlag()
                var options = ReplayOptions(
                    journal: .files([live.path + "/journal.dmj"]),
                    stop: stop
                )
                options.target = .folder(target.path)
                // It is asked to stop so many records behind the place at which it goes on.
                let before =
                    ReplayProgressFile(
                        text: (try? String(
                            contentsOfFile: target.path + "/replay.progress",
                            encoding: .utf8
                        )) ?? ""
                    )?.records ?? 0
                let limit = before + Int64(step)
                options.progress = { if $0.records >= limit { stop.stop() } }
                let replay = try Replay(options)
                let report = try replay.run(try replay.plan())
                runs += 1
                if !report.isInterrupted { break }
                // What a killed process leaves: bytes behind the place that is known to be right.
                for name in Self.files {
                    let handle = try #require(
                        FileHandle(forWritingAtPath: target.path + "/" + name)
                    )
                    handle.seekToEndOfFile()
                    handle.write(Data(repeating: UInt8(ascii: "x"), count: runs * 3000))
                }
                if step == 1, runs > 20 { break }
            }
            // Stopped after every group it would take too long: twenty times show that it gets on.
            if step == 1 { continue }
            #expect(runs > 1)
            for name in Self.files {
                #expect(
                    try target.read(name) == live.read(name),
                    "\(name), \(step) records at a time"
                )
            }
        }
    }

    @Test func `a journal read in groups is the journal read record by record`() throws {
        let live = try Self.scored()
        let path = live.path + "/journal.dmj"
        var single = try JournalFileReader(path)
        var grouped = try JournalFileReader(path)
        var records: [RecordView] = []
        var offsets: [Int64] = []
        var count = 0
        while true {
            try grouped.next(upTo: 7, &records, offsets: &offsets)
            if records.isEmpty { break }
            for (place, record) in records.enumerated() {
                #expect(try single.next())
                #expect(single.offset == offsets[place])
                #expect(Array(single.record.allBytes) == Array(record.allBytes))
                count += 1
            }
        }
        #expect(try !single.next())
        #expect(count == 4660)
        #expect(single.highWatermark == grouped.highWatermark)
        let end = try JournalFileReader.end(of: path)
        #expect(end.records == 4660 && end.highWatermark == 4660)
    }

    @Test func `the checksum of any length is that of zip and zlib`() {
        func plain(_ bytes: [UInt8]) -> UInt32 {
            var sum = UInt32.max
            for byte in bytes {
                sum ^= UInt32(byte)
                for _ in 0..<8 {
                    let shifted = sum >> 1
                    sum = sum & 1 == 0 ? shifted : shifted ^ 0xEDB8_8320
                }
            }
            return ~sum
        }
        func sum(_ bytes: [UInt8], after sum: UInt32 = 0) -> UInt32 {
            bytes.withUnsafeBytes { Checksum.add($0, to: sum) }
        }
        #expect(sum(Array("123456789".utf8)) == 0xCBF4_3926)
        var random = Seeded(17)
        for count in [0, 1, 15, 16, 17, 31, 32, 33, 100, 1000] {
            var bytes: [UInt8] = []
            for _ in 0..<count { bytes.append(UInt8(random.next(256))) }
            #expect(sum(bytes) == plain(bytes), "\(count)")
            let first = sum(Array(bytes.prefix(count / 3)))
            #expect(
                sum(Array(bytes.dropFirst(count / 3)), after: first) == plain(bytes),
                "\(count)"
            )
        }
    }
}

/// `replay` of a service on a real Kafka.
@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: RealKafka.isConfigured, Comment(rawValue: RealKafka.skipReason))
)
struct ClusterReplayTests {
    private func options(_ installation: Installation) -> ReplayOptions {
        var service = ServiceConfiguration(
            kafka: ClientSettings(bootstrap: installation.kafka.bootstrap),
            tokenizer: Tokenizer(.published)
        )
        service.application = installation.name
        service.topics.prefix = installation.name + "."
        return ReplayOptions(journal: .cluster, service: service)
    }

    private func run(_ options: ReplayOptions) throws -> ReplayReport {
        let replay = try Replay(options)
        return try replay.run(try replay.plan())
    }

    @Test func `what a service published, killed meanwhile, is what its journal says`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 2, rate: 600)
        var service = try installation.service("service", "instance=a")
        for _ in 0..<3 {
            usleep(2_500_000)
            service.killNow()
            service = try installation.service("service", "instance=a")
        }
        #expect(feed.wait(seconds: 60) == 0)
        try installation.tool("settle", "roles=ingest")
        service.send(SIGTERM)
        #expect(service.wait(seconds: 15) == 0)
        _ = try installation.verify()

        // The whole journal.
        var whole = options(installation)
        whole.published = .cluster
        let report = try run(whole)
        let verification = try #require(report.verification)
        #expect(verification.isSame, "\(String(describing: verification.first))")
        #expect(verification.topics.allSatisfy { $0.same > 0 && $0.gone == 0 })
        #expect(verification.topics.map(\.same) == report.outputs.map(\.count))
        print(
            "REPLAY records \(report.records):",
            verification.topics.map { "\($0.name) \($0.same)" }
        )

        // A part of it: published records are found without reading those before.
        var part = options(installation)
        part.published = .cluster
        part.from = .moment(Instant(microseconds: 1_786_060_800_000_000))
        part.to = .moment(Instant(microseconds: 1_788_739_200_000_000))
        let some = try run(part)
        #expect(some.verification?.isSame == true)
        #expect(some.rangeRecords < report.records)
        #expect((some.verification?.topics[0].same ?? 0) > 0)

        // Into topics of its own, stopped and begun again, which then hold the same bytes.
        let stop = StopFlag()
        var copy = options(installation)
        copy.target = .topics(prefix: "copy-" + installation.name + ".")
        copy.stop = stop
        copy.progress = { if $0.records > report.records / 2 { stop.stop() } }
        #expect(try run(copy).isInterrupted)
        let half = try outputs(installation, prefix: "copy-" + installation.name + ".")
        copy.stop = StopFlag()
        copy.progress = nil
        #expect(try run(copy).outputs.map(\.count) == report.outputs.map(\.count))
        for (live, made) in zip(
            try outputs(installation, prefix: installation.name + "."),
            try outputs(installation, prefix: "copy-" + installation.name + ".")
        ) {
            #expect(!live.isEmpty && live == made)
        }
        #expect(!half[0].isEmpty)
        // Once more: nothing is left to write. Another range is not gone on with, and live topics are refused.
        _ = try run(copy)
        #expect(
            try outputs(installation, prefix: "copy-" + installation.name + ".").map(\.count)
                == outputs(installation, prefix: installation.name + ".").map(\.count)
        )
        part.published = nil
        part.target = copy.target
        #expect(throws: ReplayFailure.self) { try self.run(part) }
        copy.target = .topics(prefix: installation.name + ".")
        #expect(throws: ReplayFailure.self) { try self.run(copy) }

        // A record that the journal does not say, and one that is gone.
        let topic = installation.name + ".alerts"
        var producer = try Producer(ClientSettings(bootstrap: installation.kafka.bootstrap))
        let opened = try producer.topic(topic, within: .seconds(10))
        let line = Array(
            """
            {"covered_entity_id":"X","sequence":0,"event_time":"","journal":{"partition":0,"offset":0}}
            """.utf8
        )
        try producer.produce(line.span.bytes, to: opened, partition: 0)
        try producer.flush(within: .seconds(30))
        let found = try #require(try run(whole).verification)
        #expect(!found.isSame)
        #expect(found.topics[1].extra == 1 && found.topics[1].different == 0)
        #expect(found.first?.kind == .extra && found.first?.topic == "alerts")

        // What retention has taken can't be compared, and is no difference; without its beginning a journal is none.
        let admin = try Admin(ClientSettings(bootstrap: installation.kafka.bootstrap))
        let consumer = try FetchConsumer(ClientSettings(bootstrap: installation.kafka.bootstrap))
        let decisions = (0..<4).map {
            TopicPartition(installation.name + ".decisions", Int32($0))
        }
        let ends = try consumer.offsets(of: decisions, within: .seconds(20)).map {
            try $0.get().end
        }
        // Few entities, so a partition may be empty: the fullest is not.
        let most = try #require(ends.max())
        let fullest = Int32(try #require(ends.firstIndex(of: most)))
        try admin.deleteRecords(
            of: decisions[Int(fullest)],
            below: most / 2,
            within: .seconds(20)
        )
        var second = whole
        second.partitions = [fullest]
        let plan = try Replay(second).plan()
        #expect(plan.parts[0].taken.map(\.low) == [most / 2])
        let left = try #require(try Replay(second).run(plan).verification)
        #expect(left.topics[0].gone > 0 && left.topics[0].same > 0)
        #expect(left.topics[0].missing == 0 && left.topics[0].different == 0)
        let journal = TopicPartition(installation.name + ".journal", fullest)
        try admin.deleteRecords(of: journal, below: 5, within: .seconds(20))
        let failure = #expect(throws: ReplayFailure.self) { try Replay(second).plan() }
        #expect(failure?.description.contains("retention has taken 5 records") == true)
        installation.remove()
    }

    /// Every record of the four output topics, partition by partition.
    private func outputs(_ installation: Installation, prefix: String) throws -> [[String]] {
        let consumer = try FetchConsumer(ClientSettings(bootstrap: installation.kafka.bootstrap))
        return try ["decisions", "alerts", "accumulators", "replenishments"].map { name in
            var found: [String] = []
            for partition
                in 0..<(try consumer.partitionCount(of: prefix + name, within: .seconds(20)))
            {
                var queue = consumer.queue()
                _ = try queue.start(TopicPartition(prefix + name, partition), at: .beginning)
                var isAtEnd = false
                while !isAtEnd {
                    let batch = try queue.next(limit: 1000, waiting: .milliseconds(200))
                    for index in 0..<batch.count {
                        let key = batch[index].key.withUnsafeBytes {
                            String(decoding: $0, as: UTF8.self)
                        }
                        let value = batch[index].value.withUnsafeBytes {
                            String(decoding: $0, as: UTF8.self)
                        }
                        found.append("\(partition) \(key) \(value)")
                    }
                    for event in queue.takeEvents() {
                        if case .endOfPartition = event { isAtEnd = true }
                    }
                }
            }
            return found
        }
    }
}

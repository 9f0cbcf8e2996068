import Foundation
import Glibc
import Kafka
import Pipeline
import TestKit
import Testing

/// What stands at a limit, on a real Kafka: records of the largest size, a journal that retention has cut, partitions that
/// were added to it, a disk that is full, one entity that is all there is.
@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: RealKafka.isConfigured, Comment(rawValue: RealKafka.skipReason))
)
struct LimitTests {
    private func prove(_ installation: Installation, fed: Int, letters: Int? = nil) throws {
        let (outputs, events) = try installation.verify()
        let count = outputs["dead-letters"] ?? 0
        #expect(events + count == fed)
        if let letters { #expect(count == letters) }
        #expect((outputs["decisions"] ?? 0) > 0)
        #expect(try installation.proof().count == 0)
    }

    private func settle(_ installation: Installation, _ service: StageProcess) throws {
        try installation.tool("settle", "roles=ingest")
        service.send(SIGTERM)
        #expect(service.wait(seconds: 15) == 0)
    }

    // MARK: sizes

    /// An event of so many bytes: blanks are no data.
    private func event(_ number: Int, bytes: Int) -> [UInt8] {
        let text = """
            "event_type":"claim","event_id":"size-\(number)","covered_entity_id":"DSH220914",\
            "occurred_at":"2026-07-06T17:04:00-04:00","recorded_at":"2026-07-06T17:05:00-04:00",\
            "claim_id":"size-\(number)","rx_number":"99\(number)","fill_number":0,\
            "pharmacy_npi":"2000010019","ndc":"65862005290","quantity":"30",\
            "transaction":"B1","status":"paid"}
            """
        return [123] + [UInt8](repeating: 32, count: bytes - 1 - text.utf8.count) + Array(text.utf8)
    }

    @Test func `a record of the largest size is used, and one of a byte more is a dead letter`()
        throws
    {
        let limit = 1 << 20
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let claims = TopicPartition(installation.name + ".claims", 0)
        var changed = ClientSettings(bootstrap: installation.kafka.bootstrap)
        changed["message.max.bytes"] = "2097152"
        let settings = changed
        var sent = 0
        func send(_ value: [UInt8]) throws(KafkaError) {
            var producer = try Producer(settings)
            let topic = try producer.topic(claims.topic, within: .seconds(20))
            try producer.produce(value.span.bytes, to: topic, partition: 0)
            try producer.flush(within: .seconds(30))
            sent += 1
        }
        for (number, size) in [limit - 1, limit, limit + 1].enumerated() {
            try send(event(number, bytes: size))
        }
        // No text, so that base64 makes it longer by a third; and as much as its sender can send at all.
        try send([UInt8](repeating: 0xFF, count: limit))
        // The largest that the topic takes, to the byte: its batch is as large as `max.message.bytes`.
        var (taken, refused) = (2_096_000, 2_097_152)
        while refused - taken > 1 {
            let size = (taken + refused) / 2
            do throws(KafkaError) {
                try send((0..<size).map { _ in UInt8.random(in: 0...255) })
                taken = size
            } catch {
                #expect(error.isTooLarge, "\(error)")
                refused = size
            }
        }
        #expect(taken > 2_096_000)
        let fed = Installation.number(
            "fed",
            in: try installation.tool("feed", "events=\(Sample.events)", "time=recorded")
        )
        let service = try installation.service("service", "instance=a")
        try settle(installation, service)
        let held = Installation.number("sources", in: try installation.tool("sources"))
        #expect(held == fed + sent)
        // The sample has letters of its own.
        let own = 9
        try prove(installation, fed: fed + sent, letters: own + sent - 2)
        installation.remove()
    }

    // MARK: identifiers

    /// Kafka keeps a transactional identifier for seven days after its last transaction; here for some seconds.
    @Test(.enabled(if: RealKafka.mayDisturb, Comment(rawValue: RealKafka.skipReason)))
    func `workers whose transactional identifiers Kafka has forgotten go on, alone or replaced`()
        throws
    {
        let kafka = try RealKafka(
            options: [
                "transactional.id.expiration.ms=4000",
                "transaction.remove.expired.transaction.cleanup.interval.ms=500",
                "producer.id.expiration.ms=4000", "producer.id.expiration.check.interval.ms=500",
            ]
            .flatMap { ["--set", $0] }
        )
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        var fed = 0
        func feed() throws {
            fed += Installation.number(
                "fed",
                in: try installation.tool("feed", "events=\(Sample.events)", "mark=f\(fed)")
            )
        }
        func freeze(_ worker: StageProcess) {
            worker.send(SIGSTOP)
            // The transaction that may be open times out after 10 s.
            usleep(20_000_000)
        }
        try feed()
        let first = try installation.service("first", "instance=a")
        try installation.tool("settle", "roles=ingest")
        freeze(first)
        first.send(SIGCONT)
        try feed()
        try installation.tool("settle", "roles=ingest")
        #expect(first.ended == nil)
        #expect(installation.log("first").contains("not currently assigned"))

        freeze(first)
        let second = try installation.service("second", "instance=a")
        try feed()
        try installation.tool("settle", "roles=ingest")
        first.send(SIGCONT)
        usleep(3_000_000)
        first.send(SIGTERM)
        _ = first.wait(seconds: 15)
        try feed()
        try settle(installation, second)
        try prove(installation, fed: fed)
        installation.remove()
    }

    @Test func `somebody else's open transaction over the dead letters holds back these alone`()
        throws
    {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let service = try installation.service("service", "instance=a")
        func feed(_ mark: String) throws -> Int {
            let said = try installation.tool("feed", "events=\(Sample.events)", "mark=\(mark)")
            try installation.tool("settle", "roles=ingest")
            return Installation.number("fed", in: said)
        }
        var fed = try feed("before")
        var settings = ClientSettings(bootstrap: installation.kafka.bootstrap)
        settings["transaction.timeout.ms"] = "120000"
        var other = try TransactionalProducer(id: installation.name + ".other", settings)
        try other.initialize()
        try other.begin()
        let letters = try other.topic(installation.name + ".dead-letters", within: .seconds(10))
        for partition in 0..<letters.partitionCount {
            try other.produce(Array("{}".utf8).span.bytes, to: letters, partition: partition)
        }
        // They are on their way at once.
        usleep(1_000_000)
        fed += try feed("meanwhile")
        // A letter of its own that stays hidden so long would set it back.
        usleep(18_000_000)
        fed += try feed("later")
        #expect(service.ended == nil)
        #expect(!installation.log("service").contains("ingest-setback"))
        try other.abort()
        try settle(installation, service)
        try prove(installation, fed: fed)
        installation.remove()
    }

    // MARK: the journal

    @Test func `a journal that retention has cut stops the service, also behind its snapshots`()
        throws
    {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        try installation.tool("feed", "events=\(Sample.events)", "time=recorded", "times=2")
        let service = try installation.service("service", "instance=a")
        try settle(installation, service)
        let settings = ClientSettings(bootstrap: installation.kafka.bootstrap)
        let admin = try Admin(settings)
        let consumer = try FetchConsumer(settings, isolation: .readUncommitted)
        let places = (0..<4).map { TopicPartition(installation.name + ".journal", Int32($0)) }
        for (place, bounds) in zip(places, consumer.offsets(of: places, within: .seconds(20))) {
            try admin.deleteRecords(
                of: place,
                below: try bounds.get().end / 2,
                within: .seconds(20)
            )
        }
        for role in ["ingest", "score"] {
            let after = try installation.service("cut-\(role)", "roles=\(role)", "instance=a")
            #expect(after.wait(seconds: 60) == 78)
            let log = installation.log("cut-\(role)")
            #expect(log.contains("were deleted"), "\(log)")
            #expect(log.contains("retention.ms=-1"), "\(log)")
        }
        installation.remove()
    }

    @Test func `partitions that were added to the journal are refused`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        try installation.tool("feed", "events=\(Sample.events)", "time=recorded")
        let service = try installation.service("service", "instance=a")
        try settle(installation, service)
        try Admin(ClientSettings(bootstrap: installation.kafka.bootstrap)).increasePartitions(
            of: installation.name + ".journal",
            to: 6,
            within: .seconds(20)
        )
        usleep(1_000_000)
        for role in ["ingest", "score"] {
            let more = try installation.service("more-\(role)", "roles=\(role)", "instance=a")
            #expect(more.wait(seconds: 60) == 78, "\(installation.log("more-\(role)"))")
            #expect(installation.log("more-\(role)").contains("partitions"))
        }
        installation.remove()
    }

    // MARK: the disk

    /// A file system of its own in memory, which a test may fill; nil where that takes rights that the test has not.
    private func smallDisk(megabytes: Int) throws -> String? {
        let folder = NSTemporaryDirectory() + "small-disk-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard mount("tmpfs", folder, "tmpfs", 0, "size=\(megabytes)m") == 0 else { return nil }
        return folder
    }

    @Test(
        .enabled(
            if: RealKafka.mayDisturb && geteuid() == 0,
            "needs root, to make a disk that is small"
        )
    )
    func `the broker's disk is full, and work goes on when there is room again`() throws {
        guard let disk = try smallDisk(megabytes: 400) else {
            print("SKIPPED: no file system may be mounted here")
            return
        }
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let kafka = try RealKafka(folder: disk + "/kafka")
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 8, rate: 1200)
        let service = try installation.service("service", "instance=a")
        usleep(6_000_000)
        // Something else fills it.
        let ballast = disk + "/ballast"
        _ = FileManager.default.createFile(atPath: ballast, contents: nil)
        let file = try #require(FileHandle(forWritingAtPath: ballast))
        let megabyte = [UInt8](repeating: 7, count: 1 << 20)
        while megabyte.withUnsafeBytes({ write(file.fileDescriptor, $0.baseAddress, $0.count) }) > 0
        {}
        try file.close()
        usleep(12_000_000)
        #expect(service.ended == nil || service.ended == 75)
        unlink(ballast)
        // A broker whose only log folder fails ends itself.
        try kafka.command("start")
        let again =
            service.ended == nil
            ? service : try installation.service("again", "instance=a")
        #expect(feed.wait(seconds: 150) == 0, "\(feed.said)")
        try settle(installation, again)
        try prove(installation, fed: Installation.number("fed", in: feed.said))
        installation.remove()
        try kafka.command("kill")
    }

    // MARK: one entity

    @Test func `one entity that is all there is`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let fed = Installation.number(
            "fed",
            in: try installation.tool(
                "feed",
                "events=\(Sample.events)",
                "time=recorded",
                "times=10",
                "entity=DSH220914"
            )
        )
        let first = try installation.service("a", "instance=a")
        let second = try installation.service("b", "instance=b")
        try installation.tool("settle", "roles=ingest")
        for one in [first, second] {
            one.send(SIGTERM)
            #expect(one.wait(seconds: 15) == 0)
        }
        try prove(installation, fed: fed)
        installation.remove()
    }
}

import Glibc
import Kafka
import Pipeline
import TestKit
import Testing

/// The whole service on a real Kafka: what goes in comes out once, whatever happens meanwhile.
///
/// Every test ends alike: each output topic, read committed, equals byte for byte the dumped journal folded, and the
/// journal holds each source record once (the fold stops at a gap or a repeat, and its verification finds no problem).
@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: RealKafka.isConfigured, Comment(rawValue: RealKafka.skipReason))
)
struct ServiceTests {
    /// Lines that the feed sent.
    private func fed(_ text: String) -> Int { Installation.number("fed", in: text) }

    /// All records of the journal that are events, counted by the fold.
    private func check(
        _ installation: Installation,
        fed: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let held = Installation.number("sources", in: try installation.tool("sources"))
        #expect(held == fed, "the feed", sourceLocation: sourceLocation)
        let (outputs, events) = try installation.verify()
        #expect(events + (outputs["dead-letters"] ?? 0) == fed, sourceLocation: sourceLocation)
        #expect((outputs["decisions"] ?? 0) > 0, sourceLocation: sourceLocation)
        let proof = try installation.proof()
        #expect(proof.count == 0, "\(proof.text)", sourceLocation: sourceLocation)
        #expect(proof.sameHashes == Int64(events), sourceLocation: sourceLocation)
        return "events \(events) "
            + outputs.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            .joined(separator: " ")
    }

    @Test func `a history goes in and comes out`() throws {
        let installation = try Installation(RealKafka.shared)
        let count = fed(
            try installation.tool(
                "feed",
                "events=\(Sample.events)",
                "reference=\(Sample.reference)",
                "time=recorded"
            )
        )
        let service = try installation.service("service", "instance=a")
        try installation.tool("settle", "roles=ingest")
        service.send(SIGTERM)
        #expect(service.wait(seconds: 12) == 0)
        print("HISTORY fed \(count):", try check(installation, fed: count))
        installation.remove()
    }

    @Test func `stages are killed at random, again and again`() throws {
        let installation = try Installation(RealKafka.shared)
        var random = Seeded(UInt64.random(in: 0 ... .max))
        print("KILL seed \(random.seed)")
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 4, rate: 400)
        let roles = ["ingest", "score"]
        var stages = try roles.map { try installation.service($0, "roles=\($0)", "instance=\($0)") }
        var kills = 0
        while kills < 24 || feed.ended == nil {
            usleep(UInt32(300_000 + random.next(1_400_000)))
            let one = Int(random.next(2))
            if stages[one].ended == nil { kills += 1 }
            stages[one].killNow()
            stages[one] = try installation.service(
                roles[one],
                "roles=\(roles[one])",
                "instance=\(roles[one])"
            )
        }
        #expect(feed.wait(seconds: 60) == 0)
        // One that began a moment ago may not listen to signals yet: it has begun when the rest is copied.
        try installation.tool("settle", "roles=ingest")
        for stage in stages {
            stage.send(SIGTERM)
            #expect(stage.wait(seconds: 15) == 0)
        }
        let count = fed(feed.said)
        print("KILL \(kills) times, fed \(count):", try check(installation, fed: count))
        installation.remove()
    }

    @Test func `a standby goes on with what a killed worker leaves, from its own state`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 4, rate: 600)
        func start(_ label: String, _ instance: String) throws -> StageProcess {
            try installation.service(label, "instance=\(instance)", "standby=true")
        }
        var first = try start("a", "a")
        let second = try start("b", "b")
        usleep(8_000_000)
        first.killNow()
        // Longer than the session, in which nobody knows that it is gone.
        usleep(9_000_000)
        let log = installation.log("b")
        #expect(log.contains("standby-takes-over"), "\(log)")
        // It comes back, and the other way round.
        first = try start("a-again", "a")
        usleep(5_000_000)
        second.killNow()
        #expect(feed.wait(seconds: 60) == 0)
        try installation.tool("settle", "roles=ingest")
        first.send(SIGTERM)
        #expect(first.wait(seconds: 15) == 0)
        let all = log + installation.log("a") + installation.log("a-again")
        // Two folds of one journal have nowhere come to another state.
        #expect(!all.contains("standby-ends"))
        let count = fed(feed.said)
        print("STANDBY fed \(count):", try check(installation, fed: count))
        installation.remove()
    }

    @Test func `a restart goes on from a snapshot, and from the beginning where they are gone`()
        throws
    {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 3, rate: 1500)
        var stages = try ["ingest", "score"].map {
            try installation.service($0, "roles=\($0)", "instance=\($0)")
        }
        var restored = 0
        var refused = 0
        for round in 0..<4 {
            usleep(3_500_000)
            stages[1].killNow()
            // The receipts name snapshots that are not there.
            if round == 2 { try installation.tool("damage") }
            stages[1] = try installation.service(
                "score-\(round)",
                "roles=score",
                "instance=score"
            )
            usleep(1_500_000)
            let log = installation.log("score-\(round)")
            restored += log.split(separator: "\n").count { $0.contains("snapshot-restored") }
            refused += log.split(separator: "\n").count { $0.contains("snapshot-refused") }
        }
        #expect(feed.wait(seconds: 60) == 0)
        try installation.tool("settle", "roles=ingest")
        for stage in stages {
            stage.send(SIGTERM)
            #expect(stage.wait(seconds: 15) == 0)
        }
        #expect(restored > 0)
        #expect(refused > 0)
        let count = fed(feed.said)
        print(
            "SNAPSHOT restored \(restored), refused \(refused), fed \(count):",
            try check(installation, fed: count)
        )
        installation.remove()
    }

    @Test(.enabled(if: RealKafka.mayDisturb, Comment(rawValue: RealKafka.skipReason)))
    func `a restart finds its snapshot where the log cleaner has been`() throws {
        let kafka = try RealKafka(options: ["--set", "log.cleaner.backoff.ms=200"])
        let installation = try Installation(kafka)
        let settings = ClientSettings(bootstrap: kafka.bootstrap)
        // What is overwritten goes within a second, with the markers of its transactions.
        let topic = installation.name + ".snapshots"
        try Admin(settings).replaceSettings(
            of: topic,
            by: [
                ("cleanup.policy", "compact"), ("max.message.bytes", "2097152"),
                ("segment.ms", "500"), ("delete.retention.ms", "0"),
                ("min.cleanable.dirty.ratio", "0"),
            ],
            within: .seconds(20)
        )
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 4, rate: 900)
        let ingest = try installation.service("ingest", "roles=ingest", "instance=ingest")
        var score = try installation.service("score", "roles=score", "instance=score")
        func restart(_ name: String) throws -> Int {
            score.killNow()
            score = try installation.service(name, "roles=score", "instance=score")
            usleep(1_500_000)
            let log = installation.log(name)
            #expect(!log.contains("snapshot-refused"))
            return log.split(separator: "\n").count { $0.contains("snapshot-restored") }
        }
        var restored = 0
        for round in 0..<4 {
            usleep(4_000_000)
            restored += try restart("score-\(round)")
        }
        #expect(feed.wait(seconds: 60) == 0)
        // The cleaner comes round when it likes, on a busy machine later: what it has cleaned is restored from, too.
        let consumer = try FetchConsumer(settings)
        var cleaned = 0
        for _ in 0..<60 where cleaned == 0 {
            usleep(1_000_000)
            for partition in 0..<Int32(4) {
                let place = TopicPartition(topic, partition)
                let bounds = try consumer.offsets(of: [place], within: .seconds(20))[0].get()
                var queue = consumer.queue()
                _ = try queue.start(place, at: .offset(bounds.low))
                let batch = try queue.next(limit: 1, waiting: .seconds(5))
                if batch.count > 0, batch[0].offset > bounds.low { cleaned += 1 }
            }
        }
        let last = try restart("score-cleaned")
        try installation.tool("settle", "roles=ingest")
        for stage in [ingest, score] {
            stage.send(SIGTERM)
            #expect(stage.wait(seconds: 15) == 0)
        }
        #expect(restored > 0)
        #expect(cleaned > 0)
        #expect(last > 0)
        let count = fed(feed.said)
        print(
            "CLEANER restored \(restored + last), partitions cleaned \(cleaned), fed \(count):",
            try check(installation, fed: count)
        )
        installation.remove()
    }

    @Test func `who follows a killed worker does not wait for its open transaction`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 3, rate: 270)
        // Each has a name of its own, so none ends by itself what the one before has left.
        func worker(_ number: Int) throws -> StageProcess {
            try installation.service("w\(number)", "roles=ingest", "instance=w\(number)")
        }
        var workers = [try worker(0), try worker(1)]
        var ended = 0
        usleep(4_000_000)
        while workers.count < 7 {
            workers[workers.count - 2].killNow()
            workers.append(try worker(workers.count))
            usleep(8_000_000)
        }
        #expect(feed.wait(seconds: 60) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=90")
        for number in workers.indices {
            let log = installation.log("w\(number)")
            #expect(!log.contains("committed offsets"), "w\(number)")
            ended += log.contains("ingest-ends-transaction") ? 1 : 0
        }
        for worker in workers.suffix(2) {
            worker.send(SIGTERM)
            #expect(worker.wait(seconds: 15) == 0)
        }
        let count = fed(feed.said)
        print("FOLLOW, transactions ended \(ended):", try check(installation, fed: count))
        installation.remove()
    }

    @Test func `a transaction that holds the offsets is fought, and work goes on when it is over`()
        throws
    {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 1, rate: 400)
        for role in ["ingest", "score"] {
            let first = try installation.service("first-\(role)", "instance=a")
            usleep(4_000_000)
            first.killNow()
            let holder = try installation.background("hold", "roles=\(role)", "seconds=16")
            usleep(2_000_000)
            let service = try installation.service("after-\(role)", "instance=a")
            #expect(holder.wait(seconds: 30) == 0)
            usleep(3_000_000)
            let log = installation.log("after-\(role)")
            // Its own transactions were ended; the holder's was not one of them, and was waited for.
            #expect(log.contains("transaction-hangs transactional_id=\(installation.name).\(role)"))
            #expect(log.contains("a transaction hung; it was ended"))
            service.send(SIGTERM)
            #expect(service.wait(seconds: 15) == 0)
        }
        #expect(feed.wait(seconds: 60) == 0)
        let count = fed(feed.said)
        print("HOLD fed \(count):", try check(installation, fed: count))
        installation.remove()
    }

    @Test func `what was aborted and is no record of ours stops nobody`() throws {
        let installation = try Installation(RealKafka.shared)
        // As `doctor` does, before the first start and between two.
        try installation.tool("foreign")
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 1, rate: 400)
        for label in ["first", "second", "third"] {
            let service = try installation.service(label, "instance=a")
            usleep(4_000_000)
            if label == "third" { #expect(feed.wait(seconds: 60) == 0) }
            usleep(2_000_000)
            #expect(service.ended == nil, "\(installation.log(label).suffix(1000))")
            service.send(SIGTERM)
            #expect(service.wait(seconds: 15) == 0)
            try installation.tool("foreign")
            // The offsets are set by what the journal holds, as after the group has lost them.
            if label == "second" { try installation.tool("recover") }
        }
        let count = fed(feed.said)
        print("FOREIGN fed \(count):", try check(installation, fed: count))
        installation.remove()
    }

    @Test func `a worker that was frozen is fenced when it comes back`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 2, rate: 250)
        let first = try installation.service("first")
        usleep(3_000_000)
        let second = try installation.service("second")
        usleep(4_000_000)
        // Both have journal partitions: they split the work.
        #expect(installation.log("second").contains("event=score-taken"))
        #expect(installation.log("second").contains("event=ingest-assigned"))
        // Longer than the session and the transaction's time-out.
        first.send(SIGSTOP)
        usleep(8_000_000)
        let third = try installation.service("third")
        usleep(6_000_000)
        first.send(SIGCONT)
        usleep(3_000_000)
        let log = installation.log("first")
        #expect(log.contains("-setback") || log.contains("-lost") || first.ended == 75)
        #expect(feed.wait(seconds: 60) == 0)
        for service in [first, second, third] {
            service.send(SIGTERM)
            let status = service.wait(seconds: 15)
            #expect(status == 0 || status == 75)
        }
        let count = fed(feed.said)
        print("FROZEN fed \(count):", try check(installation, fed: count))
        installation.remove()
    }

    @Test(.enabled(if: RealKafka.mayDisturb)) func `the broker crashes and comes back`() throws {
        let kafka = try RealKafka()
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        try installation.tool("feed", "events=\(Sample.events)", "time=recorded")
        let service = try installation.service("service", "instance=a")
        usleep(1_500_000)
        try kafka.command("kill")
        try kafka.command("start")
        try installation.tool("settle", "roles=ingest", "seconds=90")
        #expect(service.ended == nil)
        service.send(SIGTERM)
        #expect(service.wait(seconds: 15) == 0)
        #expect(!installation.log("service").contains("no generation"))
        print("BROKER:", try check(installation, fed: 4528))
        installation.remove()
    }

    @Test func `what is not configured well ends with status 78 and says why`() throws {
        let installation = try Installation(RealKafka.shared)
        func end(_ words: String...) throws -> (Int32?, String) {
            let process = try StageProcess(
                ["run", "bootstrap=\(installation.kafka.bootstrap)"] + words,
                output: installation.folder + "/end-\(UInt32.random(in: 0 ... .max)).log"
            )
            return (process.wait(seconds: 30), process.said)
        }
        let missing = try end("application=x", "prefix=\(installation.name)-none.")
        #expect(missing.0 == 78)
        #expect(missing.1.contains("does not exist"))
        try installation.tool("feed", "reference=\(Sample.reference)")
        let service = try installation.service("service", "instance=a")
        try installation.tool("settle", "roles=ingest")
        service.send(SIGTERM)
        #expect(service.wait(seconds: 12) == 0)
        let other = try end("application=other", "prefix=\(installation.name).")
        #expect(other.0 == 78)
        #expect(other.1.contains("it belongs to the application"))
        installation.remove()
    }
}

/// A small random generator with a seed that can be told.
struct Seeded {
    let seed: UInt64
    private var state: UInt64

    init(_ seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func next(_ limit: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % limit
    }
}

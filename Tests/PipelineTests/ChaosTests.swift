import Foundation
import Glibc
import TestKit
import Testing

/// Faults on a real Kafka, again and again, while records come; at the end of each test every output topic equals, byte for
/// byte, the journal folded, and the journal holds each source record once.
///
/// Each test prints a line `CHAOS name | figure`, of which `make chaos` makes a table; `make chaos-release` runs them again
/// and again and adds the figures.
@Suite(
    .serialized,
    .timeLimit(.minutes(240)),
    .enabled(
        if: ProcessInfo.processInfo.environment["CHAOS"] != nil && RealKafka.mayDisturb,
        "set CHAOS=1 and KAFKA_HOME"
    )
)
struct ChaosTests {
    /// Of an environment variable, else what a run of every day takes.
    static func number(_ name: String, _ other: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? other
    }

    /// Of `CHAOS_SEED`, else a new one.
    var random = Seeded(
        ProcessInfo.processInfo.environment["CHAOS_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0 ... .max)
    )

    /// Prints what `make chaos` makes a table of.
    func tell(_ name: String, _ figure: String) {
        print("CHAOS \(name) | \(figure) | seed \(random.seed)")
    }

    /// Compares everything, and counts what was compared.
    func prove(
        _ installation: Installation,
        _ feed: StageProcess,
        seconds: Int = 120
    ) throws -> String {
        try prove(installation, fed: Installation.number("fed", in: feed.said), seconds: seconds)
    }

    /// As above, of so many records that were fed.
    func prove(_ installation: Installation, fed: Int, seconds: Int = 120) throws -> String {
        let held = Installation.number("sources", in: try installation.tool("sources"))
        #expect(held == fed, "the feed")
        let (outputs, events) = try installation.verify(seconds: seconds)
        #expect(events + (outputs["dead-letters"] ?? 0) == fed)
        let letters = outputs["dead-letters"] ?? 0
        let all = outputs.values.reduce(0, +) - letters
        // A feed whose records no one can use would show nothing.
        #expect(letters * 20 < fed)
        #expect((outputs["decisions"] ?? 0) * 5 > fed)
        return
            "\(all) output records of \(fed) events: 0 lost, doubled or different; \(letters) dead letters"
    }

    /// Ends services as a person would.
    func end(_ stages: [StageProcess]) {
        for stage in stages {
            stage.send(SIGTERM)
            let status = stage.wait(seconds: 15)
            #expect(
                status == 0 || status == 75,
                "ended with \(status.map(String.init) ?? "nothing in 15 s"):\n\(stage.said.suffix(4000))"
            )
        }
    }

    /// So many times the sample at a rate lasts so many seconds at least.
    func feed(_ installation: Installation, seconds: Int, rate: Int) throws -> StageProcess {
        try installation.feed(times: seconds * rate / 4528 + 1, rate: rate)
    }

    // MARK: processes

    @Test
    mutating func `the program is killed, also while it recovers and while it writes snapshots`()
        throws
    {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let wanted = 30
        let feed = try feed(installation, seconds: wanted, rate: 600)
        let roles = ["ingest", "score"]
        var stages = try roles.map { try installation.service($0, "roles=\($0)", "instance=\($0)") }
        var kills = 0
        while kills < wanted || feed.ended == nil {
            // A recovery takes half a second, so some kills fall into one; a snapshot is due every second or two.
            usleep(UInt32(100_000 + random.next(1_900_000)))
            let one = Int(random.next(2))
            if stages[one].ended == nil { kills += 1 }
            stages[one].killNow()
            stages[one] = try installation.service(
                roles[one],
                "roles=\(roles[one])",
                "instance=\(roles[one])"
            )
        }
        #expect(feed.wait(seconds: 120) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=120")
        end(stages)
        let log = installation.log("score").split(separator: "\n")
        let restored = log.count { $0.contains("snapshot-restored") }
        let taken = log.count { $0.contains("score-taken") }
        let live = log.count { $0.contains("score-live") }
        let figure = try prove(installation, feed)
        #expect(restored > 0)
        tell(
            "kill -9 of the program",
            "\(kills) kills, \(taken - live) recoveries of a partition cut short, \(restored) snapshots restored; \(figure)"
        )
        installation.remove()
    }

    @Test mutating func `workers are frozen past every time-out, replaced, and thawed`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let wanted = 10
        let feed = try feed(installation, seconds: wanted * 15, rate: 150)
        var first = try installation.service("w0")
        usleep(4_000_000)
        var fenced = 0
        var old: [StageProcess] = []
        for number in 1...wanted {
            first.send(SIGSTOP)
            let next = try installation.service("w\(number)")
            // Longer than the session (6 s) and the transaction's time-out (10 s).
            usleep(11_500_000)
            first.send(SIGCONT)
            usleep(2_500_000)
            let log = installation.log("w\(number - 1)")
            if first.ended == 75 || log.contains("-setback") || log.contains("-lost") {
                fenced += 1
            }
            first.send(SIGTERM)
            old.append(first)
            first = next
        }
        #expect(fenced == wanted)
        #expect(feed.wait(seconds: 120) == 0)
        end(old + [first])
        tell(
            "workers frozen past every time-out, replaced, thawed",
            "\(fenced) of \(wanted) fenced; \(try prove(installation, feed))"
        )
        installation.remove()
    }

    @Test mutating func `three workers come and go under load`() throws {
        let installation = try Installation(RealKafka.shared, partitions: 6)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let wanted = 12
        let feed = try feed(installation, seconds: wanted * 4, rate: 400)
        var workers: [StageProcess] = []
        var number = 0
        func start() throws {
            number += 1
            // Some keep the others' states too.
            workers.append(try installation.service("m\(number)", "standby=\(number % 2 == 0)"))
        }
        for _ in 0..<3 { try start() }
        for _ in 0..<wanted {
            usleep(UInt32(2_000_000 + random.next(3_000_000)))
            let one = Int(random.next(UInt64(workers.count)))
            let leaving = workers.remove(at: one)
            // Most are asked to go, some are not.
            if random.next(3) == 0 {
                leaving.killNow()
            } else {
                leaving.send(SIGTERM)
                #expect(leaving.wait(seconds: 12) == 0)
            }
            try start()
        }
        #expect(feed.wait(seconds: 120) == 0)
        end(workers)
        tell(
            "three workers that join and leave under load",
            "\(wanted) changes; \(try prove(installation, feed))"
        )
        installation.remove()
    }

    // MARK: brokers

    @Test mutating func `the only broker crashes again and again`() throws {
        let kafka = try RealKafka()
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        try installation.tool("feed", "events=\(Sample.events)", "time=recorded", "times=6")
        let service = try installation.service("service", "instance=a", "records=200")
        let wanted = 10
        for _ in 0..<wanted {
            usleep(UInt32(500_000 + random.next(2_500_000)))
            try kafka.command("kill")
            usleep(UInt32(random.next(1_500_000)))
            try kafka.command("start")
        }
        try installation.tool("settle", "roles=ingest", "seconds=180")
        #expect(service.ended == nil)
        end([service])
        let figure = try prove(installation, fed: 6 * 4528)
        tell("kill -9 of the only broker", "\(wanted) kills; \(figure)")
        installation.remove()
    }

    @Test mutating func `in a cluster of three each broker crashes in turn`() throws {
        let kafka = try RealKafka(options: ["--nodes", "3"])
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let wanted = 3
        let feed = try feed(installation, seconds: wanted * 14, rate: 200)
        let service = try installation.service("service", "instance=a")
        for number in 0..<wanted {
            usleep(UInt32(2_000_000 + random.next(2_000_000)))
            // Whatever it leads, partitions, groups or transactions, goes to another.
            try kafka.command("kill", "--node", "\(number % 3 + 1)")
            usleep(5_000_000)
            try kafka.command("start", "--nodes", "3", "--node", "\(number % 3 + 1)")
        }
        #expect(feed.wait(seconds: 180) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=180")
        #expect(service.ended == nil)
        end([service])
        tell(
            "kill -9 of each of three brokers in turn",
            "\(wanted) kills; \(try prove(installation, feed))"
        )
        installation.remove()
    }

    // MARK: the network

    @Test(.enabled(if: Toxiproxy.isThere, "needs toxiproxy beside KAFKA_HOME"))
    mutating func `the network is cut, slowed, sliced and reset`() throws {
        let kafka = try RealKafka(options: ["--proxied"])
        let proxy = try Toxiproxy(kafka)
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let wanted = 10
        let feed = try feed(installation, seconds: wanted * 5, rate: 400)
        let service = try installation.service(
            "service",
            "instance=a",
            "bootstrap=\(proxy.bootstrap)"
        )
        usleep(2_000_000)
        for number in 0..<wanted {
            usleep(UInt32(500_000 + random.next(1_500_000)))
            switch number % 5 {
            case 0: try proxy.cut(milliseconds: 500 + Int(random.next(4000)))
            case 1: try proxy.toxic("latency", "\"latency\":300,\"jitter\":200", seconds: 3)
            case 2: try proxy.toxic("reset_peer", "\"timeout\":\(random.next(500))", seconds: 2)
            case 3:
                try proxy.toxic("limit_data", "\"bytes\":\(2000 + random.next(60000))", seconds: 2)
            default:
                try proxy.toxic(
                    "slicer",
                    "\"average_size\":700,\"size_variation\":300,\"delay\":200",
                    seconds: 3
                )
            }
        }
        #expect(feed.wait(seconds: 180) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=120")
        #expect(service.ended == nil)
        end([service])
        tell(
            "the network cut, slowed, sliced, reset",
            "\(wanted) faults; \(try prove(installation, feed))"
        )
        installation.remove()
    }

    // MARK: for long

    @Test
    mutating func `hours of traffic, a fault each half minute, and memory that does not grow`()
        throws
    {
        let installation = try Installation(RealKafka.shared)
        let seconds = Self.number("SOAK_SECONDS", 600)
        let rate = Self.number("SOAK_RATE", 2000)
        // Two days in each turn of the sample: after some three hundred turns as much is forgotten as comes. What is
        // proposed would be remembered until somebody decides, so somebody does.
        let times = seconds * rate / 4528 + 1
        try installation.tool("feed", "reference=\(Sample.reference)", "times=\(times)", "days=2")
        let feed = try installation.feed(times: times, rate: rate, days: 2)
        let buyer = try installation.background("approve")
        let roles = ["ingest", "score"]
        func begin(_ role: String) throws -> StageProcess {
            try installation.service(
                role,
                "roles=\(role)",
                "instance=\(role)",
                "snapshots=2000000",
                "snapshot-seconds=60"
            )
        }
        var stages = try roles.map(begin)
        var faults = 0
        var memory = MemoryOverTime()
        let began = time(nil)
        while time(nil) - began < seconds {
            for _ in 0..<6 {
                usleep(5_000_000)
                memory.add(
                    stages.map { Double($0.residentBytes) }.max() ?? 0,
                    at: time(nil) - began
                )
            }
            let one = Int(random.next(2))
            faults += 1
            if random.next(2) == 0 {
                stages[one].killNow()
                stages[one] = try begin(roles[one])
            } else {
                stages[one].send(SIGSTOP)
                usleep(3_000_000)
                stages[one].send(SIGCONT)
            }
        }
        #expect(feed.wait(seconds: 600) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=600", seconds: 620)
        buyer.send(SIGTERM)
        #expect(buyer.wait(seconds: 60) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=600", seconds: 620)
        end(stages)
        let fed =
            Installation.number("fed", in: feed.said)
            + Installation.number("approved", in: buyer.said)
        let figure = try prove(installation, fed: fed, seconds: 120 + seconds)
        var slope = ""
        if seconds >= 3600 {
            // The first quarter fills the window.
            let percent = memory.percentAnHour(from: seconds / 4)
            #expect(percent < 1)
            slope = ", which grew by \(String(format: "%.2f", percent)) % an hour"
        }
        tell(
            "traffic of \(seconds / 60) min at \(rate) events/s",
            "\(faults) kills and freezes, at most \(Int(memory.most / 1_000_000)) MB\(slope); \(figure)"
        )
        installation.remove()
    }
}

/// What a process took of memory, over time.
struct MemoryOverTime {
    private var samples: [(seconds: Double, bytes: Double)] = []

    var most: Double { samples.map(\.bytes).max() ?? 0 }

    mutating func add(_ bytes: Double, at seconds: Int) { samples.append((Double(seconds), bytes)) }

    /// The slope of a straight line through the samples since a second, by least squares, against their mean.
    func percentAnHour(from start: Int) -> Double {
        let late = samples.filter { $0.seconds >= Double(start) }
        let count = Double(late.count)
        let time = late.map(\.seconds).reduce(0, +) / count
        let mean = late.map(\.bytes).reduce(0, +) / count
        var product = 0.0
        var square = 0.0
        for (seconds, bytes) in late {
            product += (seconds - time) * (bytes - mean)
            square += (seconds - time) * (seconds - time)
        }
        return product / square * 3600 / mean * 100
    }
}

/// A network that can be hurt, between a service and its broker.
final class Toxiproxy: Sendable {
    private static var program: String? {
        guard let home = ProcessInfo.processInfo.environment["KAFKA_HOME"] else { return nil }
        let path = home + "/../toxiproxy/toxiproxy-server"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }
    static var isThere: Bool { program != nil }

    private let process: Process
    private let api: String
    /// What the service connects to.
    let bootstrap: String

    init(_ kafka: RealKafka) throws {
        guard let program = Self.program, let port = Int(kafka.bootstrap.split(separator: ":")[1])
        else { throw StageProcess.Failure(what: "there is no toxiproxy") }
        // The script's convention: one port on which clients are told to come back on the next.
        bootstrap = "127.0.0.1:\(port + 5)"
        api = "127.0.0.1:\(port + 6)"
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-port", "\(port + 6)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<50 {
            usleep(100_000)
            if (try? call("/version", nil)) != nil { break }
        }
        try call(
            "/proxies",
            "{\"name\":\"kafka\",\"listen\":\"\(bootstrap)\",\"upstream\":\"127.0.0.1:\(port + 4)\"}"
        )
    }

    deinit { process.terminate() }

    /// Nothing gets through for a while.
    func cut(milliseconds: Int) throws {
        try call("/proxies/kafka", "{\"enabled\":false}")
        usleep(UInt32(milliseconds) * 1000)
        try call("/proxies/kafka", "{\"enabled\":true}")
    }

    /// A fault for a while, in what the broker answers.
    func toxic(_ type: String, _ attributes: String, seconds: UInt32) throws {
        try call("/proxies/kafka/toxics", "{\"type\":\"\(type)\",\"attributes\":{\(attributes)}}")
        sleep(seconds)
        try call("/reset", "")
    }

    private func call(_ path: String, _ body: String?) throws {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        curl.arguments = ["-sf", "http://\(api)\(path)"] + (body.map { ["-d", $0] } ?? [])
        curl.standardOutput = FileHandle.nullDevice
        try curl.run()
        curl.waitUntilExit()
        guard curl.terminationStatus == 0 else {
            throw StageProcess.Failure(what: "toxiproxy refused \(path) \(body ?? "")")
        }
    }
}

import Foundation
import Glibc
import Kafka
import Pipeline
import Synchronization
import TestKit

/// The stage as a process, its words in a file.
final class StageProcess: Sendable {
    private let process: pid_t
    private let output: String
    private let status = Mutex<Int32?>(nil)

    /// Starts it.
    init(_ words: [String], output: String) throws {
        self.output = output
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let program = Self.program
        var arguments: [UnsafeMutablePointer<CChar>?] =
            ([program] + words).map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        // The threads of a test run block signals, and children inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let failure = posix_spawn(&process, program, &actions, &attributes, &arguments, environ)
        guard failure == 0 else { throw Failure(what: "start \(program): error \(failure)") }
        self.process = process
    }

    deinit { if status.withLock({ $0 == nil }) { kill(process, SIGKILL) } }

    /// Something went wrong with a stage.
    struct Failure: Error, CustomStringConvertible {
        let what: String
        var description: String { what }
    }

    /// The executable lies beside the test bundle.
    static let program: String = {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().path + "/service-stage"
        if FileManager.default.fileExists(atPath: beside) { return beside }
        // A test helper runs the bundle, which is then an argument.
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            let path =
                URL(fileURLWithPath: argument).deletingLastPathComponent().path + "/service-stage"
            if FileManager.default.fileExists(atPath: path) { return path }
        }
        return beside
    }()

    /// Memory that is resident by now, in bytes; 0 where it runs no more.
    var residentBytes: Int {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)
        else { return 0 }
        let words = text.split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
    }

    func send(_ signal: Int32) { _ = kill(process, signal) }

    /// Waits for its end; the exit status, or 128 and the signal. Nil when it takes too long.
    func wait(seconds: Int) -> Int32? {
        for _ in 0..<seconds * 100 {
            if let ended { return ended }
            usleep(10_000)
        }
        return nil
    }

    /// The status it ended with; nil while it runs.
    var ended: Int32? {
        status.withLock { status in
            if let status { return status }
            var word: Int32 = 0
            guard waitpid(process, &word, WNOHANG) == process else { return nil }
            status = word & 0x7F == 0 ? word >> 8 & 0xFF : 128 + word & 0x7F
            return status
        }
    }

    /// Ends it at once and takes it away.
    func killNow() {
        send(SIGKILL)
        _ = wait(seconds: 5)
    }

    /// What it has said.
    var said: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
}

/// An installation for one test: topics of its own, a folder, a name.
struct Installation {
    let kafka: RealKafka
    let name: String
    let folder: String
    /// Of the journal.
    private let partitions: Int

    init(_ kafka: RealKafka, partitions: Int = 4, sources: Int = 2) throws {
        self.kafka = kafka
        self.partitions = partitions
        name = kafka.uniqueName("service")
        folder = NSTemporaryDirectory() + name
        for part in ["", "/dump", "/fold"] {
            try FileManager.default.createDirectory(
                atPath: folder + part,
                withIntermediateDirectories: true
            )
        }
        try tool("topics", "partitions=\(partitions)", "sources=\(sources)")
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    private var words: [String] {
        ["bootstrap=\(kafka.bootstrap)", "application=\(name)", "prefix=\(name)."]
    }

    /// A running service.
    func service(_ label: String, _ more: String...) throws -> StageProcess {
        try StageProcess(
            ["run"] + words + ["clock=records"] + more,
            output: folder + "/\(label).log"
        )
    }

    func log(_ label: String) -> String {
        (try? String(contentsOfFile: folder + "/\(label).log", encoding: .utf8)) ?? ""
    }

    /// A tool that goes on in the background.
    func background(_ command: String, _ more: String...) throws -> StageProcess {
        try StageProcess([command] + words + more, output: folder + "/\(command).txt")
    }

    /// A feed of the sample, some times over under other identifiers, so many records a second.
    /// With `days`, each time is so much later than the one before it, and the last has the sample's dates.
    func feed(times: Int, rate: Int, days: Int = 0) throws -> StageProcess {
        try background(
            "feed",
            "events=\(Sample.events)",
            "time=recorded",
            "times=\(times)",
            "rate=\(rate)",
            "days=\(days)"
        )
    }

    /// A tool that must succeed; what it said.
    @discardableResult
    func tool(_ command: String, _ more: String..., seconds: Int = 120) throws -> String {
        let path = folder + "/\(command)-\(UInt32.random(in: 0 ... .max)).txt"
        let process = try StageProcess([command] + words + more, output: path)
        let status = process.wait(seconds: seconds)
        guard status == 0 else {
            let ended = status.map { "status \($0)" } ?? "not ended after \(seconds) s"
            throw StageProcess.Failure(what: "\(command): \(ended) \(process.said)")
        }
        return process.said
    }

    /// Copies and folds the rest, then compares every output topic with the journal folded.
    ///
    /// Gives output records by topic, and how many events the journal has. Each step may take so many seconds.
    func verify(seconds: Int = 120) throws -> (outputs: [String: Int], events: Int) {
        let limit = "seconds=\(seconds)"
        let ingest = try service("last-ingest", "roles=ingest", "instance=last")
        let score = try service("last-score", "roles=score", "instance=last")
        // What Kafka had lost sight of is made whole by whoever takes over, with the next tick: so both must have done so.
        for _ in 0..<seconds * 10 {
            if log("last-ingest").contains("event=journal-ready"),
                log("last-score").split(separator: "\n").count(where: {
                    $0.contains("event=score-taken")
                }) >= partitions
            {
                break
            }
            usleep(100_000)
        }
        usleep(3_000_000)
        for (role, stage) in [("ingest", ingest), ("score", score)] {
            try tool("settle", "roles=\(role)", limit, seconds: seconds + 20)
            stage.send(SIGTERM)
            guard stage.wait(seconds: 15) == 0 else {
                throw StageProcess.Failure(what: "\(role): \(stage.said)")
            }
        }
        try tool("dump", "to=\(folder)/dump", seconds: seconds)
        let copied = try tool("copied", "from=\(folder)/dump", seconds: seconds)
        guard Self.number("lost", in: copied) == 0, Self.number("doubled", in: copied) == 0 else {
            throw StageProcess.Failure(what: "\(copied), kept in \(folder)")
        }
        // One partition after the other: the fold of hours of traffic would not fit beside its topics.
        var counts = ["dead-letters": Self.number("dead-letters", in: copied)]
        var events = 0
        for partition in 0..<partitions {
            let one = "partition=\(partition)"
            let fold = folder + "/fold"
            events += Self.number(
                "events",
                in: try tool("score", one, "from=\(folder)/dump", "to=\(fold)", seconds: seconds)
            )
            do {
                let read = try tool("outputs", one, "against=\(fold)", seconds: seconds)
                for topic in ["decisions", "alerts", "accumulators", "replenishments"] {
                    counts[topic, default: 0] += Self.number(topic, in: read)
                }
            } catch {
                throw StageProcess.Failure(what: "\(error), kept in \(folder)")
            }
            for file in try FileManager.default.contentsOfDirectory(atPath: fold) {
                try FileManager.default.removeItem(atPath: fold + "/" + file)
            }
        }
        return (counts, events)
    }

    /// What a verification of the dumped journal finds, with every event's hash compared with its source.
    func proof() throws -> JournalVerification.Report {
        let scan = try TopicScan(ClientSettings(bootstrap: kafka.bootstrap), until: StopFlag())
        var verification = JournalVerification(keeping: 5, sources: scan)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder + "/dump").sorted() {
            try verification.add(file: folder + "/dump/" + name)
        }
        return try verification.finish()
    }

    /// The number behind a word of what a tool said; -1 where there is none.
    static func number(_ name: String, in text: String) -> Int {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard let place = words.firstIndex(of: Substring(name)), place + 1 < words.count else {
            return -1
        }
        return Int(words[place + 1]) ?? -1
    }
}

/// The sample of the repository.
enum Sample {
    static let folder =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path + "/fixtures/sample"
    static var events: String { folder + "/events.ndjson" }
    static var reference: String { folder + "/reference" }
}

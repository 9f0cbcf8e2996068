import Glibc
import Synchronization

/// A real Kafka for tests: one that the test run starts for itself and ends, or a given one.
///
/// `KAFKA_HOME` names a folder with a script `kafka` that knows `start`, `stop`, `kill`, `pause` and
/// `resume` with `--dir` and `--port`. `KAFKA_BOOTSTRAP` names a running cluster instead; tests that
/// disturb the broker are then skipped. With neither, all tests that need it are skipped.
///
///     @Suite(.enabled(if: RealKafka.isConfigured, RealKafka.skipReason))
public final class RealKafka: Sendable {
    /// What is told when tests are skipped.
    public static let skipReason =
        "needs a real Kafka: set KAFKA_HOME (a folder with the script) or KAFKA_BOOTSTRAP"

    /// A real Kafka can be had; if not, it is said aloud once.
    public static let isConfigured: Bool = {
        if environment("KAFKA_BOOTSTRAP") != nil { return true }
        if environment("KAFKA_HOME") != nil { return true }
        let line = "SKIPPED: a group of tests \(skipReason)\n"
        _ = line.withCString { write(2, $0, line.utf8.count) }
        return false
    }()

    /// The broker is ours, so tests may disturb it.
    public static var mayDisturb: Bool {
        environment("KAFKA_BOOTSTRAP") == nil && environment("KAFKA_HOME") != nil
    }

    /// The broker that all tests of the process share; started when it is first asked for.
    public static var shared: RealKafka {
        get throws { try started.get() }
    }

    private static let started = Result { try RealKafka() }

    /// The address for `bootstrap.servers`.
    public let bootstrap: String
    private let script: String?
    private let folder: String
    private let port: UInt16
    private let guardian: Guardian?

    /// Starts a broker, or uses the given one.
    ///
    /// - Parameters:
    ///   - options: More options of the script's `start`, such as `--secure`.
    ///   - place: Where its data is; else in a new folder.
    /// - Throws: When the script fails; its output is in the error.
    public init(options: [String] = [], folder place: String? = nil) throws {
        if let given = RealKafka.environment("KAFKA_BOOTSTRAP") {
            bootstrap = given
            script = nil
            folder = ""
            port = 0
            guardian = nil
            return
        }
        guard let home = RealKafka.environment("KAFKA_HOME") else {
            throw Failure(message: RealKafka.skipReason)
        }
        let script = home + "/kafka"
        port = try RealKafka.freePort()
        folder = place ?? RealKafka.temporaryFolder + "/kafka-test-\(getpid())-\(port)"
        bootstrap = "127.0.0.1:\(port)"
        self.script = script
        let guardian = try Guardian(script: script, folder: folder)
        self.guardian = guardian
        try RealKafka.run(script, ["start", "--dir", folder, "--port", String(port)] + options)
    }

    deinit { guardian?.end() }

    /// Runs a command of the script on this broker: `kill`, `start`, `pause`, `resume`, `stop`.
    ///
    /// - Throws: When the script fails, or the broker is not ours.
    public func command(_ name: String, _ options: String...) throws {
        guard let script else { throw Failure(message: "the broker is not ours to \(name)") }
        try RealKafka.run(script, [name, "--dir", folder, "--port", String(port)] + options)
    }

    /// A name that no other test uses.
    public func uniqueName(_ prefix: String) -> String {
        let number = RealKafka.names.add(1, ordering: .relaxed).newValue
        return "\(prefix)-\(time(nil) % 1_000_000)-\(getpid())-\(number)"
    }

    private static let names = Atomic<Int>(0)

    /// Why no broker could be had.
    public struct Failure: Error, CustomStringConvertible {
        let message: String
        /// The reason.
        public var description: String { message }
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else {
            return nil
        }
        return value
    }

    private static func run(_ script: String, _ arguments: [String]) throws {
        // A file, not a pipe: the broker inherits it, so a pipe would not end before the broker.
        let path =
            temporaryFolder + "/kafka-output-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        defer { unlink(path) }
        let output = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        let process = try spawn(["bash", script] + arguments, input: nil, output: output)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        if status != 0 {
            var text = [UInt8](repeating: 0, count: 4096)
            let count = pread(output, &text, text.count, 0)
            close(output)
            let said = String(decoding: text.prefix(max(0, count)), as: UTF8.self)
            throw Failure(message: "could not \(arguments[0]) Kafka: \(said)")
        }
        close(output)
    }

    static let temporaryFolder = environment("TMPDIR") ?? "/tmp"

    /// A port that is free now, as are the few behind it that the script uses.
    private static func freePort() throws -> UInt16 {
        for _ in 0..<100 {
            let port = UInt16.random(in: 21_000...31_000)
            if (port...port + 5).allSatisfy(isFree) { return port }
        }
        throw Failure(message: "found no free port for Kafka")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Ends the broker when the test process ends, however it ends: a small shell that waits for the
/// other end of its input to be closed.
private final class Guardian: Sendable {
    private let input: Int32

    init(script: String, folder: String) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw RealKafka.Failure(message: "could not make a pipe") }
        // Else the broker would hold the pipe open, too.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let commands = """
            {
                trap '' INT TERM HUP
                cat >/dev/null
                bash "$1" resume --dir "$2"; bash "$1" kill --dir "$2"; rm -rf "$2"
            } <&0 &
            """
        // It is no child of ours: of children that have ended and that nobody asks for, Swift Testing, which waits for those
        // of exit tests, sees the oldest for ever, and never its own.
        let shell = try spawn(
            ["bash", "-c", commands, "guardian", script, folder],
            input: ends[0],
            output: nil
        )
        waitpid(shell, nil, 0)
        close(ends[0])
        input = ends[1]
    }

    func end() { close(input) }
}

/// Starts a program. Foundation's `Process` is not used: it takes a program for running as long as
/// any of its children, here the broker, runs.
private func spawn(_ arguments: [String], input: Int32?, output: Int32?) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
        posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    for target in [Int32(1), 2] {
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, target)
        } else {
            posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_WRONLY, 0)
        }
    }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, arguments[0], &actions, nil, &words, environ)
    guard failure == 0 else {
        throw RealKafka.Failure(message: "could not start \(arguments[0]): error \(failure)")
    }
    return process
}

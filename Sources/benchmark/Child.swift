import Glibc

/// A program that is run and measured.
final class Child {
    private let process: pid_t
    private let start = Meter.clock
    private let log: String
    private let name: String
    /// Its number may then be another's.
    private var hasEnded = false

    /// Starts a program; what it prints goes to the file `log`.
    ///
    /// - Parameters:
    ///   - words: The program, looked for along `PATH`, and its arguments.
    ///   - log: The file for what it prints.
    ///   - cores: The processors it may use; none means all.
    /// - Throws: why it can't be started.
    init(_ words: [String], log: String, cores: [Int] = []) throws(Failure) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, flags, 0o644)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Safe: the copies are ours until they are freed, behind the call.
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var process = pid_t()
        let status = Cores.use(cores) {
            unsafe posix_spawnp(&process, words[0], &actions, nil, &arguments, environ)
        }
        guard status == 0 else {
            throw Failure("could not run \(words[0]): \(unsafe String(cString: strerror(status)))")
        }
        self.process = process
        self.log = log
        name = words[0]
    }

    /// Waits until it has ended well.
    ///
    /// The peak is looked up while it runs: `ru_maxrss` counts what the parent held when it started the child, too.
    func wait() throws(Failure) -> Cost {
        var cost = Cost()
        var status: Int32 = 0
        var usage = rusage()
        while true {
            // Safe: the kernel fills the locals it is given.
            let ended = unsafe wait4(process, &status, WNOHANG, &usage)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else {
                throw Failure("could not wait for \(name): \(Files.reason)")
            }
            cost.peak = max(cost.peak, Meter.memory("VmHWM", of: "\(process)"))
            usleep(5000)
        }
        hasEnded = true
        cost.wall = Meter.clock - start
        cost.cpu = Meter.cpu(of: usage)
        guard status == 0 else {
            // As `wait` packs them: a signal in the low bits, or the status above them.
            let signal = status & 0x7F
            let end = signal == 0 ? "with status \(status >> 8)" : "by signal \(signal)"
            throw Failure("\(name) ended \(end): \(printed)")
        }
        return cost
    }

    /// User and system seconds so far.
    var cpu: Double { Meter.cpu(ofProcess: process) ?? 0 }

    /// Largest resident memory so far, in bytes.
    var peak: Double { Meter.memory("VmHWM", of: "\(process)") }

    /// The end of what it has printed so far.
    var printed: String {
        String(String(decoding: Files.contents(of: log) ?? [], as: UTF8.self).suffix(1000))
    }

    /// Asks it to end.
    func stop() { if !hasEnded { kill(process, SIGTERM) } }

    /// Ends it at once, as a power cut would, and takes it away.
    func killNow() {
        guard !hasEnded else { return }
        kill(process, SIGKILL)
        var status: Int32 = 0
        // Safe: the kernel fills the local.
        while unsafe waitpid(process, &status, 0) != process, errno == EINTR {}
        hasEnded = true
    }

    /// Runs a program to its end.
    static func run(
        _ words: [String],
        in folder: TemporaryFolder,
        cores: [Int] = []
    ) throws(Failure) -> Cost {
        try Child(words, log: folder.path + "/log", cores: cores).wait()
    }
}

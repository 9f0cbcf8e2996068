import Glibc

/// What a piece of work took.
struct Cost {
    /// User and system time of all threads, in seconds.
    var cpu = 0.0
    /// Seconds by the clock.
    var wall = 0.0
    /// Largest resident memory (VmHWM), in bytes.
    var peak = 0.0
}

/// Clocks and memory as the kernel tells them.
enum Meter {
    /// Runs some work of this process.
    ///
    /// The peak is that of the whole process so far, so it says something only of the largest work.
    static func measure<E: Error>(_ work: () throws(E) -> Void) throws(E) -> Cost {
        let cpu = ownCPU
        let wall = clock
        try work()
        return Cost(
            cpu: ownCPU - cpu,
            wall: clock - wall,
            peak: memory("VmHWM", of: "self")
        )
    }

    /// Seconds of the monotonic clock.
    static var clock: Double { seconds(of: CLOCK_MONOTONIC) }

    /// Milliseconds since 1970 by the wall's clock.
    static var wallMilliseconds: Int64 { Int64(seconds(of: CLOCK_REALTIME) * 1000) }

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        // Safe: the kernel fills the local it is given.
        _ = unsafe clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// User and system seconds of this process so far.
    static var ownCPU: Double {
        var usage = rusage()
        // Safe: the kernel fills the local it is given.
        _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return cpu(of: usage)
    }

    /// User and system seconds that a `rusage` tells.
    static func cpu(of usage: rusage) -> Double {
        func seconds(_ time: timeval) -> Double {
            Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// User and system seconds of another process so far; nil where it is gone.
    static func cpu(ofProcess process: Int32) -> Double? {
        guard let bytes = Files.contents(of: "/proc/\(process)/stat") else { return nil }
        // The name may hold anything, so fields are counted behind its closing bracket.
        let text = String(decoding: bytes, as: UTF8.self)
        guard let bracket = text.lastIndex(of: ")") else { return nil }
        let fields = text[bracket...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[12]), let system = Double(fields[13])
        else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A line of `/proc/PROCESS/status` that tells memory, in bytes; 0 where it is gone.
    static func memory(_ name: String, of process: String) -> Double {
        guard let bytes = Files.contents(of: "/proc/\(process)/status") else { return 0 }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix(name + ":") {
            let words = line.split { $0 == " " || $0 == "\t" }
            return words.count > 1 ? (Double(words[1]) ?? 0) * 1024 : 0
        }
        return 0
    }
}

/// The processors that this process may use.
enum Cores {
    /// Two calls of Linux that Swift's module of the C library does not show: it shows POSIX.
    private typealias Call = @convention(c) (pid_t, Int, UnsafeMutableRawPointer) -> Int32

    /// Calls one with a mask of 1,024 processors; false where it fails.
    private static func call(_ name: String, _ words: inout [UInt64]) -> Bool {
        guard let symbol = unsafe dlsym(nil, name) else { return false }
        // Safe: both take a process (0: this thread), the mask's size in bytes, and the mask.
        let call = unsafe unsafeBitCast(symbol, to: Call.self)
        return unsafe words.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return unsafe call(0, bytes.count, start) == 0
        }
    }

    /// Their numbers.
    static var allowed: [Int] {
        var words = [UInt64](repeating: 0, count: 16)
        guard call("sched_getaffinity", &words) else { return [] }
        return (0..<1024).filter { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    /// The last ones: the first has most of the machine's interrupts.
    static func last(_ count: Int) -> [Int] { allowed.suffix(count) }

    /// Runs something while this thread, and the processes it starts, may use these alone; none means all.
    static func use<Result, E: Error>(
        _ cores: [Int],
        _ work: () throws(E) -> Result
    ) throws(E) -> Result {
        let before = allowed
        choose(cores)
        defer { choose(before) }
        return try work()
    }

    private static func choose(_ cores: [Int]) {
        guard !cores.isEmpty else { return }
        var words = [UInt64](repeating: 0, count: 16)
        for core in cores { words[core / 64] |= 1 << UInt64(core % 64) }
        precondition(call("sched_setaffinity", &words), "the system refuses its own processors")
    }
}

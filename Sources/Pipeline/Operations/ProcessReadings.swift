internal import Glibc
internal import Metrics

/// What the system knows of the process, under the names that Prometheus's own libraries use.
enum ProcessReadings {
    static func add(to registry: Registry) {
        registry.reading(
            "process_cpu_seconds_total",
            .counter,
            "User and system time of the process."
        ) {
            var usage = rusage()
            // Safe: the kernel fills the local it is given.
            guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return nil }
            func seconds(_ time: timeval) -> Double {
                Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
            }
            return seconds(usage.ru_utime) + seconds(usage.ru_stime)
        }
        let page = Double(max(1, sysconf(Int32(_SC_PAGESIZE))))
        registry.reading("process_resident_memory_bytes", .gauge, "Resident memory of the process.")
        {
            numbers("/proc/self/statm").dropFirst().first.map { $0 * page }
        }
        registry.reading("process_virtual_memory_bytes", .gauge, "Address space of the process.") {
            numbers("/proc/self/statm").first.map { $0 * page }
        }
        registry.reading("process_open_fds", .gauge, "Open file descriptors.") { openDescriptors }
        registry.reading("process_max_fds", .gauge, "Most file descriptors that may be open.") {
            var limit = rlimit()
            // Safe: the kernel fills the local it is given.
            guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
                return nil
            }
            return Double(limit.rlim_cur)
        }
        registry.reading("process_threads", .gauge, "Threads of the process.") {
            // Behind the name, which may hold anything, the eighteenth number of the line.
            guard let text = read("/proc/self/stat"), let end = text.lastIndex(of: ")") else {
                return nil
            }
            let words = text[text.index(after: end)...].split(separator: " ")
            return words.count > 17 ? Double(words[17]) : nil
        }
        let start = startTime
        registry.reading(
            "process_start_time_seconds",
            .gauge,
            "When the process began, in seconds since 1970."
        ) { start }
    }

    /// When the process began: its age in ticks since the machine did, by `/proc`.
    private static var startTime: Double? {
        guard let text = read("/proc/self/stat"), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let words = text[text.index(after: end)...].split(separator: " ")
        guard words.count > 19, let ticks = Double(words[19]),
            let up = numbers("/proc/uptime").first
        else { return nil }
        let age = up - ticks / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return Double(WallClock.milliseconds) / 1000 - age
    }

    private static var openDescriptors: Double? {
        guard let folder = unsafe opendir("/proc/self/fd") else { return nil }
        // Safe: the stream is open until here.
        defer { unsafe closedir(folder) }
        var count = -3.0  // `.`, `..`, and the stream's own.
        while unsafe readdir(folder) != nil { count += 1 }
        return count
    }

    private static func numbers(_ path: String) -> [Double] {
        (read(path) ?? "").split { $0 == " " || $0 == "\n" }.compactMap { Double($0) }
    }

    /// The beginning of a file of `/proc`, which comes in one piece.
    private static func read(_ path: String) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        // Safe: the array has the room that is told.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe Glibc.read(file, $0.baseAddress, $0.count)
        }
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}

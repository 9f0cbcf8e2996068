internal import Glibc
internal import Journal

/// The wall's clock, for log lines only.
enum Clock {
    /// `2026-11-24T22:40:01.123Z`.
    static var now: String {
        var time = timespec()
        // Safe: the call fills the local it is given.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        let date = CivilDate(day: Int32(time.tv_sec / 86_400)).text
        let second = time.tv_sec % 86_400
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let clock = [second / 3600, second / 60 % 60, second % 60].map { digits($0, 2) }
            .joined(separator: ":")
        return "\(date)T\(clock).\(digits(time.tv_nsec / 1_000_000, 3))Z"
    }
}

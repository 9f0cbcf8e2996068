import CKafka
import Glibc

extension Duration {
    /// Whole milliseconds, rounded up, at least 0 and at most an hour.
    ///
    /// The bounds keep -1, "for ever", out of librdkafka's reach.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        if seconds >= 3600 { return 3_600_000 }
        if seconds < 0 { return 0 }
        let parts = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(max(0, seconds * 1000 + parts))
    }
}

/// A moment of the monotonic clock after which a wait is over.
struct Deadline {
    private let end: Int64

    /// The moment `limit` from now.
    init(after limit: Duration) {
        end = Deadline.nowMilliseconds() + Int64(limit.milliseconds)
    }

    /// What is left, not below zero.
    var remainingMilliseconds: Int32 { Int32(max(0, end - Deadline.nowMilliseconds())) }

    /// The time is over.
    var isOver: Bool { end <= Deadline.nowMilliseconds() }

    /// Milliseconds of the monotonic clock.
    static func nowMilliseconds() -> Int64 {
        var time = timespec()
        // Safe: the kernel fills the local it is given.
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

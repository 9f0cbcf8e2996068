internal import Glibc

// What the modules below must not know, and a simulation replaces: time, chance, and who runs.

/// The monotonic clock in milliseconds.
enum Ticker {
    static var now: Int64 {
        var time = timespec()
        // The kernel fills the local it is given.
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Does nothing for a while.
    static func sleep(milliseconds: Int64) { usleep(UInt32(milliseconds * 1000)) }
}

extension WallClock {
    /// The wall clock as it is.
    static var milliseconds: Int64 {
        var time = timespec()
        // The kernel fills the local it is given.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// What no other process has.
enum Chance {
    /// A number that nobody can foresee.
    static var number: UInt64 { UInt64.random(in: .min ... .max) }
}

/// Which thread is running.
struct ThreadIdentity: Equatable, Sendable {
    private let thread: pthread_t

    /// The one that asks.
    static var current: ThreadIdentity { ThreadIdentity(thread: pthread_self()) }
}

/// The process that runs.
enum ThisProcess {
    /// Ends it at once, whatever its threads do.
    @Sendable
    static func end(_ status: Int32) { _exit(status) }
}

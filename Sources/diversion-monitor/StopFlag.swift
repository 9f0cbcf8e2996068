internal import Glibc
internal import Synchronization

/// Whether somebody asked the process to end: SIGTERM or SIGINT came.
///
/// The first signal asks; the second one, from somebody who will not wait, ends the process.
enum StopFlag {
    private static let wanted = Atomic<Bool>(false)

    /// Whether to end.
    static var isSet: Bool { wanted.load(ordering: .relaxed) }

    /// Asks as a signal does.
    static func set() { wanted.store(true, ordering: .relaxed) }

    /// Listens to the signals from now on.
    static func listen() {
        // Made now: a handler must not be the first to ask for it.
        _ = isSet
        for number in [SIGTERM, SIGINT] {
            signal(number) { number in
                // Safe in a handler: one atomic exchange, and `_exit`.
                if StopFlag.wanted.exchange(true, ordering: .relaxed) { _exit(128 + number) }
            }
        }
    }

    /// Sleeps, not longer than a moment once the flag is set.
    static func sleep(_ duration: Duration) {
        let end = ContinuousClock.now + duration
        while !isSet, ContinuousClock.now < end { usleep(20_000) }
    }
}

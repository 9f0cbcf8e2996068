internal import Glibc
internal import Pipeline

/// Whether somebody asked the process to end: SIGTERM or SIGINT came.
///
/// The first signal asks; the second one, from somebody who will not wait, ends the process.
enum Interruption {
    /// Set by the first signal.
    static let flag = StopFlag()

    /// Whether to end.
    static var isSet: Bool { flag.isStopped }

    /// Listens to the signals from now on.
    static func listen() {
        // Made now: a handler must not be the first to ask for it.
        _ = isSet
        // A parent may have started us with its own signals blocked, and a child inherits that.
        var wanted = sigset_t()
        // Safe: the calls fill and read the local they are given.
        unsafe sigemptyset(&wanted)
        for number in [SIGTERM, SIGINT] {
            unsafe sigaddset(&wanted, number)
            signal(number) { number in
                // Safe in a handler: an atomic load and store, and `_exit`.
                if Interruption.flag.isStopped { _exit(128 + number) }
                Interruption.flag.stop()
            }
        }
        unsafe pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
    }

    /// Sleeps, not longer than a moment once the flag is set.
    static func sleep(_ duration: Duration) {
        let end = ContinuousClock.now + duration
        while !isSet, ContinuousClock.now < end { usleep(20_000) }
    }
}

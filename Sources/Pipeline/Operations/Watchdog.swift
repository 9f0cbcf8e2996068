internal import Metrics
internal import Synchronization

/// What one thread is doing, and until when it must be doing something else.
///
/// Threads say so before each step that could hang: a call into librdkafka, a wait, a batch of records. To say it costs
/// two stores and a look at the clock.
final class Watch: Sendable {
    /// The steps in which a thread may be; each has its time.
    enum Step: UInt8, Sendable {
        case nothing, start, topics, poll, acknowledge, transactions, offsets, scan, fold, fetch,
            send, commit
        case restart, close, park, snapshot

        /// The longest it may take, in milliseconds: what the calls in it are given together, and as much again.
        var limit: Int64 {
            switch self {
            case .nothing: .max
            case .poll, .park, .fetch: 20_000
            case .start, .acknowledge, .restart, .close, .scan: 30_000
            // An initialisation is given 15 s, then four topics 10 s each.
            case .transactions, .topics: 80_000
            // A commit is given 30 s, and 8 s each the offsets and the room in the queue.
            case .send, .commit: 60_000
            // One record, a policy or a roster, may decide every fill again.
            case .fold: 120_000
            // Hanging transactions are looked for in four topics, each for a minute.
            // Of a snapshot each record is given 30 s; two are tried.
            case .offsets, .snapshot: 300_000
            }
        }

        /// What the thread is doing, in words that follow its name.
        var text: String {
            switch self {
            case .nothing: "nothing"
            case .start: "make-clients"
            case .topics: "look-at-topics"
            case .poll: "poll-the-group"
            case .acknowledge: "acknowledge-a-revoke"
            case .transactions: "take-over-transactions"
            case .offsets: "read-committed-offsets"
            case .scan: "read-the-journal"
            case .fold: "fold"
            case .fetch: "fetch"
            case .send: "send"
            case .commit: "commit"
            case .restart: "restart-a-fetch"
            case .close: "leave-the-group"
            case .park: "wait-for-work"
            case .snapshot: "restore-a-snapshot"
            }
        }
    }

    /// The thread's name.
    let name: String
    private let thread: ThreadIdentity
    private let deadline = Atomic<Int64>(.max)
    private let step = Atomic<UInt8>(0)

    fileprivate init(_ name: String) {
        self.name = name
        thread = ThreadIdentity.current
    }

    /// The thread begins a step; what it did before is over.
    func begin(_ next: Step) {
        step.store(next.rawValue, ordering: .relaxed)
        let limit = next.limit
        deadline.store(limit == .max ? .max : Ticker.now &+ limit, ordering: .releasing)
    }

    /// The thread is over, or does nothing that could hang.
    func end() { begin(.nothing) }

    fileprivate var isOfThisThread: Bool { thread == ThreadIdentity.current }
    fileprivate var current: (step: Step, deadline: Int64) {
        let deadline = deadline.load(ordering: .acquiring)
        return (Step(rawValue: step.load(ordering: .relaxed)) ?? .nothing, deadline)
    }
}

/// Looks each second whether every thread does in time what it has said it does.
///
/// What is past its time is logged once and counted, and `/livez` tells it; where it does not end within the grace, the
/// process ends with status 75 so that its supervisor starts another one: nothing that hangs in librdkafka can be ended
/// otherwise (RELIABILITY rows 6 and 28). The grace is counted in looks, not on the clock, so that a machine that slept is
/// not taken for a thread that hung. When the service is to stop, the process ends after ten seconds whatever happens.
final class Watchdog: Sendable {
    /// Ends the process; takes the status.
    typealias Ending = @Sendable (Int32) -> Void

    private struct Overdue {
        let watch: Watch
        let deadline: Int64
        var looks = 0
    }
    private struct State {
        var watches: [Watch] = []
        var overdue: [Overdue] = []
        var stopSeen: Int64?
        var isOver = false
    }

    /// Looks at a thread that hangs until the process ends.
    static let grace = 30
    /// Milliseconds that a service which is to stop has.
    static let drain: Int64 = 9_600

    private let state = Guarded(State())
    private let ending: Ending
    private let hangs: Counter

    init(hangs: Counter, ending: @escaping Ending = ThisProcess.end) {
        self.hangs = hangs
        self.ending = ending
    }

    /// The watch of the thread that calls.
    func watch(_ name: String) -> Watch {
        let watch = Watch(name)
        state.with { state in
            state.watches.removeAll { $0.isOfThisThread }
            state.watches.append(watch)
        }
        return watch
    }

    /// Takes a watch out: its thread is over.
    func remove(_ watch: Watch) { state.with { $0.watches.removeAll { $0 === watch } } }

    /// The thread that calls begins a step; without effect where it has no watch. For what is rare: it looks for the watch.
    func begin(_ step: Watch.Step) {
        state.read { $0.watches.first { $0.isOfThisThread } }?.begin(step)
    }

    /// What hangs now: `score-3: commit`.
    var hanging: [String] {
        state.read { $0.overdue.map { "\($0.watch.name): \($0.watch.current.step.text)" } }
    }

    /// Looks each second, on a thread of its own, until ``end()``.
    ///
    /// - Parameters:
    ///   - control: the wish to stop.
    ///   - log: takes what hangs.
    ///   - heartbeat: called after each look that found nothing.
    func start(
        _ control: ServiceControl,
        _ log: ServiceLog,
        heartbeat: (@Sendable () -> Void)? = nil
    ) {
        _ = WorkThread("watchdog") { [self] in
            var nextLook = Ticker.now
            while !state.read({ $0.isOver }) {
                if control.shouldStop,
                    lookAtStop(control.reason.kind.rawValue, at: Ticker.now, log)
                {
                    return
                }
                if Ticker.now >= nextLook {
                    nextLook = Ticker.now + 1000
                    look(at: Ticker.now, log)
                    if hanging.isEmpty { heartbeat?() }
                }
                _ = state.wait(atMost: .milliseconds(200)) { $0.isOver }
            }
        }
    }

    /// Ends the looking.
    func end() { state.with { $0.isOver = true } }

    /// Looks once.
    func look(at now: Int64, _ log: ServiceLog) {
        let watches = state.read { $0.watches }
        var overdue: [Overdue] = []
        let before = state.read { $0.overdue }
        for watch in watches {
            let (step, deadline) = watch.current
            guard now > deadline else { continue }
            var one =
                before.first { $0.watch === watch && $0.deadline == deadline }
                ?? Overdue(watch: watch, deadline: deadline)
            if one.looks == 0 {
                hangs.add()
                log.error(
                    "hangs",
                    ("thread", watch.name),
                    ("step", step.text),
                    ("seconds", "\((now - deadline + step.limit) / 1000)"),
                    (
                        "reason",
                        "it should have taken \(step.limit / 1000) s at most; the process ends if it goes on"
                    )
                )
            }
            one.looks += 1
            overdue.append(one)
        }
        for one in before
        where !overdue.contains(where: { $0.watch === one.watch && $0.deadline == one.deadline }) {
            log.warning("hang-over", ("thread", one.watch.name))
        }
        state.with { $0.overdue = overdue }
        if let one = overdue.first(where: { $0.looks > Self.grace }) {
            log.error(
                "watchdog-ends",
                ("status", "75"),
                ("thread", one.watch.name),
                ("step", one.watch.current.step.text)
            )
            ending(ServiceEnd.Kind.temporary.rawValue)
        }
    }

    /// Ends the process where the service takes too long to stop.
    ///
    /// - Parameters:
    ///   - status: the status it ends with.
    ///   - now: the monotonic clock, in milliseconds; the first look begins the time.
    ///   - log: takes that it did.
    /// - Returns: whether it did.
    func lookAtStop(_ status: Int32, at now: Int64, _ log: ServiceLog) -> Bool {
        let seen = state.with { state in
            let seen = state.stopSeen ?? now
            state.stopSeen = seen
            return seen
        }
        guard now - seen > Self.drain else { return false }
        // What is still on its way is without effect: transactions that are not committed, a membership that runs out.
        log.warning(
            "ended",
            ("status", "\(status)"),
            ("drained", "false"),
            ("reason", "ten seconds are over")
        )
        ending(status)
        return true
    }
}

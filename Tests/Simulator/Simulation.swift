import CFibers
import Synchronization

/// Virtual time and turns: every simulated thread runs on a stack of its own, all on one thread of the system, one at a
/// time, and gives its turn away wherever a real one would wait. Who is next is decided by time, and by the seed where
/// times are equal. So one seed is one history.
///
///     let simulation = Simulation(seed: 7)
///     simulation.run { … processes, clusters, faults … }
///
/// Not `Sendable` in truth: everything happens on the thread that calls ``run(_:)``. It says so because the code under
/// test demands it of what its threads share.
public final class Simulation: @unchecked Sendable {
    /// Virtual microseconds since the beginning.
    public private(set) var now: Int64 = 0
    /// All chance of this history.
    public var chance: SeededChance
    /// What stands for the world outside the processes; set by whoever simulates it.
    public var outside: AnyObject?
    /// Takes what happens, if anybody wants to know.
    public var trace: ((Int64, String, String) -> Void)?
    /// How many turns were taken.
    public private(set) var turns = 0
    /// What must not happen in any history; the first counts.
    public private(set) var failure: String?
    /// The seed.
    public let seed: UInt64
    /// Draws identifiers, so that they do not move the other draws.
    public var names: SeededChance

    private var agenda = Agenda()
    private var isOver = false
    fileprivate let home = dm_fiber_of_thread()
    fileprivate private(set) var running: Fiber?
    private var order: UInt64 = 0
    private var turnsLeft: Int

    /// A history; `turns` bounds it.
    public init(seed: UInt64, turns: Int = 20_000_000) {
        self.seed = seed
        turnsLeft = turns
        chance = SeededChance(seed: seed)
        names = SeededChance(seed: seed ^ 0x5EED)
    }

    /// The simulation that runs on this thread.
    public static var current: Simulation {
        guard let value = dm_thread_value() else {
            preconditionFailure("nothing is simulated on this thread")
        }
        return Unmanaged<Simulation>.fromOpaque(value).takeUnretainedValue()
    }

    /// Runs `body` as the first thread of a process that never dies, and all that comes of it, until `body` is over.
    public func run(_ body: @escaping () -> Void) {
        dm_set_thread_value(Unmanaged.passUnretained(self).toOpaque())
        defer { dm_set_thread_value(nil) }
        let world = HostProcess("world", self)
        spawn("world", in: world) { [self] in
            body()
            isOver = true
        }
        while !isOver, let item = agenda.pop() {
            if item.time > now { now = item.time }
            switch item.what {
            case .fiber(let fiber, let ticket):
                guard fiber.ticket == ticket, !fiber.isFinished else { continue }
                if !fiber.process.isDead, fiber.process.pausedUntil > now {
                    push(fiber.process.pausedUntil, .fiber(fiber, ticket))
                    continue
                }
                turnsLeft -= 1
                if turnsLeft == 0 {
                    fail("it does not come to an end")
                    break
                }
                turn(fiber)
            case .event(let event): event()
            }
            if turnsLeft <= 0 { break }
        }
        // What is left holds the world, which holds us.
        agenda = Agenda()
        outside = nil
    }

    private func turn(_ fiber: Fiber) {
        turns += 1
        fiber.ticket += 1
        running = fiber
        dm_fiber_switch(home, fiber.stack)
        running = nil
        if fiber.isFinished { FiberStacks.giveBack(fiber.stack) }
    }

    private func push(_ time: Int64, _ what: Agenda.What) {
        agenda.push(Agenda.Item(time: time, order: chance.next(), what: what))
    }

    // MARK: what happens

    /// Notes what must not happen.
    public func fail(_ what: String) {
        if failure == nil { failure = what }
        say("FAILED", what)
    }

    /// Tells the trace.
    public func say(_ who: String, _ what: @autoclosure () -> String) {
        if let trace { trace(now, who, what()) }
    }

    /// Has something happen at a time.
    public func at(_ time: Int64, _ event: @escaping () -> Void) {
        push(max(time, now), .event(event))
    }

    /// Has something happen after so many microseconds.
    public func after(_ microseconds: Int64, _ event: @escaping () -> Void) {
        at(now + microseconds, event)
    }

    // MARK: threads

    /// The process whose thread runs.
    public var process: HostProcess {
        guard let running else { preconditionFailure("no simulated thread runs") }
        return running.process
    }

    /// Starts a thread.
    @discardableResult
    public func spawn(_ name: String, in process: HostProcess, _ body: @escaping () -> Void)
        -> Fiber
    {
        let fiber = Fiber(name, process, body)
        dm_fiber_prepare(
            fiber.stack,
            { argument in
                guard let argument else { return }
                Fiber.live(argument)
                // From here on nothing of this stack is needed: no reference may be left on it.
                let places = Fiber.leave(argument)
                dm_fiber_switch(places.stack, places.home)
            },
            Unmanaged.passUnretained(fiber).toOpaque()
        )
        process.fibers.append(fiber)
        process.threads += 1
        push(now, .fiber(fiber, fiber.ticket))
        return fiber
    }

    fileprivate func end(_ fiber: Fiber) {
        fiber.isFinished = true
        fiber.process.threads -= 1
        fiber.process.fibers.removeAll { $0 === fiber }
        for waiter in fiber.waiters { wake(waiter) }
        fiber.waiters = []
    }

    /// The thread that runs.
    public var thread: Fiber {
        guard let running else { preconditionFailure("no simulated thread runs") }
        return running
    }

    /// Gives the turn away until somebody wakes this thread, or until a time. The threads of a dead process go on at once:
    /// they unwind.
    public func wait(until time: Int64?) {
        let fiber = thread
        let process = fiber.process
        if process.isDead {
            process.unwinding += 1
            if process.unwinding > 1_000_000 {
                fail("the threads of \(process.name) do not end: \(fiber.name)")
                isOver = true
            }
            if let time {
                process.ghostTime = max(process.ghostTime, time)
                push(now, .fiber(fiber, fiber.ticket))
            }
        } else if let time {
            push(max(time, now), .fiber(fiber, fiber.ticket))
        }
        fiber.isWaiting = true
        dm_fiber_switch(fiber.stack, home)
        fiber.isWaiting = false
    }

    /// Has a thread that waits go on.
    public func wake(_ fiber: Fiber) {
        if fiber.isWaiting, !fiber.isFinished { push(now, .fiber(fiber, fiber.ticket)) }
    }

    /// Sleeps for so many microseconds.
    public func sleep(_ microseconds: Int64) { wait(until: clock + microseconds) }

    /// What the monotonic clock of the running process says, in microseconds. The threads of a dead one see time fly, so
    /// that they give up what they wait for.
    public var clock: Int64 {
        guard let process = running?.process, process.isDead else { return now }
        return max(now, process.ghostTime)
    }
}

/// A process of the simulated world, with threads of its own.
public final class HostProcess: @unchecked Sendable {
    /// Its name in the trace.
    public let name: String
    /// Microseconds its wall clock is ahead of the true time.
    public var wallOffset: Int64 = 0
    /// It was killed: nothing that its threads do reaches the outside any more. They unwind, unseen.
    public fileprivate(set) var isDead = false
    /// Its threads do not run before this time.
    public var pausedUntil: Int64 = 0
    /// How many of its threads have not ended.
    public fileprivate(set) var threads = 0
    /// Called when it is killed, so that what it waits for lets it go.
    public var onKill: [() -> Void] = []

    fileprivate var fibers: [Fiber] = []
    fileprivate var ghostTime: Int64 = 0
    fileprivate var unwinding = 0
    private unowned let simulation: Simulation

    /// A process without threads.
    public init(_ name: String, _ simulation: Simulation) {
        self.name = name
        self.simulation = simulation
    }

    /// Whether its threads get turns.
    public var isRunning: Bool { !isDead && pausedUntil <= simulation.now }

    /// Kills it.
    public func kill() {
        guard !isDead else { return }
        isDead = true
        simulation.say(name, "KILLED")
        for one in onKill { one() }
        onKill = []
        for fiber in fibers { simulation.wake(fiber) }
    }
}

/// A thread of a simulated process.
public final class Fiber: @unchecked Sendable {
    /// Its name.
    public let name: String
    /// The process it belongs to.
    public let process: HostProcess
    fileprivate let stack: OpaquePointer
    fileprivate var ticket = 0
    fileprivate var isWaiting = false
    fileprivate var waiters: [Fiber] = []
    private var body: (() -> Void)?
    /// It has ended.
    public fileprivate(set) var isFinished = false

    fileprivate init(_ name: String, _ process: HostProcess, _ body: @escaping () -> Void) {
        self.name = name
        self.process = process
        self.body = body
        stack = FiberStacks.take()
    }

    @inline(never)
    fileprivate static func live(_ place: UnsafeMutableRawPointer) {
        let fiber = Unmanaged<Fiber>.fromOpaque(place).takeUnretainedValue()
        fiber.body?()
        fiber.body = nil
    }

    @inline(never)
    fileprivate static func leave(_ place: UnsafeMutableRawPointer) -> (
        stack: OpaquePointer, home: OpaquePointer
    ) {
        let fiber = Unmanaged<Fiber>.fromOpaque(place).takeUnretainedValue()
        let simulation = Simulation.current
        simulation.end(fiber)
        return (fiber.stack, simulation.home)
    }

    /// Waits until it has ended.
    public func join() {
        let simulation = Simulation.current
        while !isFinished {
            waiters.append(simulation.thread)
            simulation.wait(until: nil)
        }
    }
}

/// Stacks are used again: to make one costs more than to use it.
private enum FiberStacks {
    private static let pool = Mutex<[UInt]>([])

    static func take() -> OpaquePointer {
        let used = pool.withLock { $0.popLast() }
        return used.flatMap { OpaquePointer(bitPattern: $0) } ?? dm_fiber_new(768 << 10)
    }

    static func giveBack(_ stack: OpaquePointer) {
        pool.withLock { $0.append(UInt(bitPattern: stack)) }
    }
}

internal import Simulator

// What stands in `Sources/Pipeline/Threads`, for simulated threads: the same names and meanings, on virtual time.

/// The monotonic clock in milliseconds.
enum Ticker {
    static var now: Int64 { Simulation.current.clock / 1000 }

    /// Does nothing for a while, or for longer: an idle loop would otherwise take most of the turns of a history.
    static func sleep(milliseconds: Int64) {
        let simulation = Simulation.current
        simulation.sleep(milliseconds * 1000 + Int64(simulation.chance.below(30_000)))
    }
}

extension WallClock {
    /// The wall clock of the process as it is.
    static var milliseconds: Int64 {
        let simulation = Simulation.current
        return (simulation.clock + simulation.process.wallOffset) / 1000
    }
}

/// What no other process has.
enum Chance {
    static var number: UInt64 { Simulation.current.names.next() }
}

/// Which thread is running.
struct ThreadIdentity: Equatable, Sendable {
    private let thread: ObjectIdentifier

    static var current: ThreadIdentity {
        ThreadIdentity(thread: ObjectIdentifier(Simulation.current.thread))
    }
}

/// The process that runs.
enum ThisProcess {
    /// Kills it: its threads unwind, unseen.
    @Sendable
    static func end(_ status: Int32) {
        let simulation = Simulation.current
        simulation.say(simulation.process.name, "ends itself with \(status)")
        simulation.process.kill()
    }
}

/// A value that several threads share, with the wait for its change.
final class Guarded<Value>: @unchecked Sendable {
    private var value: Value
    private var waiting = WaitList()

    init(_ value: Value) { self.value = value }

    /// Now and then somebody else comes first.
    private func contend() {
        let simulation = Simulation.current
        if simulation.chance.happens(8) {
            simulation.sleep(Int64(simulation.chance.below(3000)))
        }
    }

    @discardableResult
    func with<Result>(_ body: (inout Value) -> Result) -> Result {
        contend()
        defer { waiting.wakeAll() }
        return body(&value)
    }

    func read<Result>(_ body: (Value) -> Result) -> Result { body(value) }

    func wait(atMost limit: Duration, until isDone: (inout Value) -> Bool) -> Bool {
        let simulation = Simulation.current
        let end = simulation.clock + limit.milliseconds * 1000
        while !isDone(&value) {
            if simulation.clock >= end { return false }
            waiting.enter()
            simulation.wait(until: end)
        }
        return true
    }
}

/// A queue between two threads that holds a few values and makes the faster side wait.
final class Channel<Value: Sendable>: @unchecked Sendable {
    private var values: [Value] = []
    private var isClosed = false
    private let capacity: Int
    private var waiting = WaitList()

    init(capacity: Int) { self.capacity = capacity }

    @discardableResult
    func send(_ value: Value) -> Bool {
        while values.count >= capacity, !isClosed { wait() }
        guard !isClosed else { return false }
        values.append(value)
        waiting.wakeAll()
        return true
    }

    func receive() -> Value? {
        while values.isEmpty, !isClosed { wait() }
        return poll()
    }

    func poll() -> Value? {
        guard !values.isEmpty else { return nil }
        waiting.wakeAll()
        return values.removeFirst()
    }

    var isReady: Bool { !values.isEmpty }

    func close() {
        isClosed = true
        waiting.wakeAll()
    }

    private func wait() {
        waiting.enter()
        Simulation.current.wait(until: nil)
    }
}

/// A thread of its own for work that blocks.
final class WorkThread: @unchecked Sendable {
    private let fiber: Fiber

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let simulation = Simulation.current
        fiber = simulation.spawn(name, in: simulation.process, body)
    }

    func join() { fiber.join() }
}

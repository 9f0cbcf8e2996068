/// Threads that wait for something; whoever changes it wakes them, and they look again.
public struct WaitList {
    private var fibers: [Fiber] = []

    /// Nobody waits.
    public init() {}

    /// Whether somebody waits.
    public var isEmpty: Bool { fibers.isEmpty }

    /// The running thread is among those who are woken.
    public mutating func enter() {
        let thread = Simulation.current.thread
        if !fibers.contains(where: { $0 === thread }) { fibers.append(thread) }
    }

    /// Has all of them look again.
    public mutating func wakeAll() {
        if fibers.isEmpty { return }
        let simulation = Simulation.current
        for fiber in fibers { simulation.wake(fiber) }
        fibers.removeAll(keepingCapacity: true)
    }
}

internal import Kafka
internal import Synchronization

/// A wish to stop, which may be expressed from a signal handler.
public final class StopFlag: Sendable {
    private let requested = Atomic<Bool>(false)

    /// Nobody wants to stop yet.
    public init() {}

    /// Asks the service to end.
    public func stop() { requested.store(true, ordering: .releasing) }

    /// Whether it was asked to.
    public var isStopped: Bool { requested.load(ordering: .acquiring) }
}

/// How the service ended.
public struct ServiceEnd: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of ends; the raw value is the process's exit status.
    public enum Kind: Int32, Sendable {
        /// It was asked to.
        case stopped = 0
        /// Something that may pass: start it again.
        case temporary = 75
        /// Something that a person must mend first.
        case configuration = 78
    }

    /// The kind.
    public let kind: Kind
    /// What happened and what to do; empty where it was asked to stop.
    public let message: String
    /// Another member of the group's instance name has joined, or Kafka believes so.
    var isFenced = false

    /// The message.
    public var description: String { message }

    static let stopped = ServiceEnd(kind: .stopped, message: "")
    static func temporary(_ message: String, isFenced: Bool = false) -> ServiceEnd {
        ServiceEnd(kind: .temporary, message: message, isFenced: isFenced)
    }
    static func configuration(_ message: String) -> ServiceEnd {
        ServiceEnd(kind: .configuration, message: message)
    }
}

/// What the threads of a service share: the wish to stop, and why the first of them ended.
final class ServiceControl: Sendable {
    private let flag: StopFlag
    private let state = Guarded<(end: ServiceEnd?, running: Int)>((nil, 0))
    private let hasEnded = Atomic<Bool>(false)

    /// What the threads tell of themselves.
    let operations: Operations

    init(_ flag: StopFlag, _ operations: Operations) {
        self.flag = flag
        self.operations = operations
    }

    /// Every loop looks here, some for every few records.
    var shouldStop: Bool { flag.isStopped || hasEnded.load(ordering: .acquiring) }

    /// Ends the service; the first reason counts. What may pass is none where it was asked to stop: whoever comes next
    /// goes on from what is committed.
    func end(_ end: ServiceEnd) {
        if flag.isStopped, end.kind == .temporary { return }
        state.with { state in
            if state.end == nil { state.end = end }
        }
        hasEnded.store(true, ordering: .releasing)
    }

    /// Why it ended.
    var reason: ServiceEnd { state.read { $0.end } ?? .stopped }

    /// A thread of the service begins, or is over.
    func enter() { state.with { $0.running += 1 } }
    func leave() { state.with { $0.running -= 1 } }

    /// Runs a worker to its end; the first reason to end counts for the whole service.
    ///
    /// A static member whose answer to a join was lost in a broker's crash is told that it was fenced, as if another
    /// process had its name. It joins again, up to six times in a minute, since brokers may crash one after another;
    /// where there is another process of its name, one of the two ends soon.
    func run(_ log: ServiceLog, _ work: () throws(ServiceEnd) -> Void) {
        var fences: [Int64] = []
        while true {
            do {
                return try work()
            } catch {
                if error == .stopped { return }
                fences.removeAll { Ticker.now - $0 > 60_000 }
                guard error.isFenced, fences.count < 6, !shouldStop else { return end(error) }
                log.warning("member-fenced", ("reason", error.message), ("joins", "again"))
                operations.watchdog.begin(.nothing)
                fences.append(Ticker.now)
                pause(.seconds(3))
            }
        }
    }

    /// Waits until a thread has ended the service, somebody has stopped it, or time is over.
    func waitForChange(_ limit: Duration) { _ = state.wait(atMost: limit) { $0.end != nil } }

    /// Waits until all threads are over; false when they took too long.
    func waitForThreads(_ limit: Duration) -> Bool { state.wait(atMost: limit) { $0.running == 0 } }

    /// Sleeps, but not longer than until the service is to stop.
    func pause(_ limit: Duration) {
        let end = Ticker.now + limit.milliseconds
        while !shouldStop, Ticker.now < end {
            _ = state.wait(atMost: .milliseconds(min(50, end - Ticker.now))) { $0.end != nil }
        }
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

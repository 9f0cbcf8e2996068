import Foundation
import Glibc
import Synchronization

/// A network between Kafka's clients and one broker that does harm to chosen requests.
///
///     let proxy = try KafkaFaultProxy(listening: port + 5, forwardingTo: port + 4)
///     proxy.arm(ProtocolFault(.endTxn, .requestLate(milliseconds: 2000)))
///     … proxy.hits
///
/// The broker must tell its clients to come back on the proxy's port. Frames that no fault is due to pass unchanged. TLS
/// is not understood, and neither is a Produce that asks for no answer, which an idempotent producer never sends.
public final class KafkaFaultProxy: Sendable {
    private struct State {
        /// At most one for each API, so that a rare request does not hold up faults of others.
        var armed: [KafkaAPI: ProtocolFault] = [:]
        var hits: [FaultRecord] = []
        var seen: [KafkaAPI: Int] = [:]
        var complaints: [String] = []
        /// Requests that are held back on purpose, and copies.
        var late = 0
        var connections: [ObjectIdentifier: ProxiedConnection] = [:]
        var isOver = false
    }

    private let listener: Socket
    private let broker: UInt16
    private let began = DispatchTime.now().uptimeNanoseconds
    private let state = Mutex(State())

    /// Begins to carry requests.
    ///
    /// - Parameters:
    ///   - port: Where clients come; 0 takes any that is free.
    ///   - broker: The broker's port.
    /// - Throws: When the port can't be had.
    public init(listening port: UInt16, forwardingTo broker: UInt16) throws {
        listener = try Socket.listening(on: port)
        self.broker = broker
        Thread.detachNewThread { [listener] in
            while let client = listener.accept() { self.join(client) }
        }
    }

    /// Where clients come.
    public var port: UInt16 { listener.port }

    /// Ends the proxy and all connections.
    public func close() {
        listener.shutDown()
        let connections = state.withLock { state in
            state.isOver = true
            state.armed = [:]
            return Array(state.connections.values)
        }
        for connection in connections { connection.shutDown() }
    }

    private func join(_ client: Socket) {
        // A broker that is away is one that refuses connections.
        guard let upstream = try? Socket.connected(to: broker) else { return client.shutDown() }
        let connection = ProxiedConnection(client, upstream, self)
        let isOver = state.withLock { state in
            if !state.isOver { state.connections[ObjectIdentifier(connection)] = connection }
            return state.isOver
        }
        if isOver { connection.shutDown() } else { connection.start() }
    }

    // MARK: faults

    /// Does this to the next request of its API.
    ///
    /// - Parameter fault: What is to be done.
    /// - Returns: False when one for this API waits already.
    @discardableResult
    public func arm(_ fault: ProtocolFault) -> Bool {
        state.withLock { state in
            guard state.armed[fault.api] == nil else { return false }
            state.armed[fault.api] = fault
            return true
        }
    }

    /// Forgets all faults that have not hit a request.
    public func disarm() { state.withLock { $0.armed = [:] } }

    /// The faults that have hit a request, in order.
    public var hits: [FaultRecord] { state.withLock { $0.hits } }

    /// How many requests have come, by API.
    public var seen: [KafkaAPI: Int] { state.withLock { $0.seen } }

    /// What the proxy itself could not do; a test that finds any has tested something else.
    public var complaints: [String] { state.withLock { $0.complaints } }

    /// Waits until what was held back has reached the broker.
    ///
    /// - Parameter seconds: At most so long.
    /// - Returns: False when it took longer.
    public func waitForLate(seconds: Int) -> Bool {
        for _ in 0..<seconds * 100 {
            if state.withLock({ $0.late == 0 }) { return true }
            usleep(10_000)
        }
        return false
    }

    // MARK: what connections ask

    /// The fault that is due to a request.
    func fault(for request: KafkaRequest) -> ProtocolFault? {
        guard let api = request.api else { return nil }
        return state.withLock { state in
            state.seen[api, default: 0] += 1
            guard let fault = state.armed.removeValue(forKey: api) else { return nil }
            guard fault.fits(request) else {
                state.complaints.append("no errors are known for \(api) \(request.version)")
                return nil
            }
            let elapsed = DispatchTime.now().uptimeNanoseconds - began
            state.hits.append(
                FaultRecord(
                    milliseconds: Int(elapsed / 1_000_000),
                    fault: fault,
                    version: request.version,
                    correlation: request.correlation
                )
            )
            switch fault.kind {
            case .requestLate, .requestOrphaned, .strayCopy: state.late += 1
            default: break
            }
            return fault
        }
    }

    /// Something that was held back has been sent.
    func hasArrived() { state.withLock { $0.late -= 1 } }

    /// Notes what the proxy could not do.
    func complain(_ what: String) { state.withLock { $0.complaints.append(what) } }

    /// A connection has ended.
    func forget(_ connection: ProxiedConnection) {
        state.withLock { $0.connections[ObjectIdentifier(connection)] = nil }
    }

    /// Sends a copy of a request later, on a connection of its own, and waits for the answer that nobody reads.
    func sendCopy(of request: KafkaRequest, after milliseconds: Int) {
        Thread.detachNewThread {
            defer { self.hasArrived() }
            ProxiedConnection.sleep(milliseconds)
            guard let upstream = try? Socket.connected(to: self.broker),
                upstream.writeFrame(request.bytes)
            else { return self.complain("could not send a copy") }
            _ = upstream.readFrame()
        }
    }
}

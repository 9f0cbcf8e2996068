import Foundation
import Glibc
import Synchronization

/// A client's connection and the broker's behind it, with a thread for each direction.
///
/// Kafka answers in the order of the requests of a connection, and so does this: what is delayed holds back what comes
/// behind it.
final class ProxiedConnection: Sendable {
    /// What becomes of an answer.
    private enum Fate {
        case forward
        case delay(milliseconds: Int)
        /// The client has had one already.
        case swallow
        case breakConnection
        case report(KafkaErrorCode, KafkaRequest)
        /// It does not come from the broker.
        case madeUp([UInt8])
    }

    private struct Answer {
        let correlation: Int32
        let fate: Fate
    }

    private let client: Socket
    private let broker: Socket
    private let proxy: KafkaFaultProxy
    /// Answers that are due, in order. An answer stays here until it is written, and is written under the lock: one that is
    /// made up does not overtake it.
    private let due = Mutex<[Answer]>([])

    init(_ client: Socket, _ broker: Socket, _ proxy: KafkaFaultProxy) {
        self.client = client
        self.broker = broker
        self.proxy = proxy
    }

    /// Starts both threads.
    func start() {
        Thread.detachNewThread { self.carryAnswers() }
        Thread.detachNewThread { self.carryRequests() }
    }

    func shutDown() {
        client.shutDown()
        broker.shutDown()
    }

    // MARK: requests

    private func carryRequests() {
        while let frame = client.readFrame() {
            guard let request = try? KafkaRequest(frame) else { break }
            guard carry(request, proxy.fault(for: request)) else { break }
        }
        // What the client has left behind is on its way and is carried out.
        for _ in 0..<1000 where due.withLock({ !$0.isEmpty }) { usleep(10_000) }
        broker.shutDown()
        client.shutDown()
        proxy.forget(self)
    }

    /// Sends a request on, or does a fault to it; false when the broker is gone.
    private func carry(_ request: KafkaRequest, _ fault: ProtocolFault?) -> Bool {
        guard let fault else { return send(request, .forward) }
        switch fault.kind {
        case .requestDelayed(let time):
            Self.sleep(time)
            return send(request, .forward)
        case .requestLate(let time):
            defer { proxy.hasArrived() }
            Self.sleep(time)
            return send(request, .forward)
        case .requestOrphaned(let time):
            defer { proxy.hasArrived() }
            client.shutDown()
            Self.sleep(time)
            return send(request, .swallow)
        case .requestLost:
            client.shutDown()
            return true
        case .answerDelayed(let time): return send(request, .delay(milliseconds: time))
        case .answerLost: return send(request, .breakConnection)
        case .doubled: return send(request, .forward) && send(request, .swallow)
        case .strayCopy(let time):
            proxy.sendCopy(of: request, after: time)
            return send(request, .breakConnection)
        case .refused(let code):
            guard let answer = try? ErrorAnswer.made(for: request, code) else {
                proxy.complain("could not read \(fault.api) of version \(request.version)")
                return send(request, .forward)
            }
            due.withLock { due in
                due.append(Answer(correlation: request.correlation, fate: .madeUp(answer)))
                writeMadeUp(&due)
            }
            return true
        case .misreported(let code): return send(request, .report(code, request))
        }
    }

    private func send(_ request: KafkaRequest, _ fate: Fate) -> Bool {
        due.withLock { $0.append(Answer(correlation: request.correlation, fate: fate)) }
        return broker.writeFrame(request.bytes)
    }

    // MARK: answers

    private func carryAnswers() {
        while let frame = broker.readFrame() {
            guard let answer = due.withLock({ $0.first }),
                Self.number(of: frame) == answer.correlation
            else {
                proxy.complain("the broker's answers came in another order")
                break
            }
            if case .delay(let time) = answer.fate { Self.sleep(time) }
            due.withLock { due in
                write(frame, answer.fate)
                due.removeFirst()
                writeMadeUp(&due)
            }
        }
        due.withLock { $0 = [] }
        shutDown()
    }

    private func write(_ frame: [UInt8], _ fate: Fate) {
        switch fate {
        case .forward, .delay: client.writeFrame(frame)
        case .swallow, .madeUp: break
        case .breakConnection: client.shutDown()
        case .report(let code, let request):
            guard let patched = try? ErrorAnswer.patched(frame, for: request, code) else {
                proxy.complain("could not read an answer to \(request.key)/\(request.version)")
                client.writeFrame(frame)
                return
            }
            client.writeFrame(patched)
        }
    }

    /// Writes answers that wait for nothing any more.
    private func writeMadeUp(_ due: inout [Answer]) {
        while case .madeUp(let frame) = due.first?.fate {
            client.writeFrame(frame)
            due.removeFirst()
        }
    }

    private static func number(of frame: [UInt8]) -> Int32? {
        var reader = WireReader(frame)
        return try? reader.integer(Int32.self)
    }

    static func sleep(_ milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }
}

import Foundation
import KafkaFaultProxy
import Testing

/// The proxy between a client and a broker of a few lines.
// To wait for a thread counts, and other suites sleep in theirs for minutes.
@Suite(.timeLimit(.minutes(20)))
struct KafkaFaultProxyTests {
    private let broker: FakeBroker
    private let proxy: KafkaFaultProxy
    private let client: Socket

    init() throws {
        // What EndTxn is answered with: no throttle, no error.
        broker = try FakeBroker { _ in [0, 0, 0, 0, 0, 0] }
        proxy = try KafkaFaultProxy(listening: 0, forwardingTo: broker.port)
        client = try Socket.connected(to: proxy.port)
    }

    private func end() {
        #expect(proxy.complaints == [])
        proxy.close()
        broker.stop()
    }

    private func answer(_ number: Int, error: Int = 0) -> [UInt8] {
        Bytes.int32(number) + Bytes.int32(0) + Bytes.int16(error)
    }

    @Test func `without faults frames pass unchanged and in order, also pipelined ones`() {
        let requests = (1...50).map { $0 % 2 == 0 ? Bytes.endTxn($0) : Bytes.produce($0) }
        for request in requests { client.writeFrame(request) }
        for number in 1...50 { #expect(client.readFrame() == answer(number)) }
        #expect(broker.frames == requests)
        #expect(proxy.seen == [.endTxn: 25, .produce: 25])
        #expect(proxy.hits.isEmpty)
        end()
    }

    @Test func `a fault hits the next request of its API, once`() {
        #expect(proxy.arm(ProtocolFault(.endTxn, .doubled)))
        #expect(!proxy.arm(ProtocolFault(.endTxn, .requestLost)))
        for request in [Bytes.produce(1), Bytes.endTxn(2), Bytes.endTxn(3)] {
            client.writeFrame(request)
        }
        for number in 1...3 { #expect(client.readFrame() == answer(number)) }
        #expect(
            broker.frames == [
                Bytes.produce(1), Bytes.endTxn(2), Bytes.endTxn(2), Bytes.endTxn(3),
            ]
        )
        #expect(proxy.hits.map(\.correlation) == [2])
        #expect("\(proxy.hits[0].fault)" == "EndTxn doubled")
        end()
    }

    @Test func `delays hold back what comes behind them`() {
        let began = Date()
        proxy.arm(ProtocolFault(.endTxn, .requestDelayed(milliseconds: 150)))
        proxy.arm(ProtocolFault(.produce, .answerDelayed(milliseconds: 150)))
        client.writeFrame(Bytes.endTxn(1))
        client.writeFrame(Bytes.produce(2))
        for number in 1...2 { #expect(client.readFrame() == answer(number)) }
        #expect(Date().timeIntervalSince(began) >= 0.3)
        end()
    }

    @Test func `a lost request does not reach the broker, and the client is told`() {
        proxy.arm(ProtocolFault(.endTxn, .requestLost))
        client.writeFrame(Bytes.produce(1))
        #expect(client.readFrame() == answer(1))
        client.writeFrame(Bytes.endTxn(2))
        #expect(client.readFrame() == nil)
        #expect(broker.frames == [Bytes.produce(1)])
        end()
    }

    @Test func `a lost answer is one to a request that was carried out`() {
        proxy.arm(ProtocolFault(.endTxn, .answerLost))
        client.writeFrame(Bytes.endTxn(1))
        #expect(client.readFrame() == nil)
        #expect(broker.frames == [Bytes.endTxn(1)])
        end()
    }

    @Test func `a late request arrives though its client is gone`() {
        proxy.arm(ProtocolFault(.endTxn, .requestLate(milliseconds: 300)))
        client.writeFrame(Bytes.endTxn(1))
        client.writeFrame(Bytes.produce(2))
        client.shutDown()
        #expect(broker.frames.isEmpty)
        #expect(broker.hasReceived(2))
        #expect(broker.frames == [Bytes.endTxn(1), Bytes.produce(2)])
        #expect(proxy.waitForLate(seconds: 1))
        end()
    }

    @Test func `an orphaned request loses its client at once and arrives later`() throws {
        proxy.arm(ProtocolFault(.endTxn, .requestOrphaned(milliseconds: 300)))
        client.writeFrame(Bytes.endTxn(1))
        #expect(client.readFrame() == nil)
        #expect(broker.frames.isEmpty)
        // Sent again by the client, it overtakes the first.
        let again = try Socket.connected(to: proxy.port)
        again.writeFrame(Bytes.endTxn(2))
        #expect(again.readFrame() == answer(2))
        #expect(broker.hasReceived(2))
        #expect(broker.frames == [Bytes.endTxn(2), Bytes.endTxn(1)])
        end()
    }

    @Test func `a stray copy comes later on a connection of its own`() {
        proxy.arm(ProtocolFault(.endTxn, .strayCopy(milliseconds: 200)))
        client.writeFrame(Bytes.endTxn(1))
        #expect(client.readFrame() == nil)
        #expect(broker.frames.count == 1)
        #expect(proxy.waitForLate(seconds: 5))
        #expect(broker.frames == [Bytes.endTxn(1), Bytes.endTxn(1)])
        #expect(Set(broker.connections).count == 2)
        end()
    }

    @Test func `a refused request is answered in its turn and not carried out`() {
        proxy.arm(ProtocolFault(.endTxn, .refused(.notCoordinator)))
        proxy.arm(ProtocolFault(.produce, .answerDelayed(milliseconds: 100)))
        client.writeFrame(Bytes.produce(1))
        client.writeFrame(Bytes.endTxn(2))
        client.writeFrame(Bytes.endTxn(3))
        #expect(client.readFrame() == answer(1))
        #expect(client.readFrame() == answer(2, error: 16))
        #expect(client.readFrame() == answer(3))
        #expect(broker.frames == [Bytes.produce(1), Bytes.endTxn(3)])
        end()
    }

    @Test func `a misreported request is carried out`() {
        proxy.arm(ProtocolFault(.endTxn, .misreported(.invalidProducerEpoch)))
        client.writeFrame(Bytes.endTxn(1))
        #expect(client.readFrame() == answer(1, error: 47))
        #expect(broker.frames == [Bytes.endTxn(1)])
        end()
    }

    @Test func `a plan is a function of its seed and reaches every kind and API`() {
        var one = FaultPlan(seed: 7, requestTimeoutMilliseconds: 1500)
        var other = FaultPlan(seed: 7, requestTimeoutMilliseconds: 1500)
        let faults = (0..<2000).map { _ in one.next() }
        #expect(faults.map(\.description) == (0..<2000).map { _ in other.next().description })
        #expect(Set(faults.map(\.api)) == Set(KafkaAPI.allCases))
        #expect(Set(faults.map(\.kind.name)).count == 10)
    }
}

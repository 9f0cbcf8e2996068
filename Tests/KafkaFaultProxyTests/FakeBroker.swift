import Foundation
import KafkaFaultProxy
import Synchronization

/// Answers every request as a script says, and keeps what it was sent.
final class FakeBroker: Sendable {
    private let listener: Socket
    private let received = Mutex<[(connection: Int, frame: [UInt8])]>([])

    /// Begins to answer.
    ///
    /// - Parameter answer: An answer's bytes behind the request's number.
    /// - Throws: When no port can be had.
    init(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8] = { _ in [] }) throws {
        listener = try Socket.listening(on: 0)
        Thread.detachNewThread { [listener] in
            var connection = 0
            while let client = listener.accept() {
                connection += 1
                Thread.detachNewThread { [connection] in
                    while let frame = client.readFrame() {
                        self.received.withLock { $0.append((connection, frame)) }
                        client.writeFrame(Array(frame[4..<8]) + answer(frame))
                    }
                }
            }
        }
    }

    deinit { listener.shutDown() }

    var port: UInt16 { listener.port }

    /// What came, in order.
    var frames: [[UInt8]] { received.withLock { $0.map(\.frame) } }

    /// The connection that each frame came on.
    var connections: [Int] { received.withLock { $0.map(\.connection) } }

    func stop() { listener.shutDown() }

    /// Waits until so many frames have come; false when they do not.
    func hasReceived(_ count: Int) -> Bool {
        for _ in 0..<500 {
            if received.withLock({ $0.count >= count }) { return true }
            Thread.sleep(forTimeInterval: 0.01)
        }
        return false
    }
}

/// Requests and answers by hand.
enum Bytes {
    static func int16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
    static func int32(_ value: Int) -> [UInt8] { int16(value >> 16) + int16(value) }
    static func int64(_ value: Int) -> [UInt8] { int32(value >> 32) + int32(value) }
    static func string(_ value: String) -> [UInt8] { int16(value.utf8.count) + value.utf8 }
    static func compact(_ value: String) -> [UInt8] { [UInt8(value.utf8.count + 1)] + value.utf8 }

    /// A header, and what stands behind it.
    static func request(
        _ key: Int,
        _ version: Int,
        _ number: Int,
        _ body: [UInt8] = []
    ) -> [UInt8] {
        int16(key) + int16(version) + int32(number) + string("test") + body
    }

    /// EndTxn, version 1.
    static func endTxn(_ number: Int) -> [UInt8] {
        request(26, 1, number, string("app") + int64(7) + int16(3) + [1])
    }

    /// TxnOffsetCommit, version 3: flexible.
    static func txnOffsetCommit(_ number: Int) -> [UInt8] {
        let partition = int32(2) + int64(1000) + int32(-1) + compact("text") + [0]
        return request(
            28,
            3,
            number,
            [0] + compact("app") + compact("group") + int64(7) + int16(3) + int32(5)
                + compact("member") + [0] + [2] + compact("topic") + [2] + partition + [0] + [0]
        )
    }

    /// Produce, version 7.
    static func produce(_ number: Int) -> [UInt8] {
        request(
            0,
            7,
            number,
            string("app") + int16(-1) + int32(8000) + int32(1) + string("topic") + int32(1)
                + int32(2) + int32(3) + [9, 9, 9]
        )
    }
}

import Engine
import Testing

@testable import Pipeline

/// What is committed beside an offset proves the outputs, and nothing but them.
struct ReceiptTests {
    private static func receipt(_ lines: String..., topic: OutputTopic = .decisions) -> String {
        var receipt = Receipt()
        for line in lines {
            let bytes = Array(line.utf8)
            unsafe bytes.withUnsafeBytes { unsafe receipt.add($0, to: Int(topic.rawValue)) }
        }
        return receipt.text
    }

    @Test func `another layout of the state changes no receipt`() {
        let start = #"{"decision_id":"d_0_7_0","change":"claim","state_hash":"#
        let first = Self.receipt(start + #""0123456789abcdef"}"#, start + "null}")
        #expect(first == Self.receipt(start + #""fedcba9876543210"}"#, start + "null}"))
        #expect(first == Self.receipt(start + #""12:fedcba9876543210"}"#, start + "null}"))
        // That there is one, and everything else, counts.
        #expect(first != Self.receipt(start + "null}", start + "null}"))
        #expect(first != Self.receipt(start + "null}", start + #""0123456789abcdef"}"#))
        let other = start.replacing("d_0_7_0", with: "d_0_8_0")
        #expect(first != Self.receipt(other + #""0123456789abcdef"}"#, start + "null}"))
    }

    @Test func `of other outputs every byte counts`() {
        let start = #"{"alert_id":"a_1","summary":"a long sentence about it","note":"#
        #expect(
            Self.receipt(start + #""0123456789abcdef"}"#, topic: .alerts)
                != Self.receipt(start + #""fedcba9876543210"}"#, topic: .alerts)
        )
        #expect(Self.receipt("{}") != Self.receipt())
    }

    @Test func `hashes of two layouts are no difference, all else is`() {
        func isOnlyDifference(_ left: String, _ right: String) -> Bool {
            let start = #"{"decision_id":"d_0_7_0","change":"claim","state_hash":"#
            let (left, right) = (Array((start + left).utf8), Array((start + right).utf8))
            return unsafe left.withUnsafeBytes { left in
                unsafe right.withUnsafeBytes { unsafe StateHashField.isOnlyDifference(left, $0) }
            }
        }
        let (one, other) = ("0123456789abcdef\"}", "fedcba9876543210\"}")
        // Versions before the third wrote no layout.
        #expect(isOnlyDifference("\"\(one)", "\"3:\(other)"))
        #expect(isOnlyDifference("\"12:\(one)", "\"3:\(one)"))
        // Of one layout the state differs.
        #expect(!isOnlyDifference("\"3:\(one)", "\"3:\(other)"))
        #expect(!isOnlyDifference("\"\(one)", "\"\(other)"))
        // One of them proves its state and the other does not.
        #expect(!isOnlyDifference("null}", "\"3:\(one)"))
        #expect(!isOnlyDifference("null,\"more\":\"\(one)", "\"3:\(one)"))
    }
}

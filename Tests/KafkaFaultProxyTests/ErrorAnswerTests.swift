import Testing

@testable import KafkaFaultProxy

/// Error answers, byte for byte, in the versions that librdkafka 2.0.2 speaks.
struct ErrorAnswerTests {
    private func made(_ bytes: [UInt8], _ code: KafkaErrorCode) throws -> [UInt8] {
        let request = try KafkaRequest(bytes)
        #expect(ErrorAnswer.isKnown(request))
        return try ErrorAnswer.made(for: request, code)
    }

    private func patched(
        _ answer: [UInt8],
        _ bytes: [UInt8],
        _ code: KafkaErrorCode
    ) throws -> [UInt8] {
        try ErrorAnswer.patched(answer, for: KafkaRequest(bytes), code)
    }

    @Test func `a flexible answer has tags behind each of its parts`() throws {
        let request = Bytes.txnOffsetCommit(9)
        func answer(_ error: Int) -> [UInt8] {
            Bytes.int32(9) + [0] + Bytes.int32(0) + [2] + Bytes.compact("topic") + [2]
                + Bytes.int32(2) + Bytes.int16(error) + [0] + [0] + [0]
        }
        #expect(try made(request, .illegalGeneration) == answer(22))
        #expect(try patched(answer(0), request, .illegalGeneration) == answer(22))
    }

    @Test func `records are refused for each of their partitions`() throws {
        let request = Bytes.produce(9)
        func answer(_ error: Int, _ offset: Int) -> [UInt8] {
            Bytes.int32(9) + Bytes.int32(1) + Bytes.string("topic") + Bytes.int32(1)
                + Bytes.int32(2) + Bytes.int16(error) + Bytes.int64(offset) + Bytes.int64(-1)
                + Bytes.int64(-1) + Bytes.int32(0)
        }
        #expect(try made(request, .notLeaderOrFollower) == answer(6, -1))
        #expect(try patched(answer(0, 500), request, .notLeaderOrFollower) == answer(6, 500))
    }

    @Test func `partitions of a transaction are refused each`() throws {
        let request = Bytes.request(
            24,
            0,
            9,
            Bytes.string("app") + Bytes.int64(7) + Bytes.int16(3) + Bytes.int32(1)
                + Bytes.string("topic") + Bytes.int32(2) + Bytes.int32(0) + Bytes.int32(1)
        )
        func answer(_ error: Int) -> [UInt8] {
            Bytes.int32(9) + Bytes.int32(0) + Bytes.int32(1) + Bytes.string("topic")
                + Bytes.int32(2) + Bytes.int32(0) + Bytes.int16(error) + Bytes.int32(1)
                + Bytes.int16(error)
        }
        #expect(try made(request, .concurrentTransactions) == answer(51))
        #expect(try patched(answer(0), request, .concurrentTransactions) == answer(51))
    }

    @Test func `a producer's identity is refused in the flexible form`() throws {
        let request = Bytes.request(22, 4, 9, [0])
        let refused =
            Bytes.int32(9) + [0] + Bytes.int32(0) + Bytes.int16(51) + Bytes.int64(-1)
            + Bytes.int16(-1) + [0]
        #expect(try made(request, .concurrentTransactions) == refused)
    }

    @Test func `what is not what its version says is not answered`() throws {
        let cut = Array(Bytes.txnOffsetCommit(9).dropLast(20))
        #expect(throws: WireReader.Malformed.self) { try made(cut, .notCoordinator) }
        #expect(!ErrorAnswer.isKnown(try KafkaRequest(Bytes.request(0, 9, 9, [0]))))
        #expect(!ErrorAnswer.isKnown(try KafkaRequest(Bytes.request(3, 4, 9))))
    }
}

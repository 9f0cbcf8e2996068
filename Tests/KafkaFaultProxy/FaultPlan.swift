/// Faults in an order that one number decides.
public struct FaultPlan: Sendable {
    private var state: UInt64
    private let timeout: Int

    /// A plan.
    ///
    /// - Parameters:
    ///   - seed: The same number gives the same faults.
    ///   - requestTimeoutMilliseconds: The client's, `socket.timeout.ms`.
    public init(seed: UInt64, requestTimeoutMilliseconds: Int) {
        state = seed
        timeout = requestTimeoutMilliseconds
    }

    /// The next fault.
    public mutating func next() -> ProtocolFault {
        let api = pick(Self.apis)
        return ProtocolFault(api, kind(api))
    }

    /// What ends a transaction and what it consists of come most often.
    private static let apis: [KafkaAPI] =
        Array(repeating: .endTxn, count: 6) + Array(repeating: .txnOffsetCommit, count: 5)
        + Array(repeating: .produce, count: 6) + Array(repeating: .addPartitionsToTxn, count: 2)
        + Array(repeating: .addOffsetsToTxn, count: 2) + Array(repeating: .initProducerId, count: 2)
        + [.findCoordinator, .fetch, .offsetFetch, .joinGroup, .syncGroup, .heartbeat]

    private mutating func kind(_ api: KafkaAPI) -> ProtocolFault.Kind {
        let codes = Self.codes(api)
        // Copies are for what writes; reading twice harms nobody.
        let choices =
            switch api {
            case .produce, .endTxn, .txnOffsetCommit, .addOffsetsToTxn, .addPartitionsToTxn,
                .initProducerId:
                12
            case .joinGroup, .syncGroup, .heartbeat, .findCoordinator: 6
            case .fetch, .offsetFetch: 4
            }
        switch below(choices) {
        case 0: return .requestDelayed(milliseconds: 20 + below(timeout / 3))
        case 1: return .answerDelayed(milliseconds: 20 + below(timeout / 3))
        case 2: return .requestLost
        case 3: return .answerLost
        case 4: return .refused(pick(codes))
        case 5: return .misreported(pick(codes))
        case 6, 7: return .requestLate(milliseconds: timeout + 200 + below(timeout))
        case 8: return .requestOrphaned(milliseconds: 20 + below(timeout))
        case 9: return .strayCopy(milliseconds: 20 + below(timeout))
        case 10: return .refused(pick(codes))
        default: return .doubled
        }
    }

    /// Errors that a broker may give: some that pass, some that end the transaction or the producer. None says that the
    /// configuration is wrong, as then a service rightly ends.
    private static func codes(_ api: KafkaAPI) -> [KafkaErrorCode] {
        let moving: [KafkaErrorCode] = [
            .coordinatorLoadInProgress, .coordinatorNotAvailable, .notCoordinator,
        ]
        let member: [KafkaErrorCode] = [.illegalGeneration, .unknownMemberId]
        let producer: [KafkaErrorCode] = [
            .invalidProducerEpoch, .producerFenced, .invalidTxnState, .invalidProducerIdMapping,
        ]
        return switch api {
        case .endTxn: moving + [.concurrentTransactions, .unknownServerError] + producer
        case .txnOffsetCommit:
            moving + [.requestTimedOut, .unknownServerError] + member + producer
        case .addOffsetsToTxn:
            moving + [.concurrentTransactions, .unknownServerError] + producer
        case .addPartitionsToTxn:
            moving + [.concurrentTransactions, .unknownTopicOrPartition] + producer
        case .initProducerId: moving + [.concurrentTransactions]
        case .produce:
            [
                .notLeaderOrFollower, .requestTimedOut, .notEnoughReplicas,
                .notEnoughReplicasAfterAppend, .outOfOrderSequenceNumber, .invalidProducerEpoch,
                .invalidTxnState, .unknownServerError,
            ]
        case .joinGroup: moving + [.unknownMemberId]
        case .syncGroup, .heartbeat: moving + member + [.rebalanceInProgress]
        case .findCoordinator: [.coordinatorNotAvailable]
        case .fetch, .offsetFetch: []
        }
    }

    private mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[below(choices.count)]
    }

    /// A number from 0 up to, but not including, `limit` (splitmix64).
    private mutating func below(_ limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(limit))
    }
}

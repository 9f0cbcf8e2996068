/// Kafka's requests that faults can be aimed at, by their key.
public enum KafkaAPI: Int16, Sendable, CaseIterable, Comparable, CustomStringConvertible {
    case produce = 0
    case fetch = 1
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case syncGroup = 14
    case initProducerId = 22
    case addPartitionsToTxn = 24
    case addOffsetsToTxn = 25
    case endTxn = 26
    case txnOffsetCommit = 28

    /// By key, so that lists are in the same order always.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Kafka's own name, such as `EndTxn`.
    public var description: String {
        switch self {
        case .produce: "Produce"
        case .fetch: "Fetch"
        case .offsetFetch: "OffsetFetch"
        case .findCoordinator: "FindCoordinator"
        case .joinGroup: "JoinGroup"
        case .heartbeat: "Heartbeat"
        case .syncGroup: "SyncGroup"
        case .initProducerId: "InitProducerId"
        case .addPartitionsToTxn: "AddPartitionsToTxn"
        case .addOffsetsToTxn: "AddOffsetsToTxn"
        case .endTxn: "EndTxn"
        case .txnOffsetCommit: "TxnOffsetCommit"
        }
    }

    /// The first version with compact strings and tagged fields.
    var firstFlexibleVersion: Int16 {
        switch self {
        case .initProducerId: 2
        case .addPartitionsToTxn, .addOffsetsToTxn, .endTxn, .txnOffsetCommit, .findCoordinator: 3
        case .heartbeat, .syncGroup: 4
        case .joinGroup, .offsetFetch: 6
        case .produce: 9
        case .fetch: 12
        }
    }
}

/// Kafka's error codes that the proxy answers with.
public enum KafkaErrorCode: Int16, Sendable {
    case unknownServerError = -1
    case unknownTopicOrPartition = 3
    case notLeaderOrFollower = 6
    case requestTimedOut = 7
    case coordinatorLoadInProgress = 14
    case coordinatorNotAvailable = 15
    case notCoordinator = 16
    case notEnoughReplicas = 19
    case notEnoughReplicasAfterAppend = 20
    case illegalGeneration = 22
    case unknownMemberId = 25
    case rebalanceInProgress = 27
    case outOfOrderSequenceNumber = 45
    case invalidProducerEpoch = 47
    case invalidTxnState = 48
    case invalidProducerIdMapping = 49
    case concurrentTransactions = 51
    case producerFenced = 90
}

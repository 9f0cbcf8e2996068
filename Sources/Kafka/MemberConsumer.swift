import CKafka
import Glibc
import Synchronization

/// The identity of a group's member in one generation; a transaction is fenced by it.
///
/// Safe to share: the object is never changed after it was made, librdkafka copies it where it
/// needs it, and it is destroyed with its last owner.
@safe public final class GroupMetadata: @unchecked Sendable {
    let handle: OpaquePointer
    /// The generation of the group; never below zero.
    public let generation: Int32

    /// The member's metadata, or nothing when it has no generation.
    ///
    /// After an eviction librdkafka returns generation -1 and an empty member, which the broker
    /// accepts without any fence. Metadata made from a group's name alone is the same trap.
    @unsafe fileprivate init?(of client: OpaquePointer?) {
        guard let handle = unsafe rd_kafka_consumer_group_metadata(client) else { return nil }
        let generation = unsafe GroupMetadata.generation(of: handle)
        guard generation >= 0 else {
            unsafe rd_kafka_consumer_group_metadata_destroy(handle)
            return nil
        }
        unsafe self.handle = handle
        self.generation = generation
    }

    /// The metadata of a group without a member: the broker takes offsets with it while members live, and nothing
    /// fences them. For a transaction only whose offsets belong to no member.
    public init(unfenced group: String) {
        // Safe: librdkafka copies the name; it returns nothing only without memory.
        guard let handle = unsafe rd_kafka_consumer_group_metadata_new(group) else {
            preconditionFailure("librdkafka has no memory for a group's metadata")
        }
        unsafe self.handle = handle
        generation = 0
    }

    deinit { unsafe rd_kafka_consumer_group_metadata_destroy(handle) }

    /// Reads the generation from the serialised form, the only place where 2.0.2 shows it:
    /// `CGMDv2:`, then the generation in the machine's byte order.
    @unsafe private static func generation(of handle: OpaquePointer) -> Int32 {
        var start: UnsafeMutableRawPointer?
        var size = 0
        if let error = unsafe rd_kafka_consumer_group_metadata_write(handle, &start, &size) {
            unsafe rd_kafka_error_destroy(error)
            return -1
        }
        defer { unsafe free(start) }
        // Safe: librdkafka told the size, and it is checked before anything is read.
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: size)
        let magic = Array("CGMDv2:".utf8)
        guard bytes.count >= magic.count + 4, unsafe bytes.starts(with: magic) else { return -1 }
        return unsafe bytes.loadUnaligned(fromByteOffset: magic.count, as: Int32.self)
    }
}

/// What happened to a membership.
public enum MembershipEvent: Sendable {
    /// The partitions of a new generation, all of them: whatever is not among them must be
    /// dropped, with its state.
    case assigned([TopicPartition], GroupMetadata)
    /// A rebalance has begun: open no transaction on any partition, finish the open ones, then
    /// call `acknowledgeRevoke()`, within the session's time-out. State may be kept: what comes
    /// back with the next assignment goes on, and if somebody else owned it meanwhile the first
    /// transaction is fenced.
    case revoked([TopicPartition])
    /// The group has given up on us: another owner may be there already. Drop everything at once.
    case lost([TopicPartition])
    /// Something that the membership survives, such as an unknown topic or a lost coordinator.
    case failed(KafkaError)
}

/// How a group shares out its partitions; both are eager.
public enum AssignmentStrategy: String, Sendable {
    /// Each topic by ranges of partitions: partitions with one number go to one member.
    case range
    /// All partitions of all topics in turn: fair with many topics of few partitions.
    case roundRobin = "roundrobin"
}

/// What the rebalance callback leaves for the poll.
struct MembershipState: Sendable {
    var events: [MembershipEvent] = []
    var isClosing = false
}

/// Membership of a consumer group, and nothing else: it never fetches.
///
/// It answers every assignment to librdkafka with an empty list, so nothing is ever fetched through
/// the group and none of librdkafka's faults of rebalancing fetchers can bite; records are read
/// by a `FetchConsumer`. One thread polls it, several times a second.
///
///     var member = try MemberConsumer(group: "app", topics: ["journal"], settings)
///     while !stopped {
///         for event in try member.poll(waiting: .milliseconds(50)) { … }
///         if isRevoking, workers.areQuiet { try member.acknowledgeRevoke() }
///     }
///     member.close(within: .seconds(10))
public struct MemberConsumer: ~Copyable, Sendable {
    private let client: Client
    /// The group's name.
    public let group: String
    /// A revoke waits for `acknowledgeRevoke()`.
    public private(set) var isRevoking = false

    /// Joins a group.
    ///
    /// - Parameters:
    ///   - group: The group's name.
    ///   - topics: All topics whose partitions are shared out.
    ///   - instance: A name that makes the member static: when it comes back within the session's
    ///     time-out it gets its partitions back without a rebalance.
    ///   - strategy: How partitions are shared out; the same for all members.
    ///   - settings: The user's settings.
    /// - Throws: An error of the settings or of the subscription; an unreachable cluster is none.
    public init(
        group: String,
        topics: [String],
        instance: String? = nil,
        strategy: AssignmentStrategy = .range,
        _ settings: ClientSettings
    ) throws(KafkaError) {
        var own = [
            ClientSettings.Entry("group.id", group),
            ClientSettings.Entry("partition.assignment.strategy", strategy.rawValue),
        ]
        if let instance { own.append(ClientSettings.Entry("group.instance.id", instance)) }
        let client = try Client(.member, settings, own: own)
        let list = PartitionList(topics.map { TopicPartition($0, -1) })
        // Safe: librdkafka copies the list.
        try KafkaError.check(
            unsafe rd_kafka_subscribe(client.handle, list.pointer),
            "subscribe to \(topics.joined(separator: ", "))"
        )
        self.client = client
        self.group = group
    }

    /// Waits for events; usually there are none.
    ///
    /// - Parameter limit: How long to wait; the group needs a poll each `max.poll.interval.ms`.
    /// - Returns: What happened, in order.
    /// - Throws: A fatal error: the member is of no use any more, for example since another process
    ///   has joined with the same instance name.
    public mutating func poll(waiting limit: Duration) throws(KafkaError) -> [MembershipEvent] {
        // Safe: the message is ours until it is destroyed below.
        let message = unsafe rd_kafka_consumer_poll(client.handle, limit.milliseconds)
        // Also when a fatal error follows: what was revoked must not be missed.
        var events = client.context.membership.withLock { state in
            let events = state.events
            if !events.isEmpty { state.events = [] }
            return events
        }
        if let message = unsafe message {
            let code = unsafe message.pointee.err
            if code != RD_KAFKA_RESP_ERR_NO_ERROR {
                let detail = unsafe text(rd_kafka_message_errstr(message))
                events.append(
                    .failed(
                        KafkaError(code, "stay in the group \(group)", message: detail)
                    )
                )
            }
            unsafe rd_kafka_message_destroy(message)
        }
        if let fatal = client.fatalError("stay in the group \(group)") { throw fatal }
        for event in events {
            switch event {
            case .revoked: isRevoking = true
            case .assigned, .lost: isRevoking = false
            case .failed: break
            }
        }
        return events
    }

    /// Lets a rebalance go on: every transaction of the revoked partitions has ended.
    public mutating func acknowledgeRevoke() throws(KafkaError) {
        guard isRevoking else { return }
        isRevoking = false
        // Safe: no list is passed.
        try KafkaError.check(
            unsafe rd_kafka_assign(client.handle, nil),
            "acknowledge a revoke"
        )
    }

    /// Reads the group's offsets from any thread, also after this member has ended.
    public var offsets: GroupOffsets { GroupOffsets(client: client, group: group) }

    /// Leaves the group (a static member stays until its session ends) and ends the member.
    ///
    /// Call it when every transaction has ended: a revoke is acknowledged at once.
    ///
    /// - Returns: False when librdkafka did not come back within `limit`; the handle is then left
    ///   to the end of the process.
    @discardableResult
    public consuming func close(within limit: Duration) -> Bool {
        let client = client
        client.context.membership.withLock { $0.isClosing = true }
        // Safe: no list is passed; the client lives in the closure.
        if isRevoking { _ = unsafe rd_kafka_assign(client.handle, nil) }
        let closed = leavingBehind(after: limit, named: "kafka-close") {
            unsafe rd_kafka_consumer_close(client.handle).rawValue
        }
        if closed == nil { client.abandon() }
        return closed != nil
    }
}

/// librdkafka's rebalance callback: within `rd_kafka_consumer_poll` or `rd_kafka_consumer_close`.
///
/// Safe: the context lives as long as the handle; lists belong to librdkafka for the call.
let onRebalance:
    @convention(c) (
        OpaquePointer?, rd_kafka_resp_err_t,
        UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, UnsafeMutableRawPointer?
    ) -> Void = { handle, code, list, opaque in
        guard let opaque = unsafe opaque else { return }
        let context = unsafe Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue()
        let partitions = unsafe PartitionList.names(list)
        if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // An empty list, not none: with none no revoke ever comes and no time-out is watched.
            let nothing = PartitionList()
            let failure = unsafe rd_kafka_assign(handle, nothing.pointer)
            // Asked for here: later, after an eviction, it may be without a generation.
            let metadata = unsafe GroupMetadata(of: handle)
            context.membership.withLock { state in
                if let metadata {
                    state.events.append(.assigned(partitions, metadata))
                } else {
                    state.events.append(.lost(partitions))
                }
                if failure != RD_KAFKA_RESP_ERR_NO_ERROR {
                    state.events.append(.failed(KafkaError(failure, "accept an assignment")))
                }
            }
            return
        }
        let isLost = unsafe rd_kafka_assignment_lost(handle) != 0
        let isClosing = context.membership.withLock { state in
            state.events.append(isLost ? .lost(partitions) : .revoked(partitions))
            return state.isClosing
        }
        // A revoke is acknowledged by the owner, who finishes its transactions first.
        if isLost || isClosing { _ = unsafe rd_kafka_assign(handle, nil) }
    }

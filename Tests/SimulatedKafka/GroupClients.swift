import CKafka
import Simulator

// The doors of `Sources/Kafka/MemberConsumer.swift`, with a simulated group behind them. Their comments stand there.

/// The identity of a group's member in one generation.
public final class GroupMetadata: Sendable {
    let group: String
    /// The generation of the group.
    public let generation: Int32
    let member: String
    let instance: String?
    let isUnfenced: Bool

    init(_ group: String, _ generation: Int32, member: String, instance: String?) {
        self.group = group
        self.generation = generation
        self.member = member
        self.instance = instance
        isUnfenced = false
    }

    /// The metadata of a group without a member.
    public init(unfenced group: String) {
        self.group = group
        generation = 0
        member = ""
        instance = nil
        isUnfenced = true
    }
}

/// What happened to a membership.
public enum MembershipEvent: Sendable {
    case assigned([TopicPartition], GroupMetadata)
    case revoked([TopicPartition])
    case lost([TopicPartition])
    case failed(KafkaError)
}

/// How a group shares out its partitions.
public enum AssignmentStrategy: String, Sendable {
    case range
    case roundRobin = "roundrobin"
}

/// Membership of a consumer group, and nothing else.
public struct MemberConsumer: ~Copyable, Sendable {
    private let member: Member
    /// The group's name.
    public let group: String
    /// A revoke waits for `acknowledgeRevoke()`.
    public private(set) var isRevoking = false

    /// Joins a group.
    public init(
        group: String,
        topics: [String],
        instance: String? = nil,
        strategy: AssignmentStrategy = .range,
        _ settings: ClientSettings
    ) throws(KafkaError) {
        self.group = group
        let known = Cluster.current.group(group)
        member = Member(Simulation.current.process, known, topics, instance, strategy)
        known.enter(member)
    }

    /// Waits for events; usually there are none.
    public mutating func poll(waiting limit: Duration) throws(KafkaError) -> [MembershipEvent] {
        let simulation = Simulation.current
        let deadline = simulation.clock + Int64(limit.milliseconds) * 1000
        member.lastPoll = simulation.now
        if member.phase == .idle { member.phase = .outside }
        while member.events.isEmpty, member.fatal == nil, simulation.clock < deadline {
            member.waiting.enter()
            simulation.wait(until: deadline)
        }
        member.lastPoll = simulation.now
        if let fatal = member.fatal { throw fatal }
        if member.events.isEmpty { return [] }
        let events = member.events
        member.events = []
        for event in events {
            switch event {
            case .revoked: isRevoking = true
            case .assigned, .lost: isRevoking = false
            case .failed: break
            }
        }
        return events
    }

    /// Lets a rebalance go on.
    public mutating func acknowledgeRevoke() throws(KafkaError) {
        guard isRevoking else { return }
        isRevoking = false
        let member = member
        guard member.phase == .revoking else { return }
        let simulation = Simulation.current
        guard !simulation.process.isDead else { return }
        simulation.after(Int64(500 + simulation.chance.below(5000))) {
            guard !member.process.isDead, !member.isClosed, member.phase == .revoking else {
                return
            }
            member.group.rejoin(member)
        }
    }

    /// Reads the group's offsets.
    public var offsets: GroupOffsets { GroupOffsets(group: group) }

    /// Leaves the group and ends the member.
    @discardableResult
    public consuming func close(within limit: Duration) -> Bool {
        let simulation = Simulation.current
        if !simulation.process.isDead { simulation.sleep(Cluster.current.network.latency) }
        member.group.leave(member)
        member.isClosed = true
        return true
    }

    deinit {
        // Without a close the session runs out.
        member.isClosed = true
    }
}

/// Reads what a group has committed.
public struct GroupOffsets: Sendable {
    /// The group's name.
    public let group: String
    /// Offsets of open transactions are waited for.
    private let isStable: Bool

    init(group: String) {
        self.group = group
        isStable = true
    }

    /// Those that are not in doubt, whatever is open.
    public init(of group: String, _ settings: ClientSettings) throws(KafkaError) {
        self.group = group
        isStable = false
    }

    /// The committed offsets of some partitions.
    public func committed(
        _ partitions: [TopicPartition],
        within limit: Duration
    ) throws(KafkaError) -> [CommittedOffset] {
        let attempt = "read the committed offsets of the group \(group)"
        let connection = Connection()
        let deadline = connection.deadline(limit)
        let group = connection.cluster.group(group)
        while true {
            let found: [CommittedOffset]? = try connection.ask(
                .committed,
                attempt,
                until: deadline
            ) {
                if isStable, partitions.contains(where: { group.isUnstable($0) }) {
                    return nil
                }
                return partitions.map { group.committedOffset($0) }
            }
            if let found { return found }
            if connection.simulation.clock >= deadline {
                throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
            }
            connection.simulation.sleep(100_000)
        }
    }
}

extension Group {
    func committedOffset(_ partition: TopicPartition) -> CommittedOffset {
        let found = offsets[partition]
        return CommittedOffset(
            partition: partition,
            offset: found?.offset,
            metadata: found?.metadata ?? "",
            error: nil
        )
    }
}

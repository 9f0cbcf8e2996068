import CKafka
import Simulator

/// A consumer group at its coordinator: members, generations, offsets, those of open transactions apart.
final class Group {
    enum Phase { case empty, preparing(until: Int64), stable }

    static let sessionTimeout: Int64 = 6_000_000
    static let pollInterval: Int64 = 10_000_000

    let name: String
    private unowned let cluster: Cluster
    private(set) var generation: Int32 = 0
    private(set) var phase = Phase.empty
    private(set) var members: [Member] = []
    /// All clients that live, members or not yet.
    private var clients: [Member] = []
    var offsets: [TopicPartition: (offset: Int64, metadata: String)] = [:]
    private var pending: [(producer: Int64, offset: ConsumedOffset)] = []
    private var wasAway = false
    private var nextMember = 0

    init(_ name: String, _ cluster: Cluster) {
        self.name = name
        self.cluster = cluster
    }

    private var simulation: Simulation { cluster.simulation }

    // MARK: offsets

    /// Whether an open transaction has written an offset of a partition.
    func isUnstable(_ partition: TopicPartition) -> Bool {
        pending.contains { $0.offset.partition == partition }
    }

    /// Takes offsets that count when the transaction is committed.
    func stage(_ new: [ConsumedOffset], _ producer: Int64) {
        for offset in new {
            pending.removeAll {
                $0.producer == producer && $0.offset.partition == offset.partition
            }
            pending.append((producer, offset))
        }
    }

    /// The offsets that a producer's transaction would commit, for the trace.
    func told(_ producer: Int64) -> String {
        pending.filter { $0.producer == producer }
            .map { "\($0.offset.partition)=\($0.offset.offset)" }.joined(separator: " ")
    }

    /// The transaction of a producer has ended.
    func end(_ producer: Int64, isCommit: Bool) {
        if isCommit {
            for one in pending where one.producer == producer {
                offsets[one.offset.partition] = (one.offset.offset, one.offset.metadata)
            }
        }
        pending.removeAll { $0.producer == producer }
    }

    /// Why the offsets of a member are refused; nothing where they are not.
    func refusal(_ metadata: GroupMetadata) -> rd_kafka_resp_err_t? {
        if metadata.isUnfenced { return nil }
        if let instance = metadata.instance,
            let current = members.first(where: { $0.instance == instance }),
            current.id != metadata.member
        {
            return RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
        }
        guard members.contains(where: { $0.id == metadata.member }) else {
            return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID
        }
        return metadata.generation == generation ? nil : RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION
    }

    // MARK: members

    /// A client comes; it asks to join with its next heartbeat.
    func enter(_ member: Member) {
        clients.append(member)
        simulation.after(Int64(2000 + simulation.chance.below(20_000))) { [weak self] in
            guard let self, member.phase == .outside,
                cluster.network.reaches(member.process, cluster), member.process.isRunning
            else { return }
            join(member)
        }
    }

    private func join(_ member: Member) {
        nextMember += 1
        member.lastHeartbeat = simulation.now
        if let instance = member.instance,
            let old = members.firstIndex(where: { $0.instance == instance })
        {
            // A static member comes back: who had its name is fenced, and nobody else notices.
            let before = members[old]
            member.id = "\(instance)-\(nextMember)"
            members[old] = member
            if before !== member { before.fence() }
            if case .stable = phase {
                member.phase = .syncing
                sync(member, before.granted, generation)
            } else {
                member.phase = .joining
                completeIfAllJoined()
            }
            return
        }
        member.id = "\(member.instance ?? "member")-\(nextMember)"
        member.phase = .joining
        members.append(member)
        if case .preparing = phase { completeIfAllJoined() } else { prepare("\(member.id) joins") }
    }

    /// A client ends; a dynamic member leaves the group.
    func leave(_ member: Member) {
        clients.removeAll { $0 === member }
        guard member.instance == nil, cluster.network.reaches(member.process, cluster) else {
            return
        }
        remove(member, "leaves")
    }

    private func remove(_ member: Member, _ reason: String) {
        guard let place = members.firstIndex(where: { $0 === member }) else { return }
        members.remove(at: place)
        simulation.say("group \(name)", "\(member.id) \(reason)")
        if members.isEmpty { phase = .empty } else { prepare("\(member.id) \(reason)") }
    }

    /// A rebalance begins; members hear of it with their heartbeats.
    func prepare(_ reason: String) {
        guard !members.isEmpty else { return }
        if case .preparing = phase {
        } else {
            simulation.say("group \(name)", "rebalances: \(reason)")
            phase = .preparing(until: simulation.now + Self.pollInterval)
        }
        completeIfAllJoined()
    }

    /// A member has let go of what it had.
    func rejoin(_ member: Member) {
        member.phase = .joining
        if case .stable = phase, members.contains(where: { $0 === member }) {
            // The others went on without it: it is told what they agreed on.
            member.phase = .syncing
            return sync(member, member.granted, generation)
        }
        completeIfAllJoined()
    }

    private func completeIfAllJoined() {
        if members.allSatisfy({ $0.phase == .joining }) { complete() }
    }

    private func complete() {
        guard case .preparing = phase else { return }
        // Static members that are away keep their place until their session ends.
        let late = members.filter { $0.phase != .joining && $0.instance == nil }
        members.removeAll { member in late.contains { $0 === member } }
        guard !members.isEmpty else {
            phase = .empty
            return
        }
        generation += 1
        phase = .stable
        simulation.say("group \(name)", "generation \(generation) of \(members.count)")
        assign()
        for member in members where member.phase == .joining {
            member.phase = .syncing
            sync(member, member.granted, generation)
        }
    }

    /// The answer with the assignment is on its way.
    private func sync(_ member: Member, _ partitions: [TopicPartition], _ generation: Int32) {
        member.granted = partitions
        simulation.after(Int64(500 + simulation.chance.below(30_000))) { [weak self] in
            guard let self, member.phase == .syncing, !member.process.isDead,
                members.contains(where: { $0 === member })
            else { return }
            if case .stable = phase, self.generation == generation {
                member.receive(partitions, generation)
            } else {
                rejoin(member)
            }
        }
    }

    private func assign() {
        let sorted = members.sorted { ($0.instance ?? $0.id) < ($1.instance ?? $1.id) }
        for member in sorted { member.granted = [] }
        let topics = Set(sorted.flatMap(\.topics)).sorted()
        var turn = 0
        for topic in topics {
            let takers = sorted.filter { $0.topics.contains(topic) }
            let count = cluster.partitions(of: topic)?.count ?? 0
            if takers[0].strategy == .range {
                let each = count / takers.count
                let more = count % takers.count
                var next = 0
                for (place, taker) in takers.enumerated() {
                    for _ in 0..<each + (place < more ? 1 : 0) {
                        taker.granted.append(TopicPartition(topic, Int32(next)))
                        next += 1
                    }
                }
            } else {
                for partition in 0..<count {
                    takers[turn % takers.count].granted.append(
                        TopicPartition(topic, Int32(partition))
                    )
                    turn += 1
                }
            }
        }
    }

    // MARK: heartbeats

    /// Sessions begin anew when the coordinator is back.
    func brokerWentAway() { wasAway = true }

    /// Each half second: heartbeats of all that live, sessions of all that do not.
    func beat() {
        simulation.after(Int64(480_000 + simulation.chance.below(40_000))) { [weak self] in
            guard let self else { return }
            if cluster.isUp { heartbeats() }
            beat()
        }
    }

    private func heartbeats() {
        let now = simulation.now
        if wasAway {
            wasAway = false
            for member in members { member.lastHeartbeat = now }
        }
        clients.removeAll { $0.process.isDead || $0.isClosed }
        for client in clients {
            guard client.process.isRunning, cluster.network.reaches(client.process, cluster),
                client.fatal == nil
            else { continue }
            if client.phase == .outside {
                join(client)
                continue
            }
            if client.phase == .idle { continue }
            guard members.contains(where: { $0 === client }) else {
                client.lose("was removed")
                continue
            }
            if client.phase == .stable || client.phase == .revoking,
                client.generation != generation
            {
                client.lose("is of generation \(client.generation)")
                continue
            }
            if now - client.lastPoll > Self.pollInterval {
                // It leaves by itself, and joins again with its next poll.
                remove(client, "does not poll")
                client.lose("does not poll")
                client.phase = .idle
                continue
            }
            client.lastHeartbeat = now
            if case .preparing = phase, client.phase == .stable { client.revoke() }
        }
        for member in members where now - member.lastHeartbeat > Self.sessionTimeout {
            remove(member, "times out")
        }
        if case .preparing(let deadline) = phase, now >= deadline { complete() }
    }
}

/// A member of a group, both as its client has it and as the coordinator does.
final class Member: @unchecked Sendable {
    enum Phase { case outside, joining, syncing, stable, revoking, idle }

    let process: HostProcess
    let group: Group
    let topics: [String]
    let instance: String?
    let strategy: AssignmentStrategy
    var id = ""
    var phase = Phase.outside
    /// What the coordinator has given it.
    var granted: [TopicPartition] = []
    /// What it knows it has.
    private(set) var assignment: [TopicPartition] = []
    /// The generation it knows.
    private(set) var generation: Int32 = -1
    var events: [MembershipEvent] = []
    var lastPoll: Int64 = 0
    var lastHeartbeat: Int64 = 0
    private(set) var fatal: KafkaError?
    var isClosed = false
    var waiting = WaitList()

    init(
        _ process: HostProcess,
        _ group: Group,
        _ topics: [String],
        _ instance: String?,
        _ strategy: AssignmentStrategy
    ) {
        self.process = process
        self.group = group
        self.topics = topics
        self.instance = instance
        self.strategy = strategy
        lastPoll = Simulation.current.now
    }

    private func tell(_ event: MembershipEvent) {
        events.append(event)
        waiting.wakeAll()
    }

    func receive(_ partitions: [TopicPartition], _ generation: Int32) {
        assignment = partitions
        self.generation = generation
        phase = .stable
        tell(
            .assigned(
                partitions,
                GroupMetadata(group.name, generation, member: id, instance: instance)
            )
        )
    }

    func revoke() {
        phase = .revoking
        tell(.revoked(assignment))
    }

    func lose(_ reason: String) {
        Simulation.current.say("group \(group.name)", "\(id) is lost: it \(reason)")
        tell(.lost(assignment))
        assignment = []
        phase = .outside
    }

    func fence() {
        fatal = KafkaError(
            RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
            "stay in the group \(group.name)"
        )
        waiting.wakeAll()
    }
}

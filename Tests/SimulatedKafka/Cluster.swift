import CKafka
public import Simulator

/// A Kafka cluster as its clients see it: partitions, transactions, groups; of one broker that may be away.
///
/// Each method is a request at the moment it takes effect. What lies between a client and that moment is ``Network``.
public final class Cluster {
    let simulation: Simulation
    let arena = Arena()
    /// What happens to requests on their way.
    public let network: Network
    private var topics: [String: [PartitionLog]] = [:]
    private var transactions: [String: TransactionState] = [:]
    private var groups: [String: Group] = [:]
    private var lastProducer: Int64 = 0
    var headers: [[Header]] = []
    /// While it is away nothing is answered; what it had decided goes on when it is back.
    public private(set) var awayUntil: Int64 = 0
    /// Of a hundred markers of transactions so many are forgotten when the broker comes back.
    public var forgottenMarkers = 0
    /// How often it goes away at once when a transaction is committed that wrote to one of these topics.
    public var crashesAtCommit = (count: 0, topics: [String]())

    /// An empty cluster; it becomes what the simulation's clients talk to.
    public init(_ simulation: Simulation) {
        self.simulation = simulation
        network = Network(simulation)
        simulation.outside = self
        look()
    }

    static var current: Cluster {
        guard let cluster = Simulation.current.outside as? Cluster else {
            preconditionFailure("the simulation has no cluster")
        }
        return cluster
    }

    // MARK: topics

    /// Makes a topic.
    public func makeTopic(_ name: String, partitions: Int, isCompacted: Bool = false) {
        topics[name] = (0..<partitions).map {
            PartitionLog(TopicPartition(name, Int32($0)), isCompacted: isCompacted)
        }
    }

    /// A topic's partitions; nothing where there is no such topic.
    public func partitions(of topic: String) -> [PartitionLog]? { topics[topic] }

    /// A partition, which exists.
    public func log(_ name: TopicPartition) -> PartitionLog? {
        guard let logs = topics[name.topic], name.partition >= 0, name.partition < logs.count else {
            return nil
        }
        return logs[Int(name.partition)]
    }

    /// Writes a record outside of transactions, at once.
    public func append(
        _ value: [UInt8]?,
        key: [UInt8]? = nil,
        timestamp: Int64,
        to name: TopicPartition
    ) {
        log(name)?.append(record(value, key: key, timestamp: timestamp))
    }

    /// A record with its bytes in the cluster's memory.
    func record(_ value: [UInt8]?, key: [UInt8]?, timestamp: Int64) -> LogRecord {
        var record = LogRecord()
        if let value {
            record.value = value.withUnsafeBytes { arena.copy($0) }
            record.valueCount = value.count
        }
        if let key {
            record.key = key.withUnsafeBytes { arena.copy($0) }
            record.keyCount = key.count
        }
        record.timestamp = timestamp
        return record
    }

    /// A record's headers.
    public func headers(of record: LogRecord) -> [(name: String, value: [UInt8])] {
        record.headers < 0 ? [] : headers[record.headers].map { ($0.name, $0.value ?? []) }
    }

    /// True milliseconds since 1970.
    public var wall: Int64 { simulation.now / 1000 + epochMilliseconds }
    /// The true time at the beginning of the history, in milliseconds since 1970.
    public var epochMilliseconds: Int64 = 0

    // MARK: the broker goes and comes

    /// Whether it answers.
    public var isUp: Bool { simulation.now >= awayUntil }

    /// It is away for so many microseconds.
    public func goAway(for microseconds: Int64) {
        awayUntil = max(awayUntil, simulation.now + microseconds)
        simulation.say("broker", "away for \(microseconds / 1000) ms")
        for group in groups.values.sorted(by: { $0.name < $1.name }) { group.brokerWentAway() }
    }

    // MARK: groups

    func group(_ name: String) -> Group {
        if let group = groups[name] { return group }
        let group = Group(name, self)
        groups[name] = group
        group.beat()
        return group
    }

    /// What a group has committed for a partition, open transactions aside.
    public func committed(_ group: String, _ partition: TopicPartition) -> (
        offset: Int64, metadata: String
    )? {
        groups[group]?.offsets[partition]
    }

    /// Whether a transaction that is open has written an offset of a group.
    public func hangs(_ group: String, _ partition: TopicPartition) -> Bool {
        groups[group]?.isUnstable(partition) ?? false
    }

    /// The committed offsets of a group expire.
    public func loseOffsets(of group: String) { groups[group]?.offsets = [:] }

    /// Sets an offset of a group by hand.
    public func setOffset(
        of group: String,
        _ partition: TopicPartition,
        _ offset: Int64,
        _ metadata: String
    ) {
        self.group(group).offsets[partition] = (offset, metadata)
    }

    /// Has all members of a group rebalance.
    public func disturb(_ group: String) { groups[group]?.prepare("disturbed") }

    /// How many members a group has.
    public func memberCount(of group: String) -> Int { groups[group]?.members.count ?? 0 }

    // MARK: transactions

    /// Why the coordinator refuses.
    enum Refusal: Error {
        /// The last transaction is not quite over, or another one ends just now: ask again.
        case concurrent
        /// A newer epoch is there.
        case fenced
        /// There is no transaction to end, or it ends the other way.
        case invalidState
    }

    final class TransactionState {
        enum Phase { case empty, ongoing, preparing(isCommit: Bool), complete(isCommit: Bool) }
        let id: String
        let producer: Int64
        var epoch: Int32 = 0
        var phase = Phase.empty
        var partitions: [PartitionLog] = []
        var groups: [Group] = []
        var began: Int64 = 0
        var timeout: Int64 = 0
        var markers = 0

        init(_ id: String, _ producer: Int64) {
            self.id = id
            self.producer = producer
        }
    }

    /// Gives a producer its epoch, which fences all before; what they have left open is aborted first.
    func initialize(_ id: String, timeout: Int64) throws(Refusal) -> (Int64, Int32) {
        guard let state = transactions[id] else {
            lastProducer += 1
            let state = TransactionState(id, lastProducer)
            state.timeout = timeout
            transactions[id] = state
            return (state.producer, 0)
        }
        switch state.phase {
        case .preparing: throw .concurrent
        case .ongoing:
            state.epoch += 1
            prepare(state, isCommit: false)
            throw .concurrent
        case .empty, .complete:
            state.epoch += 1
            state.timeout = timeout
            state.phase = .empty
            return (state.producer, state.epoch)
        }
    }

    private func find(_ id: String, _ epoch: Int32) throws(Refusal) -> TransactionState {
        guard let state = transactions[id], state.epoch == epoch else { throw .fenced }
        return state
    }

    private func open(_ state: TransactionState) throws(Refusal) {
        switch state.phase {
        case .preparing: throw .concurrent
        case .ongoing: return
        case .empty, .complete:
            state.phase = .ongoing
            state.began = simulation.now
            state.partitions = []
            state.groups = []
        }
    }

    /// Takes a partition into a transaction.
    func add(_ log: PartitionLog, to id: String, _ epoch: Int32) throws(Refusal) {
        let state = try find(id, epoch)
        try open(state)
        if !state.partitions.contains(where: { $0 === log }) { state.partitions.append(log) }
    }

    /// Takes a group's offsets into a transaction.
    func add(_ group: Group, to id: String, _ epoch: Int32) throws(Refusal) {
        let state = try find(id, epoch)
        try open(state)
        if !state.groups.contains(where: { $0 === group }) { state.groups.append(group) }
    }

    /// Whether a partition is in the open transaction of a producer.
    func isOpen(_ log: PartitionLog, _ id: String, _ epoch: Int32) -> Bool {
        guard let state = transactions[id], state.epoch == epoch, case .ongoing = state.phase else {
            return false
        }
        return state.partitions.contains { $0 === log }
    }

    /// Whether a group is in the open transaction of a producer.
    func isOpen(_ group: Group, _ id: String, _ epoch: Int32) -> Bool {
        guard let state = transactions[id], state.epoch == epoch, case .ongoing = state.phase else {
            return false
        }
        return state.groups.contains { $0 === group }
    }

    /// Ends a transaction, whichever is open under this epoch: a request of an earlier one ends a later one.
    func end(_ id: String, _ epoch: Int32, isCommit: Bool) throws(Refusal) {
        let state = try find(id, epoch)
        switch state.phase {
        case .empty: throw .invalidState
        case .ongoing: prepare(state, isCommit: isCommit)
        case .preparing(let other):
            if other == isCommit { throw .concurrent } else { throw .invalidState }
        case .complete(let other): if other != isCommit { throw .invalidState }
        }
    }

    /// It is decided; the markers follow, each in its own time.
    private func prepare(_ state: TransactionState, isCommit: Bool) {
        simulation.say(
            "broker",
            "\(isCommit ? "commits" : "aborts") \(state.id), epoch \(state.epoch), with "
                + state.groups.map { $0.told(state.producer) }.joined()
        )
        state.phase = .preparing(isCommit: isCommit)
        state.markers = state.partitions.count + state.groups.count
        let epoch = state.epoch
        if state.markers == 0 { state.phase = .complete(isCommit: isCommit) }
        if isCommit, crashesAtCommit.count > 0,
            state.partitions.contains(where: { crashesAtCommit.topics.contains($0.name.topic) })
        {
            crashesAtCommit.count -= 1
            goAway(for: 300_000)
        }
        for log in state.partitions {
            mark(state) { log.mark(state.producer, epoch, isCommit: isCommit) }
        }
        for group in state.groups {
            mark(state) { group.end(state.producer, isCommit: isCommit) }
        }
    }

    private func mark(_ state: TransactionState, _ write: @escaping () -> Void) {
        simulation.after(network.markerDelay) { [self] in
            guard isUp else {
                // Kafka has been seen to leave markers out that were due when it crashed.
                let isForgotten =
                    forgottenMarkers > 0 && simulation.chance.below(100) < forgottenMarkers
                let rest = awayUntil - simulation.now
                simulation.after(rest + 1000) { [self] in
                    if isForgotten {
                        simulation.say("broker", "forgets a marker of \(state.id)")
                        return marked(state)
                    }
                    mark(state, write)
                }
                return
            }
            write()
            marked(state)
        }
    }

    private func marked(_ state: TransactionState) {
        state.markers -= 1
        guard state.markers == 0, case .preparing(let isCommit) = state.phase else { return }
        state.phase = .complete(isCommit: isCommit)
    }

    /// Each second: transactions that take too long are aborted, and their producers fenced.
    private func look() {
        simulation.after(1_000_000) { [self] in
            if isUp {
                for state in transactions.values.sorted(by: { $0.id < $1.id }) {
                    guard case .ongoing = state.phase,
                        simulation.now - state.began > state.timeout
                    else { continue }
                    simulation.say("broker", "times out \(state.id)")
                    state.epoch += 1
                    prepare(state, isCommit: false)
                }
            }
            look()
        }
    }
}

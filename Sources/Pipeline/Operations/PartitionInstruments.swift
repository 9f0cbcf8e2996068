internal import Engine
internal import Journal
internal import Metrics
internal import Synchronization

/// Where a journal partition is between not being ours and deciding.
enum PartitionPhase: UInt8, Sendable, CaseIterable {
    /// The group has not given it to us.
    case none
    /// It is another worker's, and its state is kept for a take-over.
    case following
    /// It is ours and waits, after a setback or for the generation.
    case waiting
    /// Producers of before are fenced.
    case fencing
    /// The committed offset is read.
    case offsets
    /// A snapshot is read.
    case snapshot
    /// The journal is folded silently up to the committed offset.
    case folding
    /// A rebalance goes on: no transaction is begun.
    case parked
    /// Its records are decided as they come.
    case live

    /// Its name as the label of a metric.
    var name: String {
        switch self {
        case .none: "none"
        case .following: "following"
        case .waiting: "waiting"
        case .fencing: "fencing"
        case .offsets: "offsets"
        case .snapshot: "snapshot"
        case .folding: "folding"
        case .parked: "parked"
        case .live: "live"
        }
    }
}

/// What is counted about one journal partition. Its thread tells; the threads that answer requests read.
final class PartitionInstruments: Sendable {
    let partition: Int32
    private let all: ServiceInstruments
    private let label: String
    private let records: Counter
    private let committed: Counter
    private let suspect: Counter
    private let failed: Counter
    private let seconds: Histogram
    private let outputs: [Counter]

    private let isFollowed = Atomic<Bool>(false)
    private let phaseCode = Atomic<UInt8>(PartitionPhase.none.rawValue)
    private let takenAt = Atomic<Int64>(0)
    private let position = Atomic<Int64>(-1)
    private let end = Atomic<Int64>(-1)
    private let timestamp = Atomic<Int64>(-1)
    private let target = Atomic<Int64>(0)
    private let origin = Atomic<Int64>(0)
    private let sizedAt = Atomic<Int64>(0)

    /// What was told last of the present fold; only its thread asks for it.
    private struct Told {
        var counts: MachineCounts?
        var sequences: [Int64] = []
    }
    private let told = Mutex(Told())

    init(_ partition: Int32, _ all: ServiceInstruments) {
        self.partition = partition
        self.all = all
        label = "\(partition)"
        records = all.journalRecords[label]
        committed = all.transactions["score", "committed"]
        suspect = all.transactions["score", "suspect"]
        failed = all.transactions["score", "failed"]
        seconds = all.transactionSeconds["score"]
        outputs = OutputTopic.allCases.map { all.outputs[$0.name] }
    }

    // MARK: told by the partition's thread

    /// The partition goes over to another phase.
    func enter(_ next: PartitionPhase) {
        let before = phase
        guard next != before else { return }
        phaseCode.store(next.rawValue, ordering: .releasing)
        switch next {
        case .fencing: takenAt.store(Ticker.now, ordering: .relaxed)
        case .live where before != .parked:
            let seconds = Double(Ticker.now - takenAt.load(ordering: .relaxed)) / 1000
            all.recoverySeconds[].observe(seconds)
            all.recoveryLast[label].set(seconds)
        case .none:
            position.store(-1, ordering: .relaxed)
            end.store(-1, ordering: .relaxed)
        case .following, .waiting, .offsets, .snapshot, .folding, .parked, .live: break
        }
    }

    /// The fold begins at `first`, and outputs go on at `live`.
    func beginFold(at first: Int64, live: Int64) {
        origin.store(first, ordering: .relaxed)
        target.store(live, ordering: .relaxed)
        position.store(first, ordering: .relaxed)
        told.withLock { $0 = Told() }
        enter(.folding)
    }

    /// The standby keeps the partition's state, or no more.
    func follows(_ state: FollowedState?) {
        isFollowed.store(state != nil, ordering: .releasing)
        guard let state, phase == .following, Ticker.now - sizedAt.load(ordering: .relaxed) >= 1000
        else { return }
        sizedAt.store(Ticker.now, ordering: .relaxed)
        // Of its rows only the owner tells: sums over all workers count each once.
        all.stateBytes[label].set(state.stateBytes)
    }

    /// A batch was folded; `timestamp` is that of its last record.
    func folded(to next: Int64, timestamp: Int64?) {
        position.store(next, ordering: .relaxed)
        if let timestamp { self.timestamp.store(timestamp, ordering: .relaxed) }
    }

    /// The partition's end as the last fetch told it.
    func saw(end: Int64?) {
        if let end { self.end.store(end, ordering: .relaxed) }
    }

    /// The fold has reached the committed offset: what comes from now on counts.
    func goesLive(_ machine: borrowing Machine, _ receipt: Receipt) {
        told.withLock { $0 = Told(counts: machine.counts, sequences: receipt.sequences) }
        size(machine)
        enter(.live)
    }

    /// A transaction was committed that began at `began` on the monotonic clock.
    func committed(
        _ machine: borrowing Machine,
        _ receipt: Receipt,
        offset: Int64,
        began: Int64,
        isSuspect: Bool = false
    ) {
        let now = Ticker.now
        (isSuspect ? suspect : committed).add()
        seconds.observe(Double(now - began) / 1000)
        all.journalOffset[label].set(offset)
        let counts = machine.counts
        let before = told.withLock { told in
            defer { told = Told(counts: counts, sequences: receipt.sequences) }
            return told
        }
        for (topic, sequence) in receipt.sequences.enumerated() where topic < before.sequences.count
        {
            outputs[topic].add(sequence - before.sequences[topic])
        }
        guard let old = before.counts else { return }
        records.add(counts.records - old.records)
        for (result, count) in counts.results {
            let more = count - (old.results.first { $0.result == result }?.count ?? 0)
            if more > 0 { all.events[result].add(more) }
        }
        for (place, outcome) in MachineCounts.outcomes.enumerated()
        where counts.decisions[place] > old.decisions[place] {
            all.decisions[outcome].add(counts.decisions[place] - old.decisions[place])
        }
        for rule in Rule.allCases {
            let more =
                counts.alertsOpened[Int(rule.rawValue)] - old.alertsOpened[Int(rule.rawValue)]
            if more > 0 { all.alertsOpened["\(rule.text)"].add(more) }
        }
        if now - sizedAt.load(ordering: .relaxed) >= 1000 { size(machine) }
    }

    /// A take-over failed, or, where it was live, a transaction.
    func setBack(_ reason: SetbackReason) {
        all.setbacks["score", reason.kind.rawValue].add()
        if phase == .live { failed.add() }
        enter(.waiting)
    }

    // MARK: told of snapshots

    /// What a recovery found in the topic of snapshots.
    enum SnapshotFound: String, Sendable, CaseIterable {
        case used, damaged, none
    }

    /// A snapshot was committed.
    ///
    /// - Parameters:
    ///   - offset: the journal offset at which the fold goes on from it.
    ///   - bytes: its size as it was written.
    ///   - seconds: from its beginning to its commit.
    ///   - pause: for how long of that no record was folded, in seconds.
    func tookSnapshot(offset: Int64, bytes: Int, seconds: Double, pause: Double) {
        all.snapshots["taken"].add()
        all.snapshotSeconds[].observe(seconds)
        all.snapshotPauseSeconds[].observe(pause)
        all.snapshotBytes[label].set(bytes)
        all.snapshotOffset[label].set(offset)
    }

    /// A snapshot could not be written.
    func failedSnapshot() { all.snapshots["failed"].add() }

    /// A recovery has looked for a snapshot.
    func found(_ snapshot: SnapshotFound) { all.snapshotsRead[snapshot.rawValue].add() }

    /// Notes how large the state is, each second at most.
    private func size(_ machine: borrowing Machine) {
        sizedAt.store(Ticker.now, ordering: .relaxed)
        let size = machine.size
        for (table, count) in size.tables { all.stateRows[label, table].set(count) }
        all.stateBytes[label].set(machine.stateBytes)
        all.pendingFills[label].set(size.pendingFills)
        if let time = machine.monitorTime {
            all.monitorTime[label].set(Double(time.microseconds) / 1_000_000)
        }
    }

    // MARK: read by others

    /// The phase.
    var phase: PartitionPhase {
        let phase = PartitionPhase(rawValue: phaseCode.load(ordering: .acquiring)) ?? .none
        return phase == .none && isFollowed.load(ordering: .acquiring) ? .following : phase
    }

    /// How much of the silent fold is done, 0...1.
    var progress: Double {
        let origin = origin.load(ordering: .relaxed)
        let length = target.load(ordering: .relaxed) - origin
        guard length > 0 else { return 0 }
        let done = position.load(ordering: .relaxed) - origin
        return min(1, max(0, Double(done) / Double(length)))
    }

    /// Sets the gauges that depend on when somebody asks.
    func refresh(wall: Int64) {
        let phase = phase
        for one in PartitionPhase.allCases where one != .none {
            let gauge = all.partitionPhase[label, one.name]
            if phase == .none { gauge.clear() } else { gauge.set(phase == one ? 1 : 0) }
        }
        if phase == .none {
            for family in [
                all.journalLagRecords, all.journalLagSeconds, all.journalOffset,
                all.recoveryProgress,
                all.stateBytes, all.pendingFills, all.monitorTime, all.snapshotBytes,
                all.snapshotOffset,
            ] { family[label].clear() }
            for (table, _) in MachineSize().tables { all.stateRows[label, table].clear() }
            return
        }
        let isRecovering = [.fencing, .offsets, .snapshot, .folding].contains(phase)
        if isRecovering {
            all.recoveryProgress[label].set(progress)
        } else {
            all.recoveryProgress[label].clear()
        }
        let (position, end) = (position.load(ordering: .relaxed), end.load(ordering: .relaxed))
        guard position >= 0, end >= 0 else { return }
        let lag = max(0, end - position)
        all.journalLagRecords[label].set(lag)
        let stamp = timestamp.load(ordering: .relaxed)
        if lag == 0 {
            all.journalLagSeconds[label].set(0)
        } else if stamp >= 0 {
            all.journalLagSeconds[label].set(Double(max(0, wall - stamp)) / 1000)
        }
    }
}

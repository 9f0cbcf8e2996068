import Ingest
import Journal
import SimulatedKafka
import SimulatedPipeline
import Simulator

/// One history: a cluster, some processes of the service, a feed, faults, and in the end the judgement.
public final class World: @unchecked Sendable {
    /// How it went.
    public struct Outcome: Sendable {
        /// The seed.
        public var seed: UInt64
        /// What went wrong; nothing where all is well.
        public var failure: String?
        /// Source records.
        public var events = 0
        /// Journal records and records of outputs.
        public var journal = 0
        public var outputs = 0
        /// Virtual seconds.
        public var seconds = 0
        /// Turns of simulated threads.
        public var turns = 0
        /// What was done to it, by kind.
        public var faults: [String: Int] = [:]
        /// How often something was seen in the service's log, by event.
        public var seen: [String: Int] = [:]
        /// States that were folded from a snapshot and are those of the clean fold.
        public var states = 0
        /// A hash of all that is committed in the end: the same for the same seed.
        public var digest: UInt64 = 0
    }

    static let application = "monitor"
    /// 2026-11-01: behind the sample's last event.
    static let epoch: Int64 = 1_793_491_200_000

    let plan: Plan
    let simulation: Simulation
    let cluster: Cluster
    var chance: SeededChance
    var outcome: Outcome
    var workers: [Worker] = []
    var isFed = false
    /// No process is started any more.
    var isClosing = false
    /// Something was done that must end the service with status 78.
    var expects78 = false
    /// How often it did.
    var ended78 = 0
    /// Nobody starts a process: a person is at work.
    var isHeld = false
    /// Record time of the latest event, in milliseconds.
    private var lastTime: Int64 = 0
    /// What the reference topic holds.
    var rows = SampleEvents.shared.rows

    /// The history of a seed.
    public init(seed: UInt64, scale: Plan.Scale, trace: ((Int64, String, String) -> Void)? = nil) {
        plan = Plan(seed: seed, scale: scale)
        simulation = Simulation(seed: seed)
        simulation.trace = trace
        cluster = Cluster(simulation)
        cluster.epochMilliseconds = Self.epoch
        cluster.forgottenMarkers = plan.forgottenMarkers
        chance = SeededChance(seed: seed ^ 0xFA17)
        outcome = Outcome(seed: seed)
    }

    /// Lives it.
    public func run() -> Outcome {
        simulation.run { [self] in live() }
        outcome.failure = simulation.failure
        outcome.seconds = Int(simulation.now / 1_000_000)
        outcome.turns = simulation.turns
        return outcome
    }

    private func live() {
        makeTopics()
        publish()
        for number in 0..<plan.workers {
            workers.append(Worker(number, self))
            workers[number].start()
        }
        simulation.spawn("feed", in: simulation.process) { [self] in feed() }
        sow()
        while !isFed, simulation.failure == nil { simulation.sleep(500_000) }
        simulation.sleep(max(0, plan.length + 1_000_000 - simulation.now))
        heal()
        if plan.forgottenMarkers > 0, !plan.losesOffsets { loseLastMarkers() }
        if plan.losesOffsets, simulation.failure == nil { loseOffsets() }
        settle()
        isClosing = true
        if simulation.failure == nil { stopAll() }
        for worker in workers { worker.process?.kill() }
        if simulation.failure == nil { Judge(self).judge() }
        if plan.losesJournal, simulation.failure == nil { loseJournal() }
        for worker in workers { worker.process?.kill() }
        for _ in 0..<1000 where workers.contains(where: { ($0.process?.threads ?? 0) > 0 }) {
            simulation.sleep(1000)
        }
    }

    // MARK: what is there

    private func makeTopics() {
        for topic in SampleEvents.topics {
            cluster.makeTopic(topic, partitions: plan.sourcePartitions)
        }
        for topic in ["reference", "policy"] { cluster.makeTopic(topic, partitions: 1) }
        for topic in [
            "journal", "dead-letters", "decisions", "alerts", "accumulators", "replenishments",
        ] { cluster.makeTopic(topic, partitions: plan.journalPartitions) }
        cluster.makeTopic("snapshots", partitions: plan.journalPartitions, isCompacted: true)
    }

    private func publish() { publish(ReferenceTopic.publication(of: rows)) }

    private func publish(_ records: [ReferenceTopic.Record]) {
        for record in records {
            cluster.append(
                record.value,
                key: record.key,
                timestamp: cluster.wall,
                to: TopicPartition("reference", 0)
            )
        }
    }

    /// Some rows are withdrawn, and the rest of the table stands as it was in the beginning.
    func publishAgain() {
        let all = SampleEvents.shared.rows
        let gone = Set((0..<chance.below(4)).map { _ in chance.below(all.count) })
        let next = all.indices.filter { !gone.contains($0) }.map { all[$0] }
        publish(ReferenceTopic.publication(of: next, after: rows))
        rows = next
    }

    /// The settings of one worker.
    func configuration(_ worker: Int, _ name: String) -> ServiceConfiguration {
        var configuration = ServiceConfiguration(
            kafka: ClientSettings(bootstrap: "simulated"),
            tokenizer: Tokenizer(PatientTokenKey.published)
        )
        configuration.application = Self.application
        configuration.clock = plan.isHistory ? .records : .wall
        configuration.instance = plan.isNamed[worker] ? "worker-\(worker)" : nil
        configuration.isStandby = plan.isStandby[worker]
        configuration.collectMilliseconds = plan.collectMilliseconds
        configuration.transactionRecords = plan.transactionRecords
        configuration.snapshotRecords = plan.snapshotRecords
        configuration.snapshotSeconds = plan.snapshotRecords > 0 ? 5 : 0
        configuration.log = { [self] line in
            outcome.seen[line.event, default: 0] += 1
            simulation.say(name, "\(line)")
        }
        return configuration
    }

    // MARK: the feed

    private func feed() {
        let sample = SampleEvents.shared.lines
        let window = plan.scale.events / plan.turns
        let first = chance.below(sample.count - window)
        var late: [(bytes: [UInt8], topic: Int, time: Int64)] = []
        let pieces = 60 + chance.below(200)
        var fed = 0
        let total = window * plan.turns
        for place in first..<first + window {
            for turn in 0..<plan.turns {
                let line = sample[place]
                var bytes = SampleEvents.renamed(line, turn: turn)
                let time = plan.isHistory ? line.recordedAt : cluster.wall
                if chance.happens(8) { bytes.removeLast(1 + chance.below(bytes.count / 2)) }
                if chance.happens(25) {
                    // It comes later than what comes after it.
                    late.append((bytes, line.topic, time))
                } else {
                    send(bytes, line.topic, max(time, lastTime))
                }
                if chance.happens(15) { late.append((bytes, line.topic, time)) }
                lastTime = max(lastTime, time)
                if late.count > 20 || (!late.isEmpty && chance.happens(20)) {
                    let one = late.remove(at: chance.below(late.count))
                    send(one.bytes, one.topic, plan.isHistory ? one.time : cluster.wall)
                }
                fed += 1
                if fed % max(1, total / pieces) == 0 {
                    simulation.sleep(plan.length / Int64(pieces))
                    while !cluster.isUp { simulation.sleep(100_000) }
                }
            }
        }
        for one in late { send(one.bytes, one.topic, plan.isHistory ? one.time : cluster.wall) }
        isFed = true
    }

    private func send(_ bytes: [UInt8], _ topic: Int, _ time: Int64) {
        let partition = Int32(chance.below(plan.sourcePartitions))
        cluster.append(
            bytes,
            timestamp: time,
            to: TopicPartition(SampleEvents.topics[topic], partition)
        )
        outcome.events += 1
    }

    // MARK: the end

    private func heal() {
        cluster.network.heal()
        cluster.forgottenMarkers = 0
        simulation.say("world", "HEALED")
        for worker in workers { worker.heal() }
    }

    /// What is written to where something happens, and not every second.
    private static let quietTopics = [
        "dead-letters", "decisions", "alerts", "accumulators", "replenishments",
    ]

    /// The broker crashes while the last records of all are committed and loses markers; the workers live on, and no
    /// transaction follows that would end what hangs.
    private func loseLastMarkers() {
        settle()
        cluster.crashesAtCommit = (count: 3, topics: Self.quietTopics)
        cluster.forgottenMarkers = 60
        let sample = SampleEvents.shared.lines
        for number in 0..<8 {
            let line = sample[chance.below(sample.count)]
            var bytes = SampleEvents.renamed(line, turn: 1000 + number)
            if number % 4 == 0 { bytes.removeLast(9) }
            send(bytes, line.topic, plan.isHistory ? lastTime : cluster.wall)
            simulation.sleep(Int64(chance.below(400_000)))
        }
        simulation.sleep(3_000_000)
        cluster.crashesAtCommit.count = 0
        cluster.forgottenMarkers = 0
    }

    /// Waits until everything is copied and scored; it must come to that.
    private func settle() {
        let deadline = simulation.now + 150_000_000
        // What hung and was dropped is written again by the next take-over, some seconds later.
        let calm: Int64 = plan.forgottenMarkers > 0 ? 8_000_000 : 0
        var settledAt: Int64?
        while simulation.failure == nil {
            guard let rest = unsettled() else {
                let since = settledAt ?? simulation.now
                settledAt = since
                if simulation.now - since >= calm { return }
                simulation.sleep(250_000)
                continue
            }
            settledAt = nil
            guard simulation.now < deadline else {
                return simulation.fail("it does not settle: \(rest)")
            }
            simulation.sleep(250_000)
        }
    }

    private func unsettled() -> String? {
        for topic in SampleEvents.topics {
            for log in cluster.partitions(of: topic) ?? [] {
                let done = cluster.committed(Self.application + ".ingest", log.name)?.offset ?? 0
                if done < log.end { return "\(log.name) is copied to \(done) of \(log.end)" }
            }
        }
        for log in cluster.partitions(of: "journal") ?? [] {
            let done = cluster.committed(Self.application + ".score", log.name)?.offset ?? 0
            if let last = lastEvent(log), done <= last {
                return "\(log.name) is scored to \(done) of \(last + 1)"
            }
        }
        // The journal has ticks, snapshots are not waited for.
        for topic in Self.quietTopics {
            for log in cluster.partitions(of: topic) ?? [] where log.lastStable < log.end {
                return "\(log.name) is seen to \(log.lastStable) of \(log.end)"
            }
        }
        return nil
    }

    /// The offset of the last visible record that is more than time.
    private func lastEvent(_ log: PartitionLog) -> Int64? {
        for record in log.records.reversed() where log.isVisible(record) {
            guard let base = record.value else { continue }
            if RecordView(base, count: record.valueCount).kind != .tick { return record.offset }
        }
        return nil
    }

    /// Something is written that nobody can see yet.
    private var isHeldBack: Bool {
        [
            "journal", "dead-letters", "decisions", "alerts", "accumulators", "replenishments",
            "snapshots",
        ].contains { topic in
            (cluster.partitions(of: topic) ?? []).contains { $0.lastStable < $0.end }
        }
    }

    private func stopAll() {
        for worker in workers { worker.stopForGood() }
        let deadline = simulation.now + 13_000_000
        while workers.contains(where: { $0.isUp }) {
            guard simulation.now < deadline else {
                return simulation.fail("a worker that was asked to stop does not end in 13 s")
            }
            simulation.sleep(100_000)
        }
        // The last markers take their time, and what killed processes have left open is aborted after 10 s.
        simulation.sleep(3_000_000)
        let last = simulation.now + 14_000_000
        while isHeldBack, simulation.now < last { simulation.sleep(500_000) }
    }
}

/// One place for a process of the service, which a supervisor keeps alive.
final class Worker: @unchecked Sendable {
    let number: Int
    private unowned let world: World
    private(set) var process: HostProcess?
    private var stop: StopFlag?
    private var starts = 0
    private(set) var isUp = false
    private var wallOffset: Int64 = 0
    /// It is not started again before.
    var downUntil: Int64 = 0

    init(_ number: Int, _ world: World) {
        self.number = number
        self.world = world
    }

    var name: String { "w\(number).\(starts)" }

    func start() {
        guard !world.isClosing, !world.isHeld, world.simulation.failure == nil, !isUp else {
            return
        }
        starts += 1
        let name = name
        let simulation = world.simulation
        let process = HostProcess(name, simulation)
        process.wallOffset = World.epoch * 1000 + wallOffset
        let stop = StopFlag()
        self.process = process
        self.stop = stop
        isUp = true
        process.onKill.append { [self] in
            stop.stop()
            ended(after: Int64(100_000 + simulation.chance.below(2_500_000)))
        }
        simulation.say(name, "STARTS")
        let configuration = world.configuration(number, name)
        simulation.spawn("main", in: process) { [self] in
            let end = Service(configuration).run(until: stop)
            guard !process.isDead else { return }
            if end.kind == .configuration {
                if world.expects78 {
                    world.ended78 += 1
                } else {
                    simulation.fail("\(name) ended with status 78: \(end.message)")
                }
            }
            // What its threads have not finished ends with it.
            process.kill()
        }
    }

    private func ended(after pause: Int64) {
        isUp = false
        let simulation = world.simulation
        simulation.after(max(pause, downUntil - simulation.now)) { [self] in
            start()
        }
    }

    func kill() { if isUp { process?.kill() } }

    func pause(_ microseconds: Int64) {
        guard isUp, let process else { return }
        world.simulation.say(process.name, "stopped for \(microseconds / 1000) ms")
        process.pausedUntil = max(process.pausedUntil, world.simulation.now + microseconds)
    }

    /// Asks it to end; the supervisor starts it again.
    func terminate() { if isUp { stop?.stop() } }

    func stopForGood() { stop?.stop() }

    func setClock(_ microseconds: Int64) {
        wallOffset += microseconds
        process?.wallOffset += microseconds
    }

    func heal() {
        downUntil = 0
        if let process { process.pausedUntil = min(process.pausedUntil, world.simulation.now) }
    }
}

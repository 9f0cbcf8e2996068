import SimulatedKafka
import SimulatedPipeline
import Simulator

// What the service must notice and end for, with status 78, until a person has mended it.

extension World {
    /// All processes are ended, and their sessions run out.
    private func holdAll() {
        isHeld = true
        for worker in workers { worker.process?.kill() }
        simulation.sleep(21_000_000)
    }

    private func releaseAll() {
        isHeld = false
        for worker in workers { worker.start() }
    }

    /// Starts the service where it must not work; whether it has ended with status 78.
    private func isRefused() -> Bool {
        expects78 = true
        ended78 = 0
        releaseAll()
        let deadline = simulation.now + 60_000_000
        while ended78 == 0, simulation.now < deadline, simulation.failure == nil {
            simulation.sleep(200_000)
        }
        let isRefused = ended78 > 0
        holdAll()
        expects78 = false
        return isRefused
    }

    /// The offsets of a group expire. Guessing them would lose or double records, so the service must not.
    func loseOffsets() {
        holdAll()
        let isIngest = chance.happens(600)
        let group = World.application + (isIngest ? ".ingest" : ".score")
        simulation.say("world", "the offsets of \(group) expire")
        outcome.faults["offsetsExpire", default: 0] += 1
        let logs = (cluster.partitions(of: "journal") ?? [])
        let kept = logs.map { ($0.name, cluster.committed(group, $0.name)) }
        guard isIngest || kept.contains(where: { $0.1 != nil && hasOutputs($0.0.partition) }) else {
            return releaseAll()
        }
        let isRegistered = SampleEvents.topics.contains { topic in
            cluster.committed(group, TopicPartition(topic, 0)) != nil
        }
        guard !isIngest || isRegistered else { return releaseAll() }
        // A transaction that hangs with offsets of the group brings them back when it is ended: that need not be refused,
        // and in the end every byte is compared.
        let hangs = logs.contains { cluster.hangs(group, $0.name) }
        cluster.loseOffsets(of: group)
        guard isRefused() else {
            if hangs { return releaseAll() }
            if simulation.failure == nil {
                simulation.fail("the offsets of \(group) were lost and the service went on")
            }
            return
        }
        if isIngest {
            resume()
        } else {
            // A person sets them as they were; a partition without outputs had begun anew meanwhile, as it may.
            for (name, offset) in kept {
                guard let offset, cluster.committed(group, name) == nil else { continue }
                cluster.setOffset(of: group, name, offset.offset, offset.metadata)
            }
        }
        releaseAll()
    }

    private func hasOutputs(_ partition: Int32) -> Bool {
        ["decisions", "alerts", "accumulators", "replenishments"].contains { topic in
            guard let log = cluster.log(TopicPartition(topic, partition)) else { return false }
            return log.records.contains { log.isVisible($0) }
        }
    }

    /// `sources resume`.
    private func resume() {
        let process = HostProcess("operator", simulation)
        process.wallOffset = World.epoch * 1000
        let configuration = configuration(0, "operator")
        var isOver = false
        simulation.spawn("resume", in: process) { [self] in
            for attempt in 1... {
                do {
                    let results = try SourceRecovery(configuration).run(until: StopFlag())
                    simulation.say("operator", "resumed \(results.count) sources")
                    if let lost = results.first(where: { $0.lost != 0 }) {
                        simulation.fail("resuming the sources lost records: \(lost)")
                    }
                    break
                } catch {
                    simulation.say("operator", "could not resume: \(error)")
                    if attempt == 10 { simulation.fail("the sources cannot be resumed: \(error)") }
                    if attempt >= 10 { break }
                    simulation.sleep(2_000_000)
                }
            }
            isOver = true
        }
        while !isOver { simulation.sleep(200_000) }
        process.kill()
        simulation.sleep(7_000_000)
    }

    /// The journal loses its beginning: nothing may be folded from what is left.
    func loseJournal() {
        isClosing = false
        outcome.faults["journalTrimmed", default: 0] += 1
        for worker in workers { worker.process?.kill() }
        for log in cluster.partitions(of: "journal") ?? [] {
            log.trim(below: 1 + Int64(chance.below(Int(log.end))))
        }
        if !isRefused(), simulation.failure == nil {
            simulation.fail("the journal was cut and the service went on")
        }
        isClosing = true
    }
}

import SimulatedKafka
import Simulator

// What is done to a history. Most faults wait for a request of some kind, so that they hit the narrow places; the others
// come at their time.

extension World {
    private enum Fault: String, CaseIterable {
        case killAtRequest, pauseAtRequest, loseRequest, delayRequest, kill, pause, terminate, cut,
            brokerAway, rebalance, losses, delays, strayEnds, clock, damageSnapshot, loseSnapshots,
            compact, trimSources,
            publish

        /// How often of all.
        var weight: Int {
            switch self {
            case .killAtRequest: 20
            case .pauseAtRequest, .loseRequest: 10
            case .delayRequest: 8
            case .strayEnds: 10
            case .kill, .pause, .rebalance: 6
            case .terminate, .cut, .brokerAway, .losses, .delays: 4
            case .clock, .damageSnapshot, .loseSnapshots, .compact, .trimSources, .publish: 3
            }
        }
    }

    /// Puts all faults on the agenda.
    func sow() {
        let kinds = Fault.allCases.flatMap { Array(repeating: $0, count: $0.weight) }
        for _ in 0..<plan.scale.faults {
            let fault = chance.pick(kinds)
            let time = 500_000 + Int64(chance.below(Int(plan.length)))
            simulation.at(time) { [self] in
                guard simulation.failure == nil, !isClosing else { return }
                outcome.faults[fault.rawValue, default: 0] += 1
                simulation.say("fault", fault.rawValue)
                strike(fault)
            }
        }
    }

    private func order(_ action: Network.Action) {
        let kinds: [RequestKind] = [
            .initialize, .produce, .addOffsets, .commitOffsets, .commitOffsets, .endTransaction,
            .endTransaction, .endTransaction, .offsets, .committed, .metadata,
        ]
        cluster.network.orders.append(
            Network.Order(
                chance.pick(kinds),
                skips: chance.below(6),
                isBefore: chance.happens(400),
                action
            )
        )
    }

    private func some() -> Worker { chance.pick(workers) }

    /// Longer than the session, the transaction, or neither.
    private func while_() -> Int64 {
        Int64(chance.pick([20, 100, 300, 1500, 1500, 4000, 6500, 8000, 12_000])) * 1000
            + Int64(chance.below(900_000))
    }

    private func strike(_ fault: Fault) {
        let network = cluster.network
        switch fault {
        case .killAtRequest: order(.kill)
        case .pauseAtRequest: order(.pause(while_()))
        case .loseRequest: order(.lose)
        case .delayRequest: order(.delay(while_()))
        case .kill:
            let worker = some()
            if chance.happens(200) { worker.downUntil = simulation.now + while_() }
            worker.kill()
        case .pause: some().pause(while_())
        case .terminate: some().terminate()
        case .cut: if let process = some().process { network.cut(process, for: while_()) }
        case .brokerAway:
            let length = Int64(200 + chance.below(5000)) * 1000
            guard chance.happens(500) else { return cluster.goAway(for: length) }
            // Between the decision to end a transaction and its markers.
            cluster.network.orders.append(
                Network.Order(
                    .endTransaction,
                    skips: chance.below(6),
                    isBefore: false,
                    .call { [self] in cluster.goAway(for: length) }
                )
            )
        case .rebalance:
            cluster.disturb(World.application + chance.pick([".ingest", ".score"]))
        case .losses:
            network.losses = chance.pick([20, 60, 200])
            simulation.after(Int64(500 + chance.below(3000)) * 1000) { network.losses = 0 }
        case .delays:
            network.delays = chance.pick([5, 20, 60])
            simulation.after(Int64(500 + chance.below(3000)) * 1000) { network.delays = 0 }
        case .strayEnds:
            network.strayEnds = chance.pick([50, 200, 500])
            simulation.after(Int64(500 + chance.below(2000)) * 1000) { network.strayEnds = 0 }
        case .clock:
            some().setClock(Int64(chance.pick([-7200, -400, -60, 60, 200, 400, 7200])) * 1_000_000)
        case .damageSnapshot: damageSnapshot()
        case .loseSnapshots: loseSnapshots()
        case .compact:
            for log in cluster.partitions(of: "snapshots") ?? [] { log.compact() }
        case .trimSources: trimSources()
        case .publish: publishAgain()
        }
    }

    private func damageSnapshot() {
        guard let log = cluster.partitions(of: "snapshots").map({ chance.pick($0) }),
            !log.records.isEmpty
        else { return }
        // The newest ones are those that somebody may take up.
        let recent = max(0, log.records.count - 12)
        let index = recent + chance.below(log.records.count - recent)
        guard !log.records[index].valueBytes.isEmpty else { return }
        switch chance.below(3) {
        case 0:
            let bit = chance.next()
            log.damage(
                index,
                { bytes in
                    var bytes = bytes
                    bytes[Int(bit >> 8) % bytes.count] ^= 1 << UInt8(bit & 7)
                    return bytes
                },
                cluster
            )
        case 1:
            let share = chance.below(1000)
            log.damage(index, { Array($0.prefix($0.count * share / 1000)) }, cluster)
        default: log.lose(index)
        }
    }

    private func loseSnapshots() {
        for log in cluster.partitions(of: "snapshots") ?? [] {
            log.trim(below: chance.happens(500) ? log.end : log.end / 2)
        }
    }

    /// Retention takes what was copied a while ago: longer than anybody is stopped who still reads there.
    private func trimSources() {
        for topic in SampleEvents.topics {
            for log in cluster.partitions(of: topic) ?? [] {
                let done = cluster.committed(World.application + ".ingest", log.name)?.offset ?? 0
                guard done > 0 else { continue }
                simulation.after(16_000_000) { log.trim(below: done - Int64(done % 7)) }
            }
        }
    }
}

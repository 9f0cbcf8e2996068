internal import Kafka
internal import Metrics
internal import Synchronization

/// Keeps the last statistics of each client and turns them into metrics when somebody asks.
///
/// librdkafka calls from inside the clients' own polls and commits, so all that happens there is to put a text aside;
/// it is read on the thread that answers.
final class ClientWatch: Sendable {
    private struct Seen {
        let role: String
        var text: String?
        var at: Int64
        var statistics: ClientStatistics?
    }
    private struct State {
        /// By the client's name, which stands near the beginning of the text.
        var clients: [String: Seen] = [:]
        var shown: Set<[String]> = []
    }
    private let state = Mutex(State())
    private let all: ServiceInstruments
    /// Statistics older than this are of a client that is gone, or that nobody polls.
    private static let life: Int64 = 20_000

    init(_ instruments: ServiceInstruments) { all = instruments }

    /// Settings whose client tells its statistics under a name.
    ///
    /// Members tell each second, since by them it is known whether the cluster can be reached; others each five.
    func watched(_ settings: ClientSettings, as role: String) -> ClientSettings {
        var settings = settings
        if settings["statistics.interval.ms"] == nil {
            settings["statistics.interval.ms"] = role.hasSuffix("member") ? "1000" : "5000"
        }
        settings.onStatistics = { [self] text in take(text, role) }
        return settings
    }

    private func take(_ text: String, _ role: String) {
        // `{ "name": "rdkafka#consumer-1", …`
        // Between the third quote and the fourth.
        let name = String(text.prefix(80).split(separator: "\"").dropFirst(3).first ?? "")
        state.withLock { state in
            var seen = state.clients[name] ?? Seen(role: role, at: 0)
            seen.text = text
            seen.at = Ticker.now
            state.clients[name] = seen
        }
    }

    /// When a client of this role told something last, and how many brokers it then was connected to.
    func brokersUp(_ role: String) -> (age: Int64, count: Int)? {
        let newest = state.withLock { state in
            state.clients.values.filter { $0.role == role }.max { $0.at < $1.at }
        }
        guard let newest,
            let statistics = newest.text.flatMap(ClientStatistics.init) ?? newest.statistics
        else { return nil }
        return (Ticker.now - newest.at, statistics.brokers.filter(\.isUp).count)
    }

    /// Reads what came since the last time.
    func refresh() {
        let now = Ticker.now
        let clients = state.withLock { state in
            state.clients = state.clients.filter { now - $0.value.at < Self.life }
            return state.clients
        }
        var readings = Readings()
        for (name, seen) in clients {
            guard let text = seen.text, let new = ClientStatistics(text) else {
                if let old = seen.statistics { readings.note(old, seen.role) }
                continue
            }
            count(new, since: seen.statistics, seen.role)
            readings.note(new, seen.role)
            state.withLock { state in
                state.clients[name]?.statistics = new
                // Unless another one came meanwhile.
                if state.clients[name]?.at == seen.at { state.clients[name]?.text = nil }
            }
        }
        for (role, count) in readings.up { all.brokersUp[role].set(count) }
        let gone = state.withLock { state in
            defer { state.shown = Set(readings.gauges.keys) }
            return state.shown.subtracting(readings.gauges.keys)
        }
        for (key, value) in readings.gauges { gauge(key).set(value) }
        for key in gone { gauge(key).clear() }
    }

    private func gauge(_ key: [String]) -> Gauge {
        switch key[0] {
        case "rtt": all.brokerRoundTrip[key[1], key[2]]
        case "state": all.producers[key[1], key[2]]
        case "end": all.stableEnd[key[1], key[2]]
        case "records": all.queuedRecords[key[1], key[2]]
        case "bytes": all.queuedBytes[key[1], key[2]]
        default: preconditionFailure("a gauge of a client is one of five")
        }
    }

    /// Adds what grew; a client that is new began at nothing.
    private func count(_ new: ClientStatistics, since old: ClientStatistics?, _ role: String) {
        for broker in new.brokers where broker.id >= 0 {
            let before = old?.brokers.first { $0.id == broker.id && $0.address == broker.address }
            all.brokerTimeouts[role, "\(broker.id)"].add(
                broker.requestTimeouts - (before?.requestTimeouts ?? 0)
            )
            all.brokerErrors[role, "\(broker.id)"].add(
                broker.sendErrors - (before?.sendErrors ?? 0)
            )
        }
        for partition in new.partitions {
            let before = old?.partitions.first {
                $0.topic == partition.topic && $0.id == partition.id
            }
            all.outdatedDrops[].add(partition.outdatedDrops - (before?.outdatedDrops ?? 0))
        }
        if !new.transactionState.isEmpty {
            all.producerEpochs[role].add(new.epochCount - (old?.epochCount ?? 0))
        }
    }
}

/// What the clients of each role told together.
private struct Readings {
    /// By role, how many brokers its least connected client is connected to.
    var up: [String: Int] = [:]
    /// By kind of gauge and the values of its labels.
    var gauges: [[String]: Double] = [:]

    mutating func note(_ one: ClientStatistics, _ role: String) {
        let connected = Set(one.brokers.filter { $0.isUp && $0.id >= 0 }.map(\.id)).count
        up[role] = min(up[role] ?? .max, connected)
        for broker in one.brokers where broker.id >= 0 {
            largest(["rtt", role, "\(broker.id)"], Double(broker.averageRoundTrip) / 1_000_000)
        }
        for partition in one.partitions {
            largest(["end", partition.topic, "\(partition.id)"], Double(partition.stableEnd))
            largest(
                ["records", partition.topic, "\(partition.id)"],
                Double(partition.queuedRecords)
            )
            largest(["bytes", partition.topic, "\(partition.id)"], Double(partition.queuedBytes))
        }
        if !one.transactionState.isEmpty {
            gauges[["state", role, one.transactionState], default: 0] += 1
        }
    }

    private mutating func largest(_ key: [String], _ value: Double) {
        gauges[key] = max(gauges[key] ?? 0, value)
    }
}

import CKafka
public import Simulator

/// A kind of request that may be disturbed.
public enum RequestKind: String, CaseIterable, Sendable {
    case initialize, addPartitions, produce, addOffsets, commitOffsets, endTransaction, offsets,
        committed, metadata, fetch
}

/// What lies between clients and the cluster: delays, losses, and what was ordered to happen at a certain request.
public final class Network {
    /// Something that is to happen at a request to come.
    public struct Order {
        /// At requests of this kind.
        public var kind: RequestKind
        /// How many of them go by before.
        public var skips: Int
        /// Before it takes effect, or between that and its answer.
        public var isBefore: Bool
        /// What happens, to the process that asked.
        public var action: Action

        /// States an order.
        public init(_ kind: RequestKind, skips: Int, isBefore: Bool, _ action: Action) {
            self.kind = kind
            self.skips = skips
            self.isBefore = isBefore
            self.action = action
        }
    }

    /// What happens at a request.
    public enum Action {
        /// The process is killed.
        case kill
        /// The process is stopped for so many microseconds.
        case pause(Int64)
        /// The request, or its answer, is lost: the client notices by a broken connection and asks again.
        case lose
        /// It takes so many microseconds longer; what is sent again meanwhile overtakes it.
        case delay(Int64)
        /// Something else.
        case call(() -> Void)
    }

    private let simulation: Simulation
    /// Orders that wait for their request.
    public var orders: [Order] = []
    /// Of a thousand requests so many lose their way, there or back, until ``isTroubled`` ends.
    public var losses = 0
    /// Of a thousand requests so many take up to some seconds.
    public var delays = 0
    /// Of a thousand EndTxn requests so many are given up by the client and take effect later.
    public var strayEnds = 0
    /// Processes that reach nothing until a time.
    private var cuts: [(process: HostProcess, until: Int64)] = []
    /// How many requests of each kind were made.
    public private(set) var counts: [RequestKind: Int] = [:]

    init(_ simulation: Simulation) { self.simulation = simulation }

    /// Cuts a process off for so many microseconds.
    public func cut(_ process: HostProcess, for microseconds: Int64) {
        simulation.say(process.name, "cut off for \(microseconds / 1000) ms")
        cuts.append((process, simulation.now + microseconds))
    }

    /// Ends all trouble.
    public func heal() {
        orders = []
        losses = 0
        delays = 0
        strayEnds = 0
        cuts = []
    }

    /// Whether a process reaches the cluster.
    func reaches(_ process: HostProcess, _ cluster: Cluster) -> Bool {
        guard cluster.isUp, !process.isDead else { return false }
        if cuts.isEmpty { return true }
        cuts.removeAll { $0.until <= simulation.now }
        return !cuts.contains { $0.process === process }
    }

    /// Microseconds from one side to the other.
    var latency: Int64 {
        if delays > 0, simulation.chance.happens(delays) {
            return Int64(simulation.chance.below(2_000_000))
        }
        return Int64(200 + simulation.chance.below(1500))
    }

    /// Microseconds until a marker stands in its partition.
    var markerDelay: Int64 {
        if simulation.chance.happens(delays > 0 ? 20 : 2) {
            return Int64(simulation.chance.below(1_500_000))
        }
        return Int64(100 + simulation.chance.below(3000))
    }

    /// What is to happen at this request, on this side of its effect.
    func action(_ kind: RequestKind, isBefore: Bool) -> Action? {
        if isBefore { counts[kind, default: 0] += 1 }
        if !orders.isEmpty {
            for place in orders.indices
            where orders[place].kind == kind && orders[place].isBefore == isBefore {
                if orders[place].skips == 0 {
                    let order = orders.remove(at: place)
                    simulation.say(
                        simulation.process.name,
                        "\(order.action) \(isBefore ? "before" : "after") \(kind)"
                    )
                    return order.action
                }
                orders[place].skips -= 1
            }
        }
        if losses > 0, simulation.chance.happens(losses) { return .lose }
        return nil
    }
}

/// A client's way to the cluster: asks, waits, asks again where something was lost, as librdkafka does by itself.
struct Connection {
    let cluster: Cluster
    let process: HostProcess

    init() {
        cluster = Cluster.current
        process = Simulation.current.process
    }

    var simulation: Simulation { cluster.simulation }
    var network: Network { cluster.network }

    /// What a client of a dead process gets: nobody sees it.
    static func gone(_ attempt: String) -> KafkaError {
        KafkaError(RD_KAFKA_RESP_ERR__DESTROY, attempt)
    }

    /// Carries a request there and its answer back; sent again until a time, which `sends` counts.
    func ask<Answer>(
        _ kind: RequestKind,
        _ attempt: String,
        until deadline: Int64,
        sends: inout Int,
        _ effect: () -> Answer
    ) throws(KafkaError) -> Answer {
        while true {
            simulation.sleep(network.latency)
            if process.isDead { throw Self.gone(attempt) }
            guard network.reaches(process, cluster) else {
                if simulation.now >= deadline {
                    throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
                }
                simulation.sleep(Int64(50_000 + simulation.chance.below(100_000)))
                continue
            }
            sends += 1
            if let isLost = try happen(kind, isBefore: true, attempt), isLost {
                if simulation.now >= deadline {
                    throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
                }
                continue
            }
            guard network.reaches(process, cluster) else { continue }
            let answer = effect()
            if let isLost = try happen(kind, isBefore: false, attempt), isLost {
                if simulation.now >= deadline {
                    throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, attempt)
                }
                continue
            }
            simulation.sleep(network.latency)
            if process.isDead { throw Self.gone(attempt) }
            return answer
        }
    }

    func ask<Answer>(
        _ kind: RequestKind,
        _ attempt: String,
        until deadline: Int64,
        _ effect: () -> Answer
    ) throws(KafkaError) -> Answer {
        var sends = 0
        return try ask(kind, attempt, until: deadline, sends: &sends, effect)
    }

    /// Does what was ordered; whether the message is lost, and nothing where nothing was ordered.
    func happen(_ kind: RequestKind, isBefore: Bool, _ attempt: String) throws(KafkaError)
        -> Bool?
    {
        guard let action = network.action(kind, isBefore: isBefore) else { return nil }
        switch action {
        case .kill:
            process.kill()
            throw Self.gone(attempt)
        case .pause(let microseconds):
            process.pausedUntil = simulation.now + microseconds
            simulation.sleep(1)
        case .lose:
            simulation.sleep(Int64(5000 + simulation.chance.below(400_000)))
            if process.isDead { throw Self.gone(attempt) }
            return true
        case .delay(let microseconds):
            simulation.sleep(microseconds)
        case .call(let body): body()
        }
        if process.isDead { throw Self.gone(attempt) }
        return false
    }

    /// The end of a wait of some length.
    func deadline(_ limit: Duration) -> Int64 {
        simulation.clock + Int64(limit.milliseconds) * 1000
    }
}

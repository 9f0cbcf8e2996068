import Kafka
import Simulator
import Synchronization

/// The simulated Kafka on which the conformance suite is played, on virtual time.
struct Stage: Sendable {
    static let isReady = true
    static let skipReason = ""

    let settings = ClientSettings(bootstrap: "simulated")

    /// Plays one test, under several seeds: other delays, other turns.
    static func play(_ test: @escaping @Sendable (Stage) throws -> Void) throws {
        for seed: UInt64 in 1...20 {
            let simulation = Simulation(seed: seed)
            let cluster = Cluster(simulation)
            cluster.epochMilliseconds = 1_793_491_200_000
            let result = Mutex<Result<Void, any Error>>(.success(()))
            simulation.run {
                let outcome = Result { try test(Stage()) }
                result.withLock { $0 = outcome }
            }
            try result.withLock { $0 }.get()
        }
    }

    /// A name that no other test uses.
    func name(_ prefix: String) -> String {
        "\(prefix)-\(Simulation.current.names.below(1_000_000_000))"
    }

    /// Waits.
    func pause(milliseconds: Int) { Simulation.current.sleep(Int64(milliseconds) * 1000) }

    /// Now, in milliseconds of the monotonic clock.
    var now: Int64 { Simulation.current.now / 1000 }
}

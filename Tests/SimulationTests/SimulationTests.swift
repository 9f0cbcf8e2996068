import Foundation
import SimulationKit
import Testing

/// The service, whole, in a world where everything goes wrong that RELIABILITY knows of, from a seed.
///
/// `SIMULATION_SEEDS` says how many histories, `SIMULATION_FIRST` the first; a release run of many, in pieces that can be
/// resumed, is `make simulate`. A history that fails is told with its seed and its last lines:
/// `simulate trace=SEED` shows all of it.
@Suite(.serialized) struct SimulationTests {
    private static func number(_ name: String, _ other: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? other
    }

    @Test func `a history is what its seed makes of it`() {
        let scale = Plan.Scale(events: 600, faults: 20)
        for seed: UInt64 in 11...14 {
            let first = World(seed: seed, scale: scale).run()
            let again = World(seed: seed, scale: scale).run()
            #expect(first.digest == again.digest)
            #expect(first.turns == again.turns)
            #expect(first.seen == again.seen)
            #expect(first.outputs > 0)
        }
        #expect(
            World(seed: 11, scale: scale).run().digest != World(seed: 12, scale: scale).run().digest
        )
    }

    @Test func `whatever happens, nothing is lost, doubled or changed, and it settles`() {
        let first = UInt64(Self.number("SIMULATION_FIRST", 1))
        let count = UInt64(Self.number("SIMULATION_SEEDS", 2000))
        var campaign = Campaign(scale: Plan.Scale())
        campaign.mostFailures = 3
        let sum = campaign.live(first..<first + count)
        print("SIMULATION seeds \(first)..<\(first + count):", sum.text)
        for (seed, failure) in sum.failures {
            Issue.record("seed \(seed): \(failure)")
            print(campaign.trace(of: seed).joined(separator: "\n"))
        }
        #expect(sum.histories == Int(count))
        print(
            "CHAOS simulated histories of 5000 events and 40 faults | \(count) histories; \(sum.outputs) output "
                + "records, \(sum.failures.count) histories failed | seed \(first)"
        )
    }
}

import Engine
import Foundation
import Journal
import TestKit
import Testing

/// A balance waits for as long as the version in force today lets it (SEMANTICS 30, 34), whenever that was published.
struct StaleTests {
    /// The day of the fill, since the first of March 2025.
    private static let filled = 1

    private static func version(_ number: Int, _ chance: inout Chance) -> Policy {
        var policy = PolicyTimeline.version(number, beginningOn: 1...280, &chance)
        policy.staleDays = Int32(chance.pick([10, 30, 90, 180]))
        policy[.accumulatorStale].isEnabled = chance.happens(80)
        return policy
    }

    /// What the contract says of a day, at its end.
    private static func isStale(_ policies: [Policy], on day: Int) -> Bool {
        let policy = PolicyTimeline.inForce(policies, on: day)
        return policy[.accumulatorStale].isEnabled && day - filled >= policy.staleDays
    }

    @Test func `on every day of a year, whenever versions were published`() throws {
        for seed in Effort.seeds(200) {
            var chance = Chance(seed: seed &+ 1 << 43)
            let policies = (0..<chance.number(1...4)).map { Self.version($0, &chance) }
            let published = policies.map { _ in chance.happens(50) ? 0 : chance.number(2...280) }
            let everyDay = chance.happens(50)
            var run = try MachineRun(tables: Tables.csv, policies: [policies[0]])
            var known = [policies[0]]
            var isOpen = false
            try run.record(
                JournalTests.encounter("E1", at: SmallWorld.time(Self.filled * 1440))
            )
            try run.record(
                JournalTests.dispense("D1", at: SmallWorld.time(Self.filled * 1440), cash: true)
                    .replacing("11111000130", with: "11111000210")
            )
            for day in 0..<300 {
                for (place, policy) in policies.enumerated().dropFirst()
                where published[place] == day {
                    try run.publish(policy)
                    known.append(policy)
                }
                guard day > Self.filled, everyDay || chance.happens(5) else { continue }
                try run.record(PolicyTimeline.tick(day * 1440 + 1439))
                for line in run.machine.lines(.alerts)
                where line.contains("\"rule\":\"accumulator_stale\"") {
                    isOpen = !line.contains("\"state\":\"resolved\"")
                }
                run.machine.removeOutputs()
                let expected = Self.isStale(known, on: day)
                #expect(isOpen == expected, "seed \(seed), day \(day), \(known.map(\.version))")
                if isOpen != expected { return }
            }
        }
    }
}

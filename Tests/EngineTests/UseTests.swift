import Engine
import Foundation
import Journal
import TestKit
import Testing

/// What counts as use of a balance, by versions of the policy that measure windows of different lengths (SEMANTICS 30).
struct UseTests {
    /// Fills of 30 tablets out of bottles of 100, one after the other, and what the contract says of them.
    private struct Oracle {
        var known: [Policy]
        /// Day and minute of each fill, in minutes since the first of March 2025.
        var uses: [Int] = []
        var count = 0
        var first = 0
        var isOpen = false

        func version(on day: Int) -> Policy { PolicyTimeline.inForce(known, on: day) }

        mutating func fill(at minute: Int) {
            if count == 0 { first = minute }
            count += 1
            uses.append(minute)
            let longest = known.map { Int($0.useDays) }.max() ?? 0
            uses.removeAll { $0 < minute - longest * 1440 }
        }

        /// Units used, and over how many minutes that was measured, by a version.
        func use(_ policy: Policy) -> (units: Int, minutes: Int) {
            guard let last = uses.last else { return (0, 0) }
            let window = Int(policy.useDays) * 1440
            return (
                30 * uses.count { $0 >= last - window },
                min(window, max(Int(policy.useDaysLeast) * 1440, last - first))
            )
        }

        func isOver(_ policy: Policy) -> Bool {
            let (units, minutes) = use(policy)
            return count * 30 >= Int(policy.overAccumulationPackages) * 100
                && count * 30 * minutes > Int(policy.overAccumulationDays) * 1440 * units
        }
    }

    private static func version(_ number: Int, _ chance: inout Chance) -> Policy {
        var policy = PolicyTimeline.version(number, beginningOn: 1...120, &chance)
        policy.useDays = Int32(chance.pick([3, 10, 30, 90]))
        policy.useDaysLeast = min(policy.useDays, Int32(chance.pick([1, 3, 30])))
        policy.overAccumulationPackages = Int32(chance.number(1...3))
        policy.overAccumulationDays = Int32(chance.pick([2, 5, 20, 60]))
        return policy
    }

    @Test func `is what fills took within the window of the version in force`() throws {
        for seed in Effort.seeds(200) {
            var chance = Chance(seed: seed &+ 1 << 44)
            let policies = (0..<chance.number(1...4)).map { Self.version($0, &chance) }
            let published = policies.map { _ in chance.number(0...120) }
            let busy = chance.pick([5, 30, 80])
            var run = try MachineRun(tables: Tables.csv, policies: [policies[0]])
            var oracle = Oracle(known: [policies[0]])
            try run.record(JournalTests.encounter("E1", at: SmallWorld.time(0)))

            /// What was said last, after some records up to a day.
            func compare(_ day: Int) -> Bool {
                let policy = oracle.version(on: day)
                let (units, minutes) = oracle.use(policy)
                var isAlike = true
                for line in run.machine.lines(.alerts)
                where line.contains("\"rule\":\"over_accumulation\"") {
                    oracle.isOpen = !line.contains("\"state\":\"resolved\"")
                    isAlike =
                        line.contains("\"use\":\"\(units)\",\"use_days\":\(minutes / 1440),")
                }
                run.machine.removeOutputs()
                return isAlike
            }

            for day in 0..<150 {
                for (place, policy) in policies.enumerated().dropFirst()
                where published[place] == day {
                    let wasOpen = oracle.isOpen
                    try run.publish(policy)
                    oracle.known.append(policy)
                    // Not the clock opens it, and not a policy.
                    _ = compare(day)
                    let today = day == 0 ? 0 : day - 1
                    let expected = wasOpen && oracle.isOver(oracle.version(on: today))
                    try #require(oracle.isOpen == expected, "seed \(seed), published on \(day)")
                }
                // A version may begin today.
                let policy = oracle.version(on: day)
                let wasOpen = oracle.isOpen
                try run.record(PolicyTimeline.tick(day * 1440))
                let isAlike = compare(day)
                let expected = wasOpen && oracle.isOver(policy)
                try #require(
                    isAlike && oracle.isOpen == expected,
                    "seed \(seed), beginning of day \(day), open before: \(wasOpen)"
                )

                var minute = day * 1440
                while chance.happens(busy), minute < (day + 1) * 1440 - 100 {
                    minute += chance.number(1...90)
                    let name = "D\(minute)"
                    try run.record(
                        JournalTests.dispense(name, at: SmallWorld.time(minute), cash: true)
                            .replacing("11111000130", with: "11111000210")
                    )
                    oracle.fill(at: minute)
                    let isSameUse = compare(day)
                    try #require(
                        isSameUse && oracle.isOpen == oracle.isOver(policy),
                        "seed \(seed), fill \(oracle.count) on day \(day)"
                    )
                }
            }
        }
    }
}

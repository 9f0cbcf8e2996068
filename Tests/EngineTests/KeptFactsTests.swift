import Journal
import TestKit
import Testing

@testable import Engine

/// What a fill keeps of its patient is what the patient's rows say, at any moment: claims and deadlines rely on it.
struct KeptFactsTests {
    private struct OfPatient: Equatable {
        var anyEncounter: Bool
        var sawPrescriber: Bool
        var matched: UInt32
        var stay: UInt32
        var pharmacies: Int
        var prescribers: Int
        var completesVelocity: Bool

        init(_ facts: Facts) {
            anyEncounter = facts.anyEncounter
            sawPrescriber = facts.sawPrescriber
            matched = facts.matched
            stay = facts.stay
            pharmacies = facts.velocityPharmacies
            prescribers = facts.velocityPrescribers
            completesVelocity = facts.completesVelocity
        }
    }

    /// How many fills were compared, or nil where one keeps something else.
    private func compared(_ machine: inout Machine) -> Int? {
        var count = 0
        for fill in 1..<UInt32(machine.fills.used) {
            let kept = machine.fills[fill].ofPatient
            guard kept.isKnown, machine.fills[fill].primary != 0 else { continue }
            count += 1
            let same = OfPatient(machine.facts(of: fill, isPatientSame: true))
            let fresh = OfPatient(machine.facts(of: fill))
            machine.fills[fill].ofPatient = kept
            if same != fresh { return nil }
        }
        return count
    }

    @Test(arguments: [false, true])
    func `after each record of small worlds, in any order`(isShuffled: Bool) throws {
        var all = 0
        for seed in Effort.seeds(100) {
            var run = try MachineRun(tables: Tables.csv, policies: [try Policy(overrides: [])])
            var chance = Chance(seed: seed &+ 1 << 41)
            let world = SmallWorld(seed: seed)
            let lines = isShuffled ? world.inTime.shuffled(using: &chance) : world.inTime
            for (place, line) in lines.enumerated() {
                try run.record(line)
                guard let count = compared(&run.machine) else {
                    Issue.record(
                        "seed \(seed), after line \(place + 1)\n\(lines[...place].joined(separator: "\n"))"
                    )
                    return
                }
                all += count
            }
        }
        #expect(all > 1000)
    }

    @Test func `through years of forgetting`() throws {
        var run = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 100)
        var all = 0
        for (day, lines) in HorizonTests.stream(days: 900, fillsPerDay: 3).enumerated() {
            for line in lines { try run.record(line) }
            run.machine.removeOutputs()
            guard day % 10 == 0 else { continue }
            let count = compared(&run.machine)
            all += try #require(count, "day \(day)")
        }
        #expect(all > 1000)
    }
}

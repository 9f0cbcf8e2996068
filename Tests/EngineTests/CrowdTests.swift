import Foundation
import Ingest
import Journal
import TestKit
import Testing

@testable import Engine

/// A test patient, or an identifier that stands for "unknown", has more visits and dispenses than can be walked along: what
/// is asked of them then says what a walk says, to the byte, outputs and state.
struct CrowdTests {
    /// Everything is one patient's.
    private static func ofOnePatient(_ line: String) -> String {
        guard let field = line.range(of: "\"patient_id\":\"") else { return line }
        let rest = line[field.upperBound...]
        guard let end = rest.firstIndex(of: "\"") else { return line }
        return line[..<field.upperBound] + "ALL" + rest[end...]
    }

    /// A machine that walks always.
    private static func walker() -> Machine {
        var machine = Machine()
        machine.crowdSize = .max
        return machine
    }

    private static func image(_ machine: inout Machine) -> [UInt8] {
        StateImage(of: &machine).withBytes { Array($0) }
    }

    private static func restored(_ image: [UInt8]) throws -> Machine {
        var place = 0
        return try Machine(restoringFrom: { buffer throws(StateFault) in
            image.withUnsafeBytes { all in
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: all[place..<place + buffer.count])
                )
            }
            place += buffer.count
        })
    }

    /// Folds a journal three times, walking, asking crowds made at once, and those of long walks, which a restored state has
    /// not; compares now and then.
    private static func compare(_ journal: RecordBatch, _ seed: UInt64) throws {
        var walker = walker()
        var asker = Machine()
        asker.crowdSize = 0
        var both = Machine()
        both.crowdSize = 5
        var chance = Chance(seed: seed)
        for index in 0..<journal.count {
            let record = journal.record(at: index)
            try walker.apply(record, offset: Int64(index))
            try asker.apply(record, offset: Int64(index))
            try both.apply(record, offset: Int64(index))
            guard index == journal.count - 1 || chance.happens(1) else { continue }
            let expected = walker.texts
            try #require(asker.texts == expected, "seed \(seed), record \(index)")
            try #require(both.texts == expected, "seed \(seed), record \(index)")
            let state = image(&walker)
            try #require(image(&asker) == state, "seed \(seed), record \(index)")
            try #require(image(&both) == state, "seed \(seed), record \(index)")
            both = try restored(state)
            both.crowdSize = 5
            asker.removeOutputs()
            walker.removeOutputs()
        }
        #expect(asker.crowds.made > 0)
        #expect(walker.crowds.made == 0)
    }

    @Test(arguments: [false, true])
    func `small worlds of one patient, in any order, with another policy in their midst`(
        isShuffled: Bool
    ) throws {
        for seed in Effort.seeds(30) {
            var journal = HandJournal()
            try journal.publish()
            var chance = Chance(seed: seed &+ 1 << 43)
            var lines = SmallWorld.journal(of: Array(seed * 40..<seed * 40 + 20))
            if isShuffled { lines.shuffle(using: &chance) }
            for (place, line) in lines.enumerated() {
                if place == lines.count / 2 {
                    var policy = Policy()
                    policy.version = "2"
                    policy.inpatientClasses = [.ambulatory]
                    policy.lookBackDays = 20
                    journal.batch.appendPolicy(
                        policy.canonicalBytes,
                        at: .distantPast,
                        source: .none
                    )
                }
                try journal.event(Self.ofOnePatient(line), from: "events")
            }
            try Self.compare(journal.batch, seed)
        }
    }

    @Test func `patients that turn out to be one`() throws {
        let old = PatientTokenKey.published
        let new = try #require(PatientTokenKey(keyID: "k2", key: Array(repeating: 7, count: 32)))
        let phases = [Tokenizer(old), Tokenizer(new), Tokenizer(new, others: [old])]
        for seed in Effort.seeds(30) {
            var journal = HandJournal()
            try journal.publish()
            var chance = Chance(seed: seed &+ 1 << 44)
            let lines = SmallWorld.journal(of: Array(seed * 40..<seed * 40 + 12))
            for (place, line) in lines.enumerated() {
                let isLate = place > lines.count * 2 / 3
                try journal.event(
                    chance.happens(70) ? Self.ofOnePatient(line) : line,
                    from: "events",
                    tokenizer: phases[isLate ? chance.number(0...2) : chance.number(0...1)]
                )
            }
            try Self.compare(journal.batch, seed)
        }
    }

    @Test func `through years of forgetting`() throws {
        var walker = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 100)
        var asker = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 100)
        walker.machine.crowdSize = .max
        asker.machine.crowdSize = 0
        for (day, lines) in HorizonTests.stream(days: 900, fillsPerDay: 3).enumerated() {
            for line in lines {
                try walker.record(Self.ofOnePatient(line))
                try asker.record(Self.ofOnePatient(line))
            }
            try #require(walker.machine.texts == asker.machine.texts, "day \(day)")
            walker.machine.removeOutputs()
            asker.machine.removeOutputs()
            guard day % 100 == 99 else { continue }
            #expect(Self.image(&walker.machine) == Self.image(&asker.machine), "day \(day)")
        }
    }
}

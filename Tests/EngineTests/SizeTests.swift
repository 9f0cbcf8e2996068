import Journal
import TestKit
import Testing

@testable import Engine

/// What is told of the state's size is what the state holds.
struct SizeTests {
    @Test("Pending fills are counted in step, whatever becomes of them")
    func pendingFills() throws {
        var most = 0
        var settled = 0
        for seed in Effort.seeds(60) {
            var run = try MachineRun(tables: Tables.csv, policies: [try Policy(overrides: [])])
            var last = 0
            for line in SmallWorld(seed: seed).inTime {
                try run.record(line)
                let told = run.machine.size.pendingFills
                let held = (1..<UInt32(run.machine.fills.used))
                    .count { run.machine.fills[$0].outcome == .pending }
                #expect(told == held, "seed \(seed): \(line)")
                if told != held { return }
                if told < last { settled += 1 }
                last = told
                most = max(most, told)
            }
        }
        #expect(most > 1 && settled > 10, "\(most) at once, \(settled) settled")
    }

    @Test("The tables' bytes grow with their rows")
    func bytes() throws {
        var run = try MachineRun(tables: Tables.csv, policies: [Policy()])
        let before = run.machine.stateBytes
        for line in SmallWorld(seed: 7).inTime { try run.record(line) }
        let size = run.machine.size
        #expect(size.fills > 0 && size.eventIDs > size.fills)
        #expect(run.machine.stateBytes > before + size.fills * MemoryLayout<FillRow>.stride)
        #expect(size.tables.first { $0.table == "fills" }?.count == size.fills)
    }

    @Test("Every outcome of a decision has a name")
    func outcomes() {
        #expect(MachineCounts.outcomes.count == MachineCounts().decisions.count)
        #expect(MachineCounts.outcomes[3] == "pending")
    }
}

import Engine
import Foundation
import Journal
import TestKit
import Testing

/// A row or a policy version published late re-decides exactly what it touches (SEMANTICS 34).
struct LateTests {
    /// One change of the tables or of the policy: what there was before it, and what it is.
    enum Change {
        case tables([String: String])
        case policy(Policy)
    }

    /// The tables without some rows, or with other ones: what the late publication puts right.
    static func earlier(_ chance: inout Chance) -> [String: String] {
        var tables = Tables.csv
        for _ in 0..<chance.number(1...3) {
            let file = chance.pick(tables.keys.sorted())
            var rows = (tables[file] ?? "").split(separator: "\n").map(String.init)
            guard rows.count > 1 else { continue }
            let index = chance.number(1...(rows.count - 1))
            switch (file, chance.number(1...3)) {
            case ("covered_entities.csv", 1):
                rows[index] = rows[index].replacing("carve_in", with: "carve_out")
            case ("products.csv", 1): rows[index] = rows[index].replacing(",Alpha,", with: ",Beta,")
            case ("products.csv", 2): rows[index] = rows[index].replacing(",EA,", with: ",ML,")
            case ("pharmacies.csv", 1):
                rows[index] = rows[index].replacing("contract", with: "in_house")
            case ("payers.csv", 1):
                rows[index] = rows[index].replacing("medicaid_ffs", with: "commercial")
            default: rows.remove(at: index)
            }
            tables[file] = rows.joined(separator: "\n") + "\n"
        }
        return tables
    }

    /// A later version of the policy, from a date in the midst of the fills.
    static func version(_ chance: inout Chance) -> Policy {
        var policy = Policy()
        policy.version = "late"
        policy.effectiveFrom = CivilDate(text: "2025-03-\(chance.number(10...25))") ?? .distantPast
        switch chance.number(1...7) {
        case 1: policy.lookBackDays = 300
        case 2: policy.encounterGraceHours = 48
        case 3: policy.feeForServiceCarveOutAtContractPharmacies = false
        case 4: policy.unknownPayerIsPending = true
        case 5: policy[.siteUnregistered].isEnabled = false
        case 6: policy.velocityPharmacies = 2
        default: policy.prescriptionLifeDays = 366
        }
        return policy
    }

    private static func read(_ run: inout MachineRun, _ audit: inout Audit) {
        audit.read(run.machine)
        run.machine.removeOutputs()
    }

    /// Folds the lines, with the change at the beginning or after so many lines.
    static func run(
        _ lines: [String],
        before: [String: String],
        _ change: Change,
        after count: Int?
    ) throws -> (state: [String: String], findings: [String]) {
        var tables = before
        var policies = [Policy()]
        if count == nil {
            switch change {
            case .tables(let later): tables = later
            case .policy(let policy): policies.append(policy)
            }
        }
        var run = try MachineRun(tables: tables, policies: policies)
        var audit = Audit()
        for (index, line) in (lines + [SmallWorld.last]).enumerated() {
            if index == count {
                switch change {
                case .tables(let later): try run.publish(later)
                case .policy(let policy): try run.publish(policy)
                }
                read(&run, &audit)
            }
            try run.record(line)
            read(&run, &audit)
        }
        return (audit.finalState, audit.findings)
    }

    @Test(arguments: ["tables", "policy"])
    func `a late publication ends where an early one would have`(what: String) throws {
        for seed in Effort.seeds(300) {
            var chance = Chance(seed: seed &+ 1 << 50)
            var lines = SmallWorld(seed: seed).inTime
            let change: Change
            var before = Tables.csv
            if what == "tables" {
                before = Self.earlier(&chance)
                change = .tables(Tables.csv)
            } else {
                change = .policy(Self.version(&chance))
            }
            var count = chance.number(0...lines.count)
            func difference() throws -> String? {
                let early = try Self.run(lines, before: before, change, after: nil)
                let late = try Self.run(lines, before: before, change, after: count)
                let findings = early.findings + late.findings
                if !findings.isEmpty { return findings.joined(separator: "\n") }
                let keys = Set(early.state.keys).union(late.state.keys).sorted()
                let told = keys.filter { early.state[$0] != late.state[$0] }.map {
                    "\($0): \(early.state[$0] ?? "none") | \(late.state[$0] ?? "none")"
                }
                return told.isEmpty ? nil : told.joined(separator: "\n")
            }
            guard try difference() != nil else { continue }
            var index = 0
            while index < lines.count {
                let all = (lines, count)
                lines.remove(at: index)
                if index < count { count -= 1 }
                if try difference() == nil {
                    (lines, count) = all
                    index += 1
                }
            }
            Issue.record(
                """
                seed \(seed), published after \(count) lines
                \(try difference() ?? "nothing")
                ---- lines
                \(lines.joined(separator: "\n"))
                ---- before
                \(before.map { "\($0.key)\n\($0.value)" }.joined(separator: "\n"))
                """
            )
            return
        }
    }

    /// Of versions that begin on the same day the one published last counts (SEMANTICS 34), also one that is corrected.
    @Test func `a version that is published again is the last one`() throws {
        var first = Policy()
        first.version = "first"
        first[.siteUnregistered].isEnabled = false
        var second = Policy()
        second.version = "second"
        var run = try MachineRun(tables: Tables.csv, policies: [first, second])
        let time = "2025-03-20T09:00:00Z"
        try run.record(JournalTests.encounter("E1", at: time))
        let dispense = JournalTests.dispense("D1", at: time, cash: true)
        try run.record(
            dispense.replacing("\"site_id\":\"DSH1\"", with: "\"site_id\":\"NOWHERE\"")
        )
        let before = run.machine.lines(.decisions).last ?? ""
        #expect(before.contains("\"rule\":\"site_unregistered\",\"result\":\"fail\""))
        first.claimGraceHours = 24
        try run.publish(first)
        let after = run.machine.lines(.decisions).last ?? ""
        #expect(after.contains("\"outcome\":\"qualified\""))
        #expect(after.contains("\"policy_version\":\"first\""))
        #expect(after.contains("\"change\":\"policy\""))
    }

    @Test func `a publication that changes nothing writes nothing`() throws {
        for seed in Effort.seeds(50) {
            var run = try MachineRun(tables: Tables.csv, policies: [Policy()])
            let lines = SmallWorld(seed: seed).inTime
            for (index, line) in lines.enumerated() {
                try run.record(line)
                guard index % 5 == 4 else { continue }
                run.machine.removeOutputs()
                try run.publish(Tables.csv)
                try run.publish(Policy())
                var other = Policy()
                other.version = "of the far future"
                other.effectiveFrom = CivilDate(text: "2030-01-01") ?? .distantFuture
                try run.publish(other)
                let written = OutputTopic.allCases.flatMap { run.machine.lines($0) }
                #expect(written.isEmpty, "seed \(seed), after \(index + 1) lines")
            }
        }
    }
}

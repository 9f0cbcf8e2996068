import Engine
import Foundation
import Journal
import TestKit
import Testing

/// Nothing is dropped in silence: each line becomes a record or a dead letter, and each record ends in one counted way.
struct CountTests {
    @Test func `every line and every record is accounted for`() throws {
        var run = try MachineRun(tables: Tables.csv, policies: [Policy()])
        let before = run.machine.counts
        #expect(before.records == before.control)
        var lines = SmallWorld.journal(of: Array(700..<760))
        lines += ["{", "[]", lines[0].replacing("\"event_id\"", with: "\"event\"")]
        lines.append(Self.disposition("x_1", id: "1"))
        lines.append(Self.disposition("r_0_1_0", id: "2"))
        lines.append(Self.disposition("a_00000000000000000000000000000000", id: "3"))
        for line in lines { try run.record(line) }
        let alert = try #require(
            run.machine.lines(.alerts).first?.firstMatch(of: #/"a_[0-9a-f]+"/#)
        )
        try run.record(
            Self.disposition(String(alert.0.dropFirst().dropLast()), id: "4", entity: "DSH1")
        )
        try run.record(
            Self.disposition(String(alert.0.dropFirst().dropLast()), id: "5", entity: "RRC1")
        )
        let counts = run.machine.counts
        #expect(
            counts.records == counts.control + counts.applied + counts.duplicates
                + counts.encountersTooOld + counts.adjustmentsUnapproved
                + counts.dispositionsWithoutEffect + counts.claimsRejected + counts.superseded
        )
        #expect(counts.control == before.control)
        #expect(
            Int64(lines.count + 2) == counts.records - counts.control + Int64(run.letters.count)
        )
        #expect(run.letters.count == 3)
        #expect(counts.dispositionsWithoutEffect == 4)
        #expect(counts.duplicates > 0 && counts.claimsRejected > 0 && counts.superseded >= 0)
        #expect(counts.decisions.reduce(0, +) == Int64(run.machine.lines(.decisions).count))
        let opened = run.machine.lines(.alerts).count { $0.contains("\"state\":\"opened\"") }
        #expect(counts.alertsOpened.reduce(0, +) == Int64(opened))
    }

    private static func disposition(_ subject: String, id: String, entity: String = "DSH1")
        -> String
    {
        "{\"event_type\":\"disposition\",\"event_id\":\"d\(id)\",\"covered_entity_id\":\"\(entity)\","
            + "\"occurred_at\":\"2025-06-02T00:00:00Z\",\"subject_id\":\"\(subject)\","
            + "\"decision\":\"acknowledged\",\"actor\":\"kim\"}"
    }
}

import Engine
import Foundation
import Ingest
import Journal
import TestKit
import Testing

/// Journals as the service writes them: several sources, ticks, keys that rotate, and what no journal may hold.
struct JournalTests {
    static func encounter(_ id: String, at time: String, patient: String = "P1") -> String {
        "{\"event_type\":\"encounter\",\"event_id\":\"\(id)\",\"covered_entity_id\":\"DSH1\","
            + "\"occurred_at\":\"\(time)\",\"encounter_id\":\"\(id)\",\"patient_id\":\"\(patient)\","
            + "\"class\":\"AMB\",\"status\":\"finished\",\"site_id\":\"DSH1\","
            + "\"provider_npi\":\"1000000012\",\"start\":\"\(time)\",\"end\":\"\(time)\"}"
    }

    static func dispense(
        _ id: String,
        at time: String,
        patient: String = "P1",
        pharmacy: String = "2000000010",
        cash: Bool = false
    ) -> String {
        "{\"event_type\":\"dispense\",\"event_id\":\"\(id)\",\"covered_entity_id\":\"DSH1\","
            + "\"occurred_at\":\"\(time)\",\"dispense_id\":\"\(id)\",\"rx_number\":\"\(id)\","
            + "\"fill_number\":0,\"patient_id\":\"\(patient)\",\"pharmacy_npi\":\"\(pharmacy)\","
            + "\"prescriber_npi\":\"1000000012\",\"site_id\":\"DSH1\",\"ndc\":\"11111000130\","
            + "\"quantity\":\"30\",\"unit\":\"EA\",\"written_on\":\"\(time.prefix(10))\","
            + "\"status\":\"completed\",\"payment\":\"\(cash ? "cash" : "insured")\"}"
    }

    static func claim(_ id: String, of rx: String, at time: String) -> String {
        "{\"event_type\":\"claim\",\"event_id\":\"\(id)\",\"covered_entity_id\":\"DSH1\","
            + "\"occurred_at\":\"\(time)\",\"claim_id\":\"\(id)\",\"rx_number\":\"\(rx)\","
            + "\"fill_number\":0,\"pharmacy_npi\":\"2000000010\",\"ndc\":\"11111000130\","
            + "\"quantity\":\"30\",\"transaction\":\"B1\",\"status\":\"paid\",\"bin\":\"100\","
            + "\"claimed_340b\":true}"
    }

    static func fold(_ journal: borrowing HandJournal) throws -> [String: String] {
        var machine = Machine()
        var offset: Int64 = 0
        try machine.apply(journal.batch, from: &offset)
        return machine.texts
    }

    // MARK: ticks

    /// Nineteen days of dispenses are copied before the first claim: monitor time stays where the claims are.
    @Test func `a short topic read far ahead of a long one raises no false alert`() throws {
        var journal = HandJournal(clock: .ticks)
        try journal.publish()
        for topic in ["encounters", "dispenses", "claims"] { journal.register(topic) }
        let start = "2025-03-01T08:00:00Z"
        journal.tick(["encounters": start, "dispenses": start, "claims": start])
        for day in 10...28 {
            let time = "2025-03-\(day)T10:00:00Z"
            try journal.event(Self.dispense("D\(day)", at: time), from: "dispenses")
            journal.tick(["dispenses": time])
        }
        for day in 10...28 {
            let time = "2025-03-\(day)T10:00:00Z"
            try journal.event(
                Self.encounter("E\(day)", at: "2025-03-\(day)T09:00:00Z"),
                from: "encounters"
            )
            journal.tick(["encounters": time])
            try journal.event(Self.claim("C\(day)", of: "D\(day)", at: time), from: "claims")
            journal.tick(["claims": time])
        }
        journal.tick(["dispenses": "2025-04-09T00:00:00Z", "encounters": "2025-04-09T00:00:00Z"])
        journal.tick(["claims": "2025-04-09T00:00:00Z"])
        let texts = try Self.fold(journal)
        let alerts = texts["alerts"] ?? ""
        #expect(alerts.isEmpty)
        let qualified = texts["decisions"]?.split(separator: "\n")
            .count { $0.contains("\"outcome\":\"qualified\"") }
        #expect(qualified == 19)
    }

    @Test func `a claim that is missing alerts once all topics have passed its grace`() throws {
        var journal = HandJournal(clock: .ticks)
        try journal.publish()
        for topic in ["encounters", "dispenses", "claims"] { journal.register(topic) }
        journal.tick([
            "encounters": "2025-03-10T10:00:00Z", "dispenses": "2025-03-10T10:00:00Z",
            "claims": "2025-03-10T10:00:00Z",
        ])
        try journal.event(Self.encounter("E1", at: "2025-03-10T09:00:00Z"), from: "encounters")
        try journal.event(Self.dispense("D1", at: "2025-03-10T10:00:00Z"), from: "dispenses")
        let late = "2025-03-13T10:00:00Z"
        journal.tick(["encounters": late, "dispenses": late, "claims": "2025-03-13T09:59:59Z"])
        let early = try Self.fold(journal)["alerts"] ?? ""
        #expect(early.isEmpty)
        journal.tick(["claims": late])
        let alerts = try Self.fold(journal)["alerts"] ?? ""
        #expect(alerts.contains("\"rule\":\"dispense_without_claim\",\"state\":\"opened\""))
    }

    @Test func `a topic that is retired holds time back no longer`() throws {
        var journal = HandJournal(clock: .ticks)
        try journal.publish()
        journal.register("dispenses")
        journal.register("claims")
        try journal.event(Self.dispense("D1", at: "2025-03-10T10:00:00Z"), from: "dispenses")
        journal.tick(["dispenses": "2025-03-10T10:00:00Z"])
        journal.tick(["dispenses": "2025-03-20T10:00:00Z"])
        let early = try Self.fold(journal)["alerts"] ?? ""
        #expect(early.isEmpty)
        journal.batch.appendRetirement(
            topic: "claims",
            partition: 0,
            at: .distantPast,
            source: .none
        )
        journal.tick(["dispenses": "2025-03-24T10:00:00Z"])
        let alerts = try Self.fold(journal)["alerts"] ?? ""
        #expect(alerts.contains("dispense_without_claim"))
    }

    /// Before any progress is known there is no time: what came then counts from the first moment there is, and is
    /// remembered from then on.
    @Test func `fills from before the first tick are remembered for the whole horizon`() throws {
        // On this day a ring of 4,096 days comes round to where a fill of "day 0" would wait.
        let first = CivilDate(day: 401 + 4096 * 4 - 3)
        var journal = HandJournal(clock: .ticks)
        try journal.publish()
        journal.register("dispenses")
        let text = first.text + "T10:00:00Z"
        try journal.event(Self.encounter("E1", at: text), from: "encounters")
        try journal.event(Self.dispense("D1", at: text, cash: true), from: "dispenses")
        journal.tick(["dispenses": text])
        for days in 1...10 {
            journal.tick(["dispenses": first.adding(days: Int32(days)).text + "T10:00:00Z"])
        }
        var machine = Machine()
        var offset: Int64 = 0
        try machine.apply(journal.batch, from: &offset)
        #expect(machine.size.fills == 1)
    }

    /// Fills of 30 out of bottles of 100 from before the first tick, which comes with the day of the fills.
    private static func journalBeforeTicks(_ first: CivilDate, fills: Int) throws -> HandJournal {
        var journal = HandJournal(clock: .ticks)
        try journal.publish()
        journal.register("dispenses")
        let text = first.text + "T10:00:00Z"
        try journal.event(encounter("E1", at: text), from: "encounters")
        for number in 1...fills {
            try journal.event(bottle("D\(number)", at: text), from: "dispenses")
        }
        journal.tick(["dispenses": text])
        return journal
    }

    private static func bottle(_ id: String, at time: String) -> String {
        dispense(id, at: time, cash: true).replacing("11111000130", with: "11111000210")
    }

    @Test func `a balance from before the first tick waits from the first moment there is`() throws
    {
        let first = CivilDate(day: 20_000)
        for (days, isStale) in [(179, false), (180, true)] {
            var journal = try Self.journalBeforeTicks(first, fills: 1)
            journal.tick(["dispenses": first.adding(days: Int32(days)).text + "T10:00:00Z"])
            let alerts = try Self.fold(journal)["alerts"] ?? ""
            #expect(alerts.contains("accumulator_stale") == isStale, "\(days) days: \(alerts)")
        }
    }

    @Test func `what was used before the first tick counts from the first moment there is`() throws
    {
        let first = CivilDate(day: 20_000)
        for (days, isTooMuch) in [(60, false), (61, true)] {
            var journal = try Self.journalBeforeTicks(first, fills: 7)
            let later = first.adding(days: Int32(days)).text + "T10:00:00Z"
            journal.tick(["dispenses": later])
            try journal.event(Self.bottle("D8", at: later), from: "dispenses")
            let alerts = try Self.fold(journal)["alerts"] ?? ""
            #expect(
                alerts.contains("\"use\":\"240\",\"use_days\":61,") == isTooMuch,
                "\(days) days: \(alerts)"
            )
            #expect(alerts.contains("over_accumulation") == isTooMuch, "\(days) days: \(alerts)")
        }
    }

    // MARK: what the world may send

    @Test func `as many packages as JSON can say stop nothing`() throws {
        var journal = HandJournal()
        try journal.publish()
        let time = "2025-03-10T09:00:00Z"
        for number in 1...3 {
            try journal.event(
                "{\"event_type\":\"adjustment\",\"event_id\":\"A\(number)\","
                    + "\"covered_entity_id\":\"DSH1\",\"occurred_at\":\"\(time)\","
                    + "\"adjustment_id\":\"A\(number)\",\"pharmacy_npi\":\"2000000010\","
                    + "\"ndc\":\"11111000130\",\"account\":\"340B\","
                    + "\"quantity\":\"999999999999.999999\","
                    + "\"packages_outstanding\":9223372036854775807,\"reason\":\"count\","
                    + "\"actor\":\"kim\",\"approved_by\":\"ada\"}",
                from: "events"
            )
            try journal.event(
                "{\"event_type\":\"purchase\",\"event_id\":\"P\(number)\","
                    + "\"covered_entity_id\":\"DSH1\",\"occurred_at\":\"\(time)\","
                    + "\"invoice_id\":\"I\(number)\",\"line\":1,\"account\":\"340B\","
                    + "\"pharmacy_npi\":\"2000000010\",\"ndc\":\"11111000130\","
                    + "\"packages\":9223372036854775807}",
                from: "events"
            )
        }
        try journal.event(Self.encounter("E1", at: time), from: "events")
        try journal.event(Self.dispense("D1", at: time, cash: true), from: "events")
        let texts = try Self.fold(journal)
        let balance = texts["accumulators"]?.split(separator: "\n").first { $0.contains("\"D1\"") }
        #expect(balance?.contains("\"balance\":\"3000000000029.999997\"") == true)
    }

    /// A fill that lost its dispense has no dates: its alerts say null, not a day of long ago.
    @Test func `an alert of a fill without a dispense names no date`() throws {
        var run = try MachineRun(tables: Tables.csv, policies: [Policy()])
        let first = Self.dispense("D1", at: "2025-03-10T09:00:00Z", cash: true)
            .replacing("\"site_id\":\"DSH1\"", with: "\"site_id\":\"NOWHERE\"")
        try run.record(first)
        let moved = first.replacing("\"rx_number\":\"D1\"", with: "\"rx_number\":\"D2\"")
            .replacing("T09:00:00Z", with: "T09:00:01Z")
            .replacing("\"event_id\":\"D1\"", with: "\"event_id\":\"D1-moved\"")
        try run.record(moved)
        let resolved = run.machine.lines(.alerts).first { $0.contains("\"state\":\"resolved\"") }
        #expect(resolved?.contains("\"written_on\":null,\"fill_date\":null") == true)
        #expect(resolved?.contains("\"resolution\":\"reversed\"") == true)
    }

    // MARK: key rotation

    @Test func `a patient whose key is replaced stays one patient`() throws {
        let old = PatientTokenKey.published
        let new = try #require(PatientTokenKey(keyID: "k2", key: Array(repeating: 7, count: 32)))
        let before = Tokenizer(old)
        let during = Tokenizer(new, others: [old])
        let after = Tokenizer(new)
        let time = "2025-03-10T09:00:00Z"
        let seen = Self.encounter("E1", at: time)
        // The visit under the old key, the fill under the new: what both keys saw makes them one.
        let orders: [[(String, Tokenizer)]] = [
            [(seen, before), (Self.dispense("D1", at: time, cash: true), during)],
            [
                (seen, before), (Self.encounter("E2", at: "2023-01-01T00:00:00Z"), during),
                (Self.dispense("D1", at: time, cash: true), after),
            ],
            [
                (seen, before), (Self.dispense("D1", at: time, cash: true), after),
                (Self.encounter("E2", at: "2023-01-01T00:00:00Z"), during),
            ],
            [
                (Self.dispense("D1", at: time, cash: true), after), (seen, before),
                (Self.dispense("D2", at: time, cash: true), during),
            ],
        ]
        for order in orders {
            var journal = HandJournal()
            try journal.publish()
            for (line, tokenizer) in order {
                try journal.event(line, from: "events", tokenizer: tokenizer)
            }
            let decisions = try Self.fold(journal)["decisions"]?.split(separator: "\n") ?? []
            let last = decisions.last { $0.contains("\"rx_number\":\"D1\"") } ?? ""
            #expect(last.contains("\"outcome\":\"qualified\""))
            #expect(last.contains("\"matched_encounter_id\":\"E1\""))
        }
    }

    @Test func `without a record of both keys they are two patients`() throws {
        let new = try #require(PatientTokenKey(keyID: "k2", key: Array(repeating: 7, count: 32)))
        var journal = HandJournal()
        try journal.publish()
        let time = "2025-03-10T09:00:00Z"
        try journal.event(
            Self.encounter("E1", at: time),
            from: "events",
            tokenizer: Tokenizer(.published)
        )
        try journal.event(
            Self.dispense("D1", at: time, cash: true),
            from: "events",
            tokenizer: Tokenizer(new)
        )
        let decisions = try Self.fold(journal)["decisions"] ?? ""
        #expect(decisions.contains("encounter_missing"))
    }

    // MARK: what no journal may hold

    private func fault(_ journal: borrowing HandJournal) -> String {
        var machine = Machine()
        var offset: Int64 = 40
        do throws(MachineFault) {
            try machine.apply(journal.batch, from: &offset)
        } catch {
            #expect(error.offset == offset)
            return error.description
        }
        return "none"
    }

    @Test func `a gap and a repeat in a source are faults`() throws {
        for next in [0, 2] as [UInt64] {
            var journal = HandJournal()
            try journal.publish()
            try journal.event(Self.encounter("E1", at: "2025-03-10T09:00:00Z"), from: "encounters")
            journal.counters["encounters"] = next
            try journal.event(Self.encounter("E2", at: "2025-03-10T09:00:00Z"), from: "encounters")
            #expect(fault(journal).contains("encounters/0 gave record \(next) where 1 was due"))
        }
    }

    @Test func `an event before the publication and the policy is a fault`() throws {
        var journal = HandJournal()
        try journal.event(Self.encounter("E1", at: "2025-03-10T09:00:00Z"), from: "encounters")
        #expect(fault(journal).contains("before a complete publication"))
        var second = HandJournal()
        second.batch.appendReferenceComplete(
            rowCount: 0,
            digest: [],
            at: .distantPast,
            source: .none
        )
        try second.event(Self.encounter("E1", at: "2025-03-10T09:00:00Z"), from: "encounters")
        #expect(fault(second).contains("before a complete publication"))
    }

    @Test func `a journal begins with its genesis record and has one`() throws {
        var journal = HandJournal(hasGenesis: false)
        try journal.publish()
        #expect(fault(journal).contains("does not begin with its genesis record"))
        let second = HandJournal()
        second.batch.append(
            Genesis(
                partitionCount: 1,
                partition: 0,
                horizonDays: 400,
                clock: .ticks,
                application: "test"
            ),
            at: .distantPast,
            source: .none
        )
        #expect(fault(second).contains("a second genesis record"))
    }
}

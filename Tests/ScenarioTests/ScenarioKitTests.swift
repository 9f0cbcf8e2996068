import Foundation
import TestKit
import Testing

/// The stories' own machinery: what it makes of a file, and what it tells when something else came.
struct ScenarioKitTests {
    /// Answers every step with lines that were written down.
    struct Script: ScenarioEngine {
        var answers: [[(topic: ScenarioOutput.Topic, line: String)]]

        func score(
            reference: [String: String],
            policy: [PolicyOverride],
            steps: [ScenarioStep.Action]
        ) throws -> [[ScenarioOutput]] {
            try zip(steps, answers).map { _, lines in
                try lines.map { try ScenarioOutput(topic: $0.topic, line: $0.line) }
            }
        }
    }

    static let fill =
        #""covered_entity_id":"DSH1","fill":{"pharmacy_npi":"2000000010","rx_number":"1","fill_number":0}"#

    private func folder(_ story: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "scenarios-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: Fixtures.path("scenarios/world"),
            toPath: folder.appending(path: "world").path
        )
        try story.write(
            to: folder.appending(path: "story.txt"),
            atomically: true,
            encoding: .utf8
        )
        return folder
    }

    @Test func `a line becomes a record of the contract`() throws {
        let library = try ScenarioLibrary(
            folder: try folder(
                """
                A visit.

                Because.

                given
                    03-02 10:00  dispense D1 rx=7 ndc=bottle at=03-01 cash
                    03-03 10:00  dispense D1 rx=7 returned
                ----
                    nothing
                """
            ).path
        )
        let steps = try library.scenario("story").steps.map(\.action)
        let first = """
            {"event_type":"dispense","event_id":"line-6","covered_entity_id":"DSH1",\
            "occurred_at":"2025-03-01","recorded_at":"2025-03-02T10:00:00Z","dispense_id":"D1",\
            "rx_number":"7","fill_number":0,"patient_id":"P1","pharmacy_npi":"2000000010",\
            "prescriber_npi":"1000000012","site_id":"DSH1","ndc":"11111000210",\
            "quantity":"30","unit":"EA","written_on":"2025-03-01","status":"completed",\
            "payment":"cash"}
            """
        #expect(steps.first == .record(first))
        guard case .record(let second)? = steps.last else {
            Issue.record("a dispense is a record")
            return
        }
        #expect(second.contains(#""occurred_at":"2025-03-03T10:00:00Z""#))
        #expect(second.contains(#""written_on":"2025-03-01","status":"returned","payment":"cash""#))
    }

    @Test func `what came instead is told`() throws {
        let library = try ScenarioLibrary(
            folder: try folder(
                """
                A sale.

                Because.

                given
                    03-02 10:00  dispense D1 rx=1 cash
                ----
                    fill 1 qualified 340B 30
                    balance main-pharmacy plain 340B 0
                """
            ).path
        )
        let decision = """
            {\(Self.fill),"outcome":"not_qualified","account":"WAC","quantity":"30","revision":1,\
            "rules":[{"rule":"ndc_unknown","result":"fail"}]}
            """
        let alert = """
            {"covered_entity_id":"DSH1","rule":"ndc_unknown","state":"opened","occurrence":1,\
            "subject":{"kind":"fill","pharmacy_npi":"2000000010","rx_number":"1","fill_number":0}}
            """
        let engine = Script(answers: [[(.decisions, decision), (.alerts, alert)]])
        let runner = ScenarioRunner(library: library, engine: engine)
        let failures = try runner.run(try library.scenario("story")).map(\.description)
        let told = """
            story.txt:8
                expected  fill 1 qualified 340B 30
                came      fill 1 not_qualified WAC 30 fails ndc_unknown revision 1
            story.txt:7
                expected  no other alert
                came      alert ndc_unknown opened fill 1
            """
        #expect(failures.joined(separator: "\n") == told)
        try runner.update(try library.scenario("story"))
        #expect(try runner.run(try library.scenario("story")).isEmpty)
    }

    @Test func `a disposition finds the replenishment it is about`() throws {
        let library = try ScenarioLibrary(
            folder: try folder(
                """
                A package.

                Because.

                given
                    03-02 10:00  dispense D1 rx=1 cash
                    03-02 11:00  disposition replenishment-1 approved
                ----
                    replenishment 1 package approved of plain
                """
            ).path
        )
        let line =
            #"{"replenishment_id":"r_0_9_0","packages":1,"ndc11":"11111000130","state":"#
        let engine = Script(answers: [
            [(.replenishments, line + #""proposed"}"#)],
            [(.replenishments, line + #""approved"}"#)],
        ])
        let runner = ScenarioRunner(library: library, engine: engine)
        #expect(try runner.run(try library.scenario("story")).isEmpty)
    }

    @Test func `a line that means nothing is told with its place`() throws {
        let library = try ScenarioLibrary(
            folder: try folder("A.\n\nB.\n\ngiven\n    03-02 10:00  sale D1\n----\n    nothing\n")
                .path
        )
        let error = try #require(throws: ScenarioError.self) { try library.scenario("story") }
        #expect(error.description == "story.txt:6: “sale” is nothing that can be recorded")
    }
}

import Foundation
import TestKit
import Testing

/// The text stories of `fixtures/scenarios`, each against the monitor.
struct ScenarioTests {
    static let library = try? ScenarioLibrary(folder: Fixtures.path("scenarios"))
    static let names = (try? library?.names()) ?? []

    /// `SCENARIO_UPDATE=1` rewrites the expectations instead of judging them.
    private static let updates = ProcessInfo.processInfo.environment["SCENARIO_UPDATE"] == "1"

    @Test(.enabled(if: engineUnderTest != nil), arguments: names)
    func story(_ name: String) throws {
        let library = try #require(Self.library)
        let runner = ScenarioRunner(library: library, engine: try #require(engineUnderTest))
        let scenario = try library.scenario(name)
        if Self.updates { return try runner.update(scenario) }
        for failure in try runner.run(scenario) {
            Issue.record("\(failure)")
        }
    }

    @Test(arguments: names)
    func `a story can be read`(_ name: String) throws {
        let scenario = try #require(Self.library).scenario(name)
        #expect(!scenario.steps.isEmpty)
        #expect(scenario.title.hasSuffix("."), "the title is a sentence")
        for block in scenario.blocks {
            #expect(!block.expectations.isEmpty, "a rule of dashes with nothing under it")
        }
    }

    @Test(arguments: deterministicRules)
    func `every rule has a story in which it fires and one in which it does not`(
        _ rule: String
    ) throws {
        let scenario = try #require(Self.library).scenario("rules/\(rule)")
        let lines = scenario.blocks.flatMap(\.expectations).map(\.text)
        #expect(lines.contains { $0.hasPrefix("alert \(rule) opened ") })
        #expect(lines.contains { $0.hasPrefix("no alert \(rule)") })
    }
}

/// The rules a single set of facts decides; the others are judged by their history.
let deterministicRules = [
    "encounter_missing", "encounter_inpatient", "provider_mismatch", "site_unregistered",
    "provider_ineligible", "pharmacy_unregistered", "duplicate_discount",
    "manufacturer_restriction", "orphan_drug_excluded", "mfp_unmarked", "ndc_unknown",
    "ndc_mismatch", "quantity_mismatch", "claim_without_dispense", "dispense_without_claim",
    "written_date_invalid", "fill_duplicate", "gpo_prohibited_purchase", "patient_velocity",
    "accumulator_negative", "over_accumulation", "over_replenished", "accumulator_stale",
    "missed_claim",
]

enum Fixtures {
    /// A folder below `fixtures`, found from where this file stands.
    static func path(_ folder: String) -> String {
        URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "fixtures").appending(path: folder).path
    }
}

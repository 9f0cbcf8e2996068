import Foundation
import TestKit
import Testing
import sample_data

/// The demo's sample data: made by its generator, and judged as its expectations say.
struct SampleTests {
    private static let folder = URL(fileURLWithPath: Fixtures.path("sample"), isDirectory: true)

    @Test func `the committed sample is what the generator writes`() throws {
        for (path, text) in Sample.files() {
            let committed = try String(
                contentsOf: Self.folder.appending(path: path),
                encoding: .utf8
            )
            #expect(
                committed == text,
                "\(path) differs; write the sample anew with `swift run sample-data fixtures/sample`"
            )
        }
    }

    @Test func `every deterministic rule fires and does not`() throws {
        let expectations = try Self.expectations()
        for rule in deterministicRules {
            #expect(expectations.contains { $0.first == rule && $0.last == "alert" }, "\(rule)")
            #expect(expectations.contains { $0.first == rule && $0.last == "no_alert" }, "\(rule)")
        }
    }

    @Test(.enabled(if: engineUnderTest != nil))
    func `the sample is judged as its expectations say`() throws {
        let engine = try #require(engineUnderTest)
        let events = try String(
            contentsOf: Self.folder.appending(path: "events.ndjson"),
            encoding: .utf8
        )
        let steps = events.split(separator: "\n").map { ScenarioStep.Action.record(String($0)) }
        let outputs = try engine.score(reference: try Self.reference(), policy: [], steps: steps)

        let opened = Set(outputs.joined().compactMap(Self.openedAlert))
        for words in try Self.expectations() where words.first != "dead_letter" {
            let alert = words.dropLast().joined(separator: " ")
            #expect(opened.contains(alert) == (words.last == "alert"), "\(alert)")
        }
        let letters = outputs.enumerated().flatMap { index, outputs in
            outputs.filter { $0.topic == .deadLetters }.map { output in
                let error = output.value["error"]
                let field = error["field"].text ?? ""
                return "\(index + 1) \(error["code"].text ?? "") \(field.isEmpty ? "-" : field)"
            }
        }
        let expected = try Self.expectations().filter { $0.first == "dead_letter" }
            .map { $0.dropFirst().joined(separator: " ") }
        // Where the whole line is at fault no field is asked for.
        #expect(letters.count == expected.count)
        for (letter, told) in zip(letters, expected) {
            #expect(told.hasSuffix(" -") ? letter.hasPrefix(told.dropLast()) : letter == told)
        }
    }

    /// `RULE fill ENTITY PHARMACY RX FILL`, `RULE accumulator ENTITY PHARMACY NDC ACCOUNT` or
    /// `RULE invoice ENTITY PHARMACY NDC ACCOUNT ID` of an alert that opened.
    private static func openedAlert(_ output: ScenarioOutput) -> String? {
        let value = output.value
        guard output.topic == .alerts, value["state"].text == "opened" else { return nil }
        let subject = value["subject"]
        let names =
            switch (subject["kind"].text, subject["invoice_id"].text) {
            case ("fill", _): ["fill", "pharmacy_npi", "rx_number", "fill_number"]
            case (_, nil): ["accumulator", "pharmacy_npi", "ndc11", "account"]
            default: ["invoice", "pharmacy_npi", "ndc11", "account", "invoice_id"]
            }
        let words =
            [value["rule"].text, names[0], value["covered_entity_id"].text]
            + names.dropFirst().map { subject[$0].text }
        return words.map { $0 ?? "?" }.joined(separator: " ")
    }

    private static func expectations() throws -> [[String]] {
        try String(contentsOf: folder.appending(path: "expected.txt"), encoding: .utf8)
            .split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    private static func reference() throws -> [String: String] {
        let tables = folder.appending(path: "reference")
        return Dictionary(
            uniqueKeysWithValues:
                try FileManager.default.contentsOfDirectory(atPath: tables.path).map { file in
                    (file, try String(contentsOf: tables.appending(path: file), encoding: .utf8))
                }
        )
    }
}

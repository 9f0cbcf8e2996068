import Foundation
import Ingest
import Journal
import Testing

@Suite struct `A policy file` {
    @Test(arguments: Stories.files("policy-files"))
    func `is versions or faults with their places, as the stories tell`(file: String) throws {
        try Stories.tell(file) { given in
            let bytes = Stories.bytes(given.joined(separator: "\n") + "\n")
            do {
                return try PolicyReader.read(bytes, file: "policy.yaml").map(difference)
            } catch {
                return ["\(error)"]
            }
        }
    }

    /// What differs from the shipped policy, in the words of the canonical bytes.
    private func difference(_ policy: Policy) -> String {
        let shipped = Set(lines(Policy()))
        let own = lines(policy).filter { !shipped.contains($0) }
        return own.isEmpty ? "as shipped" : own.joined(separator: "\n")
    }

    private func lines(_ policy: Policy) -> [String] {
        String(decoding: policy.canonicalBytes, as: UTF8.self).split(separator: "\n").map {
            String($0.replacing("\t", with: " · "))
        }
    }

    @Test func `that was written reads back as the same policy`() throws {
        let written = PolicyWriter.text()
        #expect(try PolicyReader.read(Array(written.utf8), file: "default.yaml") == [Policy()])
        var other = Policy()
        other.version = "it's \"mine\": \\ # 20"
        other.effectiveFrom = CivilDate(text: "2026-07-01") ?? .distantPast
        other.inpatientClasses = []
        other.orphanExcludedTypes = ["no", "true", "1.0", "~"]
        other.unknownPayerIsPending = true
        other[.usageSpike].isEnabled = false
        other[.usageSpike].owner = "yes"
        other[.usageSpike].legalBasis = ["- a: b", "#c", "null"]
        other[.usageSpike].effectiveTo = CivilDate(text: "2027-01-01") ?? .distantFuture
        let text = PolicyWriter.text(other)
        #expect(try PolicyReader.read(Array(text.utf8), file: "other.yaml") == [other])
    }

    @Test func `says of every value and every rule what it is`() {
        let text = PolicyWriter.text()
        for field in PolicyField.all { #expect(text.contains("# \(field.help)\n\(field.name): ")) }
        for rule in Rule.allCases { #expect(text.contains("\n  \(rule.name):\n")) }
    }
}

import Engine
import Foundation
import Journal
import TestKit
import Testing

/// Questions about fills and accumulators, asked while a journal is folded.
struct ExplainTests {
    @Test func `asking after every record changes no byte of what follows`() throws {
        let journal = try SameBytesTests.journal()
        var machine = Machine()
        var texts: [String: String] = [:]
        var asked = (fills: 0, accumulators: 0)
        for index in 0..<journal.count {
            try machine.apply(journal.record(at: index), offset: Int64(index))
            let written = machine.texts
            for (name, text) in written { texts[name, default: ""] += text }
            machine.removeOutputs()
            for line in written["decisions", default: ""].split(separator: "\n") {
                let key = try Self.key(line, from: "\"pharmacy_npi\":", to: ",\"dispense_id\":")
                let entity = try Self.key(line, from: "_id\":\"", to: "\",\"sequence\"").dropFirst(
                    6
                )
                let explanation = machine.explainFill(
                    entity: Array(entity.utf8),
                    key: Array(key.utf8)
                )
                #expect(explanation != nil, "\(line)")
                asked.fills += 1
            }
            for line in written["accumulators", default: ""].split(separator: "\n") {
                let key = try Self.key(line, from: "\"pharmacy_npi\":", to: ",\"unit\":")
                let entity = try Self.key(line, from: "_id\":\"", to: "\",\"sequence\"").dropFirst(
                    6
                )
                let explanation = machine.explainAccumulator(
                    entity: Array(entity.utf8),
                    key: Array(key.utf8)
                )
                #expect(explanation != nil, "\(line)")
                asked.accumulators += 1
            }
        }
        #expect(asked.fills > 50 && asked.accumulators > 10)
        let isSilent = machine.texts.values.allSatisfy { $0.isEmpty }
        #expect(isSilent, "asking writes nothing")
        #expect(texts == (try SameBytesTests.outputs(journal, batchSize: 0)))
    }

    @Test func `what was never there is not explained`() throws {
        var machine = Machine()
        #expect(machine.explainFill(entity: Array("DSH1".utf8), key: []) == nil)
        #expect(machine.explainAccumulator(entity: Array("DSH1".utf8), key: []) == nil)
    }

    /// The text from the beginning of `start` to before `end`.
    private static func key(_ line: Substring, from start: String, to end: String) throws -> String
    {
        let first = try #require(line.range(of: start))
        let last = try #require(line.range(of: end, range: first.lowerBound..<line.endIndex))
        return String(line[first.lowerBound..<last.lowerBound])
    }
}

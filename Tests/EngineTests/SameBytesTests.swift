import Engine
import Foundation
import Ingest
import Journal
import TestKit
import Testing

/// The same journal gives the same bytes, whoever folds it, and however it is handed over (OUTPUTS).
struct SameBytesTests {
    /// A journal in which everything happens, with a publication in its midst.
    static func journal() throws -> RecordBatch {
        var journal = HandJournal()
        try journal.publish()
        let lines = SmallWorld.journal(of: Array(500..<560))
        for (index, line) in lines.enumerated() {
            if index == lines.count / 2 {
                var tables = Tables.csv
                tables["products.csv"]? += "99999999999,Listed late,EA,30,Alpha,0,\n"
                try journal.publish(tables)
            }
            try journal.event(line, from: "events")
        }
        return journal.batch
    }

    /// What a machine wrote, folding so many records at a time; 0 is one by one.
    static func outputs(_ journal: RecordBatch, batchSize: Int) throws -> [String: String] {
        var machine = Machine()
        var offset: Int64 = 0
        if batchSize == 0 {
            for index in 0..<journal.count {
                try machine.apply(journal.record(at: index), offset: offset)
                offset += 1
            }
            return machine.texts
        }
        let batch = RecordBatch()
        for index in 0..<journal.count {
            let bytes = Array(journal.record(at: index).allBytes)
            batch.append(copying: bytes.span.bytes)
            if batch.count == batchSize || index == journal.count - 1 {
                try machine.apply(batch, from: &offset)
                batch.removeAll()
            }
        }
        return machine.texts
    }

    static func digest(_ outputs: [String: String]) -> String {
        let text = OutputTopic.allCases.map { outputs[$0.name] ?? "" }.joined(separator: "\u{1F}")
        return SHA256.hex(Array(text.utf8).withUnsafeBytes { SHA256.hash($0) })
    }

    @Test func `batches of any size and single records give the same bytes`() throws {
        let journal = try Self.journal()
        let expected = try Self.outputs(journal, batchSize: 0)
        #expect(expected["decisions"]?.isEmpty == false)
        #expect(expected["replenishments"]?.isEmpty == false)
        for size in [1, 7, 32, 33, 1000, 100_000] {
            #expect(try Self.outputs(journal, batchSize: size) == expected, "batches of \(size)")
        }
    }

    @Test func `records at their own offsets give the same decisions`() throws {
        let journal = try Self.journal()
        var machine = Machine()
        try machine.apply(journal, offsets: (0..<journal.count).map { Int64($0) })
        #expect(machine.texts == (try Self.outputs(journal, batchSize: 0)))
    }

    /// Hash seeds differ from process to process: what depends on the order of a dictionary shows here.
    @Test func `another process writes the same bytes`() async throws {
        let expected = Self.digest(try Self.outputs(try Self.journal(), batchSize: 256))
        for _ in 0..<2 {
            let result = await #expect(
                processExitsWith: .success,
                observing: [\.standardOutputContent]
            ) {
                print(Self.digest(try Self.outputs(try Self.journal(), batchSize: 256)))
            }
            let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
            #expect(text.contains(expected))
        }
    }
}

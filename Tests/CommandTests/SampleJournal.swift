import Foundation
import Ingest
import Journal

@testable import Pipeline

/// The sample as the journal of one partition, in a dump file, with hashes as ingest has them from Kafka.
struct SampleJournal {
    /// Where the file is.
    let path: String
    /// SHA-256 of each line of the sample that is in it, by the line's number from 0.
    private(set) var digests: [Int: String] = [:]

    /// Writes the sample's first events into a folder.
    ///
    /// - Parameters:
    ///   - folder: where the file goes.
    ///   - events: how many lines of the sample; all by default.
    ///   - more: lines that follow them.
    /// - Throws: where the sample can't be read or the file not be written.
    init(in folder: Folder, events: Int = .max, then more: [String] = []) throws {
        path = folder.path("journal-000.dmj")
        let batch = RecordBatch()
        FileScore.writeBeginning(
            FileScoreOptions(
                reference: try Self.rows(),
                referenceDigest: [UInt8](repeating: 7, count: 32),
                policies: [Policy()],
                inputs: [],
                output: "",
                tokenizer: Tokenizer(.published)
            ),
            400,
            to: batch
        )
        var decoder = EventDecoder(tokenizer: Tokenizer(.published))
        let source = decoder.addSource("events", isFile: false)
        let text = try String(
            contentsOfFile: Monitor.path("fixtures/sample/events.ndjson"),
            encoding: .utf8
        )
        let lines = text.split(separator: "\n").map(String.init)
        var counter: UInt64 = 0
        for (index, line) in (lines.prefix(events) + more).enumerated() {
            let bytes = Array(line.utf8)
            guard (try? decoder.decode(bytes.span.bytes, from: source, recordedAt: nil)) != nil
            else { continue }
            let digest = SHA256.hash(bytes)
            digests[index] = SHA256.hex(digest)
            decoder.append(
                to: batch,
                source: RecordSource(partition: 0, offset: Int64(index), counter: counter),
                digest: digest
            )
            counter += 1
        }
        var writer = try JournalFileWriter(
            path,
            JournalFileHeader(topic: "journal", partition: 0, partitionCount: 1)
        )
        for index in 0..<batch.count {
            // Each second offset is a transaction's marker: offsets are no numbers.
            try writer.append(
                offset: Int64(index) * 2,
                timestamp: 1_772_445_600_000,
                batch.record(at: index).allBytes
            )
        }
        _ = try writer.finish(highWatermark: Int64(batch.count) * 2)
    }

    private static func rows() throws -> [ReferenceRow] {
        try ReferenceTable.allCases.flatMap { table in
            let path = Monitor.path("fixtures/sample/reference/\(table.name).csv")
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            return ReferenceReader.read(table, bytes, file: table.name).rows
        }
    }
}

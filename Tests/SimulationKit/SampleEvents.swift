import Foundation
import Ingest
import Journal

/// The events of the repository's sample, ready to be sent many times under other identifiers.
struct SampleEvents: Sendable {
    struct Line: Sendable {
        var bytes: [UInt8]
        /// Where a prefix makes an identifier another one.
        var marks: [Int]
        /// Number of its topic in `topics`.
        var topic: Int
        /// Milliseconds since 1970.
        var recordedAt: Int64
    }

    static let topics = ["encounters", "dispenses", "claims", "purchases", "dispositions"]
    private static let types = [
        "encounter": 0, "dispense": 1, "claim": 2, "purchase": 3, "disposition": 4, "adjustment": 4,
    ]

    let lines: [Line]
    let rows: [ReferenceRow]

    /// The sample, read once.
    static let shared = SampleEvents()

    private init() {
        let folder =
            URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path + "/fixtures/sample"
        guard let events = FileManager.default.contents(atPath: folder + "/events.ndjson") else {
            preconditionFailure("the sample is not where it was when this was compiled: \(folder)")
        }
        var decoder = EventDecoder()
        let source = decoder.addSource("sample", isFile: true)
        var lines: [Line] = []
        for part in events.split(separator: 10) {
            let bytes = Array(part)
            guard (try? decoder.decode(bytes.span.bytes, from: source, recordedAt: nil)) != nil,
                let type = Self.value("event_type", in: part)
            else { continue }
            let marks = ["event_id", "rx_number", "dispense_id", "claim_id", "encounter_id"]
                .compactMap { Self.place($0, in: part) }.sorted()
            lines.append(
                Line(
                    bytes: bytes,
                    marks: marks,
                    topic: Self.types[type] ?? 2,
                    recordedAt: decoder.header.recordedAt.microseconds / 1000
                )
            )
        }
        self.lines = lines
        var rows: [ReferenceRow] = []
        for table in ReferenceTable.allCases {
            let path = folder + "/reference/" + table.name + ".csv"
            guard let bytes = FileManager.default.contents(atPath: path) else { continue }
            rows += ReferenceReader.read(table, Array(bytes), file: table.name).rows
        }
        self.rows = rows
    }

    private static func place(_ name: String, in line: Data) -> Int? {
        line.range(of: Data("\"\(name)\":\"".utf8)).map { $0.upperBound - line.startIndex }
    }

    private static func value(_ name: String, in line: Data) -> String? {
        guard let start = place(name, in: line) else { return nil }
        let rest = line[(line.startIndex + start)...]
        return String(decoding: rest.prefix { $0 != 0x22 }, as: UTF8.self)
    }

    /// The bytes of an event under other identifiers.
    static func renamed(_ line: Line, turn: Int) -> [UInt8] {
        if turn == 0 { return line.bytes }
        let prefix = Array("t\(turn)-".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.bytes.count + 40)
        var from = 0
        for mark in line.marks {
            bytes += line.bytes[from..<mark]
            bytes += prefix
            from = mark
        }
        bytes += line.bytes[from...]
        return bytes
    }
}

import Foundation
import Ingest
import Journal

@testable import Pipeline

/// A journal of two partitions as ingest writes one, in memory, to be damaged and written to dump files.
struct WrittenJournal {
    /// One record with its place on Kafka.
    struct Line: Equatable {
        var offset: Int64
        var timestamp: Int64
        var bytes: [UInt8]

        /// Its kind's code stands in the second byte.
        var kind: RecordKind? { bytes.count > 1 ? RecordKind(rawValue: bytes[1]) : nil }
    }

    /// The records of each partition.
    var partitions: [[Line]]
    /// The topic's name in the files.
    var topic = "journal"

    /// When the journal was opened: 2026-03-02T10:00:00Z.
    static let start: Int64 = 1_772_445_600_000

    /// The sample's events, so many of them, with rows, a policy, registrations, and a tick each 20 seconds.
    ///
    /// - Parameter events: how many events; one is copied each second.
    /// - Throws: where the sample can't be read.
    init(events: Int) throws {
        let count: Int32 = 2
        var lines: [[Line]] = [[], []]
        var counters: [String: [UInt64]] = [:]
        let batch = RecordBatch()
        let nowhere = RecordSource(partition: -1, offset: 0, counter: 0)
        var now = Self.start
        func flush(_ partition: Int) {
            for index in 0..<batch.count {
                lines[partition].append(
                    Line(
                        // Each third offset is a transaction's marker.
                        offset: Int64(lines[partition].count + lines[partition].count / 2),
                        timestamp: now,
                        bytes: Array(batch.record(at: index).allBytes)
                    )
                )
            }
            batch.removeAll()
        }
        func place(_ topic: String, _ partition: Int, at offset: Int64) -> RecordSource {
            let counter = counters[topic, default: [0, 0]][partition]
            counters[topic, default: [0, 0]][partition] = counter + 1
            return RecordSource(partition: 0, offset: offset, counter: counter)
        }
        func time() -> Instant { Instant(milliseconds: now) }

        let rows = try Self.rows()
        let publication = ReferenceTopic.summary(of: rows)
        for partition in 0..<2 {
            batch.append(
                Genesis(
                    partitionCount: count,
                    partition: Int32(partition),
                    horizonDays: 400,
                    clock: .ticks,
                    application: "stories"
                ),
                at: time(),
                source: nowhere
            )
            batch.appendPolicy(
                Policy().canonicalBytes,
                at: time(),
                source: place("policy", partition, at: 0),
                sourceName: "policy"
            )
            for row in rows {
                if let column = row.table.entityColumn,
                    Self.partition(of: row.values[column]) != partition
                {
                    continue
                }
                batch.append(
                    row,
                    at: time(),
                    source: place("reference", partition, at: 9),
                    sourceName: "reference"
                )
            }
            batch.appendReferenceComplete(
                rowCount: publication.rowCount,
                digest: publication.digest,
                at: time(),
                source: place("reference", partition, at: 9),
                sourceName: "reference"
            )
            batch.append(
                SourceRegistration(topic: "events", partition: 0, firstOffset: 0),
                at: time(),
                source: nowhere
            )
            flush(partition)
        }
        var decoder = EventDecoder(tokenizer: Tokenizer(.published))
        let source = decoder.addSource("events", isFile: false)
        let text = try String(contentsOfFile: Sample.events, encoding: .utf8)
        var copied = 0
        var offset: Int64 = 0
        // The sample's entities all belong into partition 0: a namesake of one gives the other its share.
        for line in text.split(separator: "\n") where copied < events {
            offset += 1
            now += 1000
            let name = offset % 3 == 0 ? Self.other : "DSH220914"
            let bytes = Array(line.replacingOccurrences(of: "DSH220914", with: name).utf8)
            guard (try? decoder.decode(bytes.span.bytes, from: source, recordedAt: time())) != nil
            else { continue }
            let partition = Int(decoder.partition(count: count))
            decoder.append(
                to: batch,
                source: place("events", partition, at: offset),
                digest: SHA256.hash(bytes)
            )
            flush(partition)
            copied += 1
            guard copied % 20 == 0 else { continue }
            for partition in 0..<2 {
                batch.append(
                    [SourceProgress(topic: "events", partition: 0, reached: time())],
                    at: time(),
                    source: nowhere
                )
                flush(partition)
            }
        }
        partitions = lines
    }

    /// An entity of partition 1 of 2.
    static let other: String = {
        let names = (1...99).map { "DSH\($0)" }
        guard let name = names.first(where: { partition(of: $0) == 1 }) else {
            preconditionFailure("one of a hundred names belongs into partition 1")
        }
        return name
    }()

    static func partition(of entity: String) -> Int {
        Array(entity.utf8).withUnsafeBytes { Int(Partitioner.partition(of: $0, count: 2)) }
    }

    private static func rows() throws -> [ReferenceRow] {
        try ReferenceTable.allCases.flatMap { table in
            let path = Sample.reference + "/\(table.name).csv"
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            return ReferenceReader.read(table, bytes, file: table.name).rows
        }
    }

    /// Writes the dump file of a partition; its path.
    @discardableResult
    func write(_ partition: Int, to folder: String) throws -> String {
        let path = folder + "/" + JournalDump.fileName(topic: topic, partition: Int32(partition))
        var writer = try JournalFileWriter(
            path,
            JournalFileHeader(topic: topic, partition: Int32(partition), partitionCount: 2)
        )
        for line in partitions[partition] {
            try line.bytes.withUnsafeBytes {
                try writer.append(offset: line.offset, timestamp: line.timestamp, $0)
            }
        }
        let end = (partitions[partition].last?.offset ?? -1) &+ 2
        _ = try writer.finish(highWatermark: end)
        return path
    }

    /// What a verification of all partitions finds.
    func verify(_ stretch: JournalStretch = JournalStretch()) throws -> JournalVerification.Report {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try Self.verify(
            try partitions.indices.map { try write($0, to: folder) },
            stretch
        )
    }

    /// What a verification of files finds.
    static func verify(
        _ paths: [String],
        _ stretch: JournalStretch = JournalStretch()
    ) throws -> JournalVerification.Report {
        var verification = JournalVerification(keeping: 5)
        for path in paths { try verification.add(file: path, stretch) }
        return try verification.finish()
    }

    /// A new folder.
    static func folder() throws -> String {
        let path = NSTemporaryDirectory() + "journal-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// Adds a record behind a partition's last one.
    mutating func append(_ line: Line, to partition: Int) {
        guard let last = partitions[partition].last else { return }
        let added = Line(offset: last.offset + 1, timestamp: last.timestamp, bytes: line.bytes)
        partitions[partition].append(added)
    }

    /// The place of the n-th record of a kind in a partition.
    func place(_ kind: RecordKind, _ number: Int = 0, in partition: Int = 0) throws -> Int {
        let places = partitions[partition].indices.filter { partitions[partition][$0].kind == kind }
        guard number < places.count else {
            throw StageProcess.Failure(what: "find record \(number) of kind \(kind)")
        }
        return places[number]
    }
}

extension JournalVerification.Report {
    /// The kinds of problems that were found, notes apart.
    var kinds: Set<JournalProblem.Kind> {
        Set(JournalProblem.Kind.allCases.filter { problems[$0] > 0 && !$0.isNote })
    }

    /// All that is said, a line each.
    var text: String {
        problems.kept.map { "\($0.kind.rawValue) \($0.place): \($0.message)" }
            .joined(separator: "\n")
    }
}

import Foundation
import Journal
import Testing

@testable import Pipeline

/// Whatever is done to the bytes of a dump, verification finds it, or the bytes carry nothing.
@Suite struct JournalDamageTests {
    /// How many damages of each way; more with `DAMAGES=NUMBER`.
    private static let count =
        ProcessInfo.processInfo.environment["DAMAGES"].flatMap(Int.init) ?? 300

    /// A dump of one partition in memory, and where its frames begin.
    private struct Dump {
        var bytes: [UInt8]
        let frames: [Range<Int>]
        /// Where the topic's name stands, which nothing in a single file can prove.
        let name: Range<Int>
        let folder: String

        init() throws {
            folder = try WrittenJournal.folder()
            let journal = try WrittenJournal(events: 120)
            let path = try journal.write(0, to: folder)
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            name = 20..<20 + journal.topic.utf8.count
            var frames: [Range<Int>] = []
            var start = name.upperBound
            for line in journal.partitions[0] {
                frames.append(start..<start + 24 + line.bytes.count)
                start += 24 + line.bytes.count
            }
            frames.append(start..<start + 24)
            self.frames = frames
        }

        /// What is found in other bytes; nil where they are no journal file any more.
        func verify(_ damaged: [UInt8]) throws -> JournalVerification.Report? {
            let path = folder + "/damaged.dmj"
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            do throws(JournalVerificationFailure) {
                var verification = JournalVerification(keeping: 5)
                try verification.add(file: path)
                return try verification.finish()
            } catch {
                guard case .file = error else { throw error }
                return nil
            }
        }

        func remove() { try? FileManager.default.removeItem(atPath: folder) }
    }

    private func check(
        _ way: String,
        _ damage: (inout [UInt8], Dump, inout Seeded) -> Bool
    ) throws {
        let dump = try Dump()
        defer { dump.remove() }
        let whole = try #require(try dump.verify(dump.bytes))
        #expect(whole.problems.kept.isEmpty, "\(whole.text)")
        var random = Seeded(UInt64.random(in: 0 ... .max))
        print("DAMAGE \(way) seed \(random.seed)")
        for number in 0..<Self.count {
            var bytes = dump.bytes
            guard damage(&bytes, dump, &random), bytes != dump.bytes else { continue }
            guard let report = try dump.verify(bytes) else { continue }
            #expect(
                report.count > 0,
                "\(way) \(number) of seed \(random.seed) was not found"
            )
        }
    }

    @Test func `a flipped bit`() throws {
        try check("flip") { bytes, dump, random in
            let place = Int(random.next(UInt64(bytes.count)))
            bytes[place] ^= 1 << UInt8(random.next(8))
            return !dump.name.contains(place)
        }
    }

    @Test func `every bit of the file's header`() throws {
        let dump = try Dump()
        defer { dump.remove() }
        for place in 0..<dump.name.lowerBound {
            for bit in 0..<8 {
                var bytes = dump.bytes
                bytes[place] ^= 1 << UInt8(bit)
                guard let report = try dump.verify(bytes) else { continue }
                #expect(report.count > 0, "bit \(bit) of byte \(place)")
            }
        }
    }

    @Test func `bytes that something else was written over`() throws {
        try check("overwrite") { bytes, dump, random in
            let start = Int(random.next(UInt64(bytes.count)))
            let count = min(1 + Int(random.next(4000)), bytes.count - start)
            for place in start..<start + count { bytes[place] = UInt8(random.next(256)) }
            return !dump.name.contains(start)
        }
    }

    @Test func `a file that ends early`() throws {
        try check("cut") { bytes, _, random in
            bytes.removeLast(1 + Int(random.next(UInt64(bytes.count - 1))))
            return true
        }
    }

    @Test func `bytes taken out of the middle`() throws {
        try check("take out") { bytes, dump, random in
            let first = dump.name.upperBound
            let start = first + Int(random.next(UInt64(bytes.count - first)))
            let count = min(1 + Int(random.next(3000)), bytes.count - start)
            bytes.removeSubrange(start..<start + count)
            return true
        }
    }

    @Test func `bytes put into the middle`() throws {
        try check("put in") { bytes, dump, random in
            let first = dump.name.upperBound
            let start = first + Int(random.next(UInt64(bytes.count - first)))
            let count = 1 + Int(random.next(300))
            bytes.insert(contentsOf: (0..<count).map { _ in UInt8(random.next(256)) }, at: start)
            return true
        }
    }

    @Test func `whole frames taken out`() throws {
        try check("drop") { bytes, dump, random in
            let place = Int(random.next(UInt64(dump.frames.count)))
            let last = min(place + 1 + Int(random.next(3)), dump.frames.count)
            bytes.removeSubrange(dump.frames[place].lowerBound..<dump.frames[last - 1].upperBound)
            return true
        }
    }

    @Test func `a frame that stands there twice`() throws {
        try check("double") { bytes, dump, random in
            let frame = dump.frames[Int(random.next(UInt64(dump.frames.count)))]
            let target = dump.frames[Int(random.next(UInt64(dump.frames.count)))].lowerBound
            bytes.insert(contentsOf: dump.bytes[frame], at: target)
            return true
        }
    }

    @Test func `two frames that changed places`() throws {
        try check("swap") { bytes, dump, random in
            let one = Int(random.next(UInt64(dump.frames.count)))
            let two = Int(random.next(UInt64(dump.frames.count)))
            guard one != two else { return false }
            let (first, second) = (dump.frames[min(one, two)], dump.frames[max(one, two)])
            bytes.replaceSubrange(second, with: dump.bytes[first])
            bytes.replaceSubrange(first, with: dump.bytes[second])
            return true
        }
    }

    /// Under a right checksum any byte may stand in a record: nothing of it ends verification or reading, and every
    /// field of what can be read can be written.
    @Test func `any bytes under right checksums`() throws {
        let journal = try WrittenJournal(events: 60)
        let folder = try WrittenJournal.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var random = Seeded(UInt64.random(in: 0 ... .max))
        print("DAMAGE any bytes seed \(random.seed)")
        let ends: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for _ in 0..<Self.count {
            var damaged = journal
            for _ in 0...random.next(4) {
                let place = Int(random.next(UInt64(journal.partitions[0].count)))
                var line = damaged.partitions[0][place]
                switch random.next(4) {
                case 0: line.timestamp = ends[Int(random.next(7))]
                case 1: line.offset = ends[Int(random.next(7))]
                case 2:
                    // A whole number of the record at once, where the extremes are.
                    let start = 8 + Int(random.next(UInt64(max(1, line.bytes.count - 16))))
                    let word = UInt64(bitPattern: ends[Int(random.next(7))])
                    for index in 0..<8 where start + index < line.bytes.count {
                        line.bytes[start + index] = UInt8(truncatingIfNeeded: word >> (8 * index))
                    }
                default:
                    let byte = Int(random.next(UInt64(line.bytes.count)))
                    line.bytes[byte] = UInt8(random.next(256))
                }
                damaged.partitions[0][place] = line
            }
            let path = try damaged.write(0, to: folder)
            _ = try WrittenJournal.verify([path])
            var reading = JournalReading()
            var words = 0
            try reading.read(file: path) { entry in
                words += entry.record.fields.compactMap(\.word).count
                _ = entry.record.recordedAt.text + entry.written.text
                return true
            }
            #expect(words > 0)
        }
    }

    /// Somebody who makes new checksums and counts can still not take out what is counted, unless it is a source's
    /// last record; nor tell another partition's entity, nor make what ingest never writes.
    @Test func `a record taken out under new checksums`() throws {
        let journal = try WrittenJournal(events: 120)
        var lastOfSource: Set<Int> = []
        for kinds in [[RecordKind.policy], [.referenceRow, .referenceComplete]] {
            let places = journal.partitions[0].indices.filter {
                journal.partitions[0][$0].kind.map(kinds.contains) ?? false
            }
            if let last = places.last { lastOfSource.insert(last) }
        }
        let events = journal.partitions[0].indices.filter {
            journal.partitions[0][$0].kind?.isEvent ?? false
        }
        if let last = events.last { lastOfSource.insert(last) }
        // Of the last minute another partition may have been read later.
        let end = (journal.partitions[0].last?.timestamp ?? 0) - 120_000
        for place in journal.partitions[0].indices where !lastOfSource.contains(place) {
            let line = journal.partitions[0][place]
            if line.kind == .tick, line.timestamp > end { continue }
            var damaged = journal
            damaged.partitions[0].remove(at: place)
            let report = try damaged.verify()
            #expect(report.count > 0, "record \(place), a \(line.kind?.name ?? "?")")
        }
    }
}

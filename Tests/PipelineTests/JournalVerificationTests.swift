import Foundation
import Journal
import Testing

@testable import Pipeline

/// A journal is whole, or all that is wrong with it is told by its name and place.
@Suite struct JournalVerificationTests {
    @Test func `a journal as ingest writes it has no problem`() throws {
        let report = try WrittenJournal(events: 400).verify()
        #expect(report.count == 0, "\(report.text)")
        #expect(report.problems.kept.isEmpty, "\(report.text)")
        #expect(report.parts.map(\.partition) == [0, 1])
        #expect(report.parts.allSatisfy { $0.genesis?.contains("stories, partition") == true })
        let events = report.parts.flatMap(\.kinds).filter { name, _ in
            RecordKind.allCases.contains { $0.isEvent && $0.name == name }
        }
        #expect(events.reduce(0) { $0 + $1.count } == 400)
    }

    /// What is done to partition 0, and what must be said of it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let what: String
        let found: Set<JournalProblem.Kind>
        let does: @Sendable (inout WrittenJournal) throws -> Void
        var testDescription: String { what }
    }

    static let damages: [Damage] = [
        Damage(what: "an event is taken out", found: [.gap]) {
            $0.partitions[0].remove(at: try $0.place(.claim, 3))
        },
        Damage(what: "an event stands there twice", found: [.repeated]) {
            let place = try $0.place(.claim, 3)
            var again = $0.partitions[0][place]
            again.offset += 1
            for index in place + 1..<$0.partitions[0].count { $0.partitions[0][index].offset += 2 }
            $0.partitions[0].insert(again, at: place + 1)
        },
        Damage(
            what: "two events change places with their offsets",
            found: [.order, .gap, .repeated]
        ) {
            let place = try $0.place(.claim, 3)
            $0.partitions[0].swapAt(place, place + 1)
        },
        Damage(what: "the genesis record is missing", found: [.genesis]) {
            $0.partitions[0].removeFirst()
        },
        Damage(what: "the genesis record comes again", found: [.genesis]) {
            $0.append($0.partitions[0][0], to: 0)
        },
        Damage(what: "partition 0 has the genesis record of 1", found: [.genesis]) {
            $0.partitions[0][0].bytes = $0.partitions[1][0].bytes
        },
        Damage(what: "the genesis records differ", found: [.partitions]) {
            // The horizon, 400 days, becomes 401.
            $0.partitions[0][0].bytes[48] += 1
        },
        Damage(what: "an entity's event stands in the other partition", found: [.placement]) {
            // Of a source of its own, partition 7, so that its counter, 0, fits.
            var event = $0.partitions[0][try $0.place(.claim, 0)]
            event.bytes[32] = 7
            for index in 16..<24 { event.bytes[index] = 0 }
            var registration = $0.partitions[0][try $0.place(.sourceRegistered)]
            registration.bytes[40] = 7
            for partition in 0..<2 { $0.append(registration, to: partition) }
            $0.append(event, to: 1)
        },
        Damage(what: "a source is not registered", found: [.source]) {
            for partition in 0..<2 {
                let place = try $0.place(.sourceRegistered, 0, in: partition)
                $0.partitions[partition].remove(at: place)
            }
        },
        Damage(what: "a tick is lost in one partition", found: [.ticks]) {
            $0.partitions[0].remove(at: try $0.place(.tick, 2))
        },
        Damage(what: "progress goes back", found: [.timeBack]) {
            for partition in 0..<2 {
                let place = try $0.place(.tick, 5, in: partition)
                let early = try $0.place(.tick, 2, in: partition)
                // What the earlier tick said, its last eight bytes, at the later one's time.
                let count = $0.partitions[partition][place].bytes.count
                let told = $0.partitions[partition][early].bytes[(count - 8)...]
                $0.partitions[partition][place].bytes.replaceSubrange((count - 8)..., with: told)
            }
        },
        Damage(what: "a reference row says something else", found: [.reference]) {
            let place = try $0.place(.referenceRow, 0)
            let count = $0.partitions[0][place].bytes.count
            let range = $0.partitions[0][place].bytes.firstRange(of: Array("2018".utf8))
            let start = try #require(range).lowerBound
            #expect(start < count)
            $0.partitions[0][place].bytes[start + 3] = UInt8(ascii: "9")
        },
        Damage(what: "one partition has another product", found: [.reference]) {
            let name = Array("SERTRALINE".utf8)
            let place = try #require(
                $0.partitions[1].firstIndex { $0.bytes.firstRange(of: name) != nil }
            )
            let start = try #require($0.partitions[1][place].bytes.firstRange(of: name)).lowerBound
            $0.partitions[1][place].bytes[start] = UInt8(ascii: "C")
        },
        Damage(what: "a policy can't be read", found: [.policy]) {
            let place = try $0.place(.policy)
            let range = $0.partitions[0][place].bytes.firstRange(of: Array("look_back_days".utf8))
            $0.partitions[0][place].bytes[try #require(range).lowerBound] = UInt8(ascii: "x")
        },
        Damage(what: "events come before the policy", found: [.gap, .notReady]) {
            $0.partitions[0].remove(at: try $0.place(.policy))
            // Gapless otherwise: the policy was its topic's only record.
            $0.partitions[0].remove(at: try $0.place(.claim, 0))
        },
        Damage(what: "an event has lost its hash", found: [.hashMissing]) {
            let place = try $0.place(.claim, 3)
            $0.partitions[0][place].bytes[2] &= ~2
            $0.partitions[0][place].bytes.removeLast(32)
            let count = UInt32($0.partitions[0][place].bytes.count)
            for index in 0..<4 {
                $0.partitions[0][place].bytes[4 + index] = UInt8(count >> (8 * index) & 0xFF)
            }
        },
        Damage(what: "a code has no meaning", found: [.undecodable, .gap]) {
            // The transaction of a claim.
            $0.partitions[0][try $0.place(.claim, 3)].bytes[82] = 9
        },
        Damage(what: "a quantity is nothing", found: [.values]) {
            let place = try $0.place(.claim, 3)
            for index in 70..<78 { $0.partitions[0][place].bytes[index] = 0 }
        },
        Damage(what: "a flag has no meaning", found: [.values]) {
            $0.partitions[0][try $0.place(.claim, 3)].bytes[2] |= 8
        },
        Damage(what: "a record says that it happened years before", found: [.values]) {
            let place = try $0.place(.claim, 3)
            for index in 40..<46 { $0.partitions[0][place].bytes[index] = 0 }
        },
    ]

    @Test(arguments: damages) func `damage is told by its name`(_ damage: Damage) throws {
        var journal = try WrittenJournal(events: 300)
        try damage.does(&journal)
        let report = try journal.verify()
        #expect(report.kinds == damage.found, "\(report.text)")
        #expect(report.problems.kept.allSatisfy { !$0.kind.meaning.isEmpty })
    }

    @Test func `a producer's wrong clock is a note and no problem`() throws {
        var journal = try WrittenJournal(events: 60)
        let place = try journal.place(.encounter, 1)
        // Recorded at the beginning of 1970.
        for index in 8..<16 { journal.partitions[0][place].bytes[index] = 0 }
        let report = try journal.verify()
        #expect(report.count == 0, "\(report.text)")
        #expect(report.problems[.implausibleTime] == 1, "\(report.text)")
    }

    @Test func `the place of a problem is the record's own`() throws {
        var journal = try WrittenJournal(events: 100)
        let place = try journal.place(.claim, 3)
        let offset = journal.partitions[0][place].offset
        journal.partitions[0][place].bytes[2] |= 8
        let report = try journal.verify()
        let problem = try #require(report.problems.kept.first)
        #expect(problem.partition == 0)
        #expect(problem.offset == offset)
        #expect(problem.place.hasSuffix("journal-000.dmj[0] offset \(offset)"))
    }

    @Test func `of many problems of one kind the first are kept and all are counted`() throws {
        var journal = try WrittenJournal(events: 300)
        for place in journal.partitions[0].indices
        where journal.partitions[0][place].kind == .claim {
            journal.partitions[0][place].bytes[2] |= 8
        }
        let report = try journal.verify()
        let claims = journal.partitions[0].count { $0.kind == .claim }
        #expect(claims > 20)
        #expect(report.problems[.values] == Int64(claims))
        #expect(report.problems.kept.count == 5)
    }

    @Test func `a stretch from the middle needs no genesis record and knows its first counters`()
        throws
    {
        let journal = try WrittenJournal(events: 300)
        let middle = journal.partitions[0][journal.partitions[0].count / 2]
        for stretch in [
            JournalStretch(from: .offset(middle.offset)),
            JournalStretch(from: .time(Instant(milliseconds: middle.timestamp))),
            JournalStretch(end: .offset(middle.offset)),
        ] {
            let report = try journal.verify(stretch)
            #expect(report.count == 0, "\(stretch): \(report.text)")
            #expect((report.parts[0].records) < Int64(journal.partitions[0].count))
            #expect(report.parts[0].records > 0)
        }
    }

    // MARK: files

    @Test func `two files of one partition do not belong together`() throws {
        let folder = try WrittenJournal.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try WrittenJournal(events: 20).write(0, to: folder)
        #expect(try WrittenJournal.verify([path, path]).kinds == [.partitions])
    }

    @Test func `files of two journals do not belong together`() throws {
        let folder = try WrittenJournal.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var journal = try WrittenJournal(events: 20)
        let path = try journal.write(0, to: folder)
        journal.topic = "other.journal"
        let report = try WrittenJournal.verify([path, try journal.write(1, to: folder)])
        #expect(report.kinds == [.partitions])
    }

    @Test func `behind damaged bytes the rest of the file is checked`() throws {
        let folder = try WrittenJournal.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var journal = try WrittenJournal(events: 300)
        // Something wrong far behind the damage.
        journal.partitions[0][try journal.place(.claim, 20)].bytes[2] |= 8
        let path = try journal.write(0, to: folder)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let claim = journal.partitions[0][try journal.place(.claim, 2)]
        let start = try #require(bytes.firstRange(of: Data(claim.bytes))).lowerBound
        bytes[start + 50] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: path))
        let report = try WrittenJournal.verify([path])
        #expect(report.kinds == [.fileDamaged, .fileCount, .gap, .values], "\(report.text)")
        let damage = report.problems.kept.first { $0.kind == .fileDamaged }
        // The frame's head stands before the record.
        #expect(damage?.byte == Int64(start - JournalFileHeader.frameSize))
        #expect(damage?.message.hasPrefix("\(claim.bytes.count + 24) bytes") == true)
    }

    @Test func `a file that was cut off, or that goes on behind its end, is told`() throws {
        let folder = try WrittenJournal.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try WrittenJournal(events: 40).write(0, to: folder)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        func found(_ bytes: Data) throws -> Set<JournalProblem.Kind> {
            try bytes.write(to: URL(fileURLWithPath: path))
            return try WrittenJournal.verify([path]).kinds
        }
        #expect(try found(whole) == [])
        #expect(try found(whole.dropLast(24)) == [.fileCut])
        #expect(try found(whole.dropLast(7)) == [.fileCut])
        #expect(try found(whole + Data([0])) == [.fileTail])
        #expect(try found(whole + whole) == [.fileTail])
    }

    @Test func `what is no journal file is not verified`() throws {
        let folder = try WrittenJournal.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("{\"event_id\":\"e1\"}\n".utf8).write(
            to: URL(fileURLWithPath: folder + "/events.ndjson")
        )
        #expect(throws: JournalVerificationFailure.self) {
            try WrittenJournal.verify([folder + "/events.ndjson"])
        }
    }
}

import Journal
import TestKit
import Testing

@testable import Engine

/// A machine that was written away and restored is the machine that went on.
struct SnapshotTests {
    /// Hands an image out in the order of its bytes, as far as there are some.
    private final class Pieces {
        private let bytes: [UInt8]
        private var place = 0
        let end: Int

        init(_ bytes: [UInt8], end: Int? = nil) {
            self.bytes = bytes
            self.end = end ?? bytes.count
        }

        func read(_ buffer: UnsafeMutableRawBufferPointer) throws(StateFault) {
            guard place + buffer.count <= end else { throw StateFault("it ends too early") }
            bytes.withUnsafeBytes { all in
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: all[place..<place + buffer.count])
                )
            }
            place += buffer.count
        }

        var isAtEnd: Bool { place == end }
    }

    private static func image(_ machine: inout Machine) -> [UInt8] {
        StateImage(of: &machine).withBytes { Array($0) }
    }

    private static func restored(_ image: [UInt8]) throws -> Machine {
        let pieces = Pieces(image)
        let machine = try Machine(restoringFrom: { buffer throws(StateFault) in
            try pieces.read(buffer)
        })
        #expect(pieces.isAtEnd, "an image has nothing that is not read")
        return machine
    }

    /// Folds some records in groups of a size.
    private static func fold(
        _ machine: inout Machine,
        _ journal: RecordBatch,
        _ range: Range<Int>,
        groupSize: Int = 32
    ) throws {
        var place = range.lowerBound
        while place < range.upperBound {
            let end = min(place + groupSize, range.upperBound)
            try machine.apply(
                (place..<end).map { journal.record(at: $0) },
                offsets: (place..<end).map { Int64($0) }
            )
            place = end
        }
    }

    @Test func `equal journals give equal images, whatever groups they came in`() throws {
        let journal = try SameBytesTests.journal()
        var images: [[UInt8]] = []
        for size in [1, 2, 7, 31, 32] {
            var machine = Machine()
            try Self.fold(&machine, journal, 0..<journal.count, groupSize: size)
            images.append(Self.image(&machine))
        }
        #expect(images[0].count > 10_000)
        for image in images.dropFirst() { #expect(image == images[0]) }
    }

    @Test func `at any record a restored machine goes on as the one it was made of`() throws {
        let journal = try SameBytesTests.journal()
        var whole = Machine()
        try Self.fold(&whole, journal, 0..<journal.count)
        let expected = whole.texts
        let last = Self.image(&whole)
        var chance = Chance(seed: 66)
        let cuts = [0, 1, 2] + (0..<60).map { _ in chance.number(3...journal.count - 1) }
        for cut in cuts {
            var before = Machine()
            try Self.fold(&before, journal, 0..<cut, groupSize: chance.number(1...32))
            let image = Self.image(&before)
            var after = try Self.restored(image)
            #expect(Self.image(&after) == image, "restored at \(cut)")
            try Self.fold(&after, journal, cut..<journal.count, groupSize: chance.number(1...32))
            for (topic, text) in expected {
                let parts = (before.texts[topic] ?? "") + (after.texts[topic] ?? "")
                #expect(parts == text, "\(topic), restored at \(cut)")
            }
            #expect(Self.image(&after) == last, "the state at the end, restored at \(cut)")
        }
    }

    @Test func `through years of forgetting, restored every hundred days`() throws {
        var whole = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 100)
        var broken = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 100)
        for (day, lines) in HorizonTests.stream(days: 900, fillsPerDay: 3).enumerated() {
            for line in lines {
                try whole.record(line)
                try broken.record(line)
            }
            #expect(whole.machine.texts == broken.machine.texts, "day \(day)")
            whole.machine.removeOutputs()
            broken.machine.removeOutputs()
            guard day % 100 == 99 else { continue }
            let image = Self.image(&broken.machine)
            #expect(Self.image(&whole.machine) == image, "day \(day)")
            broken.machine = try Self.restored(image)
        }
    }

    @Test func `what ends too early or comes from another version is refused`() throws {
        let journal = try SameBytesTests.journal()
        var machine = Machine()
        try Self.fold(&machine, journal, 0..<journal.count)
        let image = Self.image(&machine)
        func fault(_ pieces: Pieces) -> String {
            do throws(StateFault) {
                _ = try Machine(restoringFrom: { buffer throws(StateFault) in
                    try pieces.read(buffer)
                })
                return "none"
            } catch {
                return error.description
            }
        }
        for end in stride(from: 0, to: image.count, by: max(1, image.count / 200)) {
            #expect(fault(Pieces(image, end: end)) == "it ends too early", "cut at \(end)")
        }
        var other = image
        other[0] ^= 1
        #expect(fault(Pieces(other)) == "another version of this program has written it")
    }

    // MARK: proof

    @Test func `each difference in the state shows in one of the stripes`() throws {
        let journal = try SameBytesTests.journal()
        var one = Machine()
        var other = Machine()
        try Self.fold(&one, journal, 0..<journal.count)
        try Self.fold(&other, journal, 0..<journal.count)
        func proofs(_ machine: inout Machine) -> [UInt64] {
            let number = machine.recordNumber
            defer { machine.recordNumber = number }
            return (0..<64).map {
                machine.recordNumber = Int64($0) * Machine.proofInterval
                return machine.prove()
            }
        }
        let expected = proofs(&one)
        #expect(proofs(&other) == expected)
        #expect(Set(expected).count > 1)
        other.fills[UInt32(other.fills.used - 1)].decisionIndex ^= 1
        #expect(proofs(&other) != expected)
        other.fills[UInt32(other.fills.used - 1)].decisionIndex ^= 1
        #expect(proofs(&other) == expected)
        other.deadlines.insert(at: .max, row: 1)
        #expect(proofs(&other) != expected)
    }

    @Test func `the first decision after an interval carries the proof`() throws {
        var journal = HandJournal(clock: .ticks)
        try journal.publish()
        journal.register("events")
        let time = "2025-03-10T09:00:00Z"
        journal.tick(["events": time])
        try journal.event(JournalTests.dispense("D1", at: time, cash: true), from: "events")
        while journal.batch.count < Int(Machine.proofInterval) { journal.tick(["events": time]) }
        try journal.event(JournalTests.dispense("D2", at: time, cash: true), from: "events")
        try journal.event(JournalTests.dispense("D3", at: time, cash: true), from: "events")
        var machine = Machine()
        try Self.fold(&machine, journal.batch, 0..<journal.batch.count)
        let hashes = machine.lines(.decisions).map { line in
            line.split(separator: "\"state_hash\":").last.map(String.init) ?? ""
        }
        try #require(hashes.count == 3)
        #expect(hashes[0] == "null}")
        #expect(hashes[1].wholeMatch(of: /"4:[0-9a-f]{16}"\}/) != nil)
        #expect(hashes[2] == "null}")
    }

    // MARK: rows

    /// Whether every byte of a row is one of its fields': what lies between fields is whatever was in memory before.
    private static func hasNoGaps<Row: BitwiseCopyable>(_ row: Row) -> Bool {
        let size = MemoryLayout<Row>.size
        var images: [[UInt8]] = []
        for filler in [0x00, 0xFF] as [UInt8] {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 16)
            defer { memory.deallocate() }
            memory.initializeMemory(as: UInt8.self, repeating: filler, count: 256)
            memory.assumingMemoryBound(to: Row.self).initialize(to: row)
            images.append(Array(UnsafeRawBufferPointer(start: memory, count: size)))
            // Behind the fields nothing is written: it stays zero in a table.
            for place in size..<256
            where memory.load(fromByteOffset: place, as: UInt8.self) != filler { return false }
        }
        return images[0] == images[1]
    }

    @Test func `rows have no gaps between their fields`() {
        let id = Identifier(word: 1)
        #expect(Self.hasNoGaps(PatientRow(tokenHigh: 1, tokenLow: 2, scope: 3)))
        #expect(
            Self.hasNoGaps(
                EncounterVersionRow(
                    occurredAt: 1,
                    end: 2,
                    offset: 3,
                    endOffset: 4,
                    classCode: .inpatient,
                    status: .finished,
                    provider: 5,
                    older: 6
                )
            )
        )
        #expect(
            Self.hasNoGaps(
                FillRow(rx: id, firstArrival: 1, pharmacy: 2, fillNumber: 3, lastDay: 4)
            )
        )
        #expect(Self.hasNoGaps(AlertRow(subject: 1, next: 2, rule: .ndcUnknown, isOfFill: true)))
        #expect(Self.hasNoGaps(AccumulatorRow(pharmacy: 1, product: 2, account: .discounted)))
        #expect(Self.hasNoGaps(UseRow(quantity: Quantity(millionths: 1), at: 2, next: 3)))
        #expect(Self.hasNoGaps(NameRow(entity: 1, word: 2, isText: true)))
        #expect(Self.hasNoGaps(ProductRow(word: 1, isText: true)))
        #expect(Self.hasNoGaps(PayerRow(bin: 1, pcn: 2, group: 3, joined: 4, lengths: 5)))
        #expect(Self.hasNoGaps(PieceRow(head: 1, cause: 2, seed: 3)))
        #expect(Self.hasNoGaps(Deadlines.Entry(at: 1, row: 2)))
        #expect(Self.hasNoGaps(Period(from: .distantPast, to: .distantFuture)))
        #expect(Self.hasNoGaps(WrittenName([1, 2, 3])))
        // Those whose memory is written out field by field in their own sources are a cache line, or a sum of fields.
        #expect(MemoryLayout<EncounterRow>.size == 64)
        #expect(MemoryLayout<DispenseRow>.size == 64)
        #expect(MemoryLayout<ClaimRow>.size == 48)
        #expect(MemoryLayout<ReplenishmentRow>.size == 64)
    }
}

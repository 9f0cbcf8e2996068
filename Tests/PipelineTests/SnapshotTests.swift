import Engine
import Foundation
import Ingest
import Journal
import TestKit
import Testing

@testable import Pipeline

/// Snapshots as records of their topic: whole ones restore the state, damaged ones nothing.
struct SnapshotTests {
    /// A machine that has folded the first records of the sample, and its receipt.
    private static func folded(_ lines: Int, _ receipt: inout Receipt) throws -> Machine {
        var machine = Machine()
        let batch = try SampleJournal.batch(lines: lines)
        var offset: Int64 = 0
        try machine.apply(batch, from: &offset)
        receipt.add(machine)
        machine.removeOutputs()
        return machine
    }

    typealias Record = (key: [UInt8], value: [UInt8])

    /// What a job writes of a state.
    private static func records(
        _ machine: inout Machine,
        _ receipt: Receipt,
        slot: SnapshotSlot = .a,
        offset: Int64
    ) -> [Record] {
        let job = SnapshotJob(partition: 3, slot: slot, byteCount: machine.stateByteCount)
        while job.copy(&machine, at: offset, receipt) == nil { usleep(200) }
        var records: [Record] = []
        while let record = job.next() {
            records.append((Array(record.key.text(3).utf8), record.value))
        }
        return records
    }

    /// Reads a list of records as a partition.
    private static func restore(_ records: [Record], at offset: Int64) throws(StateFault)
        -> RestoredState
    {
        var rest = records[...]
        return try SnapshotRestore.state(of: 3, at: offset) { rest.popFirst() }
    }

    private static func reason(_ records: [Record], at offset: Int64) -> String {
        do throws(StateFault) {
            _ = try restore(records, at: offset)
            return "restored"
        } catch {
            return error.description
        }
    }

    @Test func `a whole snapshot restores state and receipt`() throws {
        var receipt = Receipt()
        var machine = try Self.folded(3000, &receipt)
        let records = Self.records(&machine, receipt, offset: 4242)
        #expect(records.count > 1)
        #expect(records.allSatisfy { $0.value.count < 530_000 })
        #expect(String(decoding: records[0].key, as: UTF8.self) == "3/A/0")
        var state = try Self.restore(records, at: 4242)
        #expect(state.receipt == receipt)
        #expect(state.receipt.text == receipt.text)
        #expect(state.manifest.offset == 4242)
        let before = StateImage(of: &machine).withBytes { Array($0) }
        let after = StateImage(of: &state.machine).withBytes { Array($0) }
        #expect(before == after)
    }

    @Test func `pieces of other snapshots and of the other slot are passed over`() throws {
        var receipt = Receipt()
        var machine = try Self.folded(3000, &receipt)
        let older = Self.records(&machine, receipt, slot: .b, offset: 99)
        let records = Self.records(&machine, receipt, slot: .a, offset: 4242)
        let foreign: Record = (Array("7/A/0".utf8), [1, 2, 3])
        let noise: Record = (Array("3/A/0".utf8), Array("of an earlier version".utf8))
        // A snapshot of slot A that was never finished, then the one of slot B, then ours.
        let unfinished = Self.records(&machine, receipt, slot: .a, offset: 17).dropLast()
        let all = [foreign, noise] + unfinished + older + records + [foreign]
        #expect(Self.reason(all, at: 4242) == "restored")
        #expect(Self.reason(all, at: 99) == "restored")
        #expect(Self.reason(all, at: 17) != "restored")
        #expect(Self.reason(all, at: 5) != "restored")
    }

    @Test func `a snapshot that is written over is refused`() throws {
        var receipt = Receipt()
        var machine = try Self.folded(3000, &receipt)
        let first = Self.records(&machine, receipt, offset: 10)
        let second = Self.records(&machine, receipt, offset: 20)
        // Compaction keeps the newer piece of the same key.
        #expect(Self.reason(Array(first.dropFirst()) + second, at: 10) != "restored")
        #expect(Self.reason(Array(first.dropLast()) + second, at: 10) != "restored")
        #expect(Self.reason(Array(first.dropLast()) + second, at: 20) == "restored")
    }

    @Test func `versions that are not ours are refused`() throws {
        var receipt = Receipt()
        var machine = try Self.folded(1000, &receipt)
        let records = Self.records(&machine, receipt, offset: 10)
        var later = records
        later[0].value[4] = 2
        #expect(Self.reason(later, at: 10) == "it ends behind 0 pieces")
        var manifest = records
        let text = String(decoding: records[records.count - 1].value, as: UTF8.self)
        manifest[records.count - 1].value = Array(
            text.replacing("snapshot 1\n", with: "snapshot 2\n").utf8
        )
        #expect(Self.reason(manifest, at: 10) == "the manifest has the version 2")
    }

    /// `SNAPSHOT_DAMAGES` sets how many; a release run takes a million.
    @Test func `ten thousand damaged snapshots are never loaded`() throws {
        let count =
            ProcessInfo.processInfo.environment["SNAPSHOT_DAMAGES"].flatMap(Int.init) ?? 10_000
        var receipt = Receipt()
        var machine = try Self.folded(300, &receipt)
        let whole = Self.records(&machine, receipt, offset: 10)
        try #require(Self.reason(whole, at: 10) == "restored")
        var random = Seeded(UInt64.random(in: 0 ... .max))
        var reasons: [String: Int] = [:]
        for number in 0..<count {
            var records = whole
            let place = Int(random.next(UInt64(records.count)))
            let size = UInt64(records[place].value.count)
            switch random.next(7) {
            case 0, 1, 2:
                let byte = Int(random.next(size))
                records[place].value[byte] ^= 1 << UInt8(random.next(8))
            case 3: records[place].value.removeLast(1 + Int(random.next(size)))
            case 4: records.remove(at: place)
            case 5:
                records[place].value.insert(
                    UInt8(random.next(256)),
                    at: Int(random.next(size + 1))
                )
            default:
                // A stretch of zeros, as a torn page leaves it.
                let start = Int(random.next(size))
                let end = min(Int(size), start + 1 + Int(random.next(512)))
                guard records[place].value[start..<end].contains(where: { $0 != 0 }) else {
                    continue
                }
                for byte in start..<end { records[place].value[byte] = 0 }
            }
            let reason = Self.reason(records, at: 10)
            guard reason != "restored" else {
                Issue.record("seed \(random.seed): damage \(number) at record \(place) was loaded")
                return
            }
            reasons[String(reason.filter { !$0.isNumber }), default: 0] += 1
        }
        print("CHAOS damaged snapshots | \(count) refused, 0 loaded | seed \(random.seed)")
        for (reason, count) in reasons.sorted(by: { $0.value > $1.value }) {
            print("    \(count) × \(reason)")
        }
        #expect(reasons.count > 3)
    }

    @Test func `a receipt names the snapshots and stays what it is without them`() throws {
        var receipt = Receipt()
        _ = try Self.folded(1000, &receipt)
        let text = receipt.text + " 17:4242:B,0:99"
        #expect(
            Receipt.snapshots(in: text) == [
                SnapshotPlace(start: 17, offset: 4242, slot: .b),
                // As it was written before slots were told.
                SnapshotPlace(start: 0, offset: 99, slot: nil),
            ]
        )
        #expect(Receipt.state(in: text) == receipt.text)
        #expect(Receipt.state(in: receipt.text) == receipt.text)
        #expect(Receipt.sequences(in: text) == receipt.sequences)
        #expect(Receipt.snapshots(in: receipt.text).isEmpty)
        #expect(Receipt(wholeText: receipt.wholeText) == receipt)
        #expect(Receipt(wholeText: "12 1,2 3") == nil)
    }
}

/// The sample as journal records, in one partition, as `score` makes them.
enum SampleJournal {
    static func batch(lines: Int) throws -> RecordBatch {
        let batch = RecordBatch()
        batch.append(
            Genesis(
                partitionCount: 1,
                partition: 0,
                horizonDays: 400,
                clock: .records,
                application: "test"
            ),
            at: .distantPast,
            source: .none
        )
        var count: Int64 = 0
        for table in ReferenceTable.allCases {
            let path = Sample.reference + "/" + table.name + ".csv"
            guard let data = FileManager.default.contents(atPath: path) else { continue }
            for row in ReferenceReader.read(table, Array(data), file: table.name).rows {
                batch.append(row, at: .distantPast, source: .none)
                count += 1
            }
        }
        batch.appendReferenceComplete(
            rowCount: count,
            digest: [],
            at: .distantPast,
            source: .none
        )
        batch.appendPolicy(Policy().canonicalBytes, at: .distantPast, source: .none)
        var decoder = EventDecoder(tokenizer: Tokenizer(.published))
        let source = decoder.addSource("events", isFile: false)
        let text = try String(contentsOfFile: Sample.events, encoding: .utf8)
        var number: UInt64 = 0
        for line in text.split(separator: "\n").prefix(lines) {
            do {
                try decoder.decode(Array(line.utf8).span.bytes, from: source, recordedAt: nil)
            } catch {
                continue
            }
            decoder.append(
                to: batch,
                source: RecordSource(partition: 0, offset: Int64(number), counter: number)
            )
            number += 1
        }
        return batch
    }
}

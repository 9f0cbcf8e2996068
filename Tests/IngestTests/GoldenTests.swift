import Foundation
import Ingest
import Journal
import Testing

/// One record of every kind.
enum Golden {
    static func records() -> [(name: String, bytes: [UInt8])] {
        let batch = RecordBatch()
        let time = Instant(milliseconds: 1_791_209_523_000)
        let source = RecordSource(partition: 3, offset: 91_823, counter: 17)
        var names = [
            "genesis", "source_registered", "source_retired", "tick", "reference_row",
            "reference_complete", "policy",
        ]
        let genesis = Genesis(
            partitionCount: 12,
            partition: 3,
            horizonDays: 400,
            clock: .ticks,
            application: "diversion-monitor"
        )
        batch.append(genesis, at: time, source: source)
        batch.append(
            SourceRegistration(topic: "claims", partition: 5, firstOffset: 7),
            at: time,
            source: source
        )
        batch.appendRetirement(topic: "claims", partition: 5, at: time, source: source)
        batch.append(
            [SourceProgress(topic: "claims", partition: 5, reached: time)],
            at: time,
            source: source
        )
        let row = ReferenceRow(
            table: .sites,
            values: ["DSH330214A", "DSH330214", "Clinic, north", "2014-01-01", ""]
        )
        batch.append(row, at: time, source: source, sourceName: "sites.csv", isFile: true)
        let publication = ReferencePublication([row])
        batch.appendReferenceComplete(
            rowCount: publication.rowCount,
            digest: publication.digest,
            at: time,
            source: source
        )
        batch.appendPolicy(Array("version=golden\n".utf8), at: time, source: source)

        var decoder = EventDecoder(tokenizer: Tokenizer(.published))
        let topic = decoder.addSource("events", isFile: false)
        for type in EventType.allCases {
            names.append(type.name)
            do {
                let record = Sample.record([type.name])
                try decoder.decode(record.span.bytes, from: topic, recordedAt: time)
            } catch {
                Issue.record("\(type): \(error)")
            }
            decoder.append(to: batch, source: source)
        }
        return zip(names, 0..<batch.count).map { name, index in
            (name, Array(batch.record(at: index).allBytes))
        }
    }
}

@Suite struct `The bytes of the journal` {
    @Test func `are the golden ones`() throws {
        for (name, bytes) in Golden.records() {
            let hex = SHA256.hex(bytes)
            let lines = stride(from: 0, to: hex.utf8.count, by: 64).map { start in
                String(hex.dropFirst(start).prefix(64))
            }
            let text = lines.joined(separator: "\n") + "\n"
            let file = Stories.fixtures.appendingPathComponent("journal/\(name).hex")
            if ProcessInfo.processInfo.environment["STORIES_UPDATE"] != nil {
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
            #expect(try String(contentsOf: file, encoding: .utf8) == text, "\(name)")
        }
    }

    @Test func `pass their check and give back what was put in`() throws {
        for (name, bytes) in Golden.records() {
            try bytes.withUnsafeBytes { raw in
                let base = try #require(raw.baseAddress)
                let view = RecordView(base, count: raw.count)
                try view.check()
                #expect(view.source == RecordSource(partition: 3, offset: 91_823, counter: 17))
                #expect(view.recordedAt == Instant(milliseconds: 1_791_209_523_000))
                switch view.kind {
                case .genesis:
                    #expect(view.genesis.partitionCount == 12)
                    #expect(view.genesis.partition == 3)
                    #expect(view.genesis.horizonDays == 400)
                    #expect(view.genesis.clock == .ticks)
                    #expect(view.genesis.application == "diversion-monitor")
                case .sourceRegistered:
                    let wanted = SourceRegistration(topic: "claims", partition: 5, firstOffset: 7)
                    #expect(view.sourceRegistration == wanted)
                case .sourceRetired:
                    #expect(view.retiredSource == ("claims", 5))
                case .tick:
                    #expect(view.progress.map(\.topic) == ["claims"])
                    #expect(view.progress.map(\.reached) == [view.recordedAt])
                case .referenceRow:
                    #expect(view.referenceRow?.values[2] == "Clinic, north")
                case .referenceComplete:
                    #expect(view.referenceCompletion.rowCount == 1)
                    #expect(view.referenceCompletion.digest.count == 32)
                case .policy:
                    #expect(view.policyBytes == Array("version=golden\n".utf8))
                default:
                    // The words hold every field of the event.
                    var decoder = EventDecoder()
                    let source = decoder.addSource("events", isFile: false)
                    let words = inWords(
                        Sample.record([name]),
                        &decoder,
                        source,
                        recordedAt: view.recordedAt
                    )
                    #expect(inWords(view) == words)
                }
            }
        }
    }
}

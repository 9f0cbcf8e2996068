import Foundation
import Ingest
import Journal
import Testing

@Suite struct `A source record` {
    @Test(arguments: Stories.files("ingest"))
    func `is an event or a dead letter, as the stories tell`(file: String) throws {
        var decoder = EventDecoder()
        let source = decoder.addSource("events.ndjson", isFile: true)
        try Stories.tell(file) { [inWords(Sample.record($0), &decoder, source)] }
    }

    @Test func `on Kafka was recorded when Kafka says`() throws {
        var decoder = EventDecoder()
        let source = decoder.addSource("dispenses", isFile: false)
        let record = Sample.record(["dispense", "with \"recorded_at\": \"2026-10-06T00:00:00Z\""])
        try decoder.decode(
            record.span.bytes,
            from: source,
            recordedAt: Instant(milliseconds: 1_791_300_000_000)
        )
        #expect(decoder.header.recordedAt == Instant(milliseconds: 1_791_300_000_000))
    }

    @Test func `may be 1 MiB large, but not a byte more`() {
        var decoder = EventDecoder()
        let source = decoder.addSource("notes", isFile: false)
        func size(_ count: Int) -> [UInt8] {
            let members = Sample.event("disposition").filter { $0.key != "note" }
            let frame = Sample.json(members).dropLast() + ",\"note\":\""
            return Array(frame.utf8)
                + [UInt8](repeating: 0x61, count: count - frame.utf8.count - 2) + Array("\"}".utf8)
        }
        #expect(inWords(size(1 << 20), &decoder, source).hasPrefix("disposition e-1"))
        #expect(inWords(size(1 << 20 + 1), &decoder, source).hasPrefix("too_large\n"))
    }

    @Test(arguments: [
        ("dispense", "dispensed"), ("claim", "billed"), ("purchase", "bought"),
        ("disposition", "decided"),
    ])
    func `counts until the horizon and not a microsecond longer`(type: String, _: String) {
        var decoder = EventDecoder(horizonDays: 400)
        let source = decoder.addSource("late", isFile: false)
        let record = Sample.record([type])
        let last = Instant(microseconds: 1_791_209_523_000_000).adding(days: 400)
        #expect(inWords(record, &decoder, source, recordedAt: last).hasPrefix(type))
        let later = Instant(microseconds: last.microseconds + 1)
        let outcome = inWords(record, &decoder, source, recordedAt: later)
        #expect(outcome.hasPrefix("beyond_horizon occurred_at of DSH330214"))
    }

    @Test(arguments: ["encounter", "adjustment"])
    func `about a visit or a balance may be as old as it likes`(type: String) {
        var decoder = EventDecoder(horizonDays: 1)
        let source = decoder.addSource("late", isFile: false)
        let late = Instant(microseconds: 1_791_209_523_000_000).adding(days: 4000)
        let outcome = inWords(Sample.record([type]), &decoder, source, recordedAt: late)
        #expect(outcome.hasPrefix(type))
    }

    @Test func `carries a token for each key in place of its patient`() throws {
        let second = try #require(PatientTokenKey(keyID: "k2", key: Array(0..<32)))
        var decoder = EventDecoder(tokenizer: Tokenizer(.published, others: [second]))
        let source = decoder.addSource("dispenses", isFile: false)
        let batch = RecordBatch()
        try decoder.decode(
            Sample.record(["dispense"]).span.bytes,
            from: source,
            recordedAt: nil
        )
        decoder.append(to: batch, source: RecordSource(partition: 2, offset: 7, counter: 1))
        let record = batch.record(at: 0)
        try record.check()
        let tokens = Array(record.bytes(record.eventHeader.tokens))
        #expect(tokens.count == 1 + 4 + 16 + 1 + 2 + 16)
        #expect(tokens[0..<5].elementsEqual([4] + Array("test".utf8)))
        #expect(tokens[21..<24].elementsEqual([2] + Array("k2".utf8)))
        // HMAC-SHA-256 by another program: openssl dgst -sha256 -hmac … over DSH330214, 0x1F, P19.
        #expect(SHA256.hex(tokens[5..<21]) == "3bb07e73dbfd2e4c07ff8602d5b91f60")
        #expect(record.string(record.eventHeader.sourceName) == "dispenses")
        let bytes = Array(record.allBytes)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("P19"))
    }

    @Test func `knows twelve digits when it is told to`() {
        var decoder = EventDecoder(acceptsTwelveDigitNDCs: true)
        let source = decoder.addSource("claims", isFile: false)
        for text in ["123456789012", "123456-7890-12"] {
            let record = Sample.record(["claim", "with \"ndc\": \"\(text)\""])
            #expect(inWords(record, &decoder, source).contains("ndc 123456789012,"))
        }
    }

    @Test func `goes where Kafka's Java client puts its entity`() throws {
        var decoder = EventDecoder()
        let source = decoder.addSource("claims", isFile: false)
        try decoder.decode(Sample.record(["claim"]).span.bytes, from: source, recordedAt: nil)
        let id = Array("DSH330214".utf8)
        let expected = id.withUnsafeBytes { Partitioner.partition(of: $0, count: 12) }
        #expect(decoder.partition(count: 12) == expected)
    }

    @Test func `with 100,000 different keys is read in a moment`() {
        var decoder = EventDecoder()
        let source = decoder.addSource("keys", isFile: false)
        let keys = (0..<100_000).map { "\"\($0)\":1" }.joined(separator: ",")
        let event = Sample.json(Sample.event("claim")).dropLast() + ","
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(inWords(Array((event + keys + "}").utf8), &decoder, source).hasPrefix("claim"))
            #expect(
                inWords(Array((event + keys + ",\"77\":2}").utf8), &decoder, source)
                    .hasPrefix("duplicate_key 77")
            )
        }
        #expect(time < .seconds(30))
    }
}

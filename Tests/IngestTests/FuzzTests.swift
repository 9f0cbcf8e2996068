import Foundation
import Ingest
import Journal
import Testing

/// Changes bytes as broken senders do: some lost, some doubled, some replaced by what a grammar minds.
private func mutate(
    _ bytes: [UInt8],
    with others: [[UInt8]],
    _ numbers: inout SeededNumbers
) -> [UInt8] {
    let tokens: [[UInt8]] =
        [
            "\"", "\\", "\\u", "\\ud83d", "\\udc8a", "\\u0000", "{", "}", "[", "]", ",", ":", "-",
            "0",
            "01", "9", ".", "e", "E+", "null", "true", "false", " ", "\r\n", "\"\"", "\"a\":1,",
            "Z",
        ].map { Array($0.utf8) } + [
            [0], [0x1F], [0x7F], [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80],
            [0xF0, 0x9F, 0x92, 0x8A], [0xE8, 0x8D], [0xFF],
        ]
    var result = bytes
    for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        let place = Int.random(in: 0...result.count, using: &numbers)
        let end = min(result.count, place + Int.random(in: 1...8, using: &numbers))
        switch Int.random(in: 0..<6, using: &numbers) {
        case 0 where place < result.count:
            result[place] = UInt8.random(in: 0...255, using: &numbers)
        case 1: result.insert(contentsOf: tokens.randomElement(using: &numbers) ?? [], at: place)
        case 2: result.removeSubrange(place..<end)
        case 3: result.insert(contentsOf: result[place..<end], at: place)
        case 4:
            result.replaceSubrange(
                place..<end,
                with: tokens.randomElement(using: &numbers) ?? []
            )
        default:
            let other = others.randomElement(using: &numbers) ?? []
            let start = Int.random(in: 0...other.count, using: &numbers)
            let stop = min(other.count, start + Int.random(in: 0...24, using: &numbers))
            result.insert(contentsOf: other[start..<stop], at: place)
        }
    }
    return result
}

/// An event of a type that is right but for one text.
private func event(_ type: String, _ key: String, _ text: String) -> [UInt8] {
    var members = Sample.event(type)
    for index in members.indices where members[index].key == key {
        members[index].value = "\"\(text)\""
    }
    return Array(Sample.json(members).utf8)
}

private let types = ["encounter", "dispense", "claim", "purchase", "disposition", "adjustment"]

@Suite struct `Whatever bytes come` {
    @Test func `a record is an event or a dead letter, and JSON where Foundation says so`() {
        var numbers = SeededNumbers.announced("records")
        var decoder = EventDecoder(tokenizer: Tokenizer(.published))
        let source = decoder.addSource("fuzz", isFile: true)
        let seeds =
            types.map { Array(Sample.json(Sample.event($0)).utf8) }
            + [
                "{\"a\":[1,2.5e-3,\"\\u00e9\\ud83d\\udc8a\",{\"b\":null}],\"c\":{}}", "[]",
                "{\"x\":\"é💊\",\"y\":[[[[]]]]}", " -0.0 ", "{\"\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
            ].map { Array($0.utf8) }
        var valid = 0
        for _ in 0..<numbers.inputs(100_000) {
            let seed = seeds.randomElement(using: &numbers) ?? []
            let record = mutate(seed, with: seeds, &numbers)
            let outcome = inWords(record, &decoder, source)
            if !outcome.contains("could not use") { valid += 1 }
            #expect(!outcome.hasPrefix("a record that fails"))
            let isJSON = !outcome.hasPrefix("not_json")
            // Where the reader stops early, and where Foundation goes beyond RFC 8259 (a byte order mark, other
            // encodings) or stays behind it (numbers beyond a double), there is nothing to compare.
            if outcome.hasPrefix("duplicate_key") || outcome.hasPrefix("too_deep")
                || record.starts(with: [0xEF, 0xBB, 0xBF]) || record.prefix(4).contains(0)
                || record.starts(with: [0xFF, 0xFE]) || record.starts(with: [0xFE, 0xFF])
            {
                continue
            }
            let foundation: Result<Any, any Error> = Result {
                try JSONSerialization.jsonObject(with: Data(record), options: [.fragmentsAllowed])
            }
            let isFoundations = (try? foundation.get()) != nil
            if isJSON != isFoundations, !isNumberBeyondDouble(foundation),
                !(isFoundations && hasCommaBeforeEnd(record))
            {
                Issue.record("\(String(decoding: record, as: UTF8.self)): \(outcome) \(foundation)")
                return
            }
        }
        #expect(valid > 1000)
    }

    /// Foundation lets a comma stand before the end of an array or object.
    private func hasCommaBeforeEnd(_ record: [UInt8]) -> Bool {
        let marks = record.filter { !Array(" \t\r\n".utf8).contains($0) }
        return zip(marks, marks.dropFirst()).contains { $0 == 0x2C && ($1 == 0x5D || $1 == 0x7D) }
    }

    private func isNumberBeyondDouble(_ result: Result<Any, any Error>) -> Bool {
        guard case .failure(let error) = result else { return false }
        return "\(error)".contains("is not representable")
    }

    @Test func `a moment is read as a slow reader reads it`() {
        var numbers = SeededNumbers.announced("moments")
        var decoder = EventDecoder(horizonDays: 3_000_000)
        let source = decoder.addSource("fuzz", isFile: true)
        let letters = Array("0123456789-:.TZ+tz ")
        for round in 0..<numbers.inputs(40_000) {
            func number(_ range: ClosedRange<Int>, _ width: Int) -> String {
                let digits = String(Int.random(in: range, using: &numbers))
                return String(repeating: "0", count: max(0, width - digits.count)) + digits
            }
            var text =
                number(0...9999, 4) + "-" + number(0...13, 2) + "-" + number(0...32, 2) + "T"
                + number(0...24, 2) + ":" + number(0...60, 2) + ":" + number(0...60, 2)
            if Bool.random(using: &numbers) { text += "." + number(0...99_999_999, 3) }
            text +=
                Bool.random(using: &numbers)
                ? "Z" : (round % 2 == 0 ? "+" : "-") + number(0...24, 2) + ":" + number(0...60, 2)
            if round % 3 == 0, let letter = letters.randomElement(using: &numbers) {
                var characters = Array(text)
                characters[Int.random(in: 0..<characters.count, using: &numbers)] = letter
                text = String(characters)
            }
            let record = event("encounter", "start", text)
            let outcome = inWords(record, &decoder, source)
            if let moment = slowly(text) {
                #expect(outcome.contains("from \(inWords(moment)),"), "\(text)")
            } else {
                #expect(outcome.hasPrefix("invalid_field start"), "\(text)")
            }
        }
    }

    /// RFC 3339 character by character, with Journal's calendar.
    private func slowly(_ text: String) -> Timestamp? {
        let all = Array(text)
        guard all.count >= 20, let date = CivilDate(text: String(all[0..<10])), all[10] == "T",
            all[13] == ":", all[16] == ":"
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= all.count else { return nil }
            let digits = String(all[range])
            return digits.utf8.allSatisfy({ (48...57).contains($0) }) ? Int64(digits) : nil
        }
        guard let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19), hour < 24, minute < 60, second < 60
        else { return nil }
        var place = 19
        var fraction = ""
        if all[place] == "." {
            place += 1
            while place < all.count, let digit = all[place].asciiValue, (48...57).contains(digit) {
                fraction.append(all[place])
                place += 1
            }
            guard !fraction.isEmpty else { return nil }
        }
        let zone = String(all[place...])
        var offset: Int64 = 0
        if zone != "Z" {
            guard zone.count == 6, zone.hasPrefix("+") || zone.hasPrefix("-"),
                all[place + 3] == ":", let hours = number(place + 1..<place + 3),
                let minutes = number(place + 4..<place + 6), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (zone.hasPrefix("-") ? -1 : 1)
        }
        let micro = Int64((fraction + "000000").prefix(6)) ?? 0
        let seconds = Int64(date.day) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60
        return Timestamp(
            Instant(microseconds: seconds * 1_000_000 + micro),
            offsetMinutes: Int16(offset)
        )
    }

    @Test func `a decimal is what the journal's slow reader makes of it`() {
        var numbers = SeededNumbers.announced("decimals")
        var decoder = EventDecoder()
        let source = decoder.addSource("fuzz", isFile: true)
        let letters = Array("00000123456789..-+e ")
        for _ in 0..<numbers.inputs(40_000) {
            let count = Int.random(in: 0...16, using: &numbers)
            let text = String(
                (0..<count).map { _ in letters.randomElement(using: &numbers) ?? "0" }
            )
            let record = event("adjustment", "quantity", text)
            let outcome = inWords(record, &decoder, source)
            if let value = try? Quantity(Array(text.utf8), signed: true) {
                #expect(outcome.contains(", 340B, \(value.text), "), "\(text): \(outcome)")
            } else {
                #expect(outcome.hasPrefix("invalid_field quantity"), "\(text)")
            }
        }
    }

    @Test func `a product code is what a slow reader makes of it`() {
        var numbers = SeededNumbers.announced("products")
        var decoder = EventDecoder()
        let source = decoder.addSource("fuzz", isFile: true)
        for _ in 0..<numbers.inputs(30_000) {
            var parts = (0..<Int.random(in: 1...3, using: &numbers)).map { _ in
                String(
                    (0..<Int.random(in: 1...6, using: &numbers)).map { _ in
                        Character("\(Int.random(in: 0...9, using: &numbers))")
                    }
                )
            }
            if Int.random(in: 0..<10, using: &numbers) == 0 { parts[0] += "x" }
            let text = parts.joined(separator: "-")
            let outcome = inWords(event("claim", "ndc", text), &decoder, source)
            let widths = parts.map(\.count)
            let isGood =
                ["11", "4-4-2", "5-3-2", "5-4-1", "5-4-2"].contains(
                    widths.map(String.init).joined(separator: "-")
                ) && !text.contains("x")
            let padded =
                widths.count == 1
                ? text
                : zip(parts, [5, 4, 2]).map {
                    String(repeating: "0", count: max(0, $1 - $0.count)) + $0
                }.joined()
            #expect(outcome.contains(isGood ? "ndc \(padded)," : "ndc “\(text)”,"), "\(text)")
        }
    }

    @Test func `a reference file is rows or faults, and a row is its own canonical line`() throws {
        var numbers = SeededNumbers.announced("tables")
        let text = """
            covered_entity_id,entity_type,name,state,medicaid_ffs,medicaid_mco,effective_from,effective_to
            DSH330990,DSH,"General, ""the"" hospital",NY,carve_out,carve_in,2012-01-01,
            CAH1,CAH,"two
            lines",VT,carve_in,carve_in,2020-01-01,2025-12-31

            """
        let seeds = [Array(text.utf8), Array(text.replacing("\n", with: "\r\n").utf8)]
        for _ in 0..<numbers.inputs(20_000) {
            let seed = seeds.randomElement(using: &numbers) ?? []
            let bytes = mutate(seed, with: seeds, &numbers)
            let reading = ReferenceReader.read(.coveredEntities, bytes, file: "x.csv")
            for row in reading.rows {
                #expect(try ReferenceReader.row(canonicalLine: row.canonicalLine) == row)
            }
        }
    }

    @Test func `a journal record that passes its check can be read`() {
        var numbers = SeededNumbers.announced("journal")
        let records = Golden.records().map(\.bytes)
        var passed = 0
        for _ in 0..<numbers.inputs(60_000) {
            var bytes = records.randomElement(using: &numbers) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &numbers) {
                let place = Int.random(in: 0..<bytes.count, using: &numbers)
                switch Int.random(in: 0..<4, using: &numbers) {
                case 0: bytes.removeLast(min(place, bytes.count - 1))
                case 1: bytes.append(UInt8.random(in: 0...255, using: &numbers))
                default: bytes[place] = UInt8.random(in: 0...255, using: &numbers)
                }
            }
            // Its length is right more often than chance would have it.
            if bytes.count > 8, Bool.random(using: &numbers) {
                bytes[4] = UInt8(truncatingIfNeeded: bytes.count)
                bytes[5] = UInt8(truncatingIfNeeded: bytes.count >> 8)
                bytes[6] = 0
                bytes[7] = 0
            }
            bytes.withUnsafeBytes { raw in
                guard let base = raw.baseAddress else { return }
                let view = RecordView(base, count: raw.count)
                guard (try? view.check()) != nil else { return }
                passed += 1
                _ = inWords(view)
                switch view.kind {
                case .genesis: _ = view.genesis
                case .sourceRegistered: _ = view.sourceRegistration
                case .sourceRetired: _ = view.retiredSource
                case .tick: _ = view.progress
                case .referenceRow: _ = view.referenceRow
                case .referenceComplete: _ = view.referenceCompletion
                case .policy: _ = Policy(canonicalBytes: view.policyBytes)
                default: break
                }
            }
        }
        #expect(passed > 1000)
    }
}

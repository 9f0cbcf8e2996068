import Foundation
import Ingest
import Journal
import Testing

@Suite struct `Lines of a file` {
    /// What a splitter makes of bytes that come in pieces of these sizes.
    private func split(_ bytes: [UInt8], limit: Int, _ numbers: inout SeededNumbers) -> [String] {
        var splitter = LineSplitter(limit: limit)
        var place = 0
        var lines: [String] = []
        while true {
            switch splitter.next() {
            case .line(let number):
                let text = splitter.line.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                lines.append("\(number): \(text)")
            case .oversized(let line):
                lines.append(
                    "\(line.number): \(line.byteCount) bytes, \(SHA256.hex(line.digest)) "
                        + String(decoding: line.head, as: UTF8.self)
                )
            case .needsInput:
                let count = Int.random(in: 1...9, using: &numbers)
                splitter.fill { room in
                    let piece = bytes[place..<min(bytes.count, place + count)]
                    room.copyBytes(from: piece)
                    place += piece.count
                    return piece.count
                }
            case .end: return lines
            }
        }
    }

    @Test func `are the same however the bytes come`() {
        var numbers = SeededNumbers.announced("lines")
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...60, using: &numbers)).map { _ in
                Array("ab\r\n\n".utf8).randomElement(using: &numbers) ?? 0
            }
            var expected: [String] = []
            var pieces = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
            if pieces.last?.isEmpty == true { pieces.removeLast() }
            for (index, piece) in pieces.enumerated() {
                let line = piece.last == 0x0D ? piece.dropLast() : piece
                if line.count > 8 {
                    let digest = SHA256.hex(SHA256.hash(Array(line)))
                    expected.append(
                        "\(index + 1): \(line.count) bytes, \(digest) "
                            + String(decoding: line, as: UTF8.self)
                    )
                } else if !line.isEmpty {
                    expected.append("\(index + 1): \(String(decoding: line, as: UTF8.self))")
                }
            }
            #expect(split(bytes, limit: 8, &numbers) == expected, "\(bytes)")
        }
    }

    @Test func `longer than any memory leave 64 KiB, their length and their hash`() {
        var splitter = LineSplitter()
        var left = 40 << 20
        var found: [LineSplitter.Step] = []
        steps: while true {
            let step = splitter.next()
            switch step {
            case .needsInput:
                splitter.fill { room in
                    let count = min(left, room.count)
                    UnsafeMutableRawBufferPointer(rebasing: room[..<count])
                        .initializeMemory(as: UInt8.self, repeating: 0x78)
                    left -= count
                    return count
                }
            case .end: break steps
            case .line, .oversized: found.append(step)
            }
        }
        guard found.count == 1, case .oversized(let line) = found[0] else {
            Issue.record("\(found.count) lines")
            return
        }
        #expect(line.number == 1)
        #expect(line.byteCount == 40 << 20)
        #expect(line.head == [UInt8](repeating: 0x78, count: 64 << 10))
        #expect(line.digest == SHA256.hash([UInt8](repeating: 0x78, count: 40 << 20)))
    }
}

@Suite struct `A dead letter` {
    private let rejection = Rejection(
        code: .invalidField,
        field: "ndc",
        message: "could not use the record: \"ndc\" is no string.",
        hint: "Put its value between double quotes.",
        coveredEntityID: "DSH330214"
    )

    @Test func `names its record, what is wrong, and holds its bytes`() {
        var out: [UInt8] = []
        let value = Array("{\"ndc\":1}".utf8)
        DeadLetterWriter.write(
            rejection,
            at: .topic("claims", partition: 3, offset: 91_823),
            value: value.span.bytes,
            to: &out
        )
        let expected =
            #"{"covered_entity_id":"DSH330214","source":{"topic":"claims","partition":3,"offset":91823},"#
            + #""error":{"code":"invalid_field","field":"ndc","message":"could not use the record: "#
            + #"\"ndc\" is no string. Put its value between double quotes."},"#
            + #""value":"eyJuZGMiOjF9","value_bytes":null,"value_sha256":null}"#
        #expect(String(decoding: out, as: UTF8.self) == expected)
    }

    @Test(arguments: 0..<70)
    func `holds bytes of every length in base64`(count: Int) throws {
        var out: [UInt8] = []
        let value = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let bare = Rejection(code: .notJSON, field: "", message: "no.", hint: "Mend it.")
        DeadLetterWriter.write(
            bare,
            at: .file("a \"b\"\n.ndjson", line: 4),
            value: value.span.bytes,
            to: &out
        )
        let letter = try #require(
            try JSONSerialization.jsonObject(with: Data(out)) as? [String: Any]
        )
        #expect(letter["value"] as? String == Data(value).base64EncodedString())
        #expect(letter["covered_entity_id"] is NSNull)
        #expect((letter["source"] as? [String: Any])?["file"] as? String == "a \"b\"\n.ndjson")
    }

    @Test func `of a record over 1 MiB holds 64 KiB, its length and its hash`() throws {
        var out: [UInt8] = []
        let value = [UInt8](repeating: 0x20, count: 1 << 20 + 1)
        DeadLetterWriter.write(
            .tooLarge,
            at: .file("e.ndjson", line: 1),
            value: value.span.bytes,
            to: &out
        )
        let letter = try #require(
            try JSONSerialization.jsonObject(with: Data(out)) as? [String: Any]
        )
        let kept = Data(value.prefix(64 << 10)).base64EncodedString()
        #expect(letter["value"] as? String == kept)
        #expect(letter["value_bytes"] as? Int == 1 << 20 + 1)
        #expect(letter["value_sha256"] as? String == SHA256.hex(SHA256.hash(value)))
    }

    @Test func `has the headers of Kafka Connect`() {
        let headers = DeadLetterWriter.headers(
            rejection,
            at: .topic("claims", partition: 3, offset: 9),
            application: "monitor",
            task: 1
        )
        let names = headers.map(\.name)
        #expect(
            names.prefix(3).elementsEqual(
                ["topic", "partition", "offset"].map { "__connect.errors." + $0 }
            )
        )
        #expect(headers.first { $0.name == "code" }?.value == "invalid_field")
        #expect(Set(names).count == names.count)
    }
}

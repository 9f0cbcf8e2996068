import Ingest
import Journal
import Testing

@testable import Pipeline

/// What says of a record that it was sent again stays with it, also while the record waits for its turn.
@Suite struct RedriveMarkTests {
    private let mark = RedriveMark(attempt: 2, letter: "3:17", origin: "claims[2]@5551")

    private func read(_ headers: [String: String]) -> RedriveMark? {
        RedriveMark { name in headers[name].map { Array($0.utf8) } }
    }

    @Test func `a mark comes back from its headers`() {
        let headers = Dictionary(uniqueKeysWithValues: mark.headers.map { ($0.name, $0.value) })
        #expect(read(headers) == mark)
        #expect(read(["trace": "t1"]) == nil)
    }

    @Test(arguments: ["", "two", "0", "-1", "99999999999999999999"])
    func `attempts that can't be read are as many as there can be`(_ text: String) {
        #expect(read([RedriveMark.attemptHeader: text])?.attempt == .max)
    }

    @Test func `a held record keeps its mark, and its neighbours have none`() {
        var held = HeldRecords()
        let bytes = Array("{}".utf8)
        for offset in 7...9 as ClosedRange<Int64> {
            held.append(
                bytes.span.bytes,
                offset: offset,
                time: Instant(milliseconds: offset),
                mark: offset == 8 ? mark : nil
            )
        }
        var found: [RedriveMark?] = []
        while !held.isEmpty {
            found.append(held.mark)
            held.takeFirst { _ in }
        }
        #expect(found == [nil, mark, nil])
        // Another partition's history may have the same offsets: nothing of the old one is left.
        held.removeAll()
        held.append(bytes.span.bytes, offset: 8, time: Instant(milliseconds: 8), mark: nil)
        #expect(held.mark == nil)
    }

    @Test func `a letter's headers carry the mark behind its own`() {
        let rejection = Rejection(code: .notJSON, field: "", message: "m", hint: "h")
        let place = RecordPlace.topic("claims", partition: 2, offset: 9)
        let plain = DeadLetterWriter.headers(rejection, at: place, application: "a", task: 0)
        let marked = DeadLetterWriter.headers(
            rejection,
            at: place,
            application: "a",
            task: 0,
            mark: mark
        )
        #expect(marked.prefix(plain.count).map(\.name) == plain.map(\.name))
        #expect(marked.suffix(3).map(\.value) == ["2", "3:17", "claims[2]@5551"])
    }
}

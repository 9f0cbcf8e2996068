import Foundation
import Testing

/// `dead-letters` on files, as a person reads what `score` could not use.
@Suite struct DeadLetterTests {
    private static func letters(_ folder: Folder) throws -> String {
        let sample = Monitor.path("fixtures/sample")
        let run = try Monitor.run([
            "score", "-q", "--reference", sample + "/reference", "-o", folder.path("out"),
            sample + "/events.ndjson",
        ])
        #expect(run.status == 0, "\(run.errors)")
        return folder.path("out/dead-letters.ndjson")
    }

    @Test("Letters are counted by code, field and source, the most frequent first")
    func counts() throws {
        let folder = try Folder()
        let run = try Monitor.run("dead-letters", "list", "--from", try Self.letters(folder))
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        #expect(lines.first?.contains("count  code") == true)
        #expect(lines.count == 10, "\(run.output)")
        #expect(run.output.contains("missing_field       patient_id"))
        #expect(run.errors == "9 dead letters of 9 reasons\n")
    }

    @Test("A filter leaves what it names; lines and objects say the same of each letter")
    func filters() throws {
        let folder = try Folder()
        let path = try Self.letters(folder)
        let some = try Monitor.run(
            "dead-letters",
            "list",
            "--from",
            path,
            "--code",
            "invalid_field"
        )
        #expect(some.errors == "4 dead letters of 4 reasons\n")
        let one = try Monitor.run([
            "dead-letters", "list", "--from", path, "--code", "invalid_field", "--field", "start",
            "--each",
        ])
        #expect(one.output.split(separator: "\n").count == 1)
        #expect(one.output.contains("events.ndjson:"))
        #expect(one.output.contains("invalid_field start"))
        let same = try Monitor.run([
            "dead-letters", "list", "--from", path, "--field", "start", "--each", "--json",
        ])
        #expect(
            same.output.contains("\"code\":\"invalid_field\",\"field\":\"start\",\"attempts\":0")
        )
        let wrong = try Monitor.run("dead-letters", "list", "--from", path, "--since", "yesterday")
        #expect(wrong.status == 64)
        #expect(wrong.errors.contains("Give one with its zone"))
    }

    @Test("One letter is shown with all but its value, which names a patient and must be asked for")
    func shows() throws {
        let folder = try Folder()
        let path = try Self.letters(folder)
        let list = try Monitor.run([
            "dead-letters", "list", "--from", path, "--code", "missing_field", "--each",
        ])
        let id = try #require(list.output.split(separator: " ").first.map(String.init))
        let show = try Monitor.run("dead-letters", "show", id, "--from", path)
        #expect(show.status == 0, "\(show.errors)")
        #expect(show.output.contains("field    patient_id"))
        #expect(show.output.contains("could not use the record: "))
        #expect(!show.output.contains("event_type"))
        let value = try Monitor.run("dead-letters", "show", id, "--from", path, "--value")
        #expect(value.output.contains("{\"event_type\":\"encounter\""))
        let raw = try Monitor.run("dead-letters", "show", id, "--from", path, "--raw")
        let events = try String(
            contentsOfFile: Monitor.path("fixtures/sample/events.ndjson"),
            encoding: .utf8
        )
        #expect(events.split(separator: "\n").contains { $0 == raw.output })
        let none = try Monitor.run("dead-letters", "show", "99", "--from", path)
        #expect(none.status == 1)
        #expect(none.errors.contains("there is no dead letter"))
    }

    @Test("Bytes of anybody do nothing to a terminal")
    func escapes() throws {
        let folder = try Folder()
        // An escape sequence, a carriage return, a broken character, a right-to-left mark, a line feed.
        let bytes: [UInt8] =
            Array("{\"a\":\"\u{1B}[2Jx\r".utf8) + [0xFF, 0xC3] + Array("\u{202E}é\n\"}".utf8)
        let value = Data(bytes).base64EncodedString()
        let letter =
            "{\"covered_entity_id\":null,\"source\":{\"file\":\"f\\u001b[31m.ndjson\",\"line\":3},"
            + "\"error\":{\"code\":\"not_json\",\"field\":\"\",\"message\":\"m\"},"
            + "\"value\":\"\(value)\",\"value_bytes\":null,\"value_sha256\":null}"
        try folder.write("\n" + letter + "\n", to: "letters.ndjson")
        let path = folder.path("letters.ndjson")
        let show = try Monitor.run("dead-letters", "show", "2", "--from", path, "--value")
        #expect(show.status == 0, "\(show.errors)")
        #expect(show.output.hasSuffix("{\"a\":\"\\u{1b}[2Jx\\u{d}\\xff\\xc3\\u{202e}é\n\"}\n"))
        let list = try Monitor.run("dead-letters", "list", "--from", path)
        for output in [show.output, list.output] {
            #expect(!output.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
        }
        let raw = try Monitor.run("dead-letters", "show", "2", "--from", path, "--json", "--value")
        #expect(raw.output.contains("\"value\":\"{\\\"a\\\""))
    }

    @Test("A redrive must be told which letters, and a file's lines are none")
    func needsASelection() throws {
        let nothing = try Monitor.run(
            "dead-letters",
            "redrive",
            "--kafka.bootstrap.servers",
            "127.0.0.1:1"
        )
        #expect(nothing.status == 64)
        #expect(nothing.errors.contains("nothing says which letters"))
        let line = try Monitor.run("dead-letters", "redrive", "--id", "17")
        #expect(line.status == 64)
        #expect(line.errors.contains("Give partition:offset, such as 3:17"))
        let away = try Monitor.run(
            "dead-letters",
            "redrive",
            "--all",
            "--kafka.bootstrap.servers",
            "127.0.0.1:1"
        )
        #expect(away.status == 75, "\(away.errors)")
    }
}

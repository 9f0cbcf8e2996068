import Testing
import YAML

/// The nodes in one line each, so that a test can be read: `1:1 key ▶ 1:6 "text"`.
func outline(_ node: Node, _ path: String = "") -> String {
    switch node.content {
    case .scalar(let text, let style):
        return "\(node.position) \(path) = \(text) (\(style))\n"
    case .sequence(let nodes):
        return nodes.enumerated().map { outline($1, "\(path)[\($0)]") }.joined()
    case .mapping(let pairs):
        return pairs.map { outline($0.value, path.isEmpty ? $0.key : "\(path).\($0.key)") }.joined()
    }
}

/// What a person is told about the file, line by line.
func complaints(_ text: String) -> String {
    do {
        let documents = try parse(Array(text.utf8), file: "policy.yaml")
        return documents.map { outline($0) }.joined(separator: "---\n")
    } catch {
        return error.description
    }
}

@Suite struct `A plain file` {
    @Test func `keeps every value as it is written, with its place`() {
        #expect(
            complaints(
                """
                # Who may dispense.
                name: "St. Mary's"
                window: 30d
                carve_out: no
                sites:
                  - id: 0012
                    open: 12:30
                  - id: 13
                ratio: 1.10
                """
            ) == """
                2:7 name = St. Mary's (quoted)
                3:9 window = 30d (plain)
                4:12 carve_out = no (plain)
                6:9 sites[0].id = 0012 (plain)
                7:11 sites[0].open = 12:30 (plain)
                8:9 sites[1].id = 13 (plain)
                9:8 ratio = 1.10 (plain)

                """
        )
    }

    @Test func `counts characters, not bytes`() {
        #expect(complaints("{ \"Ärzte\": x }") == "1:12 Ärzte = x (plain)\n")
    }

    @Test func `may begin with a byte order mark`() {
        #expect(complaints("\u{FEFF}name: x") == "1:7 name = x (plain)\n")
    }

    @Test func `may hold several documents, or none`() {
        #expect(complaints("a: 1\n---\nb: 2\n") == "1:4 a = 1 (plain)\n---\n3:4 b = 2 (plain)\n")
        #expect(complaints("# nothing\n") == "")
        #expect(complaints("") == "")
    }

    @Test func `may write text over several lines`() {
        #expect(complaints("text: |\n  one\n  two\n") == "1:7 text = one\ntwo\n (quoted)\n")
        #expect(complaints("text: one\n  two\n") == "1:7 text = one two (plain)\n")
    }

    @Test func `says where the key stands`() throws {
        let nodes = try parse(Array("a:\n  bc: 1\n".utf8), file: "x")
        guard case .mapping(let pairs) = nodes[0].content,
            case .mapping(let inner) = pairs[0].value.content
        else { throw Unexpected() }
        #expect(pairs[0].position == Position(line: 1, column: 1))
        #expect(inner[0].position == Position(line: 2, column: 3))
    }
}

struct Unexpected: Error {}

@Suite struct `A file with surprises` {
    @Test func `has each of them told, not only the first`() {
        #expect(
            complaints(
                """
                base: &base
                  window: 30d
                site:
                  <<: *base
                  name: A
                  name: B
                count: !!int 3
                [1, 2]: x
                """
            ) == """
                policy.yaml:1:7: an anchor (&) is not taken. \
                Delete it, or put the text in quotes if it belongs to it.
                policy.yaml:4:3: the merge key << is not taken. Write the keys out.
                policy.yaml:4:7: an alias (*) is not taken. \
                Delete it, or put the text in quotes if it belongs to it.
                policy.yaml:6:3: "name" stands twice, first in line 5. Keep one.
                policy.yaml:7:8: a tag (!) is not taken. \
                Delete it, or put the text in quotes if it belongs to it.
                policy.yaml:8:1: a key must be text, not a list or a mapping.
                """
        )
    }

    @Test(arguments: [
        ("a:\n\tb: 1", "2:1", "", "a tab stands where YAML takes only spaces. Indent with spaces."),
        (
            "a: b: c", "1:5", "",
            "a colon stands where no key can. Put the text in quotes if the colon belongs to it."
        ),
        (
            "a: [1, 2\nb: 3", "2:2", " while parsing a flow sequence from 1:4",
            "did not find expected ',' or ']'."
        ),
        (
            "a: 1\nb\nc: 2", "3:1", " while scanning a simple key from 2:1",
            "a key has no colon. Write it as \"key: value\"."
        ),
        ("a: @x", "1:4", "", "a value cannot begin with this character. Put it in quotes."),
        (
            "a: \"x", "1:6", " while scanning a quoted scalar from 1:4",
            "found unexpected end of stream."
        ),
        ("a: \u{1}", "1:4", "", "a control character stands here. Delete it."),
        (
            "- a\nb: c", "2:1", " while parsing a block collection from 1:1",
            "did not find expected '-' indicator. Check the indentation and the quotes."
        ),
        (
            "a: 'x' y", "1:8", " while parsing a block mapping from 1:1",
            "did not find expected key. Check the indentation and the quotes."
        ),
        ("%YAML 3.0\n---\na: 1", "1:1", "", "found incompatible YAML document."),
    ])
    func `that is no YAML has its place and a way out told`(
        text: String,
        place: String,
        context: String,
        advice: String
    ) {
        #expect(
            complaints(text) == "policy.yaml:\(place): could not read the YAML\(context): \(advice)"
        )
    }

    @Test(arguments: [
        (Array("name: x\nsite: ".utf8) + [0xE9, 0x0A], "2:7", "incomplete UTF-8 octet sequence"),
        (Array("name: x\nsite: é".utf8) + [0xFF, 0x0A], "2:8", "invalid leading UTF-8 octet"),
        ([0xFF, 0xFE, 0x61, 0x00], "1:1", "invalid leading UTF-8 octet"),
    ])
    func `that is not UTF-8 has the first bad byte told`(
        bytes: [UInt8],
        place: String,
        problem: String
    ) throws {
        let error = try #require(throws: Diagnostics.self) {
            try parse(bytes, file: "policy.yaml")
        }
        let message = "could not read the YAML: \(problem). Save the file as UTF-8."
        #expect(error.description == "policy.yaml:\(place): \(message)")
    }

    @Test func `that is nested 64 deep is read, one more is not`() {
        let deep = String(repeating: "[", count: 63) + "1" + String(repeating: "]", count: 63)
        #expect(!complaints(deep).contains("nested"))
        #expect(
            complaints("[\(deep)]")
                == "policy.yaml:1:65: values are nested more than 64 deep. Flatten them."
        )
        #expect(complaints(String(repeating: "[", count: 100_000)).contains("64 deep"))
        #expect(complaints(String(repeating: "{a: ", count: 100_000)).contains("64 deep"))
    }

    @Test func `everywhere has the first hundred told`() {
        let lines = complaints(String(repeating: "a: 1\n", count: 1_235)).split(separator: "\n")
        #expect(lines.count == 101)
        #expect(lines[0] == "policy.yaml:2:1: \"a\" stands twice, first in line 1. Keep one.")
        #expect(lines[100] == "… and 1,134 more.")
    }

    @Test func `that is larger than 4 MiB is not looked at`() {
        let large = String(repeating: "#", count: largestFile + 1)
        #expect(
            complaints(large)
                == "policy.yaml:1:1: the file has 4194305 bytes, more than 4194304. Split it."
        )
        #expect(complaints(String(large.dropLast())) == "")
    }

    @Test func `whatever its bytes are, ends in values or in a message with a place`() {
        var state: UInt64 = 340
        let alphabet = Array("ab:-[]{}&*!|>'\"%@`#, \n\t~<01\u{C3}".utf8)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<24 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            do {
                _ = try parse(bytes, file: "x")
            } catch {
                #expect(error.list.allSatisfy { $0.position.line > 0 && $0.position.column > 0 })
            }
        }
    }
}

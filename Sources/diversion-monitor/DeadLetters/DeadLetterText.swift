internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Wording

/// One letter in one line.
struct LetterLine: Sendable {
    private let members: [(name: String, value: String?)]
    private let attempts: Int

    init(_ letter: DeadLetter) {
        members = [
            ("id", letter.id.text), ("time", letter.time?.text), ("entity", letter.entity),
            ("source", letter.source.place), ("code", letter.code),
            ("field", letter.field.isEmpty ? nil : letter.field),
        ]
        attempts = letter.attempts
    }

    /// For a person.
    func text(wasSent: Bool) -> String {
        members.map { $0.value.map(PlainText.word) ?? "-" }.joined(separator: " ")
            + (attempts > 0 ? " came back (attempt \(attempts))" : "")
            + (wasSent ? " sent again" : "")
    }

    /// For a program.
    func json(wasSent: Bool) -> String {
        JSONText.object(
            members.map { ($0.name, JSONText.string($0.value)) }
                + [("attempts", "\(attempts)"), ("sent_again", wasSent ? "true" : "false")]
        )
    }
}

/// One letter with all that is known of it.
struct DeadLetterText {
    private let letter: DeadLetter
    private let sent: SentRecord?

    init(_ letter: DeadLetter, _ sent: SentRecord?) {
        self.letter = letter
        self.sent = sent
    }

    /// Prints it as the command line wants it.
    func print(_ invocation: Invocation) throws(CommandFailure) {
        let output = invocation.terminal.output
        guard !invocation.flag("raw") else {
            guard let value = letter.value else { throw unreadable }
            Files.writeAll(value, to: 1)
            return
        }
        let shown = invocation.flag("value") ? letter.value : nil
        if invocation.flag("value"), shown == nil { throw unreadable }
        if invocation.flag("json") {
            output.print(json(shown))
        } else {
            output.write(text(shown, on: output))
        }
    }

    private var unreadable: CommandFailure {
        CommandFailure(
            "could not show the value of \(letter.id.text): it is no base64. The letter was damaged."
        )
    }

    private func text(_ value: [UInt8]?, on output: Sink) -> String {
        var rows: [(name: String, value: String)] = [
            ("letter", letter.id.text), ("written", letter.time?.text ?? "-"),
            ("source", letter.source.place), ("entity", letter.entity ?? "-"),
            ("code", letter.code), ("field", letter.field.isEmpty ? "-" : letter.field),
            ("message", letter.message),
        ]
        if let mark = letter.mark {
            rows.append(
                ("sent before", "attempt \(mark.attempt), from letter \(mark.letter)")
            )
            rows.append(("first stood at", mark.origin))
        }
        if let sent {
            rows.append(
                ("sent again", "\(sent.time?.text ?? "-"), attempt \(sent.attempt)")
            )
        }
        rows.append(("value", size))
        let width = rows.map(\.name.count).max() ?? 0
        var text = ""
        for (name, value) in rows {
            let space = String(repeating: " ", count: width - name.count + 2)
            text += output.styled(name, .bold) + space + PlainText.escaped(value) + "\n"
        }
        if let value { text += "\n" + Self.safe(value) + "\n" }
        return text
    }

    private var size: String {
        let kept = letter.value?.count ?? 0
        guard let whole = letter.wholeByteCount else {
            return "\(grouped(kept)) bytes (--value prints them; they name patients)"
        }
        return "the first \(grouped(kept)) of \(grouped(whole)) bytes with the SHA-256"
            + " \(letter.wholeSHA256 ?? "-")"
    }

    private func json(_ value: [UInt8]?) -> String {
        var members: [(name: String, value: String)] = [
            ("id", JSONText.string(letter.id.text)), ("time", JSONText.string(letter.time?.text)),
            ("source", JSONText.string(letter.source.place)),
            ("covered_entity_id", JSONText.string(letter.entity)),
            ("code", JSONText.string(letter.code)), ("field", JSONText.string(letter.field)),
            ("message", JSONText.string(letter.message)), ("attempts", "\(letter.attempts)"),
            ("origin", JSONText.string(letter.mark?.origin)),
            ("sent_again", JSONText.string(sent.map { $0.time?.text ?? "" })),
            ("value_bytes", "\(letter.wholeByteCount ?? letter.value?.count ?? 0)"),
            ("is_truncated", letter.isTruncated ? "true" : "false"),
        ]
        if let value { members.append(("value", JSONText.string(Self.safe(value)))) }
        return JSONText.object(members)
    }

    /// Bytes of anybody as text that moves no cursor: line feeds stay, other control characters are escapes, and what
    /// is no UTF-8 is `\xNN`.
    static func safe(_ bytes: [UInt8]) -> String {
        var text = ""
        var rest = bytes[...]
        while let first = rest.first {
            // The longest character that is valid: 1 to 4 bytes.
            let valid = (1...4).first { count in
                count <= rest.count && String(validating: rest.prefix(count), as: UTF8.self) != nil
            }
            if let valid {
                let character = String(decoding: rest.prefix(valid), as: UTF8.self)
                text += character == "\n" ? "\n" : PlainText.escaped(character)
                rest = rest.dropFirst(valid)
            } else {
                let digits = String(first, radix: 16)
                text += "\\x" + (digits.count < 2 ? "0" : "") + digits
                rest = rest.dropFirst()
            }
        }
        return text
    }
}

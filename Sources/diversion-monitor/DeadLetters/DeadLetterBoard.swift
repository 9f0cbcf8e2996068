internal import CommandLineKit
internal import Journal
internal import Wording

/// Dead letters counted by reason: code, field, source topic.
struct DeadLetterBoard {
    /// What letters of one kind have in common.
    struct Reason: Sendable, Hashable {
        let code: String
        let field: String
        let source: String
    }

    /// The letters of one reason.
    struct Row: Sendable {
        let reason: Reason
        var count = 0
        /// Of these, how many were sent again.
        var sent = 0
        /// Of these, how many had been sent again and came back.
        var returned = 0
        var first: Instant?
        var last: Instant?
        /// The last one, to look at.
        var example: LetterID
    }

    private var rows: [Reason: Row] = [:]
    private var reasons: [LetterID: Reason] = [:]
    private var sent: Set<LetterID> = []

    /// Takes a letter in.
    mutating func take(_ letter: DeadLetter) {
        let reason = Reason(code: letter.code, field: letter.field, source: letter.source.name)
        var row = rows[reason] ?? Row(reason: reason, example: letter.id)
        row.count += 1
        if letter.attempts > 0 { row.returned += 1 }
        if let time = letter.time {
            row.first = min(row.first ?? time, time)
            row.last = max(row.last ?? time, time)
        }
        row.example = letter.id
        rows[reason] = row
        reasons[letter.id] = reason
    }

    /// Takes in that a letter was sent again.
    mutating func take(_ record: SentRecord) { sent.insert(record.letter) }

    /// Whether a letter was sent again.
    func wasSent(_ id: LetterID) -> Bool { sent.contains(id) }

    /// The reasons, the most frequent first.
    var ordered: [Row] {
        var found = rows
        for id in sent {
            if let reason = reasons[id] { found[reason]?.sent += 1 }
        }
        return found.values.sorted {
            ($1.count, $0.reason.code, $0.reason.field, $0.reason.source)
                < ($0.count, $1.reason.code, $1.reason.field, $1.reason.source)
        }
    }

    /// The rows as a table with a bar for each.
    static func table(_ rows: [Row], on output: Sink) -> String {
        let most = rows.map(\.count).max() ?? 1
        let cells = rows.map { row in
            [
                grouped(row.count), row.reason.code,
                row.reason.field.isEmpty ? "-" : PlainText.word(row.reason.field),
                PlainText.word(row.reason.source), row.first?.text ?? "-", row.last?.text ?? "-",
                row.example.text,
            ]
        }
        let titles = ["count", "code", "field", "source", "first", "last", "example"]
        let widths = titles.indices.map { column in
            ([titles] + cells).map { $0[column].count }.max() ?? 0
        }
        func line(_ texts: [String]) -> String {
            let padded = texts.indices.map { column in
                let text = texts[column]
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? space + text : text + space
            }
            return padded.joined(separator: "  ")
        }
        var text = output.styled(line(titles), .bold) + "  \n"
        for (row, texts) in zip(rows, cells) {
            let bar = String(repeating: "#", count: max(1, row.count * 20 / most))
            var notes = ""
            if row.sent > 0 { notes += " (\(grouped(row.sent)) sent again)" }
            if row.returned > 0 { notes += " (\(grouped(row.returned)) came back)" }
            text += line(texts) + "  " + output.styled(bar, .cyan) + notes + "\n"
        }
        return text
    }

    /// A row as an object.
    static func json(_ row: Row) -> String {
        JSONText.object([
            ("code", JSONText.string(row.reason.code)),
            ("field", JSONText.string(row.reason.field)),
            ("source", JSONText.string(row.reason.source)), ("count", "\(row.count)"),
            ("sent_again", "\(row.sent)"), ("came_back", "\(row.returned)"),
            ("first", JSONText.string(row.first?.text)), ("last", JSONText.string(row.last?.text)),
            ("example", JSONText.string(row.example.text)),
        ])
    }
}

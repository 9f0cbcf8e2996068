internal import Ingest
internal import Journal

/// The record that says, in the dead-letters topic itself, that a letter was sent again.
///
/// It is written in one transaction with the source record, to the letter's own partition. So the topic alone tells
/// what has been sent, for as long as the letter is kept: a consumer group's offsets would say it in order only, and
/// expire after a week.
///
/// It has the shape of a letter, so that readers of the topic need not be changed: the error's code is `redriven`, the
/// value is empty, and it has no headers of Kafka Connect's.
struct SentRecord: Sendable, Hashable {
    /// The error's code.
    static let code = "redriven"

    /// The letter that was sent again.
    var letter: LetterID
    var attempt: Int
    /// When.
    var time: Instant?

    /// Reads one; nil where a record of the topic is none.
    init?(_ json: JSONValue, time: Instant?) {
        guard json["error"]?["code"]?.text == Self.code, let redrive = json["redrive"],
            let letter = redrive["letter"]?.text.flatMap({ LetterID($0) }),
            let attempt = redrive["attempt"]?.text.flatMap({ Int($0) })
        else { return nil }
        self.letter = letter
        self.attempt = attempt
        self.time = time
    }

    /// The record for a letter that is sent again.
    static func json(_ letter: DeadLetter, _ mark: RedriveMark, sha256: String) -> String {
        var source: [(name: String, value: String)] = []
        if case .topic(let topic, let partition, let offset) = letter.source {
            source = [
                ("topic", JSONText.string(topic)), ("partition", "\(partition)"),
                ("offset", "\(offset)"),
            ]
        }
        return JSONText.object([
            ("covered_entity_id", JSONText.string(letter.entity)),
            ("source", JSONText.object(source)),
            (
                "error",
                JSONText.object([
                    ("code", JSONText.string(code)), ("field", JSONText.string("")),
                    (
                        "message",
                        JSONText.string(
                            "The record of dead letter \(letter.id.text) was sent to its topic again."
                        )
                    ),
                ])
            ),
            ("value", JSONText.string("")), ("value_bytes", "null"), ("value_sha256", "null"),
            (
                "redrive",
                JSONText.object([
                    ("letter", JSONText.string(letter.id.text)), ("attempt", "\(mark.attempt)"),
                    ("origin", JSONText.string(mark.origin)),
                    ("sent_sha256", JSONText.string(sha256)),
                ])
            ),
        ])
    }
}

/// Says of a source record that it was sent again from a dead letter: `dead-letters redrive`.
///
/// It stands in the record's headers. Ingest carries it on into the letter of a record that fails once more, so that the
/// number of attempts is known there, and nothing is sent in circles.
public struct RedriveMark: Sendable, Hashable {
    /// How often the event has been sent again: 1, 2 …
    public var attempt: Int
    /// The dead letter it was sent from, `partition:offset`.
    public var letter: String
    /// Where the event stood first, `topic[partition]@offset`.
    public var origin: String

    /// Names of the headers.
    public static let attemptHeader = "redrive.attempt"
    public static let letterHeader = "redrive.letter"
    public static let originHeader = "redrive.origin"

    /// A mark.
    public init(attempt: Int, letter: String, origin: String) {
        self.attempt = attempt
        self.letter = letter
        self.origin = origin
    }

    /// The mark that headers carry, as `header` gives them by name; nil where they carry none.
    ///
    /// A number of attempts that can't be read is taken for the largest: better not sent again than for ever.
    public init?(_ header: (String) -> [UInt8]?) {
        guard let attempt = header(Self.attemptHeader) else { return nil }
        func text(_ name: String) -> String { String(decoding: header(name) ?? [], as: UTF8.self) }
        let number = Int(String(decoding: attempt, as: UTF8.self)) ?? .max
        self.init(
            attempt: number < 1 ? .max : number,
            letter: text(Self.letterHeader),
            origin: text(Self.originHeader)
        )
    }

    /// Names and values of the headers.
    public var headers: [(name: String, value: String)] {
        [
            (Self.attemptHeader, "\(attempt)"), (Self.letterHeader, letter),
            (Self.originHeader, origin),
        ]
    }
}

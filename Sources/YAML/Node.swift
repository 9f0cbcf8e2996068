/// A place in a file, as editors count: both start with 1, and a column is a character.
public struct Position: Sendable, Hashable, CustomStringConvertible {
    /// The line.
    public let line: Int
    /// The column.
    public let column: Int

    /// A place in a file.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// `LINE:COLUMN`.
    public var description: String { "\(line):\(column)" }
}

/// One value of a document and where it stands.
///
/// A scalar is kept as the text that was written. What it means is decided by who asks for it,
/// see `Shape`: `no` asked for as text is the text `no`, never a boolean.
public struct Node: Sendable {
    /// Where the value begins.
    public let position: Position
    /// The value.
    public let content: Content

    /// What a value can be.
    public enum Content: Sendable {
        /// Text, a number, a date: anything without parts.
        case scalar(String, Style)
        /// A list.
        case sequence([Node])
        /// Keys and values in the order they are written; no key stands twice.
        case mapping([Pair])
    }

    /// How a scalar is written.
    public enum Style: Sendable {
        /// Without quotes.
        case plain
        /// In quotes, or as a block after `|` or `>`.
        case quoted
    }

    /// A key with its value.
    public struct Pair: Sendable {
        /// The text of the key.
        public let key: String
        /// Where the key begins.
        public let position: Position
        /// The value.
        public let value: Node

        /// A key with its value.
        public init(key: String, position: Position, value: Node) {
            self.key = key
            self.position = position
            self.value = value
        }
    }

    /// A value at its place.
    public init(_ content: Content, at position: Position) {
        self.content = content
        self.position = position
    }

    /// Whether nothing is written: an empty plain scalar, `null` or `~`.
    public var isNull: Bool {
        guard case .scalar(let text, .plain) = content else { return false }
        return text.isEmpty || text == "~" || text.lowercased() == "null"
    }
}

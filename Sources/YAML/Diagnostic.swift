internal import Wording

/// Something wrong in a file, for the person who wrote it: `policy.yaml:3:5: limit: …`.
public struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    /// The name of the file, as the person knows it.
    public let file: String
    /// Where in the file.
    public let position: Position
    /// What is wrong and what to do.
    public let message: String

    /// A message about a place in a file.
    public init(file: String, position: Position, message: String) {
        self.file = file
        self.position = position
        self.message = message
    }

    /// `FILE:LINE:COLUMN: message`, which editors and terminals can jump to.
    public var description: String { "\(file):\(position): \(message)" }
}

/// All that is wrong in a file, in the order of its lines.
public struct Diagnostics: Error, Sendable, CustomStringConvertible {
    /// The messages; at least one.
    public let list: [Diagnostic]

    /// The messages, sorted by where they point.
    public init(_ list: [Diagnostic]) {
        self.list = list.sorted {
            ($0.file, $0.position.line, $0.position.column)
                < ($1.file, $1.position.line, $1.position.column)
        }
    }

    /// One message a line; of a file that is wrong everywhere, the first hundred.
    public var description: String {
        let more = list.count > 100 ? ["… and \(grouped(list.count - 100)) more."] : []
        return (list.prefix(100).map(\.description) + more).joined(separator: "\n")
    }
}

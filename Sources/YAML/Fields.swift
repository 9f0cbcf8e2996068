internal import Wording

/// The keys of a mapping, asked for one by one.
///
///     let policy = try read(bytes, file: "policy.yaml") { fields in
///         Policy(
///             name: fields.required("name", .string, or: ""),
///             window: fields.optional("window", .duration) ?? .seconds(86_400),
///             rules: fields.required("rules", .list(of: rule), or: []))
///     }
///
/// A key that is missing or wrong is noted and its stand-in returned, so that the rest is read
/// too; when anything was noted, what was built is thrown away and all notes are told at once.
public struct Fields {
    private let pairs: [Node.Pair]
    private let path: String
    /// Where the mapping begins.
    public let position: Position
    private var asked: [String] = []
    private var problems: [Problem] = []

    init(_ pairs: [Node.Pair], of path: String, at position: Position) {
        self.pairs = pairs
        self.path = path
        self.position = position
    }

    /// The value of a key that must be there; `standIn` when it is missing or wrong.
    public mutating func required<Value>(
        _ key: String,
        _ shape: Shape<Value>,
        or standIn: @autoclosure () -> Value
    ) -> Value {
        if let value = optional(key, shape) { return value }
        if !pairs.contains(where: { $0.key == key }) {
            report("\"\(key)\" is missing.")
        }
        return standIn()
    }

    /// The value of a key that may be left out; nil when it is, or when it is wrong.
    public mutating func optional<Value>(_ key: String, _ shape: Shape<Value>) -> Value? {
        asked.append(key)
        guard let pair = pairs.first(where: { $0.key == key }) else { return nil }
        let name = path.isEmpty ? key : "\(path).\(key)"
        if pair.value.isNull {
            problems.append(
                Problem(pair.position, "\(name): no value is given. Write one or delete the key.")
            )
            return nil
        }
        return shape.read(pair.value, name, &problems)
    }

    /// Notes what no shape could see, such as two keys that contradict each other.
    ///
    /// It points to `key` where that is given, else to the mapping.
    public mutating func report(_ message: String, at key: String? = nil) {
        let pair = pairs.first { $0.key == key }
        let name = key.map { path.isEmpty ? $0 : "\(path).\($0)" } ?? path
        problems.append(
            Problem(pair?.position ?? position, name.isEmpty ? message : "\(name): \(message)")
        )
    }

    /// Everything noted, with the keys that nobody asked for.
    func finish() -> [Problem] {
        let missing = asked.filter { key in !pairs.contains { $0.key == key } }
        let place = path.isEmpty ? "" : "\(path): "
        return problems
            + pairs.filter { !asked.contains($0.key) }.map { pair in
                // A key that is already there is not what the writer meant.
                let hint = closest(to: pair.key, among: missing).map { "Did you mean \($0)?" }
                let known =
                    asked.isEmpty ? "None is." : "Known are \(spoken(asked, joinedBy: "and"))."
                return Problem(
                    pair.position,
                    "\(place)\"\(pair.key)\" is not known here. \(hint ?? known)"
                )
            }
    }
}

/// Reads a file that holds one mapping. All that is wrong with it is thrown at once.
public func read<Value>(
    _ bytes: [UInt8],
    file: String,
    _ body: @escaping (inout Fields) -> Value
) throws(Diagnostics) -> Value {
    try read(bytes, file: file, as: .fields(body))
}

/// Reads a file that holds one document of a shape. All that is wrong with it is thrown at once.
public func read<Value>(
    _ bytes: [UInt8],
    file: String,
    as shape: Shape<Value>
) throws(Diagnostics) -> Value {
    let documents = try parse(bytes, file: file)
    guard documents.count == 1 else {
        let second = documents.dropFirst().first?.position ?? Position(line: 1, column: 1)
        let message =
            documents.isEmpty
            ? "the file is empty." : "a second document begins. Keep one to a file."
        throw Diagnostics([Diagnostic(file: file, position: second, message: message)])
    }
    var problems: [Problem] = []
    let value = shape.read(documents[0], "", &problems)
    guard problems.isEmpty, let value else {
        throw Diagnostics(
            problems.map { Diagnostic(file: file, position: $0.position, message: $0.message) }
        )
    }
    return value
}

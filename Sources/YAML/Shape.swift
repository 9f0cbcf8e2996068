internal import Wording

/// The form a value must have, and how it is read from a node.
///
/// Shapes are put together: `.list(of: .integer(in: 1...9))` is the shape of a list of digits.
/// Every scalar has one spelling: a boolean is `true` or `false`, a number has no leading zero,
/// and what YAML 1.1 would have made of `yes`, `010` or `12:30` never happens.
public struct Shape<Value> {
    /// The value of a node, or nil after having told `problems` why there is none.
    let read: (_ node: Node, _ path: String, _ problems: inout [Problem]) -> Value?

    /// A shape of a single word, without parts. `parse` has the text, and tells in words that
    /// follow it why it is not taken: `is not a colour. Write red or green.`
    public static func scalar(
        _ parse: @escaping (String, Node.Style) -> Result<Value, Mismatch>
    ) -> Self {
        Self { node, path, problems in
            guard case .scalar(let text, let style) = node.content, !node.isNull else {
                problems.append(
                    Problem(
                        node.position,
                        "\(path): \(node.inWords) stands where one value is expected."
                    )
                )
                return nil
            }
            switch parse(text, style) {
            case .success(let value): return value
            case .failure(let mismatch):
                problems.append(
                    Problem(node.position, "\(path): \"\(text)\" \(mismatch.reason)")
                )
                return nil
            }
        }
    }
}

/// Why a scalar does not have a shape, in words that follow its text.
public struct Mismatch: Error {
    let reason: String

    /// `reason` ends as a sentence and says what to write instead.
    public init(_ reason: String) { self.reason = reason }
}

/// A message before it knows its file.
struct Problem {
    let position: Position
    let message: String

    init(_ position: Position, _ message: String) {
        self.position = position
        self.message = message
    }
}

extension Node {
    /// What the node is, for a sentence that begins with it.
    var inWords: String {
        switch content {
        case .scalar(let text, _): isNull ? "nothing" : "\"\(text)\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension Shape where Value == String {
    /// Text. What is written is what is meant: `no` is two letters, `1.10` keeps its zero.
    public static var string: Self { scalar { text, _ in .success(text) } }

    /// A decimal number, as the text that was written: it is exact, and money wants that.
    public static var decimal: Self {
        scalar { text, _ in
            let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            let whole = parts[0] == "-0" ? "0" : String(parts[0])
            let isDecimal =
                wholeNumber(whole) != nil
                && (parts.count == 1
                    || (!parts[1].isEmpty
                        && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }))
            if isDecimal { return .success(text) }
            return .failure(Mismatch("is not a decimal number. Write one, for example 12.50."))
        }
    }

    /// A date, as the text `YYYY-MM-DD`; the day exists in the calendar.
    public static var date: Self {
        scalar { text, _ in
            if isDate(text) { return .success(text) }
            return .failure(
                Mismatch("is not a date. Write year, month and day, for example 2026-03-31.")
            )
        }
    }

    /// One of these words.
    public static func choice(_ words: [String]) -> Self {
        scalar { text, _ in
            if words.contains(text) { return .success(text) }
            let hint = didYouMean(text, among: words)
            return .failure(Mismatch("is not known here.\(hint) Write \(spoken(words))."))
        }
    }
}

extension Shape where Value == Bool {
    /// `true` or `false`, without quotes.
    public static var bool: Self {
        scalar { text, style in
            let isWord = text == "true" || text == "false"
            if isWord, style == .plain { return .success(text == "true") }
            let advice =
                isWord
                ? "is text in quotes. Take them away." : "is not a boolean. Write true or false."
            return .failure(Mismatch(advice))
        }
    }
}

extension Shape where Value == Int {
    /// A whole number in a range, without quotes.
    public static func integer(in range: ClosedRange<Int> = Int.min...Int.max) -> Self {
        scalar { text, style in
            guard let number = wholeNumber(text) else {
                return .failure(Mismatch("is not a whole number. Write one, for example 10."))
            }
            guard style == .plain else {
                return .failure(Mismatch("is text in quotes. Take them away."))
            }
            if range.contains(number) { return .success(number) }
            if number < range.lowerBound {
                return .failure(Mismatch("is too small. The least is \(range.lowerBound)."))
            }
            return .failure(Mismatch("is too large. The most is \(range.upperBound)."))
        }
    }
}

extension Shape where Value == Duration {
    /// A duration with its unit: `200ms`, `5s`, `30d`.
    public static var duration: Self {
        scalar { text, _ in
            if let duration = Duration(text: text) { return .success(duration) }
            return .failure(
                Mismatch("is not a duration. Write a number and its unit, for example 5s or 30d.")
            )
        }
    }
}

extension Shape {
    /// A list whose elements all have one shape.
    public static func list<Element>(of element: Shape<Element>) -> Self
    where Value == [Element] {
        Self { node, path, problems in
            guard case .sequence(let nodes) = node.content else {
                problems.append(
                    Problem(
                        node.position,
                        "\(path): \(node.inWords) stands where a list is expected."
                    )
                )
                return nil
            }
            // Every element is read, so that each tells what is wrong with it.
            return nodes.enumerated().compactMap { index, node in
                element.read(node, "\(path)[\(index)]", &problems)
            }
        }
    }

    /// A mapping from names of the writer's choice to values of one shape, in the file's order.
    public static func dictionary<Element>(of element: Shape<Element>) -> Self
    where Value == [(key: String, value: Element)] {
        Self { node, path, problems in
            guard let pairs = node.pairs(path, &problems) else { return nil }
            return pairs.compactMap { pair in
                element.read(pair.value, path.isEmpty ? pair.key : "\(path).\(pair.key)", &problems)
                    .map { (pair.key, $0) }
            }
        }
    }

    /// A mapping with known keys, which `body` asks for; every key it did not ask for is wrong.
    public static func fields(_ body: @escaping (inout Fields) -> Value) -> Self {
        Self { node, path, problems in
            guard let pairs = node.pairs(path, &problems) else { return nil }
            var fields = Fields(pairs, of: path, at: node.position)
            let value = body(&fields)
            problems += fields.finish()
            return value
        }
    }
}

extension Shape where Value == Node {
    /// The node as it is, for what no shape describes.
    public static var node: Self { Self { node, _, _ in node } }
}

extension Node {
    fileprivate func pairs(_ path: String, _ problems: inout [Problem]) -> [Pair]? {
        if case .mapping(let pairs) = content { return pairs }
        let place = path.isEmpty ? "" : "\(path): "
        problems.append(
            Problem(position, "\(place)\(inWords) stands where keys with values are expected.")
        )
        return nil
    }
}

/// Whether the text is a day of the Gregorian calendar, `YYYY-MM-DD`.
private func isDate(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else {
        return false
    }
    func number(_ range: Range<Int>) -> Int? {
        bytes[range].reduce(0) { sum, byte in
            guard let sum, (0x30...0x39).contains(byte) else { return nil }
            return sum * 10 + Int(byte - 0x30)
        }
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
        (1...12).contains(month)
    else { return false }
    let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return (1...days[month - 1]).contains(day)
}

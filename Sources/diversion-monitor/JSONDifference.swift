/// Two records field by field.
struct JSONDifference: Equatable {
    /// Where: `rules[0].result`; empty for the whole record.
    let path: String
    /// As JSON; nil where there is no such field.
    let published: String?
    let replayed: String?

    /// Every field that differs, in the order of the published record. Objects and lists are gone through, so that what
    /// is told is the smallest part that differs.
    static func all(_ published: JSONValue?, _ replayed: JSONValue?, at path: String = "") -> [Self]
    {
        switch (published, replayed) {
        case (.object(let left), .object(let right)):
            var found: [Self] = []
            for (key, value) in left {
                let other = right.first { $0.key == key }?.value
                found += all(value, other, at: path.isEmpty ? key : "\(path).\(key)")
            }
            for (key, value) in right where !left.contains(where: { $0.key == key }) {
                found += all(nil, value, at: path.isEmpty ? key : "\(path).\(key)")
            }
            let (names, others) = (left.map(\.key), right.map(\.key))
            if found.isEmpty, names != others {
                found.append(Self(path: path, published: "\(names)", replayed: "\(others)"))
            }
            return found
        case (.array(let left), .array(let right)):
            return (0..<max(left.count, right.count)).flatMap { index in
                all(
                    index < left.count ? left[index] : nil,
                    index < right.count ? right[index] : nil,
                    at: "\(path)[\(index)]"
                )
            }
        case (let left, let right):
            if let left, let right, left == right { return [] }
            return [Self(path: path, published: left?.json, replayed: right?.json)]
        }
    }
}

extension JSONValue {
    /// The value as JSON in one line.
    var json: String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .number(let text): return text
        case .string(let text): return Self.quoted(text)
        case .array(let values): return "[" + values.map(\.json).joined(separator: ",") + "]"
        case .object(let members):
            return "{"
                + members.map { Self.quoted($0.key) + ":" + $0.value.json }.joined(separator: ",")
                + "}"
        }
    }

    /// A string as JSON.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// A JSON value, for records of ours that a command shows to a person.
///
/// It reads what the monitor itself writes; source events are read by Ingest, which is strict and
/// fast. Numbers are kept as they are written.
enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([(key: String, value: JSONValue)])

    static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0 == $1 }
        case (.null, _), (.bool, _), (.number, _), (.string, _), (.array, _), (.object, _): false
        }
    }

    /// The member of an object, nil where there is none or it is null.
    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self,
            let member = members.first(where: { $0.key == key }), member.value != .null
        else { return nil }
        return member.value
    }

    /// The text of a string or a number.
    var text: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .null, .bool, .array, .object: nil
        }
    }

    /// Reads one value that fills all bytes; nil where they are no JSON.
    init?(_ bytes: some Collection<UInt8>) {
        var reader = JSONReader(bytes: Array(bytes))
        guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
        self = value
    }
}

/// Bytes → values, one byte ahead.
private struct JSONReader {
    let bytes: [UInt8]
    var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// The next byte that is no white space; 0 at the end.
    private mutating func peek() -> UInt8 {
        while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
        return place < bytes.count ? bytes[place] : 0
    }

    var isAtEnd: Bool {
        mutating get { peek() == 0 && place == bytes.count }
    }

    private mutating func take(_ byte: Character) -> Bool {
        guard peek() == byte.asciiValue else { return false }
        place += 1
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard bytes[place...].starts(with: word.utf8) else { return false }
        place += word.utf8.count
        return true
    }

    mutating func value(depth: Int) -> JSONValue? {
        guard depth < 32 else { return nil }
        switch peek() {
        case UInt8(ascii: "{"): return object(depth: depth)
        case UInt8(ascii: "["): return array(depth: depth)
        case UInt8(ascii: "\""): return string().map(JSONValue.string)
        case UInt8(ascii: "t"): return take(word: "true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return take(word: "false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
        default: return number()
        }
    }

    private mutating func object(depth: Int) -> JSONValue? {
        guard take("{") else { return nil }
        var members: [(key: String, value: JSONValue)] = []
        if take("}") { return .object(members) }
        repeat {
            guard peek() == UInt8(ascii: "\""), let key = string(), take(":"),
                let value = value(depth: depth + 1)
            else { return nil }
            members.append((key, value))
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func array(depth: Int) -> JSONValue? {
        guard take("[") else { return nil }
        var values: [JSONValue] = []
        if take("]") { return .array(values) }
        repeat {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
        } while take(",")
        return take("]") ? .array(values) : nil
    }

    private mutating func number() -> JSONValue? {
        let digits = bytes[place...].prefix { byte in
            byte &- 48 < 10 || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
        }
        let text = String(decoding: digits, as: UTF8.self)
        guard Double(text) != nil else { return nil }
        place += digits.count
        return .number(text)
    }

    private mutating func string() -> String? {
        place += 1
        var text: [UInt8] = []
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte == UInt8(ascii: "\"") { return String(validating: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard place < bytes.count, let scalar = escaped() else { return nil }
            text += Array(String(Character(scalar)).utf8)
        }
        return nil
    }

    /// What stands behind a backslash.
    private mutating func escaped() -> Unicode.Scalar? {
        let letter = bytes[place]
        place += 1
        switch letter {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "u"):
            guard let first = unit() else { return nil }
            guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) }
            guard take(word: "\\u"), let second = unit(), second & 0xFC00 == 0xDC00 else {
                return nil
            }
            return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + second & 0x3FF)
        default: return Unicode.Scalar(letter)
        }
    }

    private mutating func unit() -> UInt32? {
        guard place + 4 <= bytes.count else { return nil }
        let digits = String(decoding: bytes[place..<place + 4], as: UTF8.self)
        place += 4
        return UInt32(digits, radix: 16)
    }
}

/// The members of one JSON object that this program wrote, one after another, as raw bytes.
///
/// Output records are well-formed by construction; bytes that are not end the walk early.
@safe
struct OutputMembers {
    private let bytes: UnsafeRawBufferPointer
    private var place = 1

    /// The object that fills `bytes`, which stay where they are.
    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = unsafe bytes }

    /// The next member: its name without quotation marks, and its value as it is written; nil at the end.
    mutating func next() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        guard unsafe place < bytes.count, unsafe bytes[place] == UInt8(ascii: "\"") else {
            return nil
        }
        let nameEnd = end(ofString: place)
        let name = unsafe slice(place + 1, nameEnd - 1)
        place = nameEnd + 1
        let start = place
        skipValue()
        let value = unsafe slice(start, place)
        place += 1
        return unsafe (name, value)
    }

    private func slice(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        let last = unsafe min(max(start, end), bytes.count)
        // Both ends lie inside the bytes.
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[min(start, last)..<last])
    }

    /// Behind the quotation mark that ends the string which begins at `start`.
    private func end(ofString start: Int) -> Int {
        var place = start + 1
        while unsafe place < bytes.count {
            let byte = unsafe bytes[place]
            if byte == UInt8(ascii: "\"") { return place + 1 }
            place += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return place
    }

    private mutating func skipValue() {
        var depth = 0
        while unsafe place < bytes.count {
            switch unsafe bytes[place] {
            case UInt8(ascii: "\""):
                place = end(ofString: place)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return }
                depth -= 1
            case UInt8(ascii: ","): if depth == 0 { return }
            default: break
            }
            place += 1
        }
    }
}

/// Texts by number, each once.
struct TextTable {
    private var numbers: [[UInt8]: UInt32] = [:]
    private var texts: [[UInt8]] = []

    /// The number of a text: 0, 1 … in the order in which they first came.
    mutating func number(of text: [UInt8]) -> UInt32 {
        if let number = numbers[text] { return number }
        let number = UInt32(texts.count)
        numbers[text] = number
        texts.append(text)
        return number
    }

    /// The text of a number.
    subscript(number: UInt32) -> [UInt8] { texts[Int(number)] }
    var count: Int { texts.count }
}

/// Raw JSON values as texts and numbers.
enum OutputValue {
    /// The text of a string, of a number as it is written; nil for null.
    static func text(_ raw: some Collection<UInt8>) -> String? {
        let bytes = Array(raw)
        guard bytes.first == UInt8(ascii: "\"") else {
            let word = String(decoding: bytes, as: UTF8.self)
            return word == "null" || word.isEmpty ? nil : word
        }
        var text: [UInt8] = []
        var place = 1
        while place < bytes.count - 1 {
            guard bytes[place] == UInt8(ascii: "\\"), place + 1 < bytes.count - 1 else {
                text.append(bytes[place])
                place += 1
                continue
            }
            switch bytes[place + 1] {
            case UInt8(ascii: "n"): text.append(10)
            case UInt8(ascii: "r"): text.append(13)
            case UInt8(ascii: "t"): text.append(9)
            case UInt8(ascii: "b"): text.append(8)
            case UInt8(ascii: "f"): text.append(12)
            case UInt8(ascii: "u"):
                // Control characters alone are written so.
                let digits = String(decoding: bytes[(place + 2)...].prefix(4), as: UTF8.self)
                let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
                text += Array(String(Character(scalar)).utf8)
                place += 4
            case let other: text.append(other)
            }
            place += 2
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The millionths of a decimal, which is written as a string.
    static func millionths(_ raw: UnsafeRawBufferPointer) -> Int128 {
        var value: Int128 = 0
        var places = -1
        var isNegative = false
        for byte in unsafe Array(raw) {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): places = 0
            case 48...57:
                value = value * 10 + Int128(byte - 48)
                if places >= 0 { places += 1 }
            default: break
            }
        }
        for _ in max(0, places)..<6 { value *= 10 }
        return isNegative ? -value : value
    }
}

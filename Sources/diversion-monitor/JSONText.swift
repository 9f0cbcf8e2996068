internal import Journal

/// Writes JSON for programs that read what a command prints.
enum JSONText {
    /// A string with its quotes.
    static func string(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// A string, or null.
    static func string(_ text: String?) -> String { text.map(string) ?? "null" }

    /// An object of members whose values are written already.
    static func object(_ members: [(name: String, value: String)]) -> String {
        "{" + members.map { string($0.name) + ":" + $0.value }.joined(separator: ",") + "}"
    }

    /// An array of values that are written already.
    static func array(_ values: [String]) -> String { "[" + values.joined(separator: ",") + "]" }

    /// The fields of a record as an object.
    static func object(_ fields: [RecordField]) -> String {
        object(fields.map { ($0.name, value($0.value)) })
    }

    private static func value(_ value: RecordField.Value) -> String {
        switch value {
        case .text(let text): string(text)
        case .number(let number): String(number)
        case .flag(let flag): flag ? "true" : "false"
        case .texts(let texts): array(texts.map(string))
        case .rows(let rows): array(rows.map(object))
        case .nothing: "null"
        }
    }
}

/// Text of the world on a person's terminal: control characters would move its cursor, or worse.
enum PlainText {
    /// The text with every control character and every space but the plain one written as an escape.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
                .unassigned:
                out += "\\u{" + String(scalar.value, radix: 16) + "}"
            case _ where scalar == "\\": out += "\\\\"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// The text escaped, in quotes where it is no single word.
    static func word(_ text: String) -> String {
        let plain = escaped(text)
        let isWord = !plain.isEmpty && !plain.contains(" ") && !plain.contains("\"")
        return isWord ? plain : "\"" + plain.replacing("\"", with: "\\\"") + "\""
    }
}

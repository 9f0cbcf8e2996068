/// Writes down what the sources publish, and what is expected of it.
struct Scribe {
    /// One line of `events.ndjson`; `defect` says which dead letter it must become.
    private struct Line {
        var recorded: Moment
        var text: String
        var defect: (code: String, field: String)?
    }

    /// A story of the sample, for its README.
    struct Story {
        var rule: String
        var happens: String
        var fires: Bool
    }

    private var lines: [Line] = []
    private(set) var expectations: [String] = []
    private(set) var stories: [Story] = []
    private var numbers: [String: Int] = [:]

    /// The next identifier of a kind: `E000001`.
    mutating func identifier(_ kind: String, digits: Int = 6) -> String {
        numbers[kind, default: 0] += 1
        let number = String(numbers[kind, default: 0])
        return kind + String(repeating: "0", count: max(0, digits - number.count)) + number
    }

    mutating func record(_ fields: [(String, Value)], at recorded: Moment) {
        lines.append(Line(recorded: recorded, text: object(fields)))
    }

    /// A line no monitor can use.
    mutating func spoil(_ text: String, at recorded: Moment, code: String, field: String) {
        lines.append(Line(recorded: recorded, text: text, defect: (code, field)))
    }

    mutating func expect(_ rule: String, _ subject: String, alert: Bool, _ happens: String) {
        expectations.append("\(rule) \(subject) \(alert ? "alert" : "no_alert")")
        stories.append(Story(rule: rule, happens: happens, fires: alert))
    }

    /// Sends a record a second time, as a source does that missed the acknowledgement.
    mutating func repeatRecords(every interval: Int, after minutes: Int) {
        for index in stride(from: interval, to: lines.count, by: interval)
        where lines[index].defect == nil {
            lines.append(
                Line(
                    recorded: lines[index].recorded.plus(minutes: minutes),
                    text: lines[index].text
                )
            )
        }
    }

    /// All lines in the order of their recording; among equal times, as they were written.
    var events: String { ordered.map { $0.text + "\n" }.joined() }

    var count: Int { lines.count }

    /// `dead_letter LINE CODE FIELD` for each line no monitor can use.
    var deadLetters: [String] {
        ordered.enumerated().compactMap { index, line in
            line.defect.map { "dead_letter \(index + 1) \($0.code) \($0.field)" }
        }
    }

    private var ordered: [Line] {
        lines.enumerated()
            .sorted { ($0.element.recorded, $0.offset) < ($1.element.recorded, $1.offset) }
            .map(\.element)
    }

    func object(_ fields: [(String, Value)]) -> String {
        "{" + fields.map { "\"\($0)\":\($1.text)" }.joined(separator: ",") + "}"
    }
}

/// A value of a record, as JSON has it.
enum Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case string(String)
    /// A number as it is written: quantities keep their digits.
    case number(String)
    case strings([String])
    case bool(Bool)
    case null

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .number("\(value)") }

    /// The sample's strings need no escapes.
    var text: String {
        switch self {
        case .string(let value): "\"\(value)\""
        case .number(let value): value
        case .strings(let values): "[" + values.map { "\"\($0)\"" }.joined(separator: ",") + "]"
        case .bool(let value): value ? "true" : "false"
        case .null: "null"
        }
    }
}

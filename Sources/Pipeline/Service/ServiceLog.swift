/// What the service says while it runs: one event with named values a line, never anything about a patient.
///
///     level=info role=score event=live partition=3 next=91824 records=91820
///     {"level":"info","role":"score","event":"live","partition":"3","next":"91824","records":"91820"}
public struct ServiceLog: Sendable {
    /// How serious a line is, the least serious first.
    public enum Level: String, Sendable, CaseIterable, Comparable {
        case info, warning, error

        private var rank: Int {
            switch self {
            case .info: 0
            case .warning: 1
            case .error: 2
            }
        }

        public static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
    }

    /// How a line is written.
    public enum Format: String, Sendable, CaseIterable {
        /// `name=value` pairs, for people and for Loki, Splunk and the like.
        case logfmt
        /// One JSON object.
        case json
    }

    /// One line.
    public struct Line: Sendable, CustomStringConvertible {
        public let level: Level
        /// The part of the service that speaks.
        public let role: String
        /// What happened, one word or a few joined by hyphens.
        public let event: String
        /// Named values, in order.
        public let values: [(name: String, value: String)]

        /// `level=… role=… event=… name=value …`; values with spaces stand between quotes.
        public var description: String { text(.logfmt) }

        /// The line without its line feed; with a time before everything else where one is given.
        public func text(_ format: Format, time: String? = nil) -> String {
            let head = [("level", level.rawValue), ("role", role), ("event", event)]
            let all = head + values.map { ($0.name, $0.value) }
            switch format {
            case .logfmt:
                let pairs = all.map { "\($0.0)=\(Self.isPlain($0.1) ? $0.1 : Self.quoted($0.1))" }
                return (time.map { [$0] + pairs } ?? pairs).joined(separator: " ")
            case .json:
                let timed = (time.map { [("time", $0)] } ?? []) + all
                let pairs = timed.map { "\(Self.quoted($0.0)):\(Self.quoted($0.1))" }
                return "{\(pairs.joined(separator: ","))}"
            }
        }

        private static func isPlain(_ value: String) -> Bool {
            !value.isEmpty
                && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x7F }
        }

        /// As a JSON string, which logfmt takes too. No line of ours is ever two, whatever a broker's message holds.
        private static func quoted(_ value: String) -> String {
            var text = "\""
            for character in value.unicodeScalars {
                switch character {
                case "\"", "\\": text += "\\" + String(character)
                case "\n": text += "\\n"
                case "\r": text += "\\r"
                case "\t": text += "\\t"
                case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
                    let digits = String(character.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: text.unicodeScalars.append(character)
                }
            }
            return text + "\""
        }
    }

    /// Takes lines; it is called from several threads at once.
    public typealias Sink = @Sendable (Line) -> Void

    let role: String
    let sink: Sink?

    func info(_ event: String, _ values: (name: String, value: String)...) {
        sink?(Line(level: .info, role: role, event: event, values: values))
    }
    func warning(_ event: String, _ values: (name: String, value: String)...) {
        sink?(Line(level: .warning, role: role, event: event, values: values))
    }
    func error(_ event: String, _ values: (name: String, value: String)...) {
        sink?(Line(level: .error, role: role, event: event, values: values))
    }
}

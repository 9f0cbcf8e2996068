/// What the service says while it runs: one event with named values a line, never anything about a patient.
///
///     level=info role=score event=live partition=3 next=91824 records=91820
public struct ServiceLog: Sendable {
    /// How serious a line is.
    public enum Level: String, Sendable {
        case info, warning, error
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
        public var description: String {
            var text = "level=\(level.rawValue) role=\(role) event=\(event)"
            for (name, value) in values {
                let isPlain =
                    !value.isEmpty
                    && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D }
                text += " \(name)=" + (isPlain ? value : Self.quoted(value))
            }
            return text
        }

        private static func quoted(_ value: String) -> String {
            var text = "\""
            for character in value.unicodeScalars {
                switch character {
                case "\"", "\\": text += "\\" + String(character)
                case "\n": text += "\\n"
                case "\r": text += "\\r"
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

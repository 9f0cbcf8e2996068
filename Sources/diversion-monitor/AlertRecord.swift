internal import CommandLineKit
internal import Journal

/// A record of the `alerts` topic, as far as a person is told of it.
struct AlertRecord: Sendable {
    let id: String
    let entity: String
    let rule: String
    let severity: Severity
    let state: String
    let owner: String
    let summary: String
    let rootCause: String
    let occurrence: String
    let resolution: String?
    /// `2026-10-30T14:05:00.000Z`.
    let time: String

    /// Reads a record; nil where it is none.
    init?(_ bytes: some Collection<UInt8>) {
        guard let record = JSONValue(bytes), let id = record["alert_id"]?.text,
            let entity = record["covered_entity_id"]?.text, let rule = record["rule"]?.text,
            let severityName = record["severity"]?.text,
            let severity = Severity(utf8: Array(severityName.utf8)),
            let state = record["state"]?.text, let time = record["event_time"]?.text
        else { return nil }
        self.id = id
        self.entity = entity
        self.rule = rule
        self.severity = severity
        self.state = state
        self.time = time
        owner = record["owner"]?.text ?? ""
        summary = record["summary"]?.text ?? ""
        rootCause = record["root_cause"]?.text ?? ""
        occurrence = record["occurrence"]?.text ?? "1"
        resolution = record["resolution"]?.text
    }

    var isOpen: Bool { state != "resolved" }

    /// The alert in one line: severity, when, who, which rule, what and where and why, whose it is.
    func line(on sink: Sink) -> String {
        let label = severity.name.uppercased()
        let padded = label + String(repeating: " ", count: max(0, 8 - label.count))
        let style: Style =
            switch (isOpen, severity) {
            case (false, _): .green
            case (true, .critical), (true, .high): .red
            case (true, .medium): .yellow
            case (true, .low): .dim
            }
        let news =
            switch state {
            case "opened": occurrence == "1" ? "" : " (opened again)"
            case "resolved": " (resolved: \((resolution ?? "").replacing("_", with: " ")))"
            default: " (\(state))"
            }
        return sink.styled(padded, style) + " " + sink.styled(when, .dim) + " \(entity) "
            + sink.styled(rule, .bold) + news + ": \(summary) → \(owner)"
    }

    /// The minute, without what every line shares.
    private var when: String { String(time.prefix(16)).replacing("T", with: " ") }
}

/// The last word on each alert, and in which order they came.
struct AlertBoard {
    private(set) var latest: [String: AlertRecord] = [:]

    /// Takes a record in; those of one alert come in order.
    mutating func take(_ record: AlertRecord) { latest[record.id] = record }

    /// The open alerts that a filter lets through: the gravest first, then the oldest.
    func open(_ filter: (AlertRecord) -> Bool) -> [AlertRecord] {
        latest.values.filter { $0.isOpen && filter($0) }.sorted {
            ($0.severity.rawValue, $0.time, $0.id) < ($1.severity.rawValue, $1.time, $1.id)
        }
    }
}

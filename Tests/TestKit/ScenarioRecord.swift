/// Turns a shorthand event line into a record exactly as the contract has it.
///
/// What the line leaves out has a default; a second line about the same dispense, claim or encounter
/// repeats what the first said, apart from what it names. Anything may be said wrongly on purpose:
/// `field=null`, `without=field`, any value.
struct ScenarioRecordWriter {
    /// The year of times that give none.
    static let year = "2025"

    let aliases: ScenarioAliases
    /// The entity of lines that name none.
    var entity = "DSH1"
    private var earlier: [[String]: [String: String]] = [:]

    init(aliases: ScenarioAliases) { self.aliases = aliases }

    private static let fields: [String: [String]] = [
        "encounter": [
            "encounter_id", "patient_id", "class", "status", "site_id", "provider_npi", "start",
            "end",
        ],
        "dispense": [
            "dispense_id", "rx_number", "fill_number", "patient_id", "pharmacy_npi",
            "prescriber_npi", "site_id", "ndc", "quantity", "unit", "days_supply", "written_on",
            "status", "setting", "encounter_id", "payment", "dispensing_status",
        ],
        "claim": [
            "claim_id", "rx_number", "fill_number", "pharmacy_npi", "ndc", "quantity",
            "transaction", "status", "coverage_order", "dispensing_status", "bin", "pcn", "group",
            "submission_clarification_codes", "claimed_340b",
        ],
        "purchase": [
            "invoice_id", "line", "account", "pharmacy_npi", "ndc", "packages", "unit_price",
        ],
        "disposition": ["subject_id", "decision", "actor", "role", "note"],
        "adjustment": [
            "adjustment_id", "pharmacy_npi", "ndc", "account", "quantity", "packages_outstanding",
            "reason", "actor", "approved_by", "note",
        ],
    ]

    private static let shortNames = [
        "rx": "rx_number", "fill": "fill_number", "patient": "patient_id",
        "pharmacy": "pharmacy_npi", "prescriber": "prescriber_npi", "provider": "provider_npi",
        "site": "site_id", "written": "written_on", "at": "occurred_at", "days": "days_supply",
        "encounter": "encounter_id", "order": "coverage_order", "by": "actor",
        "approved": "approved_by", "outstanding": "packages_outstanding",
        "entity": "covered_entity_id", "codes": "submission_clarification_codes", "payer": "bin",
    ]

    /// A bare word stands for fields that belong together.
    private static let words: [String: [String: [String: String]]] = [
        "encounter": [
            "open": ["status": "in-progress", "end": "null"],
            "inpatient": ["class": "IMP"], "planned": ["status": "planned"],
            "cancelled": ["status": "cancelled"], "finished": ["status": "finished"],
        ],
        "dispense": [
            "returned": ["status": "returned"], "completed": ["status": "completed"],
            "cash": ["payment": "cash"], "administered": ["setting": "administered"],
            "partial": ["dispensing_status": "P"], "completion": ["dispensing_status": "C"],
        ],
        "claim": [
            "340b": ["claimed_340b": "true", "submission_clarification_codes": "20"],
            "claimed": ["claimed_340b": "true"],
            "reversal": ["transaction": "B2"], "rebill": ["transaction": "B3"],
            "rejected": ["status": "rejected"],
            "partial": ["dispensing_status": "P"], "completion": ["dispensing_status": "C"],
        ],
        "purchase": [:],
        "disposition": [
            "acknowledged": ["decision": "acknowledged"], "confirmed": ["decision": "confirmed"],
            "false_positive": ["decision": "false_positive"],
            "approved": ["decision": "approved"], "rejected": ["decision": "rejected"],
        ],
        "adjustment": [:],
    ]

    static func isEvent(_ word: some StringProtocol) -> Bool { fields[String(word)] != nil }

    /// The record, or why there is none. `recorded` is the time at the left of the line.
    mutating func record(
        _ type: String,
        _ tokens: [Substring],
        recorded: String,
        line: Int
    ) throws(ScenarioLineError) -> String {
        guard let known = Self.fields[type], let words = Self.words[type] else {
            throw ScenarioLineError("“\(type)” is no event type")
        }
        guard let identifier = tokens.first else {
            throw ScenarioLineError("name the \(type): “\(type) X1 …”")
        }
        let said = try said(tokens.dropFirst(), words: words)
        let entity = said["covered_entity_id"] ?? self.entity
        let identifiers = known.first.map { [$0: String(identifier)] } ?? [:]
        let key = [entity, type, String(identifier)]
        let before = earlier[key] ?? [:]
        let values = defaults(type, entity: entity, recorded: recorded, line: line, said: said)
            .merging(before) { _, repeated in repeated }
            .merging(times(type, recorded: recorded, said: said, before: before)) { _, new in new }
            .merging(identifiers) { _, new in new }
            .merging(said) { _, new in new }
        if ["encounter", "dispense", "claim"].contains(type) {
            earlier[key] = values.filter { !["event_id", "recorded_at"].contains($0.key) }
        }
        let common = [
            "event_type", "event_id", "covered_entity_id", "occurred_at", "recorded_at",
        ]
        let extra = said.keys.filter { !common.contains($0) && !known.contains($0) }.sorted()
        let members = (common + known + extra).compactMap { field in
            values[field].flatMap { $0 == "" ? nil : "\"\(field)\":\(literal($0, of: field))" }
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// A record that only moves monitor time: a planned visit of an entity nobody else speaks of.
    func tick(recorded: String, line: Int) -> String {
        """
        {"event_type":"encounter","event_id":"tick-\(line)","covered_entity_id":"CLOCK",\
        "occurred_at":"\(recorded)","recorded_at":"\(recorded)","encounter_id":"tick-\(line)",\
        "patient_id":"nobody","class":"AMB","status":"planned","site_id":"CLOCK",\
        "provider_npi":"\(aliases.value("dr-lee"))","start":"\(recorded)"}
        """
    }

    /// `03-02`, `03-02T10:00`, `2024-03-02T10:00:01-05:00` in full; anything else as it stands.
    static func time(_ text: some StringProtocol) -> String {
        let full =
            #/(?:(?<year>\d{4})-)?(?<day>\d\d-\d\d)(?:T(?<minute>\d\d:\d\d)(?<second>:\d\d(?:\.\d+)?)?(?<zone>Z|[+-]\d\d:\d\d)?)?/#
        guard let match = String(text).wholeMatch(of: full) else { return String(text) }
        let day = "\(match.year ?? Substring(year))-\(match.day)"
        guard let minute = match.minute else { return day }
        return "\(day)T\(minute)\(match.second ?? ":00")\(match.zone ?? "Z")"
    }

    private func said(
        _ tokens: ArraySlice<Substring>,
        words: [String: [String: String]]
    ) throws(ScenarioLineError) -> [String: String] {
        var said: [String: String] = [:]
        for token in tokens {
            guard let sign = token.firstIndex(of: "=") else {
                guard let meaning = words[String(token)] else {
                    throw ScenarioLineError("“\(token)” means nothing here; write field=value")
                }
                said.merge(meaning) { _, new in new }
                continue
            }
            let short = String(token[..<sign])
            let field = Self.shortNames[short] ?? short
            let value = token[token.index(after: sign)...]
            if field == "without" {
                said[String(value)] = ""
            } else if ["occurred_at", "start", "end", "written_on"].contains(field) {
                said[field] = Self.time(value)
            } else {
                said[field] = value == "empty" ? "\"\"" : aliases.value(value)
            }
        }
        return said
    }

    private func defaults(
        _ type: String,
        entity: String,
        recorded: String,
        line: Int,
        said: [String: String]
    ) -> [String: String] {
        let common = [
            "event_type": type, "event_id": "line-\(line)", "covered_entity_id": entity,
            "occurred_at": recorded, "recorded_at": recorded,
        ]
        let fill = [
            "rx_number": "1", "fill_number": "0", "pharmacy_npi": aliases.value("main-pharmacy"),
            "ndc": aliases.value("plain"), "quantity": "30",
        ]
        let own: [String: String]
        switch type {
        case "encounter":
            own = [
                "patient_id": "P1", "class": "AMB", "status": "finished", "site_id": entity,
                "provider_npi": aliases.value("dr-lee"),
            ]
        case "dispense":
            own = fill.merging([
                "patient_id": "P1", "prescriber_npi": aliases.value("dr-lee"), "site_id": entity,
                "unit": "EA", "written_on": String((said["occurred_at"] ?? recorded).prefix(10)),
                "status": "completed",
            ]) { old, _ in old }
        case "claim":
            own = fill.merging([
                "transaction": "B1", "status": "paid", "bin": aliases.value("insurer"),
            ]) { old, _ in old }
        case "purchase":
            own = [
                "line": "1", "account": "340B", "pharmacy_npi": aliases.value("main-pharmacy"),
                "ndc": aliases.value("plain"), "packages": "1",
            ]
        case "disposition":
            own = ["decision": "acknowledged", "actor": "kim"]
        default:
            own = [
                "pharmacy_npi": aliases.value("main-pharmacy"), "ndc": aliases.value("plain"),
                "account": "340B", "quantity": "0", "reason": "count", "actor": "kim",
                "approved_by": "ada",
            ]
        }
        return common.merging(own) { old, _ in old }
    }

    /// The times that follow from others. A return and each claim or version of an encounter happen
    /// when they are recorded; a correction of a dispense repeats the time it corrects.
    private func times(
        _ type: String,
        recorded: String,
        said: [String: String],
        before: [String: String]
    ) -> [String: String] {
        switch type {
        case "encounter":
            let end = said["end"] == "null" ? nil : said["end"]
            let start = said["start"] ?? before["start"] ?? end ?? recorded
            let isOpen = (said["status"] ?? before["status"]) == "in-progress"
            let carried = before["end"] == "null" ? nil : before["end"]
            return [
                "occurred_at": recorded, "start": start,
                "end": carried ?? (isOpen ? "null" : recorded),
            ]
        case "claim": return ["occurred_at": recorded]
        case "dispense" where said["status"] == "returned": return ["occurred_at": recorded]
        default: return [:]
        }
    }

    private func literal(_ value: String, of field: String) -> String {
        if value == "null" { return value }
        if value == "\"\"" { return value }
        switch field {
        case "fill_number", "days_supply", "coverage_order", "line", "packages",
            "packages_outstanding", "claimed_340b":
            return value
        case "submission_clarification_codes":
            let codes = value == "none" ? [] : value.split(separator: "+")
            return "[" + codes.map { "\"\($0)\"" }.joined(separator: ",") + "]"
        default:
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            return "\"\(escaped)\""
        }
    }
}

/// What is wrong with one line; the parser adds where it stands.
struct ScenarioLineError: Error {
    var message: String
    init(_ message: String) { self.message = message }
}

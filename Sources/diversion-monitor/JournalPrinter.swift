internal import CommandLineKit
internal import Journal
internal import Pipeline
internal import Wording

/// Prints the journal records that a person asked for, as lines or as objects.
struct JournalPrinter {
    private let terminal: Terminal
    private let stretch: JournalStretch
    private let kinds: Set<String>
    private let entities: Set<String>
    private let eventIDs: Set<String>
    private let identifiers: Set<String>
    private let isJSON: Bool
    private let limit: Int
    private var text = ""
    private var shown = 0
    private var seen = 0

    /// The fields that `--id` looks at.
    static let identifierNames: Set<String> = [
        "event_id", "encounter_id", "dispense_id", "claim_id", "rx_number", "invoice_id",
        "subject_id", "adjustment_id",
    ]

    init(_ invocation: Invocation, _ stretch: JournalStretch) {
        terminal = invocation.terminal
        self.stretch = stretch
        kinds = Set(invocation.strings("kind"))
        entities = Set(invocation.strings("entity"))
        eventIDs = Set(invocation.strings("event-id"))
        identifiers = Set(invocation.strings("id"))
        isJSON = invocation.flag("json")
        limit = invocation.integerIfGiven("limit") ?? Int.max
    }

    /// As many were shown as were wanted.
    var isFull: Bool { shown >= limit }

    /// Shows a record if it is asked for; whether more is wanted.
    mutating func take(_ entry: JournalEntry) -> Bool {
        guard !isFull else { return false }
        seen += 1
        let record = entry.record
        guard stretch.holds(offset: entry.offset, time: record.recordedAt),
            let kind = record.kind, kinds.isEmpty || kinds.contains(kind.name),
            entities.isEmpty || record.coveredEntity.map(entities.contains) ?? false
        else { return true }
        let fields = record.fields
        guard eventIDs.isEmpty || names(fields, ["event_id"], eventIDs),
            identifiers.isEmpty || names(fields, Self.identifierNames, identifiers)
        else { return true }
        text += (isJSON ? object(entry) : line(entry, kind, fields)) + "\n"
        shown += 1
        if text.utf8.count > 1 << 16 { flush() }
        return !isFull
    }

    /// Writes what is waiting.
    mutating func flush() {
        terminal.output.write(text)
        text = ""
    }

    /// Says how many were shown, and what could not be.
    func tell(unreadable: Int64) {
        terminal.errors.print(
            "\(grouped(shown)) record\(shown == 1 ? "" : "s") shown of \(grouped(seen)) read"
        )
        guard unreadable > 0 else { return }
        terminal.errors.print(
            "warning: \(grouped(unreadable)) records or pieces could not be read; \"journal verify\" tells"
                + " which and why."
        )
    }

    private func names(
        _ fields: [RecordField],
        _ names: Set<String>,
        _ wanted: Set<String>
    ) -> Bool {
        fields.contains { field in
            guard case .text(let text) = field.value else { return false }
            return names.contains(field.name) && wanted.contains(text)
        }
    }

    // MARK: a line

    private func line(_ entry: JournalEntry, _ kind: RecordKind, _ fields: [RecordField]) -> String
    {
        let record = entry.record
        let output = terminal.output
        var words = [
            output.styled("\(entry.partition):\(entry.offset)", .dim),
            output.styled(entry.number.map { "#\($0)" } ?? "#-", .dim),
            output.styled(kind.name, .bold),
            record.recordedAt == .distantPast ? "-" : record.recordedAt.text,
            record.coveredEntity.map(PlainText.word) ?? "-",
        ]
        words.append(source(record, kind).map(PlainText.word) ?? "-")
        for field in fields where field.name != "covered_entity_id" {
            // A policy's fifty values are for --json.
            if kind == .policy, field.name == "values" { continue }
            if let word = field.word { words.append("\(field.name)=\(PlainText.word(word))") }
        }
        return words.joined(separator: " ")
    }

    private func source(_ record: RecordView, _ kind: RecordKind) -> String? {
        guard kind.isCounted, !record.sourceName.isEmpty else { return nil }
        let place = record.source
        return record.isFromFile
            ? "\(record.sourceName):\(place.offset)#\(place.counter)"
            : "\(record.sourceName)[\(place.partition)]@\(place.offset)#\(place.counter)"
    }

    private func object(_ entry: JournalEntry) -> String {
        JournalRecordCopy(entry).map { JSONText.object($0.members) } ?? "null"
    }
}

extension JournalRecordCopy {
    /// The record as the members of a JSON object.
    var members: [(name: String, value: String)] {
        [
            ("partition", "\(partition)"), ("offset", "\(offset)"),
            ("number", number.map { "\($0)" } ?? "null"), ("kind", JSONText.string(kind.name)),
            ("recorded_at", JSONText.string(recordedAt?.text)),
            ("written_at", JSONText.string(written.text)), ("source", sourceObject),
            ("source_sha256", JSONText.string(digest)),
            ("covered_entity_id", JSONText.string(coveredEntity)),
            ("fields", JSONText.object(fields)),
        ]
    }

    private var sourceObject: String {
        guard let source else { return "null" }
        if source.isFile {
            return JSONText.object([
                ("file", JSONText.string(source.name)), ("line", "\(source.place.offset)"),
                ("counter", "\(source.place.counter)"),
            ])
        }
        return JSONText.object([
            ("topic", JSONText.string(source.name)), ("partition", "\(source.place.partition)"),
            ("offset", "\(source.place.offset)"), ("counter", "\(source.place.counter)"),
        ])
    }
}

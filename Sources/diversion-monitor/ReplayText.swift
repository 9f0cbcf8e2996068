internal import Journal
internal import Pipeline
internal import Wording

/// A replay in words: what it is going to do, and what it did.
enum ReplayText {
    /// The plan.
    static func plan(_ plan: ReplayPlan, _ options: ReplayOptions) -> String {
        var lines = ["journal     \(plan.journal)"]
        for part in plan.parts {
            var line = "  partition \(part.extent.partition): offsets 0 to \(grouped(part.end))"
            if part.end < part.extent.end { line += " of \(grouped(part.extent.end))" }
            if let published = part.published, published < part.extent.end {
                line += ", as far as it is decided and published"
            }
            lines.append(line)
        }
        let count = plan.parts.first?.extent.partitionCount ?? 0
        if plan.parts.count < count {
            lines.append("  \(plan.parts.count) of \(count) partitions")
        }
        lines.append("range       \(range(options))")
        if !options.entities.isEmpty {
            lines.append(
                "entities    \(options.entities.sorted().joined(separator: ", ")) (the whole partition is"
                    + " folded)"
            )
        }
        lines.append(
            "records     \(isExact(plan) ? "" : "at most ")\(grouped(plan.records)),"
                + " \(isExact(plan) ? "" : "about ")\(size(plan.bytes))"
        )
        lines.append("retention   " + taken(plan))
        lines.append("time        about \(duration(plan.seconds))")
        lines.append("policy      " + policy(plan, options))
        if let name = plan.publishedName { lines.append("compare     with \(name)") }
        switch options.target {
        case .nowhere: lines.append("outputs     are not kept")
        case .folder(let folder): lines.append("outputs     to files in \(folder)")
        case .topics(let prefix): lines.append("outputs     to topics that begin with \(prefix)")
        }
        lines.append("isolated    no consumer group, no commit, no live topic, no page to anyone")
        return lines.map { $0 + "\n" }.joined()
    }

    private static func isExact(_ plan: ReplayPlan) -> Bool {
        plan.parts.allSatisfy { $0.extent.records != nil && $0.end >= $0.extent.end }
    }

    private static func range(_ options: ReplayOptions) -> String {
        func text(_ bound: ReplayBound) -> String {
            switch bound {
            case .offset(let offset): "offset \(grouped(offset))"
            case .moment(let moment): Moment.text(moment)
            }
        }
        switch (options.from, options.to) {
        case (nil, nil): return "all"
        case (let from?, nil): return "from \(text(from)); silent before"
        case (nil, let to?): return "before \(text(to))"
        case (let from?, let to?): return "from \(text(from)), before \(text(to)); silent before"
        }
    }

    private static func taken(_ plan: ReplayPlan) -> String {
        let parts = plan.parts.flatMap { part in
            part.taken.map {
                "\($0.topic) of partition \(part.extent.partition) below offset \(grouped($0.low))"
            }
        }
        return parts.isEmpty
            ? "has taken nothing"
            : "has taken \(parts.joined(separator: ", ")): these can't be compared"
    }

    private static func policy(_ plan: ReplayPlan, _ options: ReplayOptions) -> String {
        guard let policies = plan.policies else { return "the journal's own" }
        return policies.map(\.version).joined(separator: ", ")
            + " in place of all versions, beside the journal's own"
    }

    private static func size(_ bytes: Int64) -> String {
        bytes < 10_000_000 ? "\(grouped(bytes / 1000)) kB" : "\(grouped(bytes / 1_000_000)) MB"
    }

    private static func duration(_ seconds: Double) -> String {
        seconds < 1 ? "1s" : Duration.seconds(seconds.rounded(.up)).text
    }

    /// What was done.
    static func summary(_ report: ReplayReport, seconds: Double) -> String {
        if report.wasDone { return "done before: nothing was left to do\n" }
        let rate = seconds > 0 ? Int64(Double(report.records) / seconds) : 0
        let outputs = report.outputs.map { "\(grouped($0.count)) \($0.topic)" }
        return "folded \(grouped(report.records)) records in \(ScoreSummary.rounded(seconds)) s:"
            + " \(grouped(rate)) records/s\n"
            + "  in the range  \(grouped(report.rangeRecords)) records: "
            + outputs.joined(separator: ", ") + "\n"
    }
}

/// A comparison with what was published, in words and as JSON.
struct VerificationText {
    private let report: VerificationReport
    private let cause: JournalRecordSummary?
    private let fields: [JSONDifference]

    init(_ report: VerificationReport, _ cause: JournalRecordSummary?) {
        self.report = report
        self.cause = cause
        let first = report.first
        if let published = first?.published, let replayed = first?.replayed {
            let (left, right) = (JSONValue(published), JSONValue(replayed))
            if let left, let right {
                fields = JSONDifference.all(left, right)
            } else {
                fields = []
            }
        } else {
            fields = []
        }
    }

    /// For a person.
    var text: String {
        func cell(_ value: String) -> String {
            String(repeating: " ", count: max(1, 12 - value.count)) + value
        }
        let names = ["same", "different", "missing", "extra", "gone"]
        var lines = ["compared      " + names.map(cell).joined()]
        for topic in report.topics {
            let counts = [topic.same, topic.different, topic.missing, topic.extra, topic.gone]
            lines.append(
                topic.name + String(repeating: " ", count: max(1, 14 - topic.name.count))
                    + counts.map { cell(grouped($0)) }.joined()
            )
        }
        if report.topics.contains(where: { $0.gone > 0 }) {
            lines.append("of those that are gone retention has taken the published record.")
        }
        let layouts = report.topics.reduce(0) { $0 + $1.otherLayouts }
        if layouts > 0 {
            lines.append(
                "\(grouped(layouts)) carry a state_hash of another version's layout, which can't be compared."
            )
        }
        if report.isSame {
            lines.append(
                "same: what was published is what the journal says, byte for byte"
                    + (layouts > 0 ? " but for these." : ".")
            )
        } else {
            lines += differences
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private var differences: [String] {
        guard let first = report.first else { return [] }
        let what =
            "\(first.topic) \(first.sequence.map { "of sequence \($0)" } ?? "without a sequence")"
        var lines: [String] = []
        switch first.kind {
        case .different:
            lines.append("the first difference: \(what) in partition \(first.partition)")
            for field in fields {
                lines.append(
                    "  \(field.path.isEmpty ? "the record" : field.path): published"
                        + " \(field.published ?? "nothing"), replayed \(field.replayed ?? "nothing")"
                )
            }
            if fields.isEmpty {
                lines.append("  its fields are the same and its bytes are not, or it is no JSON:")
                lines.append(
                    "  published  \(String(decoding: first.published ?? [], as: UTF8.self))"
                )
                lines.append(
                    "  replayed   \(String(decoding: first.replayed ?? [], as: UTF8.self))"
                )
            }
        case .missing:
            lines.append(
                "the first difference: \(what) in partition \(first.partition) was never published"
            )
            lines.append("  replayed   \(String(decoding: first.replayed ?? [], as: UTF8.self))")
        case .extra:
            lines.append(
                "the first difference: \(what) in partition \(first.partition) was published and the"
                    + " journal does not say it"
            )
            lines.append("  published  \(String(decoding: first.published ?? [], as: UTF8.self))")
        }
        if let cause { lines.append("  caused by  \(words(cause))") }
        return lines
    }

    private func words(_ record: JournalRecordSummary) -> String {
        var text = "the \(record.kind) at journal offset \(record.offset)"
        if let id = record.eventID { text += ", event \(id)" }
        if let entity = record.entity { text += " of \(entity)" }
        if !record.sourceName.isEmpty {
            text +=
                record.isFromFile
                ? ", from \(record.sourceName):\(record.source.offset)"
                : ", from \(record.sourceName)[\(record.source.partition)] offset \(record.source.offset)"
        }
        if let time = record.recordedAt { text += ", recorded \(Moment.text(time))" }
        return text
    }

    /// As one JSON object.
    var json: String {
        func quote(_ text: String?) -> String { text.map(JSONValue.quoted) ?? "null" }
        let topics = report.topics.map {
            "\(quote($0.name)):{\"same\":\($0.same),\"different\":\($0.different),"
                + "\"missing\":\($0.missing),\"extra\":\($0.extra),\"gone\":\($0.gone),"
                + "\"other_layouts\":\($0.otherLayouts)}"
        }
        return "{\"same\":\(report.isSame),\"topics\":{\(topics.joined(separator: ","))},"
            + "\"first_difference\":\(firstJSON)}\n"
    }

    private var firstJSON: String {
        func quote(_ text: String?) -> String { text.map(JSONValue.quoted) ?? "null" }
        guard let first = report.first else { return "null" }
        let kind =
            switch first.kind {
            case .different: "different"
            case .missing: "missing"
            case .extra: "extra"
            }
        let fields = fields.map {
            "{\"path\":\(quote($0.path)),\"published\":\($0.published ?? "null"),"
                + "\"replayed\":\($0.replayed ?? "null")}"
        }
        func bytes(_ record: [UInt8]?) -> String? {
            record.map { String(decoding: $0, as: UTF8.self) }
        }
        let journal = first.journalOffset.map { "\($0)" } ?? "null"
        return "{\"kind\":\(quote(kind)),\"topic\":\(quote(first.topic)),"
            + "\"partition\":\(first.partition),\"sequence\":\(first.sequence.map { "\($0)" } ?? "null"),"
            + "\"journal_offset\":\(journal),\"caused_by\":\(quote(cause.map(words))),"
            + "\"fields\":[\(fields.joined(separator: ","))],\"published\":\(quote(bytes(first.published))),"
            + "\"replayed\":\(quote(bytes(first.replayed)))}"
    }
}

internal import CommandLineKit
internal import Ingest
internal import Journal

/// Which dead letters a person means.
struct DeadLetterFilter: Sendable {
    private let codes: Set<String>
    private let fields: Set<String>
    private let topics: Set<String>
    private let entities: Set<String>
    private let since: Instant?
    private let until: Instant?

    /// The options of the filter.
    static let options: [Option] = [
        .value(
            "code",
            .choice(Rejection.Code.allCases.map(\.rawValue)),
            valueName: "CODE",
            repeated: true,
            "Only of this reason, such as missing_field"
        ),
        .value("field", .text, valueName: "NAME", repeated: true, "Only about this field"),
        .value(
            "topic",
            .text,
            valueName: "NAME",
            repeated: true,
            "Only of records of this source topic, or file"
        ),
        .value("entity", .text, valueName: "ID", repeated: true, "Only of this covered entity"),
        .value(
            "since",
            .text,
            valueName: "TIME",
            "Only letters written at this time or later, RFC 3339"
        ),
        .value("until", .text, valueName: "TIME", "Only letters written before this time"),
    ]

    init(_ invocation: Invocation) throws(CommandFailure) {
        codes = Set(invocation.strings("code"))
        fields = Set(invocation.strings("field"))
        topics = Set(invocation.strings("topic"))
        entities = Set(invocation.strings("entity"))
        since = try Self.time("since", invocation)
        until = try Self.time("until", invocation)
    }

    /// Whether it lets some letters through and not all.
    var isGiven: Bool {
        !(codes.isEmpty && fields.isEmpty && topics.isEmpty && entities.isEmpty) || since != nil
            || until != nil
    }

    private static func time(
        _ name: String,
        _ invocation: Invocation
    ) throws(CommandFailure) -> Instant? {
        guard let text = invocation.stringIfGiven(name) else { return nil }
        if let time = Instant(text: text) { return time }
        throw CommandFailure(
            "could not use --\(name) \(text): it is no time. Give one with its zone, such as"
                + " 2026-10-30T14:05:00Z.",
            status: .usage
        )
    }

    /// Whether a letter is meant; in a file, whose letters have no time, times let nothing through.
    func lets(_ letter: DeadLetter) -> Bool {
        (codes.isEmpty || codes.contains(letter.code))
            && (fields.isEmpty || fields.contains(letter.field))
            && (topics.isEmpty || topics.contains(letter.source.name))
            && (entities.isEmpty || letter.entity.map(entities.contains) ?? false)
            && (since.map { since in letter.time.map { $0 >= since } ?? false } ?? true)
            && (until.map { until in letter.time.map { $0 < until } ?? false } ?? true)
    }
}

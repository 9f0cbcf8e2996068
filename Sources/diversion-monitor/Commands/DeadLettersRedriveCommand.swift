internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka
internal import Wording

/// `dead-letters redrive`: what could not be used is tried once more.
enum DeadLettersRedriveCommand {
    static let command = Command(
        "redrive",
        "Send the original records to their source topics again",
        discussion: """
            For records that would be used now, after an update of the monitor for example. The \
            original bytes go to the partition they came from, with the key \
            and headers of the original record where it is still there; headers redrive.* name the \
            letter, the first place and the attempt. Without --yes it tells what it would do.

            Each letter is sent once, however often and by however many this is run or \
            interrupted: that it was sent is written beside it, in the same transaction. A record \
            that fails again becomes a new letter that knows its attempts, and is not sent again \
            beyond --attempts. Records over 1 MiB are not kept whole and cannot be sent.
            """,
        options: [
            .value(
                "id",
                .text,
                valueName: "ID",
                repeated: true,
                "Only this letter, partition:offset as \"list --each\" shows it"
            ),
            .flag("all", "All letters there are"),
        ] + DeadLetterFilter.options + [
            .value(
                "attempts",
                .integer(1...100),
                default: "1",
                "How often an event may be sent again in all"
            ),
            .flag("yes", short: "y", "Send them; without it nothing is written"),
            .flag("each", "Name each letter and what becomes of it"),
        ] + MonitorSettings.options(.general, .service, .kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "See what would be sent",
                "diversion-monitor dead-letters redrive -c monitor.yaml --code invalid_field"
                    + " --field ndc"
            ),
            Example(
                "Send one",
                "diversion-monitor dead-letters redrive -c monitor.yaml --id 3:17 --yes"
            ),
        ],
        exitStatuses: [
            ExitStatus(3, "some of the letters cannot be sent again; the message says why"),
            .tryAgain,
        ]
    ) { invocation in
        let filter = try DeadLetterFilter(invocation)
        let ids = try identifiers(invocation)
        guard !ids.isEmpty || filter.isGiven || invocation.flag("all") else {
            throw CommandFailure(
                "could not redrive: nothing says which letters. Name one with --id, some with --code, --topic,"
                    + " --since …, or all with --all.",
                status: .usage
            )
        }
        let settings = try MonitorSettings(
            invocation,
            .general,
            .service,
            .kafka,
            .topics,
            needs: [.kafka]
        )
        Interruption.listen()
        let redrive = try Redrive(
            settings,
            attempts: invocation.integer("attempts"),
            needsTime: settings.recordsTellTime
        )
        var run = RedriveRun(invocation, redrive)
        if invocation.flag("yes") {
            // Before anything is read: what an earlier run has sent must be seen, and it must send no more.
            var producer = try Redrive.producer(settings)
            do throws(CommandFailure) {
                let letters = try run.select(ids, filter, try DeadLetterReader(settings))
                try run.send(letters, by: &producer)
            } catch {
                // With records on their way it must not be destroyed; the next run ends what it left open.
                producer.abandon()
                throw error
            }
        } else {
            try run.plan(try run.select(ids, filter, try DeadLetterReader(settings)))
        }
        return run.finish()
    }

    private static func identifiers(
        _ invocation: Invocation
    ) throws(CommandFailure) -> Set<LetterID> {
        var ids: Set<LetterID> = []
        for text in invocation.strings("id") {
            guard let id = LetterID(text), id.partition >= 0 else {
                throw CommandFailure(
                    "could not use --id \(text): it names no letter. Give partition:offset, such as 3:17.",
                    status: .usage
                )
            }
            ids.insert(id)
        }
        return ids
    }
}

/// One run over the letters that a person means.
private struct RedriveRun: ~Copyable {
    /// Letters of one transaction, and their bytes.
    private static let batch = (count: 100, bytes: 4 << 20)

    private let terminal: Terminal
    private let isEach: Bool
    private let isReal: Bool
    private var redrive: Redrive
    private var reader: DeadLetterReader?
    private var sent = 0
    private var bytes = 0
    private var refused: [Redrive.Refusal: Int] = [:]
    private var missing = 0

    init(_ invocation: Invocation, _ redrive: consuming Redrive) {
        terminal = invocation.terminal
        isEach = invocation.flag("each")
        isReal = invocation.flag("yes")
        self.redrive = redrive
    }

    /// The letters that are meant, after all that the topic says of what was sent.
    mutating func select(
        _ ids: Set<LetterID>,
        _ filter: DeadLetterFilter,
        _ reader: DeadLetterReader
    ) throws(CommandFailure) -> [LetterID] {
        var found: [LetterID] = []
        var said: [SentRecord] = []
        try reader.readAll { entry in
            switch entry {
            case .letter(let letter):
                if ids.isEmpty || ids.contains(letter.id), filter.lets(letter) {
                    found.append(letter.id)
                }
            case .sent(let record): said.append(record)
            case .unreadable: break
            }
            return true
        }
        for record in said { redrive.learn(record) }
        for id in ids.subtracting(found).sorted() {
            terminal.errors.print("\(id.text) is no letter, or the filter does not let it through")
            missing += 1
        }
        self.reader = reader
        return found.sorted()
    }

    /// Says what would be done.
    mutating func plan(_ ids: [LetterID]) throws(CommandFailure) {
        for chunk in Self.chunks(ids) {
            for letter in try letters(chunk) {
                if try accepts(letter) { note(letter) }
            }
        }
    }

    /// Sends the letters that may be sent.
    mutating func send(
        _ ids: [LetterID],
        by producer: inout TransactionalProducer
    ) throws(CommandFailure) {
        for chunk in Self.chunks(ids) {
            var waiting: [DeadLetter] = []
            var size = 0
            for letter in try letters(chunk) {
                guard try accepts(letter) else { continue }
                waiting.append(letter)
                size += letter.value?.count ?? 0
                if size >= Self.batch.bytes {
                    try send(waiting, by: &producer)
                    (waiting, size) = ([], 0)
                }
            }
            try send(waiting, by: &producer)
        }
    }

    private mutating func send(
        _ letters: [DeadLetter],
        by producer: inout TransactionalProducer
    ) throws(CommandFailure) {
        guard !letters.isEmpty else { return }
        if Interruption.isSet {
            throw CommandFailure(
                "could not finish: it was stopped after \(grouped(sent)) letters. Start it again: they are not"
                    + " sent twice.",
                status: .tryAgain
            )
        }
        let isUsable = try redrive.send(letters, by: &producer)
        for letter in letters { note(letter) }
        // A copy of its last request may still be on its way.
        if !isUsable { producer = try Redrive.producer(redrive.settings) }
    }

    private static func chunks(_ ids: [LetterID]) -> [[LetterID]] {
        stride(from: 0, to: ids.count, by: batch.count).map {
            Array(ids[$0..<min($0 + batch.count, ids.count)])
        }
    }

    /// The letters of these names, in order, judged as soon as their source records were looked for.
    private mutating func letters(_ ids: [LetterID]) throws(CommandFailure) -> [DeadLetter] {
        var found: [DeadLetter] = []
        try reader?.read(ids) { letter in
            found.append(letter)
            return true
        }
        found.sort { $0.id < $1.id }
        try redrive.look(for: found)
        return found
    }

    private mutating func accepts(_ letter: DeadLetter) throws(CommandFailure) -> Bool {
        guard let refusal = try redrive.refusal(of: letter) else { return true }
        refused[refusal, default: 0] += 1
        if isEach || refusal.isFailure && refused[refusal, default: 0] <= 20 {
            terminal.output.print(
                "\(letter.id.text) \(PlainText.word(letter.source.place)) \(letter.code): not sent, it "
                    + refusal.phrase(attempts: letter.attempts)
            )
        }
        return false
    }

    private mutating func note(_ letter: DeadLetter) {
        sent += 1
        bytes += letter.value?.count ?? 0
        guard isEach else { return }
        let field = letter.field.isEmpty ? "" : " \(PlainText.word(letter.field))"
        terminal.output.print(
            "\(letter.id.text) \(PlainText.word(letter.source.place)) \(letter.code)\(field): "
                + (isReal ? "sent again" : "would be sent again")
                + ", attempt \(letter.attempts + 1)"
        )
    }

    /// Says what became of all.
    consuming func finish() -> ExitStatus {
        let noun = sent == 1 ? "letter" : "letters"
        terminal.output.print(
            isReal
                ? "\(grouped(sent)) \(noun) sent again, \(grouped(bytes)) bytes"
                : "\(grouped(sent)) \(noun) would be sent again, \(grouped(bytes)) bytes; --yes sends them"
        )
        for refusal in Redrive.Refusal.allCases {
            guard let count = refused[refusal] else { continue }
            terminal.output.print(
                "\(grouped(count)) not: "
                    + (count == 1 ? "it " : "each ")
                    + refusal.phrase(attempts: redrive.attempts)
            )
        }
        let isPartial = missing > 0 || refused.contains { $0.key.isFailure && $0.value > 0 }
        return isPartial
            ? ExitStatus(3, "some of the letters cannot be sent again; the message says why")
            : .success
    }
}

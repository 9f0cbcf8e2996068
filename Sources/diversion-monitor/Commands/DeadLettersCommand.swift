internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Wording

/// `dead-letters`: the records that could not be used, and how they come to be used after all.
enum DeadLettersCommand {
    static let command = Command(
        "dead-letters",
        "See why records could not be used, and send them again",
        subcommands: [list, show, DeadLettersRedriveCommand.command]
    )

    private static let file = Option.value(
        "from",
        .file,
        "A file of dead letters instead of the topic, such as out/dead-letters.ndjson"
    )

    private static let list = Command(
        "list",
        "Count the dead letters by reason",
        discussion: """
            One line for each code, field and source, the most frequent first, with the first and \
            the last time and a letter to look at with "show". With --each, one line a letter. No \
            value of a record is shown.
            """,
        options: [file, .flag("each", "List the letters one by one")] + DeadLetterFilter.options
            + [.flag("json", "Print one JSON object a line")]
            + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example("Why records fail", "diversion-monitor dead-letters list -c monitor.yaml"),
            Example(
                "Which claims lacked a field in what \"score\" wrote",
                "diversion-monitor dead-letters list --from out/dead-letters.ndjson"
                    + " --code missing_field --each"
            ),
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let filter = try DeadLetterFilter(invocation)
        Interruption.listen()
        let output = invocation.terminal.output
        let isEach = invocation.flag("each")
        let isJSON = invocation.flag("json")
        var board = DeadLetterBoard()
        var lines: [(id: LetterID, letter: LetterLine)] = []
        var unreadable = 0
        func take(_ entry: DeadLetterReader.Entry) {
            switch entry {
            case .letter(let letter):
                guard filter.lets(letter) else { return }
                board.take(letter)
                if isEach { lines.append((letter.id, LetterLine(letter))) }
            case .sent(let record): board.take(record)
            case .unreadable: unreadable += 1
            }
        }
        if let path = invocation.stringIfGiven("from") {
            try DeadLetterReader.read(file: path, take)
        } else {
            let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
            try DeadLetterReader(settings).readAll { entry in
                take(entry)
                return true
            }
        }
        let rows = board.ordered
        if isEach {
            for (id, line) in lines.sorted(by: { $0.id < $1.id }) {
                let wasSent = board.wasSent(id)
                output.print(isJSON ? line.json(wasSent: wasSent) : line.text(wasSent: wasSent))
            }
        } else if isJSON {
            for row in rows { output.print(DeadLetterBoard.json(row)) }
        } else if !rows.isEmpty {
            output.write(DeadLetterBoard.table(rows, on: output))
        }
        let total = rows.reduce(0) { $0 + $1.count }
        let sent = rows.reduce(0) { $0 + $1.sent }
        invocation.terminal.errors.print(
            "\(grouped(total)) dead letter\(total == 1 ? "" : "s") of \(grouped(rows.count)) reasons"
                + (sent > 0 ? ", \(grouped(sent)) of them sent again" : "")
        )
        if unreadable > 0 {
            invocation.terminal.errors.print(
                "warning: \(grouped(unreadable)) records are no dead letters; somebody else has written there."
            )
        }
        return .success
    }

    private static let show = Command(
        "show",
        "Show one dead letter with all that is known",
        discussion: """
            The value holds patient identifiers in the clear, so it is printed with --value only: \
            control characters as escapes, bytes that are no UTF-8 as \\xNN. With --raw it is \
            written as it is, for a file.
            """,
        arguments: [
            .required("ID", .text, "partition:offset of the letter, or the line of a file")
        ],
        options: [
            file, .flag("value", "Print the original bytes, too: they name patients"),
            .flag("raw", "Write the original bytes and nothing else: they name patients"),
            .flag("json", "Print one JSON object"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example("Look at one", "diversion-monitor dead-letters show 3:17 -c monitor.yaml"),
            Example(
                "Repair it by hand",
                "diversion-monitor dead-letters show 3:17 -c monitor.yaml --raw > record.json"
            ),
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let name = invocation.string("ID")
        guard let id = LetterID(name) else {
            throw CommandFailure(
                "could not show \(name): it names no letter. Give partition:offset, such as 3:17, as \"list\""
                    + " shows it; with --from the line.",
                status: .usage
            )
        }
        Interruption.listen()
        var found: DeadLetter?
        var sent: SentRecord?
        if let path = invocation.stringIfGiven("from") {
            try DeadLetterReader.read(file: path) { entry in
                if case .letter(let letter) = entry, letter.id == id { found = letter }
            }
        } else {
            let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
            try DeadLetterReader(settings).read(from: id) { entry in
                switch entry {
                case .letter(let letter): if letter.id == id { found = letter }
                case .sent(let record): if record.letter == id { sent = record }
                case .unreadable: break
                }
                // The letter comes first, or not at all; what became of it may come any time.
                return found != nil && sent == nil
            }
        }
        guard let letter = found else {
            throw CommandFailure(
                "could not show \(name): there is no dead letter. \"dead-letters list --each\" names them."
            )
        }
        try DeadLetterText(letter, sent).print(invocation)
        return .success
    }
}

internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka
internal import Wording

/// `reference`: entities, sites, rosters, pharmacies, products, payers, restrictions.
enum ReferenceCommand {
    static let command = Command(
        "reference",
        "Check and publish the reference tables",
        subcommands: [check, publish]
    )

    static let folder = Argument.required(
        "FOLDER",
        .directory,
        "The folder of the tables, such as pharmacies.csv; a missing file is an empty table"
    )

    private static let check = Command(
        "check",
        "Tell everything that is wrong with the reference tables",
        arguments: [folder],
        examples: [
            Example("Before they are published", "diversion-monitor reference check reference")
        ],
        exitStatuses: [.wrongInput]
    ) { invocation in
        let reference = try ReferenceFolder(invocation.string("FOLDER"))
        for warning in reference.warnings {
            invocation.terminal.errors.print("warning: \(warning)")
        }
        for table in ReferenceTable.allCases {
            let count = reference.rowCount(of: table)
            let name = table.name + ".csv"
            let padding = String(repeating: " ", count: max(1, 22 - name.count))
            invocation.terminal.output.print(
                "\(name)\(padding)\(grouped(count)) row\(count == 1 ? "" : "s")"
            )
        }
        let digest = reference.publication.digest.map(hexadecimal).joined()
        invocation.terminal.output.print("SHA-256 of the rows   \(digest)")
        return .success
    }

    private static let publish = Command(
        "publish",
        "Publish what changed in the reference tables",
        discussion: """
            Compares the folder with the reference topic, sends the rows that differ, withdraws \
            those that are gone, and completes the publication: all rows take effect together, and \
            decisions that they touch are made again.

            A table that would lose all its rows, because its file is missing perhaps, is \
            withdrawn only with --force.
            """,
        arguments: [folder],
        options: [
            .flag("dry-run", short: "n", "Show what would be published"),
            .flag("force", "Withdraw all rows of a table, too"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "Look before it is published",
                "diversion-monitor reference publish -c monitor.yaml --dry-run reference"
            )
        ],
        exitStatuses: [.wrongInput, .tryAgain]
    ) { invocation in
        let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
        let reference = try ReferenceFolder(invocation.string("FOLDER"))
        let terminal = invocation.terminal
        for warning in reference.warnings { terminal.errors.print("warning: \(warning)") }
        let name = settings.name(of: .reference)
        let present = try Publishing.referenceRows(name, settings.client(.consumer))
        let rows = reference.publication.rows
        let records = ReferenceTopic.publication(of: rows, after: present.rows)
        guard records.count > 1 || !present.isComplete else {
            terminal.output.print(
                "nothing to publish: \(name) has these \(grouped(rows.count)) rows"
            )
            return .success
        }
        let emptied = tell(rows, present.rows, on: terminal.output)
        if !emptied.isEmpty, !invocation.flag("force") {
            throw CommandFailure(
                "could not publish: all rows of \(spoken(emptied, joinedBy: "and")) would be withdrawn."
                    + " Put the missing file there, or say --force."
            )
        }
        if invocation.flag("dry-run") { return .success }
        try Publishing.send(
            records.map { ($0.key, $0.value) },
            to: name,
            settings.client(.producer)
        )
        terminal.output.print("published to \(name): \(grouped(rows.count)) rows are in effect")
        return .success
    }

    /// Tells the differences by table; the tables that would lose all their rows.
    private static func tell(
        _ rows: [ReferenceRow],
        _ before: [ReferenceRow],
        on output: Sink
    ) -> [String] {
        let old = Dictionary(before.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        let kept = Set(rows.map(\.key))
        var emptied: [String] = []
        for table in ReferenceTable.allCases {
            let own = rows.filter { $0.table == table }
            let earlier = before.filter { $0.table == table }
            let new = own.count { old[$0.key] == nil }
            let changed = own.count { row in old[row.key].map { $0 != row } ?? false }
            let withdrawn = earlier.count { !kept.contains($0.key) }
            if new + changed + withdrawn > 0 {
                output.print(
                    "\(table.name): \(grouped(new)) new, \(grouped(changed)) changed,"
                        + " \(grouped(withdrawn)) withdrawn"
                )
            }
            if own.isEmpty, !earlier.isEmpty { emptied.append(table.name) }
        }
        return emptied
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}

internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Wording

/// `reference`: entities, sites, rosters, pharmacies, products, payers, restrictions.
enum ReferenceCommand {
    static let command = Command(
        "reference",
        "Check and publish the reference tables",
        subcommands: [check]
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
        examples: [Example("Before they are published", "diversion-monitor reference check reference")],
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

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}

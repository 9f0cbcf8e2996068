internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Settings

/// `config`: the settings file and what stands beside it.
enum ConfigCommand {
    static let command = Command(
        "config",
        "Make, check and show the settings",
        subcommands: [initialise, check, show]
    )

    private static let initialise = Command(
        "init",
        "Write commented settings, empty reference tables and the default policy",
        discussion: """
            Writes monitor.yaml with every setting, its meaning and its default, policy.yaml with \
            every value of the policy, and a reference folder with a file for each table that holds \
            its header. Nothing that is there is overwritten unless --force is given.
            """,
        arguments: [.required("FOLDER", .directory, "Where to write; it is made if it is missing")],
        options: [.flag("force", "Overwrite files that are there")],
        examples: [Example("Begin", "diversion-monitor config init monitor")]
    ) { invocation in
        let folder = invocation.string("FOLDER")
        let files = starterFiles.map { (path: Files.path(folder, $0.name), text: $0.text) }
        let present = files.map(\.path).filter(Files.exists)
        if !present.isEmpty, !invocation.flag("force") {
            throw CommandFailure(
                "could not write to \(folder): these files are there already, and nothing was"
                    + " written.\n" + present.map { "  \($0)\n" }.joined()
                    + "Give another folder, or overwrite them with --force."
            )
        }
        try Files.makeFolder(Files.path(folder, "reference"))
        for file in files {
            try Files.write(file.text, to: file.path, replacing: true)
            invocation.terminal.output.print("wrote \(file.path)")
        }
        return .success
    }

    /// What `init` writes, by its path below the folder.
    static var starterFiles: [(name: String, text: String)] {
        [("monitor.yaml", MonitorSettings.template), ("policy.yaml", PolicyWriter.text())]
            + ReferenceTable.allCases.map { table in
                ("reference/\(table.name).csv", table.columns.joined(separator: ",") + "\n")
            }
    }

    private static let check = Command(
        "check",
        "Tell everything that is wrong with the settings",
        discussion: """
            Reads the file, the environment and the command line as "run" would, and tells at once \
            all that is wrong. It connects to nothing; "doctor" does.
            """,
        options: MonitorSettings.options(.general, .service, .operations, .kafka, .topics, .tokens),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [Example("Before a deployment", "diversion-monitor config check -c monitor.yaml")]
    ) { invocation in
        let resolved = try MonitorSettings.resolve(
            invocation,
            MonitorSettings.Group.allCases,
            needs: [.kafka, .tokenKey]
        )
        for warning in resolved.warnings { invocation.terminal.errors.print("warning: \(warning)") }
        guard resolved.problems.isEmpty else {
            let count = resolved.problems.count
            throw CommandFailure(
                "the settings have \(count == 1 ? "1 error" : "\(count) errors"):\n"
                    + resolved.problems.map { "  \($0)" }.joined(separator: "\n"),
                status: .configuration
            )
        }
        invocation.terminal.output.print("the settings are right")
        return .success
    }

    private static let show = Command(
        "show",
        "Print every setting with its value and where it comes from",
        discussion: "Secrets are printed as ***.",
        options: MonitorSettings.options(.general, .service, .operations, .kafka, .topics, .tokens),
        openPrefixes: MonitorSettings.openPrefixes
    ) { invocation in
        let resolved = try MonitorSettings.resolve(
            invocation,
            MonitorSettings.Group.allCases,
            needs: []
        )
        invocation.terminal.output.write(resolved.settings.table())
        for warning in resolved.warnings { invocation.terminal.errors.print("warning: \(warning)") }
        guard resolved.problems.isEmpty else { throw MonitorSettings.failure(resolved.problems) }
        return .success
    }
}

internal import CommandLineKit

/// The program as a whole.
enum Monitor {
    /// What `--version` prints.
    static let version = "1.0.0"

    /// All commands.
    static let program = Program(
        "diversion-monitor",
        version: version,
        "Watch a stream of dispenses, claims and purchases for 340B drug diversion",
        discussion: """
            It decides for every fill whether it qualified for 340B pricing, keeps the accumulators \
            that follow from it, and alerts on diversion, duplicate discounts and broken feeds.

            Start with "demo", which needs nothing, or with "score", which needs files only.
            """,
        examples: [
            Example("See it work, without a Kafka", "diversion-monitor demo"),
            Example(
                "Score a file of events",
                "diversion-monitor score --reference reference --output out events.ndjson"
            ),
        ],
        commands: [
            DemoCommand.command, RunCommand.command, ScoreCommand.command, AlertsCommand.command,
            ConfigCommand.command, ReferenceCommand.command, PolicyCommand.command,
            TopicsCommand.command, SourcesCommand.command, JournalCommand.command,
            ReplayCommand.command, ExplainCommand.command, DeadLettersCommand.command,
            DoctorCommand.command,
        ]
    )
}

import CommandLineKit
import Synchronization

/// A small program with one of everything, whose commands print what they were given.
let sample = Program(
    "diversion-monitor",
    version: "1.2.0",
    "Watch 340B purchases and dispenses for diversion",
    discussion: """
        Reads purchases and dispenses from Kafka, decides for every dispense whether it was \
        eligible, and writes alerts.
        """,
    options: [
        .flag("color", negatable: true, "Colour the messages"),
        .value(
            "config",
            .file,
            short: "c",
            environment: "DIVERSION_MONITOR_CONFIG",
            "The settings file"
        ),
    ],
    examples: [Example("Check the settings before a restart", "diversion-monitor config check")],
    commands: [
        Command(
            "run",
            "Run the monitor",
            discussion: """
                Runs until it is told to stop.

                    SIGTERM   finish the batch, then end
                """,
            options: [
                .flag("trace", isHidden: true, "Print every decision"),
                .value(
                    "standby",
                    .text,
                    valueName: "true|false",
                    implied: ["true", "false"],
                    isHidden: true,
                    "Stand by"
                ),
                .value(
                    "sources.start",
                    .choice(["earliest", "latest", "stored", "timestamp"]),
                    default: "stored",
                    environment: "DIVERSION_MONITOR_SOURCES_START",
                    section: "Settings",
                    "Where to begin"
                ),
                .value(
                    "kafka.bootstrap",
                    .text,
                    valueName: "HOST:PORT,HOST:PORT",
                    section: "Settings",
                    "The brokers to begin with"
                ),
            ],
            openPrefixes: ["kafka."]
        ) { invocation in
            if invocation.flag("trace") { invocation.terminal.output.print("tracing") }
            if let text = invocation.stringIfGiven("standby") {
                invocation.terminal.output.print("standby \(text)")
            }
            for (name, value) in invocation.openOptions {
                invocation.terminal.output.print("\(name) = \(value)")
            }
            return .success
        },
        Command(
            "topics",
            "Plan and create the brokers' topics",
            subcommands: [
                Command(
                    "plan",
                    "Show what must change in the brokers' topics",
                    discussion: "Compares, and changes nothing.",
                    arguments: [.rest("FILE", .file, "Topic files; all when none is named")],
                    options: [
                        .value(
                            "format",
                            .choice(["text", "json", "csv"]),
                            short: "f",
                            default: "text",
                            "How to print"
                        ),
                        .value(
                            "partitions",
                            .integer(1...512),
                            default: "12",
                            aliases: ["shards"],
                            "The partitions of a new topic"
                        ),
                        .value("timeout", .duration, default: "5s", "How long to wait"),
                        .value(
                            "only",
                            .text,
                            valueName: "TOPIC",
                            repeated: true,
                            "A topic to plan"
                        ),
                        .value(
                            "cluster",
                            .text,
                            valueName: "NAME",
                            isRequired: true,
                            "The cluster"
                        ),
                    ],
                    examples: [
                        Example(
                            "Plan one topic",
                            "diversion-monitor topics plan --cluster eu --only alerts"
                        )
                    ],
                    exitStatuses: [ExitStatus(2, "topics must change")]
                ) { invocation in
                    let output = invocation.terminal.output
                    output.print("files \(invocation.strings("FILE"))")
                    output.print("format \(invocation.string("format"))")
                    output.print("partitions \(invocation.integer("partitions"))")
                    output.print("timeout \(invocation.duration("timeout"))")
                    output.print("only \(invocation.strings("only"))")
                    output.print("cluster \(invocation.string("cluster"))")
                    output.print("color \(invocation.flag("color", default: true))")
                    output.print("config \(invocation.stringIfGiven("config") ?? "none")")
                    return .success
                }
            ]
        ),
        Command(
            "journal",
            "Read the journal",
            subcommands: [
                Command(
                    "dump",
                    "Print events",
                    arguments: [
                        .required("PARTITION", .integer(0...511), "The partition to read"),
                        .optional("UNTIL", .integer(0...Int.max), "The last offset"),
                    ]
                ) { invocation in
                    let until = invocation.integerIfGiven("UNTIL").map(String.init) ?? "the end"
                    invocation.terminal.output.print(
                        "partition \(invocation.integer("PARTITION")) until \(until)"
                    )
                    return .success
                }
            ]
        ),
        Command(
            "config",
            "Show and check the settings",
            subcommands: [
                Command("check", "Check the settings") { _ in
                    throw CommandFailure(
                        "could not read monitor.yaml: it is missing. Write one with config init.",
                        status: .configuration
                    )
                }
            ]
        ),
    ]
)

/// What a run of the sample wrote, and how it ended.
struct Transcript {
    var output = ""
    var errors = ""
    var status = ExitStatus.success
}

/// Collects what is written to its sinks.
final class Collector: Sendable {
    let output = Mutex("")
    let errors = Mutex("")
}

/// Runs the sample with the words of `line`, parted by single spaces.
func run(_ line: String, width: Int = 80, isColoured: Bool = false) async -> Transcript {
    let collector = Collector()
    let status = await sample.run(
        line.split(separator: " ").map(String.init),
        on: Terminal(
            output: Sink(isColoured: isColoured, width: width) { text in
                collector.output.withLock { $0 += text }
            },
            errors: Sink(isColoured: isColoured, width: width) { text in
                collector.errors.withLock { $0 += text }
            }
        )
    )
    return Transcript(
        output: collector.output.withLock { $0 },
        errors: collector.errors.withLock { $0 },
        status: status
    )
}

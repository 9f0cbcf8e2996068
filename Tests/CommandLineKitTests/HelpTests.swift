import CommandLineKit
import Testing

@Suite struct `Help` {
    @Test(arguments: ["--help", "-h", "help"])
    func `of the program shows its commands`(line: String) async {
        let run = await run(line)
        #expect(
            run.output == """
                Usage: diversion-monitor [OPTIONS] COMMAND

                Watch 340B purchases and dispenses for diversion.

                Reads purchases and dispenses from Kafka, decides for every dispense whether it
                was eligible, and writes alerts.

                Commands:
                  run          Run the monitor.
                  topics       Plan and create the brokers' topics.
                  journal      Read the journal.
                  config       Show and check the settings.
                  help         Show what a command does.
                  completions  Print the completion script for a shell.

                Options:
                      --[no-]color   Colour the messages.
                  -c, --config FILE  The settings file. [environment: DIVERSION_MONITOR_CONFIG]
                  -h, --help         Show this help.
                      --version      Show the version.

                Examples:
                  Check the settings before a restart:
                    diversion-monitor config check

                See "diversion-monitor help COMMAND" for one command.

                """
        )
        #expect(run.status == .success)
    }

    @Test(arguments: ["topics plan --help", "topics plan -h", "help topics plan"])
    func `of a command shows all that may be given`(line: String) async {
        let run = await run(line)
        #expect(
            run.output == """
                Usage: diversion-monitor topics plan [OPTIONS] --cluster NAME [FILE ...]

                Show what must change in the brokers' topics.

                Compares, and changes nothing.

                Arguments:
                  FILE  Topic files; all when none is named.

                Options:
                  -f, --format text|json|csv  How to print. [default: text]
                      --partitions NUMBER     The partitions of a new topic. [default: 12]
                      --timeout DURATION      How long to wait. [default: 5s]
                      --only TOPIC            A topic to plan. [may be repeated]
                      --cluster NAME          The cluster.
                      --[no-]color            Colour the messages.
                  -c, --config FILE           The settings file.
                                              [environment: DIVERSION_MONITOR_CONFIG]
                  -h, --help                  Show this help.

                Examples:
                  Plan one topic:
                    diversion-monitor topics plan --cluster eu --only alerts

                Exit codes:
                  0   all went well.
                  1   it could not be done; the message says why.
                  2   topics must change.
                  64  the command line is wrong.
                  78  the settings are wrong.

                """
        )
    }

    @Test func `keeps sections apart, indented lines as they are, and what is hidden hidden`() async
    {
        #expect(
            await run("run --help").output == """
                Usage: diversion-monitor run [OPTIONS]

                Run the monitor.

                Runs until it is told to stop.

                    SIGTERM   finish the batch, then end

                Options:
                      --[no-]color   Colour the messages.
                  -c, --config FILE  The settings file. [environment: DIVERSION_MONITOR_CONFIG]
                  -h, --help         Show this help.

                Settings:
                      --sources.start WORD  Where to begin. [one of: earliest, latest, stored,
                                            timestamp] [default: stored]
                                            [environment: DIVERSION_MONITOR_SOURCES_START]
                      --kafka.bootstrap HOST:PORT,HOST:PORT
                                            The brokers to begin with.

                Exit codes:
                  0   all went well.
                  1   it could not be done; the message says why.
                  64  the command line is wrong.
                  78  the settings are wrong.

                """
        )
        #expect(await run("run --trace").output == "tracing\n")
    }

    @Test func `wraps to a narrow terminal`() async {
        let lines = await run("help topics plan", width: 44).output.split(separator: "\n")
        #expect(lines.contains("      --partitions NUMBER     The partitions"))
        #expect(lines.contains("                              of a new"))
        #expect(lines.contains("                              topic."))
    }

    @Test func `is coloured only where the reader can see colours`() async {
        #expect(!(await run("--help")).output.contains("\u{1B}"))
        let coloured = await run("--help", isColoured: true).output
        #expect(coloured.contains("\u{1B}[1mCommands:\u{1B}[0m\n"))
        #expect(await run("x", isColoured: true).errors.hasPrefix("\u{1B}[31mdiversion-monitor:"))
    }
}

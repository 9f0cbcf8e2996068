import CommandLineKit
import Testing

@Suite struct `A command line` {
    @Test func `gives options, arguments and defaults their values`() async {
        let run = await run(
            "topics plan a.json --format=json -c m.yaml --cluster eu --only x --only y b.json"
        )
        #expect(
            run.output == """
                files ["a.json", "b.json"]
                format json
                partitions 12
                timeout 5.0 seconds
                only ["x", "y"]
                cluster eu
                color true
                config m.yaml

                """
        )
        #expect(run.errors == "")
        #expect(run.status == .success)
    }

    @Test(arguments: [
        "topics plan --cluster eu -f json", "topics plan -f json --cluster=eu",
        "--no-color topics plan --color --cluster eu -f=json",
        "topics --color plan -f json --cluster eu",
    ])
    func `may have its options anywhere, with or without an equals sign`(line: String) async {
        let run = await run(line)
        #expect(run.errors == "")
        #expect(run.output.contains("format json"))
        #expect(run.output.contains("color true"))
    }

    @Test(arguments: [
        ("topics plan --cluster eu --no-color", "color false"),
        ("topics plan --cluster eu --no-color --color", "color true"),
        ("topics plan --cluster eu --shards 3", "partitions 3"),
        ("topics plan --cluster=--eu", "cluster --eu"),
        ("topics plan --cluster=", "cluster \n"),
        ("topics plan --cluster a=b", "cluster a=b"),
        ("topics plan --cluster eu -- --only -x", "files [\"--only\", \"-x\"]"),
        ("topics plan --cluster eu -", "files [\"-\"]"),
        ("topics plan --cluster eu --timeout 1m30s", "timeout 90.0 seconds"),
        ("journal dump 7", "partition 7 until the end"),
        ("journal dump 7 0", "partition 7 until 0"),
        ("run --kafka.x 1 --kafka.y.z=2", "kafka.x = 1\nkafka.y.z = 2"),
        ("run --kafka.x -1", "kafka.x = -1"),
        ("run --standby", "standby true"),
        ("run --standby false", "standby false"),
        ("run --standby=no", "standby no"),
        ("run --standby --kafka.x 1", "standby true\nkafka.x = 1"),
        ("--version", "diversion-monitor 1.2.0\n"),
    ])
    func `means what it says`(line: String, printed: String) async {
        let run = await run(line)
        #expect(run.errors == "")
        #expect(run.output.contains(printed), "\(run.output)")
        #expect(run.status == .success)
    }
}

/// Each case is a command line, and all that is told about it between the first line, which says
/// what could not be done, and the last, which points to help.
@Suite struct `A wrong command line` {
    @Test func `has all its mistakes told at once, and where help is`() async {
        let run = await run(
            "topics plan --formt jsn --partitions 0 --timeout 5 x --force=1 --color=1"
        )
        #expect(run.output == "")
        #expect(
            run.errors == """
                diversion-monitor: could not run "topics plan":
                  --formt is not an option here. Did you mean --format?
                  --format: "jsn" is not one of its values. Did you mean json? Give text, json or csv.
                  --partitions: "0" is out of range. Give a number from 1 to 512.
                  --timeout: "5" is not a duration. Give a number and its unit, for example 200ms, 5s, \
                30m or 2d.
                  --force is not an option here.
                  --color takes no value, but "1" is given. Leave it out.
                  --cluster NAME is missing. The cluster.
                See "diversion-monitor topics plan --help".

                """
        )
        #expect(run.status == .usage)
        #expect(run.status.code == 64)
    }

    @Test(arguments: [
        ("", "A command is missing. Give run, topics, journal, config, help or completions."),
        ("topics", "A command is missing. Give plan."),
        ("topcs", "\"topcs\" is not a command. Did you mean topics?"),
        ("topcs plan --what", "\"topcs\" is not a command. Did you mean topics?"),
        ("topcs --help", "\"topcs\" is not a command. Did you mean topics?"),
        ("zzz", "\"zzz\" is not a command."),
        ("topics pln", "\"pln\" is not a command. Did you mean plan?"),
        ("help topics pln", "\"pln\" is not a command. Did you mean plan?"),
        ("help run fast", "\"fast\" is not a command: there are none in it."),
        (
            "topics plan --cluster",
            "--cluster needs a value. Give it as --cluster VALUE, or as --cluster=VALUE if it begins"
                + " with a dash."
        ),
        (
            "topics plan --cluster --color",
            "--cluster needs a value. Give it as --cluster VALUE, or as --cluster=VALUE if it begins"
                + " with a dash."
        ),
        ("topics plan --cluster a --cluster b", "--cluster is given twice. Give it once."),
        ("topics plan --clustr", "--clustr is not an option here. Did you mean --cluster?"),
        ("topics plan --clustr eu", "--clustr is not an option here. Did you mean --cluster?"),
        (
            "topics plan --cluster a --no-colr",
            "--no-colr is not an option here. Did you mean --no-color?"
        ),
        ("topics plan --cluster a -x", "-x is not an option here."),
        ("journal dump", "PARTITION is missing. The partition to read."),
        ("journal dump x", "PARTITION: \"x\" is not a whole number. Give one, for example 1."),
        ("journal dump 512", "PARTITION: \"512\" is out of range. Give a number from 0 to 511."),
        ("journal dump 1 -1", "UNTIL: \"-1\" is too small. The least is 0."),
        ("journal dump 1 2 3", "\"3\" is more than it takes. Leave it out."),
        ("journal dump 1 2 3 4", "\"3\" and \"4\" are more than it takes. Leave them out."),
        ("journal dump --zzzzzzzz 1 2 3", "--zzzzzzzz is not an option here."),
        ("journal dump 1 --version", "--version is not an option here."),
        (
            "completions pwsh",
            "SHELL: \"pwsh\" is not one of its values. Give bash, zsh or fish."
        ),
        ("topics plan --kafka.x 1 --cluster a", "--kafka.x is not an option here."),
        (
            "run --kafka.x",
            "--kafka.x needs a value. Give it as --kafka.x VALUE, or as --kafka.x=VALUE if it begins"
                + " with a dash."
        ),
    ])
    func `is told once, without what only follows from it`(line: String, told: String) async {
        let run = await run(line)
        #expect(run.output == "")
        let lines = run.errors.split(separator: "\n")
        #expect(lines.count == 3, "\(run.errors)")
        #expect(lines.dropFirst().first == "  \(told)")
        #expect(run.status == .usage)
    }

    @Test func `is answered with help when help is asked for as well`() async {
        let run = await run("topics plan --formt --help")
        #expect(run.output.hasPrefix("Usage: diversion-monitor topics plan"))
        #expect(run.status == .success)
    }
}

@Test func `a command that fails says why and ends with its own status`() async {
    let run = await run("config check")
    #expect(
        run.errors
            == "diversion-monitor: could not read monitor.yaml: it is missing."
            + " Write one with config init.\n"
    )
    #expect(run.status == .configuration)
    #expect(run.status.code == 78)
}

@Test func `to ask for what was not declared is a bug`() async {
    await #expect(processExitsWith: .failure) {
        let program = Program(
            "x",
            version: "1",
            "X",
            commands: [
                Command("y", "Y") { invocation in
                    _ = invocation.string("z")
                    return .success
                }
            ]
        )
        let sink = Sink { _ in }
        _ = await program.run(["y"], on: Terminal(output: sink, errors: sink))
    }
}

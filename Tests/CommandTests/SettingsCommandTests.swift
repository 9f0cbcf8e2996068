import Foundation
import Testing

/// `config`, `policy`, `reference`, `topics` without a cluster, `alerts` from a file.
@Suite struct SettingsCommandTests {
    @Test("A folder is begun with settings, a policy and empty tables that are all right")
    func begins() throws {
        let folder = try Folder()
        let run = try Monitor.run("config", "init", folder.path("monitor"))
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            try folder.lines("monitor/reference/payers.csv") == ["bin,pcn,group,payer_type,state"]
        )
        let reference = try Monitor.run("reference", "check", folder.path("monitor/reference"))
        #expect(reference.status == 0, "\(reference.errors)")
        let policy = try Monitor.run("policy", "check", folder.path("monitor/policy.yaml"))
        #expect(policy.status == 0, "\(policy.errors)")

        try folder.write("mine", to: "monitor/policy.yaml")
        let again = try Monitor.run("config", "init", folder.path("monitor"))
        #expect(again.status == 1)
        #expect(again.errors.contains("nothing was written"))
        #expect(try folder.read("monitor/policy.yaml") == "mine")
        #expect(try Monitor.run("config", "init", "--force", folder.path("monitor")).status == 0)
        #expect(try folder.read("monitor/policy.yaml") != "mine")
    }

    @Test("All that is wrong with settings is told at once, with 78")
    func checksSettings() throws {
        let folder = try Folder()
        try folder.write(
            """
            topcs:
              prefix: x
            kafka:
              acks: all
              lingr.ms: 3
            token.key: secret-and-short
            """,
            to: "monitor.yaml"
        )
        let run = try Monitor.run(
            "config",
            "check",
            "--config",
            folder.path("monitor.yaml"),
            environment: ["DIVERSION_MONITOR_APPP": "x"]
        )
        #expect(run.status == 78)
        for problem in [
            "monitor.yaml:2:3: topcs.prefix is not a setting. Did you mean topics.prefix?",
            "monitor.yaml:4:3: kafka.acks cannot be set: it is always \"all\"",
            "monitor.yaml:5:3: kafka.lingr.ms: No such configuration property",
            "monitor.yaml:6:1: token.key is shorter than 32 bytes",
            "DIVERSION_MONITOR_APPP: this is not a setting. Did you mean DIVERSION_MONITOR_APP?",
            "kafka.bootstrap.servers is missing",
        ] {
            #expect(run.errors.contains(problem), "\(problem) is not in:\n\(run.errors)")
        }
        #expect(!run.errors.contains("secret-and-short"))
    }

    @Test("A setting has one name in all four places, and the stronger place wins")
    func showsOrigins() throws {
        let folder = try Folder()
        try folder.write("app: file\ntopics.prefix: file.\n", to: "monitor.yaml")
        let run = try Monitor.run(
            "config",
            "show",
            "-c",
            folder.path("monitor.yaml"),
            "--app",
            "flag",
            environment: [
                "DIVERSION_MONITOR_APP": "variable", "DIVERSION_MONITOR_TOKEN_KEY_ID": "k9",
            ]
        )
        #expect(run.status == 0, "\(run.errors)")
        let rows = run.output.split(separator: "\n").map { $0.split(separator: " ") }
        func row(_ key: String) -> [Substring] { rows.first { $0.first == key[...] } ?? [] }
        #expect(row("app") == ["app", "flag", "--app"])
        #expect(row("topics.prefix").suffix(2).first == "file.")
        #expect(row("token.key_id") == ["token.key_id", "k9", "DIVERSION_MONITOR_TOKEN_KEY_ID"])
    }

    @Test("A policy that is shown can be read back and shows the same")
    func showsPolicy() throws {
        let folder = try Folder()
        try folder.write(
            "version: \"2026-07\"\neffective_from: 2026-07-01\nclaim_grace_hours: 96\n",
            to: "policy.yaml"
        )
        let first = try Monitor.run("policy", "show", folder.path("policy.yaml"))
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.contains("claim_grace_hours: 96"))
        try folder.write(first.output, to: "again.yaml")
        let second = try Monitor.run("policy", "show", folder.path("again.yaml"))
        #expect(first.output == second.output)

        try folder.write("version: x\nclaim_grase_hours: 96\nlook_back_days: no\n", to: "bad.yaml")
        let bad = try Monitor.run("policy", "check", folder.path("bad.yaml"))
        #expect(bad.status == 78)
        #expect(bad.errors.contains("bad.yaml:2:1: ") && bad.errors.contains("bad.yaml:3:17: "))
        #expect(bad.errors.contains("Did you mean claim_grace_hours?"))
    }

    @Test("What is deployed is what the program says: policy, settings, topics")
    func deploysDefaults() throws {
        let folder = try Folder()
        #expect(try Monitor.run("config", "init", folder.path("monitor")).status == 0)
        #expect(try Monitor.run("topics", "init", folder.path("topics")).status == 0)
        func shipped(_ name: String) throws -> String {
            try String(contentsOfFile: Monitor.path(name), encoding: .utf8)
        }
        #expect(try shipped("deploy/policy/default.yaml") == folder.read("monitor/policy.yaml"))
        #expect(try shipped("deploy/defaults.yaml") == folder.read("monitor/monitor.yaml"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("topics"))
        let here = try FileManager.default.contentsOfDirectory(atPath: Monitor.path("topics"))
        #expect(Set(names) == Set(here) && names.count == 14)
        for name in names {
            #expect(try shipped("topics/\(name)") == folder.read("topics/\(name)"), "\(name)")
        }
    }

    @Test("Topic files are read as they were written, and their errors are told at once")
    func readsTopicFiles() throws {
        let folder = try Folder()
        let compiled = try Monitor.run("topics", "list")
        let files = try Monitor.run("topics", "list", "--topics", Monitor.path("topics"))
        #expect(compiled.status == 0 && files.status == 0, "\(files.errors)")
        #expect(compiled.output == files.output)

        try folder.write("name: alert\nkey: x\npartitions: many\n", to: "topics/alerts.yaml")
        let bad = try Monitor.run("topics", "list", "--topics", folder.path("topics"))
        #expect(bad.status == 78)
        #expect(bad.errors.contains("Did you mean alerts?"))
        #expect(bad.errors.contains("is no number of partitions"))
        #expect(bad.errors.contains("\"doc\" is missing"))
    }

    @Test("Open alerts of a file are listed, the gravest first, and filters narrow them")
    func listsAlerts() throws {
        let folder = try Folder()
        let sample = Monitor.path("fixtures/sample")
        _ = try Monitor.run(
            "score",
            "-q",
            "--reference",
            sample + "/reference",
            "-o",
            folder.path("out"),
            sample + "/events.ndjson"
        )
        let file = folder.path("out/alerts.ndjson")
        let all = try Monitor.run("alerts", "--from", file)
        #expect(all.status == 0, "\(all.errors)")
        let lines = all.output.split(separator: "\n")
        let order = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
        let ranks = lines.map { line in order.firstIndex { line.hasPrefix($0) } ?? 9 }
        #expect(ranks == ranks.sorted() && ranks.first == 0 && ranks.last == 3)

        let some = try Monitor.run(
            "alerts",
            "--from",
            file,
            "--entity",
            "DSH220914",
            "--rule",
            "duplicate_discount",
            "--rule",
            "over_replenished"
        )
        let narrowed = some.output.split(separator: "\n")
        #expect(narrowed.count == 3)
        #expect(narrowed.allSatisfy { $0.contains(" DSH220914 ") && $0.contains(" → ") })
    }
}

import Foundation
import Testing

/// `score`, as a person uses it on a few files.
@Suite struct ScoreTests {
    private let sample = Monitor.path("fixtures/sample")

    @Test("A file of events gives the five outputs, and a summary that says what happened")
    func scoresAFile() throws {
        let folder = try Folder()
        let run = try Monitor.run(
            "score",
            "--reference",
            sample + "/reference",
            "--output",
            folder.path("new/out"),
            sample + "/events.ndjson"
        )
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.isEmpty)
        #expect(run.errors.contains("scored 4,528 events in "))
        #expect(run.errors.contains("events/s"))
        #expect(run.errors.contains("key id \"test\") and protect nobody"))
        for name in ["decisions", "alerts", "accumulators", "replenishments", "dead-letters"] {
            #expect(try !folder.lines("new/out/\(name).ndjson").isEmpty)
        }
    }

    @Test("The same input gives the same bytes, from files or from standard input")
    func repeatsItself() throws {
        let folder = try Folder()
        let events = try String(contentsOfFile: sample + "/events.ndjson", encoding: .utf8)
        for (name, input, arguments) in [
            ("a", "", [sample + "/events.ndjson"]), ("b", events, []), ("c", events, ["-"]),
        ] {
            let run = try Monitor.run(
                ["score", "-q", "--reference", sample + "/reference", "-o", folder.path(name)]
                    + arguments,
                input: input
            )
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        }
        for name in ["decisions", "alerts", "accumulators", "replenishments"] {
            let first = try folder.read("a/\(name).ndjson")
            #expect(try first == folder.read("b/\(name).ndjson"))
            #expect(try first == folder.read("c/\(name).ndjson"))
        }
    }

    @Test("Several inputs are merged by the time their records were recorded")
    func mergesInputs() throws {
        let folder = try Folder()
        let events = try String(contentsOfFile: sample + "/events.ndjson", encoding: .utf8)
        var halves = ["", ""]
        // Records of one time stay together, since the first input's go first.
        for (index, line) in events.split(separator: "\n").enumerated() {
            halves[index % 2] += line + "\n"
        }
        try folder.write(halves[0], to: "even.ndjson")
        try folder.write(halves[1], to: "odd.ndjson")
        let run = try Monitor.run(
            "score",
            "--reference",
            sample + "/reference",
            "-o",
            folder.path("merged"),
            folder.path("even.ndjson"),
            folder.path("odd.ndjson")
        )
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.errors.contains("scored 4,528 events"))
    }

    @Test("Every wrong row of every reference table is told at once, with its place")
    func tellsAllReferenceErrors() throws {
        let folder = try Folder()
        try folder.write(
            """
            site_id,covered_entity_id,name,effective_from,effective_to
            S1,DSH1,Main,2026-01-01,
            S2,dsh2,Second,2026-13-01,
            """,
            to: "reference/sites.csv"
        )
        try folder.write(
            """
            npi,covered_entity_id,relationship,effective_from,effective_to
            1234567890,DSH1,friend,2026-01-01,
            """,
            to: "reference/providers.csv"
        )
        try folder.write("", to: "reference/product.csv")
        let run = try Monitor.run(
            "score",
            "--reference",
            folder.path("reference"),
            "-o",
            folder.path("out"),
            input: ""
        )
        #expect(run.status == 78)
        for place in ["sites.csv:3:4: ", "sites.csv:3:16: ", "providers.csv:2:17: "] {
            #expect(run.errors.contains(place), "\(place) is not in \(run.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    }

    @Test("A missing input is told before anything is written, and so is one that would be lost")
    func guardsInputs() throws {
        let folder = try Folder()
        let missing = try Monitor.run(
            "score",
            "--reference",
            sample + "/reference",
            "-o",
            folder.path("out"),
            folder.path("nowhere.ndjson"),
            folder.url.path
        )
        #expect(missing.status == 1)
        #expect(missing.errors.contains("nowhere.ndjson: it is not there. Check the path."))
        #expect(missing.errors.contains("it is a folder. Give a file."))

        try folder.write("{}\n", to: "again/dead-letters.ndjson")
        let lost = try Monitor.run(
            "score",
            "--reference",
            sample + "/reference",
            "-o",
            folder.path("again"),
            folder.path("again/dead-letters.ndjson")
        )
        #expect(lost.status == 1)
        #expect(lost.errors.contains("it would be overwritten by this run"))
        #expect(try folder.read("again/dead-letters.ndjson") == "{}\n")
    }

    @Test("A token key of our own makes tokens of its own, and its file must be long enough")
    func usesTheTokenKey() throws {
        let folder = try Folder()
        try folder.write(String(repeating: "k", count: 40) + "\n", to: "key")
        try folder.write("short", to: "short")
        func score(_ key: String) throws -> Monitor.Outcome {
            try Monitor.run(
                "score",
                "--reference",
                sample + "/reference",
                "-o",
                folder.path("out"),
                "--token.key_id",
                "k7",
                sample + "/events.ndjson",
                environment: ["DIVERSION_MONITOR_TOKEN_KEY_FILE": folder.path(key)]
            )
        }
        let run = try score("key")
        #expect(run.status == 0, "\(run.errors)")
        #expect(!run.errors.contains("protect nobody"))
        let alerts = try folder.read("out/alerts.ndjson")
        #expect(alerts.contains("\"patient_token\":\"k7:") && !alerts.contains("\"test:"))

        let weak = try score("short")
        #expect(weak.status == 78)
        #expect(weak.errors.contains("token.key is shorter than 32 bytes"))
        #expect(!weak.errors.contains("short\n"))
    }

    @Test("An unknown option is answered with the nearest known one")
    func suggestsOptions() throws {
        let run = try Monitor.run("score", "--refrence", "x", "--output", "y")
        #expect(run.status == 64)
        #expect(run.errors.contains("Did you mean --reference?"))
        let command = try Monitor.run("scroe")
        #expect(command.status == 64)
        #expect(command.errors.contains("Did you mean score?"))
    }
}

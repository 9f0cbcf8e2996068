import Foundation
import TestKit
import Testing

/// `replay` on files: what happened again, held against what was published, and under another policy.
@Suite struct ReplayTests {
    private static let topics = ["decisions", "alerts", "accumulators", "replenishments"]
    private let sample = Monitor.path("fixtures/sample")

    /// Scores events and keeps the journal: `NAME/` and `NAME.dmj`.
    private func score(
        _ name: String,
        in folder: Folder,
        policy: String? = nil,
        events: String? = nil
    ) throws {
        var arguments = ["--reference", sample + "/reference", "-q", "-o", folder.path(name)]
        arguments += ["--keep-journal", folder.path(name + ".dmj")]
        if let policy {
            try folder.write(policy, to: name + ".yaml")
            arguments += ["--policy", folder.path(name + ".yaml")]
        }
        if let events { try folder.write(events, to: name + ".ndjson") }
        let input = events == nil ? sample + "/events.ndjson" : folder.path(name + ".ndjson")
        let run = try Monitor.run(["score"] + arguments + [input])
        #expect(run.status == 0, "\(run.errors)")
    }

    private func replay(_ arguments: String...) throws -> Monitor.Outcome {
        try Monitor.run(["replay", "--yes", "--quiet"] + arguments)
    }

    // MARK: plan

    @Test("Without --yes the plan is all: what, how much, how long, and nothing is written")
    func plansOnly() throws {
        let folder = try Folder()
        try score("live", in: folder)
        let plan = try Monitor.run("replay", folder.path("live.dmj"), "-o", folder.path("out"))
        #expect(plan.status == 2)
        for words in [
            "partition 0: offsets 0 to 4,660", "records     4,660, 1,", "has taken nothing",
            "no consumer group, no commit, no live topic", "add --yes to run it",
        ] {
            #expect(plan.output.contains(words), "\(words) is not in \(plan.output)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    }

    @Test("What makes no sense is refused before anything is done, with what to do")
    func refusals() throws {
        let folder = try Folder()
        try score("live", in: folder)
        let dump = folder.path("live.dmj")
        func refused(_ status: Int32, _ words: String, _ arguments: String...) throws {
            let run = try Monitor.run(["replay", "--yes"] + arguments)
            #expect(run.status == status, "\(run.errors)")
            #expect(run.errors.contains(words), "\(words) is not in \(run.errors)")
        }
        try refused(64, "neither an offset nor a time", dump, "--from", "yesterday")
        try refused(64, "has 0", dump, "--partition", "3")
        try refused(
            64,
            "Leave out --verify or --policy-version",
            dump,
            "--verify",
            "--policy-version",
            "x"
        )
        try refused(64, "the journal has 2026-01", dump, "--policy-version", "2027-01")
        try refused(1, "both hold partition 0", dump, dump)
        try refused(1, "it is no journal file", sample + "/events.ndjson")
        try folder.write("version: far\nhorizon_days: 500\n", to: "far.yaml")
        try refused(78, "horizon_days is 500", dump, "--policy", folder.path("far.yaml"))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: dump))
        try bytes.dropLast(9).write(to: URL(fileURLWithPath: folder.path("cut.dmj")))
        try refused(1, "it was cut off", folder.path("cut.dmj"))
        // A topic of the replay must be no live one.
        try refused(
            64,
            "decisions is a live topic",
            dump,
            "--topic-prefix",
            "",
            "--kafka.bootstrap.servers",
            "127.0.0.1:1"
        )
    }

    // MARK: verify

    @Test("What was published is found to be what the journal says, byte for byte")
    func verifiesTheSame() throws {
        let folder = try Folder()
        try score("live", in: folder)
        let run = try replay(
            folder.path("live.dmj"),
            "--verify",
            "--published",
            folder.path("live")
        )
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("same: what was published is what the journal says"))
        let part = try replay(
            folder.path("live.dmj"),
            "--published",
            folder.path("live"),
            "--from",
            "2026-08-01",
            "--to",
            "2026-09-01T00:00:00Z",
            "--entity",
            "DSH220914",
            "--json"
        )
        #expect(part.status == 0, "\(part.output) \(part.errors)")
        #expect(part.output.hasPrefix("{\"same\":true,"))
        #expect(!part.output.contains("\"decisions\":{\"same\":0,"))
    }

    /// What was done to the published decisions, what is counted, and what is told first.
    private static let damages: [(name: String, counts: String, told: [String])] = [
        (
            "changed", "3053           1           0           0",
            [
                "decisions of sequence 700", "  outcome: published \"undone\", replayed \"",
                "caused by",
            ]
        ),
        (
            "lost", "3053           0           1           0",
            ["of sequence 700", "was never published"]
        ),
        (
            "twice", "3054           0           0           1",
            ["of sequence 700", "was published and the journal does not say it"]
        ),
        (
            "unreadable", "3053           0           1           1",
            ["of sequence 700", "never published"]
        ),
        ("swapped", "3053           0           1           1", ["of sequence 700"]),
        (
            "cut", "3053           1           0           0",
            ["of sequence 3053", "its bytes are not"]
        ),
    ]

    @Test(
        "A record that was changed, lost, doubled or damaged is told from the others",
        arguments: damages.map(\.name)
    )
    func tellsDifferences(_ name: String) throws {
        let damage = try #require(Self.damages.first { $0.name == name })
        let folder = try Folder()
        try score("live", in: folder)
        var lines = try folder.lines("live/decisions.ndjson").map(String.init)
        var end = "\n"
        switch name {
        case "changed":
            let part = try #require(
                lines[700].range(of: #""outcome":"[a-z_]*""#, options: .regularExpression)
            )
            lines[700].replaceSubrange(part, with: "\"outcome\":\"undone\"")
        case "lost": lines.remove(at: 700)
        case "twice": lines.insert(lines[700], at: 702)
        case "unreadable": lines[700] = "{\"torn"
        case "swapped": lines.swapAt(700, 701)
        default:
            lines[3053].removeLast(40)
            end = ""
        }
        try folder.write(lines.joined(separator: "\n") + end, to: "live/decisions.ndjson")
        let run = try replay(folder.path("live.dmj"), "--published", folder.path("live"))
        #expect(run.status == 3, "\(run.errors)")
        let counts = run.output.replacingOccurrences(of: ",", with: "").split(separator: "\n")
            .first { $0.hasPrefix("decisions ") }
        #expect(
            counts?.split(separator: " ").dropFirst().dropLast().joined(separator: " ")
                == damage.counts.split(separator: " ").joined(separator: " "),
            "\(run.output)"
        )
        for words in damage.told { #expect(run.output.contains(words), "\(run.output)") }
        // Other topics are not blamed.
        #expect(run.output.contains("alerts                  70           0           0"))
    }

    // MARK: ranges

    @Test("A range of time or offsets gives the outputs of that range, with the bytes they had")
    func ranges() throws {
        let folder = try Folder()
        try score("live", in: folder)
        func time(_ line: Substring) -> Substring {
            line.split(separator: "\"event_time\":\"")[1].prefix(24)
        }
        func offset(_ line: Substring) -> Int {
            Int(line.split(separator: "\"offset\":")[1].prefix { $0.isNumber }) ?? -1
        }
        func check(_ name: String, _ arguments: [String], _ holds: (Substring) -> Bool) throws {
            let run = try Monitor.run(
                ["replay", "--yes", "-q", folder.path("live.dmj"), "-o", folder.path(name)]
                    + arguments
            )
            #expect(run.status == 0, "\(run.errors)")
            for topic in Self.topics {
                let all = try folder.lines("live/\(topic).ndjson")
                let wanted = all.filter(holds)
                #expect(try folder.lines("\(name)/\(topic).ndjson") == wanted, "\(name) \(topic)")
                #expect(wanted.count < all.count)
            }
            #expect(try !folder.lines("\(name)/decisions.ndjson").isEmpty)
        }
        try check("offsets", ["--from", "1000", "--to", "2345"]) {
            (1000..<2345).contains(offset($0))
        }
        try check("times", ["--from", "2026-08-01", "--to", "2026-09-01T02:00+02:00"]) {
            time($0) >= "2026-08-01T00:00:00.000Z" && time($0) < "2026-09-01T00:00:00.000Z"
        }
        try check("tail", ["--from", "2026-09-10T12:34:56.5Z"]) {
            time($0) >= "2026-09-10T12:34:56.500Z"
        }
        try check("entity", ["--entity", "DSH220914", "--entity", "RRC140233"]) {
            $0.contains("_id\":\"DSH220914\"") || $0.contains("_id\":\"RRC140233\"")
        }
    }

    // MARK: another policy

    /// One changed value each.
    private static let policies = [
        "look_back_days: 30", "claim_grace_hours: 1", "encounter_grace_hours: 200",
        "marker_code: \"99\"", "velocity_days: 60", "stale_days: 20", "over_accumulation_days: 5",
        "rules: {site_unregistered: {enabled: false}}",
        "rules: {encounter_missing: {severity: low, owner: nobody}}", "alerts_from: 2026-09-01",
        "gpo_prohibited_types: []", "prescription_life_days: 20",
    ]

    @Test(
        "Another policy gives what a run with it would have given, byte for byte",
        arguments: policies
    )
    func whatIf(_ value: String) throws {
        let folder = try Folder()
        let policy = "version: other\n\(value)\n"
        try score("live", in: folder)
        try score("brute", in: folder, policy: policy)
        let run = try replay(
            folder.path("live.dmj"),
            "--policy",
            folder.path("brute.yaml"),
            "-o",
            folder.path("what-if"),
            "--json"
        )
        #expect(run.status == 0, "\(run.errors)")
        for topic in Self.topics {
            #expect(
                try folder.read("what-if/\(topic).ndjson") == folder.read("brute/\(topic).ndjson"),
                "\(topic)"
            )
        }
        // The verdicts that differ are those that differ between the two runs.
        let before = try Verdicts(folder, "live")
        let after = try Verdicts(folder, "brute")
        let diff = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        )
        let fills = try #require(diff["fills"] as? [[String: Any]])
        #expect(Set(fills.map(Verdicts.fill)) == before.changed(to: after))
        let alerts = try #require(diff["alerts"] as? [[String: Any]])
        let ids = Set(alerts.compactMap { $0["alert_id"] as? String })
        #expect(
            ids
                == Set(before.open.keys.filter { before.open[$0] != after.open[$0] })
                .union(after.open.keys.filter { before.open[$0] != after.open[$0] })
        )
        let balances = try #require(diff["accumulators"] as? [[String: Any]])
        #expect(
            balances.count >= before.balances.filter { after.balances[$0.key] != $0.value }.count
        )
        #expect(try folder.read("what-if/verdicts.json") == run.output)
        let rows = try folder.read("what-if/verdicts-fills.csv").components(separatedBy: "\r\n")
        #expect(rows.count == fills.count + 2)
    }

    /// What a run ended with, read by other means.
    private struct Verdicts {
        /// The last decision about each fill, without what names the record.
        var fills: [String: String] = [:]
        /// Open alerts with what they say of severity and owner.
        var open: [String: String] = [:]
        var balances: [String: String] = [:]

        init(_ folder: Folder, _ name: String) throws {
            func records(_ topic: String) throws -> [[String: Any]] {
                try folder.lines("\(name)/\(topic).ndjson").map { line in
                    let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
                    return value as? [String: Any] ?? [:]
                }
            }
            for record in try records("decisions") {
                let rules = record["rules"] as? [[String: String]] ?? []
                let words =
                    ["outcome", "account", "ndc11", "quantity", "unit"].map {
                        "\(record[$0] ?? "")"
                    } + rules.map { "\($0["rule"] ?? "") \($0["result"] ?? "")" }
                var key = record["fill"] as? [String: Any] ?? [:]
                key["covered_entity_id"] = record["covered_entity_id"]
                fills[Self.fill(key)] = words.joined(separator: "|")
            }
            for record in try records("alerts") {
                let id = record["alert_id"] as? String ?? ""
                open[id] =
                    record["state"] as? String == "resolved"
                    ? nil : "\(record["severity"] ?? "") \(record["owner"] ?? "")"
            }
            for record in try records("accumulators") {
                let key = ["covered_entity_id", "pharmacy_npi", "ndc11", "account"]
                    .map { "\(record[$0] ?? "")" }.joined(separator: "|")
                balances[key] = record["balance"] as? String
            }
        }

        static func fill(_ record: [String: Any]) -> String {
            ["covered_entity_id", "pharmacy_npi", "rx_number", "fill_number"]
                .map { "\(record[$0] ?? "")" }.joined(separator: "|")
        }

        func changed(to other: Self) -> Set<String> {
            Set(fills.keys).union(other.fills.keys).filter { fills[$0] != other.fills[$0] }
        }
    }

    @Test("A version of the journal's own stands for all of them, and later versions are ignored")
    func policyVersion() throws {
        let folder = try Folder()
        let first = "version: early\nlook_back_days: 40\n"
        let second = "version: late\neffective_from: 2026-08-15\nclaim_grace_hours: 2\n"
        try score("both", in: folder, policy: first + "---\n" + second)
        try score("one", in: folder, policy: "version: late\nclaim_grace_hours: 2\n")
        let run = try replay(
            folder.path("both.dmj"),
            "--policy-version",
            "late",
            "-o",
            folder.path("what-if")
        )
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("policy        early, late → late"))
        // The journal of one version has one record less, so numbers and offsets are shifted, and nothing else.
        func plain(_ name: String) throws -> [String] {
            try folder.lines("\(name)/decisions.ndjson").map {
                String($0).replacing(#/"offset":\d+|"d_0_\d+_/#, with: "")
            }
        }
        #expect(try plain("what-if") == plain("one"))
        #expect(try plain("both") != plain("one"))
    }

    @Test("Dollars are units times the prices of purchases, and where there is no price it is said")
    func dollars() throws {
        let folder = try Folder()
        let events = try String(contentsOfFile: sample + "/events.ndjson", encoding: .utf8)
        let unpriced = "version: other\nrules: {}\nlook_back_days: 30\n"
        try score("live", in: folder)
        try folder.write(unpriced, to: "other.yaml")
        let without = try replay(folder.path("live.dmj"), "--policy", folder.path("other.yaml"))
        #expect(without.output.contains("340B units -30\n"))
        #expect(without.output.contains("unknown: none of the 1 fills has a price"))

        // The fill that changes: 30 units of a package of 90, at the same pharmacy.
        func purchase(_ account: String, _ price: String) -> String {
            """
            {"event_type":"purchase","event_id":"price-\(account)-\(price)","covered_entity_id":"DSH220914",\
            "occurred_at":"2026-08-01T00:00:00Z","recorded_at":"2026-08-01T00:00:00Z","invoice_id":"P-\(account)",\
            "line":1,"account":"\(account)","pharmacy_npi":"2000010019","ndc":"62135064290","packages":1,\
            "unit_price":"\(price)"}

            """
        }
        let priced =
            purchase("340B", "99") + purchase("340B", "45.10") + purchase("WAC", "100") + events
        try score("priced", in: folder, events: priced)
        let with = try replay(folder.path("priced.dmj"), "--policy", folder.path("other.yaml"))
        // -30 / 90 × 45.10, and -30 / 90 × (100 - 45.10).
        #expect(with.output.contains("340B purchases  -15.033333 USD\n"), "\(with.output)")
        #expect(with.output.contains("savings         -18.3 USD\n"), "\(with.output)")
    }

    // MARK: going on

    @Test("A replay that is killed goes on where it was, and ends with the same bytes")
    func goesOn() throws {
        let folder = try Folder()
        try score("live", in: folder, events: try copies(90))
        let arguments = [
            "replay", "--yes", folder.path("live.dmj"), "-o", folder.path("out"),
        ]
        func place() -> String? {
            try? folder.lines("out/replay.progress").last.map(String.init)
        }
        var kills = 0
        for signal in [SIGKILL, SIGTERM, SIGKILL] {
            let before = place()
            let running = try RunningMonitor(arguments)
            let hasMoved = eventually(within: 60, every: 0.01) {
                guard running.isRunning, let now = place() else { return !running.isRunning }
                return now != before && now.hasPrefix("place") && !now.hasPrefix("place 0 0 ")
            }
            #expect(hasMoved)
            guard running.isRunning else { break }
            kills += 1
            if signal == SIGTERM {
                let status = running.stop()
                #expect(status == 130 || status == 0, "\(running.errors)")
                #expect(running.errors.contains("the same command goes on where it was"))
            } else {
                running.killNow()
            }
        }
        #expect(kills > 0, "it was too fast to be killed")
        let other = try replay(
            folder.path("live.dmj"),
            "-o",
            folder.path("out"),
            "--entity",
            "DSH220914"
        )
        #expect(other.status == 64)
        #expect(other.errors.contains("it was begun with entity none, now it is DSH220914"))
        let last = try Monitor.run(arguments)
        #expect(last.status == 0, "\(last.errors)")
        for topic in Self.topics {
            #expect(
                try folder.read("out/\(topic).ndjson") == folder.read("live/\(topic).ndjson"),
                "\(topic)"
            )
        }
        let again = try Monitor.run(arguments)
        #expect(again.errors.contains("nothing was left to do"))
    }

    @Test("A folder that holds something else, or files that were touched, are not written to")
    func guardsTheFolder() throws {
        let folder = try Folder()
        try score("live", in: folder)
        let into = try replay(folder.path("live.dmj"), "-o", folder.path("live"))
        #expect(into.status == 1)
        #expect(into.errors.contains("it holds decisions.ndjson of something else"))
        // A progress that was left behind the first thousand bytes, which somebody has changed since.
        #expect(try replay(folder.path("live.dmj"), "-o", folder.path("out")).status == 0)
        let progress = try folder.read("out/replay.progress")
            .replacing("done\n", with: "place 0 4660 4660\n")
        try folder.write(progress, to: "out/replay.progress")
        #expect(try replay(folder.path("live.dmj"), "-o", folder.path("out")).status == 0)
        try folder.write(progress, to: "out/replay.progress")
        let touched = try folder.read("out/alerts.ndjson").replacing("critical", with: "CRITICAL")
        try folder.write(touched, to: "out/alerts.ndjson")
        let refused = try replay(folder.path("live.dmj"), "-o", folder.path("out"))
        #expect(refused.status == 1)
        #expect(refused.errors.contains("alerts.ndjson: its bytes are not those that were left"))
    }

    /// The sample some times over, under other identifiers of the same length.
    private func copies(_ count: Int) throws -> String {
        let events = try String(contentsOfFile: sample + "/events.ndjson", encoding: .utf8)
        return (0..<count).map { turn -> String in
            let mark = String(String(turn + 100).dropFirst())
            return
                events
                .replacing("\"event_id\":\"", with: "\"event_id\":\"\(mark)")
                .replacing("\"dispense_id\":\"", with: "\"dispense_id\":\"\(mark)")
                .replacing("\"claim_id\":\"", with: "\"claim_id\":\"\(mark)")
                .replacing("\"encounter_id\":\"", with: "\"encounter_id\":\"\(mark)")
                .replacing("\"patient_id\":\"", with: "\"patient_id\":\"\(mark)")
                .replacing("\"rx_number\":\"", with: "\"rx_number\":\"\(mark)")
        }.joined()
    }
}

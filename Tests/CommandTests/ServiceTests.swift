import Foundation
import Ingest
import Journal
import Kafka
import TestKit
import Testing

/// `demo`, and `run` with all that surrounds it on a real Kafka.
@Suite(.serialized) struct ServiceTests {
    @Test("The demo shows alerts as they happen and ends with what score finds in the same events")
    func demo() throws {
        let run = try Monitor.run("demo", "--data", Monitor.path("fixtures/sample"))
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        func line(_ start: String) -> Substring { lines.first { $0.hasPrefix(start) } ?? "" }
        #expect(lines.contains { $0.hasPrefix("CRITICAL ") && $0.contains("site_unregistered") })
        #expect(line("events read").contains("4,528"))
        #expect(line("dead letters").contains(" 9: "))
        #expect(line("alerts").contains(" still open: "))
        #expect(line("decisions").contains("1,535 fills: 1,242 qualified, 283 not_qualified"))
        // How often a balance moved depends on the order of arrival; that it moved does not.
        #expect(line("accumulators").contains(" 277 with "))
        #expect(line("replenishments").contains(" packages due"))
        #expect(run.output.contains("Try next:"))
    }

    @Test("Without a token key the service does not start, and says how to give it one")
    func needsATokenKey() throws {
        let run = try Monitor.run("run", "--kafka.bootstrap.servers", "127.0.0.1:1")
        #expect(run.status == 78)
        #expect(run.errors.contains("token.key is missing"))
        #expect(run.errors.contains("DIVERSION_MONITOR_TOKEN_KEY"))
    }

    @Test(
        "Published tables and events become alerts; a dump of the journal folds into the same bytes",
        .enabled(if: RealKafka.isConfigured, "\(RealKafka.skipReason)")
    )
    func service() throws {
        let kafka = try RealKafka.shared
        let folder = try Folder()
        let prefix = kafka.uniqueName("run") + "."
        try folder.write(String(repeating: "secret", count: 8), to: "key")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600],
            ofItemAtPath: folder.path("key")
        )
        try folder.write(
            """
            app: \(prefix)app
            kafka.bootstrap.servers: \(kafka.bootstrap)
            topics.prefix: \(prefix)
            token.key_file: \(folder.path("key"))
            clock: records
            http.listen: 127.0.0.1:0
            """,
            to: "monitor.yaml"
        )
        let settings = ["--config", folder.path("monitor.yaml")]
        func succeed(_ arguments: String...) throws -> Monitor.Outcome {
            let outcome = try Monitor.run(arguments + settings)
            #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
            return outcome
        }
        let sample = Monitor.path("fixtures/sample")
        _ = try succeed("topics", "apply", "--partitions", "2")
        let published = try succeed("reference", "publish", sample + "/reference")
        #expect(published.output.contains("138 rows are in effect"))
        let again = try succeed("reference", "publish", sample + "/reference")
        #expect(again.output.contains("nothing to publish"))
        _ = try succeed("policy", "publish", Monitor.path("deploy/policy/default.yaml"))
        #expect(try succeed("policy", "show", "--published").output.contains("version: "))

        let service = try RunningMonitor(["run"] + settings)
        try send(sample + "/events.ndjson", prefix, kafka.bootstrap)
        let isDone = try eventually {
            let alerts = try Monitor.run(["alerts", "--rule", "accumulator_stale"] + settings)
            return !service.isRunning || !alerts.output.isEmpty
        }
        #expect(isDone && service.isRunning, "\(service.errors)")
        // What ingest has written last is scored a moment later: the outputs have stopped growing.
        var before = -1
        let isSettled = try eventually {
            Thread.sleep(forTimeInterval: 3)
            let now = try records(of: prefix + "decisions", kafka.bootstrap).count
            defer { before = now }
            return now == before
        }
        #expect(isSettled && service.isRunning, "\(service.errors)")
        try checkOperations(service, sample + "/events.ndjson", prefix)
        #expect(service.stop() == 0, "\(service.errors)")
        #expect(!service.errors.contains("secretsecret"))

        // The plan alone, then the proof: everything published is what the journal says.
        let plan = try Monitor.run(["replay", "--verify"] + settings)
        #expect(plan.status == 2 && plan.output.contains("partition 1: offsets 0 to "))
        let proof = try succeed("replay", "--verify", "--yes")
        #expect(proof.output.contains("same: what was published is what the journal says"))

        _ = try succeed("journal", "dump", "--output", folder.path("dump"))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path("dump"))
        #expect(files.count == 2)
        let fold = try Monitor.run(
            ["score", "--journal", "--output", folder.path("fold")]
                + files.map { folder.path("dump/\($0)") }
        )
        #expect(fold.status == 0, "\(fold.errors)")
        for topic in ["alerts", "decisions", "accumulators", "replenishments"] {
            let kept = try records(of: prefix + topic, kafka.bootstrap)
            let folded = try folder.lines("fold/\(topic).ndjson").map(String.init)
            #expect(!kept.isEmpty && kept == folded, "\(topic): \(kept.count), \(folded.count)")
        }

        // A further set of outputs of the same journal, as of a version that decides otherwise, with its ingest or without.
        let own = "score.app: \(prefix)second\n"
        let first = try folder.read("monitor.yaml") + "\n"
        try folder.write(first + own, to: "mixed.yaml")
        let names = ["decisions", "alerts", "accumulators", "replenishments", "snapshots"]
        let topics = names.map { "topics.\($0): \($0)-2\n" }.joined()
        try folder.write(first + own + topics, to: "second.yaml")
        // Its name alone would mix it with the first.
        let mixed = try Monitor.run(
            ["run", "--roles", "score", "--config", folder.path("mixed.yaml")]
        )
        #expect(
            mixed.status == 78 && mixed.errors.contains("second.score has no"),
            "\(mixed.errors)"
        )
        let further = ["--config", folder.path("second.yaml")]
        let applied = try Monitor.run(["topics", "apply", "--partitions", "2"] + further)
        #expect(applied.status == 0, "\(applied.errors)")
        for roles in ["score", "ingest,score"] {
            let second = try RunningMonitor(["run", "--roles", roles] + further)
            let isThere = try eventually {
                try records(of: prefix + "decisions-2", kafka.bootstrap).count
                    >= folder.lines("fold/decisions.ndjson").count
            }
            #expect(isThere && second.isRunning, "\(second.errors)")
            #expect(second.stop() == 0, "\(second.errors)")
        }
        for topic in ["alerts", "decisions", "accumulators", "replenishments"] {
            let kept = try records(of: prefix + topic + "-2", kafka.bootstrap)
            #expect(try kept == folder.lines("fold/\(topic).ndjson").map(String.init), "\(topic)")
        }

        // The cluster's journal and its dump explain alike, whoever wrote what was asked for.
        let decision = try folder.lines("fold/decisions.ndjson")[500]
        let id = try #require(decision.firstMatch(of: #/"decision_id":"(\w+)"/#)).output.1
        let paths = files.map { folder.path("dump/\($0)") }
        let fromDump = try Monitor.run(["explain", String(id), "--json"] + paths)
        let fromCluster = try succeed("explain", String(id), "--json")
        #expect(fromCluster.output.contains("\"published\":\(decision),"))
        #expect(fromDump.status == 0, "\(fromDump.errors)")
        let tail = try #require(fromDump.output.range(of: "\"published\""))
        #expect(fromCluster.output.hasSuffix(fromDump.output[tail.lowerBound...]))
    }

    /// What the running service tells other programs, and that nothing of it is about a patient.
    private func checkOperations(
        _ service: RunningMonitor,
        _ events: String,
        _ prefix: String
    ) throws {
        let mark = "event=http-listens address="
        let line = try #require(service.errors.split(separator: "\n").first { $0.contains(mark) })
        let address = String(line.split(separator: "=").last ?? "")
        let isReady = try eventually(within: 20) {
            try PlainHTTP.get(address, "/readyz").status == 200
        }
        let ready = try PlainHTTP.get(address, "/readyz?verbose")
        #expect(isReady, "\(ready.body)")
        #expect(ready.body.contains("[+]partition 1 live\n"))
        #expect(ready.body.hasSuffix("readyz check passed\n"))
        #expect(try PlainHTTP.get(address, "/livez").body == "ok\n")
        #expect(try PlainHTTP.get(address, "/nothing").status == 404)
        let metrics = try PlainHTTP.get(address, "/metrics")
        #expect(metrics.status == 200)
        func sum(_ start: String) -> Double {
            metrics.body.split(separator: "\n").filter { $0.hasPrefix(start) }
                .reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
        }
        #expect(sum("diversion_monitor_source_records_total{") == 4528)
        #expect(sum("diversion_monitor_dead_letters_total{") == 9)
        #expect(sum("diversion_monitor_events_total{") == 4519)
        #expect(sum("diversion_monitor_output_records_total{topic=\"decisions\"}") > 1500)
        #expect(sum("diversion_monitor_state_rows{partition=\"0\",table=\"fills\"}") > 0)
        #expect(sum("diversion_monitor_kafka_brokers_up{client=\"score-producer\"}") > 0)
        for family in ["journal_lag_records", "source_lag_records", "journal_lag_seconds"] {
            #expect(metrics.body.contains("\ndiversion_monitor_\(family){"))
            #expect(sum("diversion_monitor_\(family){") == 0, "\(family)")
        }
        #expect(sum("diversion_monitor_hangs_total") == 0)

        // Every identifier of a patient, and of what happened to one, in what was sent.
        var identifiers: Set<String> = []
        for line in try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n") {
            guard let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)),
                let fields = event as? [String: Any]
            else { continue }
            for name in [
                "patient_id", "rx_number", "encounter_id", "dispense_id", "claim_id", "event_id",
            ] {
                // A short one may stand in any number.
                if let text = fields[name] as? String, text.count > 5 { identifiers.insert(text) }
            }
        }
        #expect(identifiers.count > 5000)
        let words = Set(
            (service.errors + ready.body + metrics.body)
                .split { !$0.isLetter && !$0.isNumber && $0 != "-" && $0 != "_" }.map(String.init)
        )
        #expect(words.isDisjoint(with: identifiers), "\(words.intersection(identifiers))")
        #expect(words.contains(prefix.dropLast() + "") || metrics.body.contains(prefix))
    }

    @Test(
        "A listener that other machines reach needs TLS and a token, or to be told that it need not"
    )
    func listenerBeyondTheMachine() throws {
        func problem(_ settings: String...) throws -> String {
            let run = try Monitor.run(
                ["run", "--kafka.bootstrap.servers", "127.0.0.1:1"] + settings,
                environment: ["DIVERSION_MONITOR_TOKEN_KEY": String(repeating: "k", count: 40)]
            )
            #expect(run.status == 78)
            return run.errors
        }
        let open = try problem("--http.listen", "0.0.0.0:0")
        #expect(
            open.contains("0.0.0.0:0 can be reached from other machines. Give http.tls.certificate")
        )
        #expect(open.contains("set http.plaintext: true"))
        #expect(try problem("--http.listen", "monitor:80").contains("\"monitor:80\" is no address"))
        #expect(
            try problem("--http.token", "short").contains("http.token is shorter than 16 bytes")
        )
        #expect(
            try problem("--http.tls.certificate", "/none").contains("http.tls.key_file is missing")
        )
        let folder = try Folder()
        try folder.write("no key", to: "key")
        let unreadable = try problem(
            "--http.tls.certificate",
            folder.path("key"),
            "--http.tls.key_file",
            folder.path("key")
        )
        #expect(unreadable.contains("could not listen on 127.0.0.1:9464-9479: certificate or key"))
    }

    @Test(
        "A table that would be emptied is not withdrawn by accident, and a withdrawn row is gone",
        .enabled(if: RealKafka.isConfigured, "\(RealKafka.skipReason)")
    )
    func withdrawals() throws {
        let kafka = try RealKafka.shared
        let folder = try Folder()
        let connection = [
            "--kafka.bootstrap.servers", kafka.bootstrap, "--topics.prefix",
            kafka.uniqueName("rows") + ".",
        ]
        #expect(try Monitor.run(["topics", "apply", "--partitions", "1"] + connection).status == 0)
        let header = "bin,pcn,group,payer_type,state\n"
        func publish(_ rows: String?, _ options: String...) throws -> Monitor.Outcome {
            try? FileManager.default.removeItem(atPath: folder.path("reference"))
            try folder.write("", to: "reference/notes.txt")
            if let rows { try folder.write(header + rows, to: "reference/payers.csv") }
            return try Monitor.run(
                ["reference", "publish", folder.path("reference")] + options + connection
            )
        }
        #expect(try publish("1,,,commercial,\n2,,,commercial,\n").output.contains("payers: 2 new"))
        #expect(try publish("1,,,medicare_d,\n").output.contains("1 changed, 1 withdrawn"))
        let emptied = try publish(nil)
        #expect(emptied.status == 1)
        #expect(emptied.errors.contains("all rows of payers would be withdrawn"))
        #expect(try publish(nil, "--dry-run", "--force").status == 0)
        #expect(try publish("1,,,medicare_d,\n").output.contains("nothing to publish"))
        #expect(try publish(nil, "--force").output.contains("0 rows are in effect"))
    }

    /// Sends events to the topics of their types, with the time at which they were recorded.
    private func send(_ path: String, _ prefix: String, _ bootstrap: String) throws {
        var producer = try Producer(ClientSettings(bootstrap: bootstrap))
        var topics: [String: ProducerTopic] = [:]
        for name in ["encounters", "dispenses", "claims", "purchases", "dispositions"] {
            topics[name] = try producer.topic(prefix + name, within: .seconds(20))
        }
        let names = [
            "encounter": "encounters", "dispense": "dispenses", "purchase": "purchases",
            "disposition": "dispositions", "adjustment": "dispositions",
        ]
        var decoder = EventDecoder()
        let source = decoder.addSource(path, isFile: true)
        var time: Int64 = 0
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        for (place, line) in lines.enumerated() {
            let bytes = Array(line.utf8)
            if (try? decoder.decode(bytes.span.bytes, from: source, recordedAt: nil)) != nil {
                time = decoder.header.recordedAt.microseconds / 1000
            }
            let type = line.split(separator: "\"").dropFirst(3).first.map(String.init) ?? ""
            guard let topic = topics[names[type] ?? "claims"] else { continue }
            try producer.produce(
                bytes.span.bytes,
                headers: [],
                timestampMilliseconds: time,
                to: topic,
                partition: Int32(place) % topic.partitionCount
            )
        }
        try producer.flush(within: .seconds(60))
    }

    /// All committed records of a topic: those of partition 0, then those of 1, …
    private func records(of topic: String, _ bootstrap: String) throws -> [String] {
        let consumer = try FetchConsumer(ClientSettings(bootstrap: bootstrap))
        let count = try consumer.partitionCount(of: topic, within: .seconds(20))
        var found: [String] = []
        for partition in 0..<count {
            var queue = consumer.queue()
            _ = try queue.start(TopicPartition(topic, partition), at: .beginning)
            var isAtEnd = false
            while !isAtEnd {
                let batch = try queue.next(limit: 1000, waiting: .milliseconds(200))
                for index in 0..<batch.count {
                    batch[index].value.withUnsafeBytes {
                        found.append(String(decoding: $0, as: UTF8.self))
                    }
                }
                for event in queue.takeEvents() {
                    if case .endOfPartition = event { isAtEnd = true }
                }
            }
        }
        return found
    }
}

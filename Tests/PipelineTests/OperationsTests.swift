import Engine
import Foundation
import Ingest
import Journal
import Synchronization
import Testing

@testable import Kafka
@testable import Metrics
@testable import Pipeline

/// What other programs are told about a service, without a cluster.
struct OperationsTests {
    private func begun(_ roles: ServiceConfiguration.Role...) -> Operations {
        let operations = Operations()
        var configuration = ServiceConfiguration(
            kafka: ClientSettings(bootstrap: "none:1"),
            tokenizer: .init(.published)
        )
        configuration.roles = Set(roles)
        configuration.version = "1.2.3"
        operations.begin(configuration)
        return operations
    }

    private func allHold(_ checks: [Check]) -> Bool { checks.allSatisfy { $0.holds } }

    private func lines(_ checks: [Check]) -> [String] {
        checks.map { "[\($0.holds ? "+" : "-")]\($0.name) \($0.detail)" }
    }

    /// A member's statistics as librdkafka writes them.
    private func member(_ operations: Operations, _ role: String, brokerIs state: String) {
        operations.clients.watched(ClientSettings(bootstrap: "none:1"), as: role).onStatistics?(
            #"{ "name": "rdkafka#consumer-1", "type": "consumer", "brokers":{ "b:1/1": { "nodeid":1, "nodename":"b:1", "#
                + #""state":"\#(state)" } }, "topics":{ } }"#
        )
    }

    @Test("A service is ready when topics, Kafka, group and every partition are, and not before")
    func readiness() {
        let operations = begun(.score)
        #expect(
            lines(operations.readiness) == [
                "[+]ping ok", "[+]watchdog ok", "[+]shutdown ok", "[-]topics not looked at yet",
                "[-]kafka score nothing heard yet", "[-]group score not joined",
            ]
        )
        operations.topics(Check("topics", true, "ok"))
        member(operations, "score-member", brokerIs: "UP")
        operations.assigned(.score, 2)
        let (first, second) = (operations.partition(0), operations.partition(3))
        first.enter(.live)
        second.enter(.fencing)
        #expect(
            lines(operations.readiness).suffix(2) == [
                "[+]partition 0 live", "[-]partition 3 fencing",
            ]
        )
        second.beginFold(at: 1000, live: 1200)
        second.folded(to: 1082, timestamp: nil)
        #expect(lines(operations.readiness).last == "[-]partition 3 recovering 41 %")
        second.enter(.live)
        #expect(allHold(operations.readiness), "\(lines(operations.readiness))")

        second.enter(.parked)
        #expect(!allHold(operations.readiness))
        second.enter(.none)
        #expect(allHold(operations.readiness))
        member(operations, "score-member", brokerIs: "DOWN")
        #expect(lines(operations.readiness).contains("[-]kafka score no broker can be reached"))
        member(operations, "score-member", brokerIs: "UP")
        operations.stopping()
        #expect(lines(operations.readiness).contains("[-]shutdown going on"))
        #expect(allHold(operations.liveness))
    }

    @Test(
        "A standby without partitions is ready; a process of ingest asks for no journal partition"
    )
    func standby() {
        let operations = begun(.ingest)
        operations.topics(Check("topics", true, "ok"))
        member(operations, "ingest-member", brokerIs: "UP")
        operations.assigned(.ingest, 0)
        #expect(allHold(operations.readiness), "\(lines(operations.readiness))")
        operations.assigned(.ingest, 5)
        #expect(
            lines(operations.readiness).contains(
                "[-]journal reference rows or a policy are missing"
            )
        )
    }

    @Test("Every metric there may be passes Prometheus's own check")
    func promtool() throws {
        let operations = begun(.ingest, .score)
        let all = operations.instruments
        let partition = operations.partition(2)
        partition.enter(.fencing)
        partition.beginFold(at: 0, live: 10)
        operations.partition(5).beginFold(at: 0, live: 10)
        operations.topics(Check("topics", true, "ok"), journalPartitions: 6)
        let machine = Machine()
        partition.goesLive(machine, Receipt())
        partition.folded(to: 9, timestamp: 1_700_000_000_000)
        partition.saw(end: 12)
        partition.committed(machine, Receipt(), offset: 9, began: 0)
        partition.setBack(SetbackReason("no answer", .timeout))
        all.events["applied"].add()
        all.decisions["qualified"].add()
        all.alertsOpened["ndc_unknown"].add()
        all.monitorTime["2"].set(1)
        for family in [all.sourceLagRecords, all.sourceLagSeconds, all.sourceOffset] {
            family["a", "0"].set(1)
        }
        all.sourceRecords["a"].add()
        partition.tookSnapshot(offset: 9, bytes: 4096, seconds: 1, pause: 0.001)
        partition.failedSnapshot()
        partition.found(.used)
        operations.clients.watched(ClientSettings(bootstrap: "none:1"), as: "score-fetch")
            .onStatistics?(
                ClientStatisticsSample.fetching
            )
        operations.clients.watched(ClientSettings(bootstrap: "none:1"), as: "score-producer")
            .onStatistics?(
                ClientStatisticsSample.producing
            )
        let bytes = operations.metrics.text
        let text = String(decoding: bytes, as: UTF8.self)
        for line in [
            "diversion_monitor_build_info{version=\"1.2.3\",librdkafka=\"\(LibraryVersion.text)\"} 1",
            "diversion_monitor_journal_lag_records{partition=\"2\"} 3",
            "diversion_monitor_setbacks_total{role=\"score\",reason=\"timed_out\"} 1",
            "diversion_monitor_transactions_total{role=\"score\",outcome=\"committed\"} 1",
            "diversion_monitor_transactions_total{role=\"score\",outcome=\"failed\"} 1",
            "diversion_monitor_kafka_last_stable_offset{topic=\"journal\",partition=\"3\"} 42",
            "diversion_monitor_kafka_request_timeouts_total{client=\"score-producer\",broker=\"1\"} 2",
            "diversion_monitor_kafka_producers{client=\"score-producer\",state=\"InTransaction\"} 1",
        ] { #expect(text.contains(line + "\n"), "\(line)\n\(text)") }
        // Every family has a sample: none is left out of the check.
        #expect(
            text.split(separator: "\n").count { $0.hasPrefix("# TYPE diversion_monitor_") }
                == all.registry.familyNames.count { $0.hasPrefix("diversion_") }
        )
        // What the state holds of a partition that is gone is not told any more.
        partition.enter(.none)
        let after = String(decoding: operations.metrics.text, as: UTF8.self)
        #expect(!after.contains("lag_records{partition=\"2\"}") && !after.contains("state_rows{"))
        guard let promtool = Promtool.path else { return }
        #expect(try Promtool.run(promtool, "check", "metrics", input: bytes) == "")
    }

    @Test("The shipped alert rules ask for metrics that there are, and Prometheus takes them")
    func rules() throws {
        let folder = Sample.folder + "/../../deploy/prometheus"
        let names = Set(begun(.ingest, .score).instruments.registry.familyNames)
        for file in ["alerts.yaml", "alerts.test.yaml"] {
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            var asked = Set(
                text.matches(of: /\b(?:diversion_monitor|process)_[a-z_]+/).map { String($0.0) }
            )
            asked = Set(asked.map { $0.hasSuffix("_bucket") ? String($0.dropLast(7)) : $0 })
            #expect(asked.count >= 5)
            #expect(asked.subtracting(names).isEmpty, "\(file)")
        }
        guard let promtool = Promtool.path else { return }
        for words in [
            ["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"],
            ["check", "config", "prometheus.yaml"],
        ] {
            let said = try Promtool.run(
                promtool,
                words[0],
                words[1],
                "\(folder)/\(words[2])",
                input: []
            )
            #expect(said.contains("SUCCESS") && !said.contains("status"), "\(said)")
        }
    }

    // MARK: the watchdog

    @Test("A step that takes too long is told once, and ends the process when it does not end")
    func watchdog() async {
        let said = Mutex<[String]>([])
        let log = ServiceLog(
            role: "service",
            sink: { line in said.withLock { $0.append(line.event) } }
        )
        let endings = Mutex<[Int32]>([])
        let hangs = Counter()
        let watchdog = Watchdog(
            hangs: hangs,
            ending: { status in endings.withLock { $0.append(status) } }
        )
        let watch = watchdog.watch("score-3")
        watch.begin(.fetch)
        let start = Ticker.now
        watchdog.look(at: start + 1000, log)
        #expect(watchdog.hanging.isEmpty)
        let late = start + Watch.Step.fetch.limit + 1000
        watchdog.look(at: late, log)
        watchdog.look(at: late + 1000, log)
        #expect(watchdog.hanging == ["score-3: fetch"])
        #expect(said.withLock { $0 } == ["hangs"])
        // It goes on after all.
        watch.begin(.fold)
        watchdog.look(at: late + 2000, log)
        #expect(watchdog.hanging.isEmpty)
        #expect(said.withLock { $0 } == ["hangs", "hang-over"])
        // A machine that slept for an hour wakes: one look late is no hang of half a minute.
        watchdog.look(at: late + 3_600_000, log)
        #expect(endings.withLock { $0 }.isEmpty)
        for look in 1...Watchdog.grace {
            watchdog.look(at: late + 3_600_000 + Int64(look) * 1000, log)
        }
        #expect(endings.withLock { $0 } == [75])
        #expect(hangs.value == 2)
        watchdog.remove(watch)
        watchdog.look(at: late + 9_000_000, log)
        #expect(watchdog.hanging.isEmpty)
    }

    @Test("A service that does not stop by itself is ended before ten seconds are over")
    func drain() {
        let said = Mutex<[String]>([])
        let log = ServiceLog(
            role: "service",
            sink: { line in said.withLock { $0.append("\(line)") } }
        )
        let endings = Mutex<[Int32]>([])
        let watchdog = Watchdog(
            hangs: Counter(),
            ending: { status in endings.withLock { $0.append(status) } }
        )
        #expect(!watchdog.lookAtStop(0, at: 5000, log))
        #expect(!watchdog.lookAtStop(0, at: 14_500, log))
        #expect(endings.withLock { $0 }.isEmpty)
        #expect(watchdog.lookAtStop(0, at: 14_800, log))
        #expect(endings.withLock { $0 } == [0])
        #expect(said.withLock { $0.last?.contains("drained=false") } == true)
    }

    // MARK: the log

    private func line(_ event: String, _ partition: String, level: ServiceLog.Level = .warning)
        -> ServiceLog.Line
    {
        ServiceLog.Line(
            level: level,
            role: "score",
            event: event,
            values: [("partition", partition)]
        )
    }

    @Test("Warnings of a kind come five times a minute, and the next minute says how many did not")
    func repeats() {
        let operations = begun(.score)
        let said = Mutex<[String]>([])
        let gate = LogGate(operations.instruments, lowest: .info) { line in
            said.withLock { $0.append("\(line)") }
        }
        for moment in 0..<100 { gate.take(line("setback", "1"), at: Int64(moment) * 100) }
        gate.take(line("setback", "2"), at: 10_000)
        gate.take(line("setback", "1"), at: 61_000)
        for moment in 0..<20 { gate.take(line("progress", "1", level: .info), at: Int64(moment)) }
        let lines = said.withLock { $0 }
        #expect(lines.count == 5 + 1 + 1 + 20)
        #expect(lines[6] == "level=warning role=score event=setback partition=1 held_back=95")
        #expect(operations.instruments.logRepeats[].value == 95)
        #expect(operations.instruments.logLines["warning"].value == 102)
        let quiet = LogGate(operations.instruments, lowest: .error) { line in
            said.withLock { $0.append("\(line)") }
        }
        quiet.take(line("setback", "9"), at: 0)
        #expect(said.withLock { $0.count } == 27)
    }

    @Test("A line is one line in either format, whatever stands in it")
    func formats() throws {
        let line = ServiceLog.Line(
            level: .error,
            role: "kafka",
            event: "FAIL",
            values: [("message", "a \"b\"\nc\\\u{1} = é"), ("empty", ""), ("plain", "x-1")]
        )
        #expect(
            line.text(.logfmt, time: "T")
                == #"T level=error role=kafka event=FAIL message="a \"b\"\nc\\\u0001 = é" empty="" plain=x-1"#
        )
        let json = line.text(.json, time: "T")
        #expect(!json.contains("\n"))
        let read = try #require(
            JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String]
        )
        #expect(
            read == [
                "time": "T", "level": "error", "role": "kafka", "event": "FAIL",
                "message": "a \"b\"\nc\\\u{1} = é",
                "empty": "", "plain": "x-1",
            ]
        )
    }

    // MARK: reasons

    @Test(
        "Setbacks are counted by class",
        arguments: [(Int32, SetbackReason.Class)]([
            (-195, .unreachable), (-185, .timeout), (22, .rebalanced),
            (90, .fenced), (29, .denied),
            (35, .other),
        ])
    )
    func reasons(_ code: Int32, _ kind: SetbackReason.Class) {
        let error = KafkaError(
            code: KafkaError.Code(rawValue: code),
            name: "",
            message: "",
            attempt: "try",
            isFatal: false,
            isRetriable: false,
            requiresAbort: false
        )
        #expect(SetbackReason(error).kind == kind)
        #expect(Setback.caught(error).reason?.kind == kind)
    }
}

extension Setback {
    fileprivate var reason: SetbackReason? {
        if case .again(let reason) = self { return reason }
        return nil
    }
}

/// Prometheus's own tool, where it is installed.
enum Promtool {
    /// Where it is; its absence is said aloud once.
    static let path: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let found = folders.map { "\($0)/promtool" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        if found == nil {
            FileHandle.standardError.write(
                Data("SKIPPED: metrics are not checked: promtool is not installed\n".utf8)
            )
        }
        return found
    }()

    /// What it complains of; empty where all is well.
    static func run(_ path: String, _ words: String..., input: [UInt8]) throws -> String {
        let folder = NSTemporaryDirectory() + "promtool-\(UUID().uuidString)"
        try Data(input).write(to: URL(fileURLWithPath: folder + ".in"))
        _ = FileManager.default.createFile(atPath: folder + ".out", contents: nil)
        defer {
            for end in [".in", ".out"] { try? FileManager.default.removeItem(atPath: folder + end) }
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = words
        process.standardInput = FileHandle(forReadingAtPath: folder + ".in")
        process.standardOutput = FileHandle(forWritingAtPath: folder + ".out")
        process.standardError = FileHandle(forWritingAtPath: folder + ".out")
        try process.run()
        process.waitUntilExit()
        let said = try String(contentsOfFile: folder + ".out", encoding: .utf8)
        return process.terminationStatus == 0 ? said : said + "status \(process.terminationStatus)"
    }
}

/// Statistics as librdkafka 2.0.2 writes them, shortened.
enum ClientStatisticsSample {
    static let fetching = #"""
        { "name": "rdkafka#consumer-7", "client_id": "rdkafka", "type": "consumer", "ts":1, "brokers":{
        "kafka:9092/1": { "name":"kafka:9092/1", "nodeid":1, "nodename":"kafka:9092", "source":"learned", "state":"UP",
        "txerrs":0, "req_timeouts":0, "rtt": { "min":1, "avg":1500, "hdrsize":11376 }, "req": { "Fetch":12 },
        "toppars":{ "journal-3": { "topic":"journal", "partition":3} } }, "GroupCoordinator": { "nodeid":-1,
        "nodename":"", "state":"INIT", "txerrs":0, "req_timeouts":0, "rtt": { "avg":0 } } },
        "topics":{ "journal": { "topic":"journal", "age":10, "batchsize": { "avg":0 }, "partitions":{
        "3": { "partition":3, "fetchq_cnt":5, "fetchq_size":500, "fetch_state":"active", "ls_offset":42, "rx_ver_drops":1 },
        "-1": { "partition":-1, "fetchq_cnt":0, "fetchq_size":0, "ls_offset":-1001, "rx_ver_drops":0 } } } },
        "tx":5 }
        """#
    static let producing = #"""
        { "name": "rdkafka#producer-8", "type": "producer", "brokers":{ "kafka:9092/1": { "nodeid":1,
        "nodename":"kafka:9092", "state":"DOWN", "txerrs":4, "req_timeouts":2, "rtt": { "avg":20 } } }, "topics":{},
        "eos": { "idemp_state":"Assigned", "idemp_stateage":1, "txn_state":"InTransaction", "txn_stateage":250,
        "txn_may_enq":true, "producer_id":8, "producer_epoch":3, "epoch_cnt":3 } }
        """#
}

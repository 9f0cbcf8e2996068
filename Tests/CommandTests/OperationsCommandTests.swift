import Foundation
import TestKit
import Testing

/// What `run` answers over HTTP and writes to its log while no Kafka can be reached.
@Suite struct OperationsCommandTests {
    private func start(token: String? = nil) throws -> (RunningMonitor, address: String) {
        var environment = ["DIVERSION_MONITOR_TOKEN_KEY": String(repeating: "k", count: 40)]
        environment["DIVERSION_MONITOR_HTTP_TOKEN"] = token
        let monitor = try RunningMonitor(
            [
                "run", "--kafka.bootstrap.servers", "127.0.0.1:1", "--http.listen", "127.0.0.1:0",
                "--log.format", "json",
            ],
            environment: environment
        )
        var address: String?
        _ = try eventually {
            address = try lines(monitor).first { $0["event"] == "http-listens" }?["address"]
            return address != nil || !monitor.isRunning
        }
        return (monitor, try #require(address, "\(monitor.errors)"))
    }

    /// The whole lines of the log, each a JSON object of texts.
    private func lines(_ monitor: RunningMonitor) throws -> [[String: String]] {
        let text = monitor.errors
        guard let end = text.lastIndex(of: "\n") else { return [] }
        return try text[..<end].split(separator: "\n").map { line in
            try #require(
                JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String],
                "\(line)"
            )
        }
    }

    @Test("Without Kafka it lives and is not ready, says so in JSON, and ends when it is asked to")
    func unreachable() throws {
        let (monitor, address) = try start()
        #expect(try PlainHTTP.get(address, "/livez").body == "ok\n")
        let ready = try PlainHTTP.get(address, "/readyz")
        #expect(ready.status == 503)
        #expect(ready.body.contains("[-]topics not looked at yet\n"))
        #expect(ready.body.hasSuffix("readyz check failed\n"))
        let isTold = try eventually {
            try lines(monitor).contains { $0["event"] == "kafka-unreachable" }
        }
        #expect(isTold, "\(monitor.errors)")
        #expect(monitor.stop() == 0)
        let last = try #require(try lines(monitor).last)
        #expect(last["event"] == "ended" && last["status"] == "0")
        #expect(last["time"]?.hasSuffix("Z") == true && last["level"] == "info")
    }

    @Test("With a token only who shows it is told anything but whether all is well")
    func token() throws {
        let token = "0123456789abcdef"
        let (monitor, address) = try start(token: token)
        for header in [
            "X: y", "Authorization: Bearer 0123456789abcdeX", "Authorization: Bearer \(token)0",
            "Authorization: \(token)",
        ] {
            let refused = try PlainHTTP.get(address, "/metrics", header)
            #expect(refused.status == 401 && !refused.body.contains("diversion"), "\(header)")
            let ready = try PlainHTTP.get(address, "/readyz?verbose", header)
            #expect(ready.status == 503 && ready.body == "readyz check failed\n", "\(header)")
            #expect(try PlainHTTP.get(address, "/livez", header).body == "ok\n")
        }
        let metrics = try PlainHTTP.get(address, "/metrics", "Authorization: Bearer \(token)")
        #expect(metrics.status == 200 && metrics.body.contains("\nprocess_open_fds "))
        let ready = try PlainHTTP.get(address, "/readyz?verbose", "Authorization: Bearer \(token)")
        #expect(ready.body.contains("[+]ping ok\n"))
        #expect(monitor.stop() == 0)
        #expect(!monitor.errors.contains(token))
    }
}

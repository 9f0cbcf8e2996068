import Foundation
import Glibc
import KafkaFaultProxy
import TestKit
import Testing

extension ChaosTests {
    /// So short that a request can outlive its client's patience many times in a run; the default is 8 s.
    private static let requestTimeoutMilliseconds = 1500

    @Test mutating func `chosen requests are delayed, lost, doubled and answered with errors`()
        throws
    {
        let kafka = try RealKafka(options: ["--proxied"])
        let port = try #require(kafka.bootstrap.split(separator: ":").last.flatMap { UInt16($0) })
        let proxy = try KafkaFaultProxy(listening: port + 5, forwardingTo: port + 4)
        defer { proxy.close() }
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let wanted = 200
        let feed = try feed(installation, seconds: wanted, rate: 200)
        var services = try [Self.service(installation, proxy, 0)]
        usleep(2_000_000)
        var plan = FaultPlan(
            seed: random.seed,
            requestTimeoutMilliseconds: Self.requestTimeoutMilliseconds
        )
        let deadline = time(nil) + wanted * 3 + 60
        while proxy.hits.count < wanted, time(nil) < deadline {
            // Between two faults there are a few transactions of each worker that has not been set back.
            usleep(UInt32(200_000 + random.next(500_000)))
            proxy.arm(plan.next())
            if let status = services[services.count - 1].ended {
                // A fenced member may end, to be started again. Any other end is a fault of the service.
                guard status == 75 else { break }
                services.append(try Self.service(installation, proxy, services.count))
            }
        }
        proxy.disarm()
        let hits = proxy.hits
        // They stay there when the test fails on the way to its end.
        try hits.map(\.description).joined(separator: "\n")
            .write(toFile: installation.folder + "/faults.txt", atomically: true, encoding: .utf8)
        let list = Comment(rawValue: "faults and logs are in \(installation.folder)")
        #expect(proxy.waitForLate(seconds: 30), list)
        try #require(hits.count >= wanted, list)
        for api in [KafkaAPI.endTxn, .txnOffsetCommit, .produce] {
            #expect(hits.count { $0.fault.api == api } >= wanted / 20, list)
        }
        #expect(proxy.complaints == [], list)
        #expect(feed.wait(seconds: 180) == 0)
        try installation.tool("settle", "roles=ingest", "seconds=120")
        try #require(services[services.count - 1].ended == nil, list)
        for service in services.dropLast() { #expect(service.ended == 75, list) }
        end([services[services.count - 1]])
        let setbacks = (0..<services.count).reduce(0) {
            $0 + Self.setbacks(installation.log("service-\($1)"))
        }
        let figure = try prove(installation, feed)
        print("    \(Self.tally(hits.map(\.fault.api.description)))")
        print("    \(Self.tally(hits.map(\.fault.kind.name)))")
        tell(
            "requests late, lost, doubled, stray, refused, misreported",
            "\(hits.count) requests, \(setbacks) setbacks, \(services.count - 1) restarts; \(figure)"
        )
        installation.remove()
    }

    private static func service(
        _ installation: Installation,
        _ proxy: KafkaFaultProxy,
        _ number: Int
    ) throws -> StageProcess {
        try installation.service(
            "service-\(number)",
            "instance=a",
            "bootstrap=127.0.0.1:\(proxy.port)",
            "kafka.socket.timeout.ms=\(requestTimeoutMilliseconds)"
        )
    }

    /// Setbacks in a log, also those whose lines it held back.
    private static func setbacks(_ log: String) -> Int {
        log.split(separator: "\n").filter { $0.contains("-setback") }.reduce(0) { sum, line in
            sum + 1 + (line.firstMatch(of: /held_back=(\d+)/).flatMap { Int($0.1) } ?? 0)
        }
    }

    /// How often each word comes, the most frequent first: `EndTxn 60, Produce 51`.
    private static func tally(_ words: [String]) -> String {
        Dictionary(grouping: words, by: \.self).map { (word: $0.key, count: $0.value.count) }
            .sorted { ($1.count, $0.word) < ($0.count, $1.word) }
            .map { "\($0.word) \($0.count)" }
            .joined(separator: ", ")
    }
}

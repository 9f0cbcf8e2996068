import Foundation
import TestKit
import Testing

/// Commands that talk to a cluster, on a real Kafka.
@Suite(.enabled(if: RealKafka.isConfigured, "\(RealKafka.skipReason)"), .serialized)
struct KafkaCommandTests {
    @Test("Topics are planned, made, found as they should be, and foreign settings are kept")
    func topics() throws {
        let kafka = try RealKafka.shared
        let prefix = kafka.uniqueName("plan") + "."
        let connection = [
            "--kafka.bootstrap.servers", kafka.bootstrap, "--topics.prefix", prefix,
        ]
        let plan = try Monitor.run(["topics", "plan"] + connection)
        #expect(plan.status == 2, "\(plan.errors)")
        #expect(plan.output.contains("+ create \(prefix)journal: 6 partitions"))

        let apply = try Monitor.run(["topics", "apply", "--partitions", "2"] + connection)
        #expect(apply.status == 0, "\(apply.errors)")
        #expect(apply.output.contains("created \(prefix)alerts"))

        let settled = try Monitor.run(["topics", "plan"] + connection)
        #expect(settled.status == 0, "\(settled.output)")
        #expect(settled.output.contains("left alone, since entities live in its partitions"))
        #expect(settled.errors.contains("0 to change, 14 as they should be"))
    }

    @Test("A file that asks for more changes settings, and never shortens a retention")
    func settings() throws {
        let kafka = try RealKafka.shared
        let folder = try Folder()
        let prefix = kafka.uniqueName("change") + "."
        let connection = [
            "--kafka.bootstrap.servers", kafka.bootstrap, "--topics.prefix", prefix, "--topics",
            folder.path("topics"),
        ]
        #expect(try Monitor.run("topics", "init", folder.path("topics")).status == 0)
        #expect(try Monitor.run(["topics", "apply", "--partitions", "1"] + connection).status == 0)
        var alerts = try folder.read("topics/alerts.yaml")
        alerts = alerts.replacingOccurrences(of: "\"189388800000\"", with: "1000")
            .replacingOccurrences(of: "189388800000", with: "1000")
        alerts = alerts.replacingOccurrences(
            of: "config:\n",
            with: "config:\n  segment.ms: 3600000\n"
        )
        try folder.write(alerts, to: "topics/alerts.yaml")
        let plan = try Monitor.run(["topics", "plan"] + connection)
        #expect(plan.status == 2)
        #expect(plan.output.contains("segment.ms 604800000 → 3600000"))
        #expect(plan.output.contains("retention.ms is 189388800000, not 1000; left alone"))
        #expect(try Monitor.run(["topics", "apply"] + connection).status == 0)
        #expect(try Monitor.run(["topics", "plan"] + connection).status == 0)
    }

    @Test("The doctor finds nothing wrong where all is well, and names what is")
    func doctor() throws {
        let kafka = try RealKafka.shared
        let prefix = kafka.uniqueName("doctor") + "."
        let connection = [
            "--kafka.bootstrap.servers", kafka.bootstrap, "--topics.prefix", prefix,
        ]
        #expect(try Monitor.run(["topics", "apply", "--partitions", "1"] + connection).status == 0)
        let well = try Monitor.run(["doctor"] + connection)
        #expect(well.status == 0, "\(well.output)")
        #expect(well.output.contains("topic \(prefix)journal may be written"))
        let alerts = try Monitor.run(["alerts"] + connection)
        #expect(alerts.status == 0 && alerts.output.isEmpty, "\(alerts.errors)")

        let elsewhere = try Monitor.run([
            "doctor", "--kafka.bootstrap.servers", kafka.bootstrap, "--topics.prefix", "none.",
        ])
        #expect(elsewhere.status == 1)
        #expect(elsewhere.output.contains("topic none.journal is not there"))
    }

    @Test("A broker that is not there is told as such, with the status of what may pass")
    func unreachable() throws {
        let run = try Monitor.run("topics", "plan", "--kafka.bootstrap.servers", "127.0.0.1:1")
        #expect(run.status == 75)
        let doctor = try Monitor.run(
            "doctor",
            "--timeout",
            "3s",
            "--kafka.bootstrap.servers",
            "127.0.0.1:1"
        )
        #expect(doctor.status == 1)
        #expect(doctor.output.contains("Nothing listens there"))
    }
}

import Kafka
import Synchronization
import Testing

@Suite struct SettingsTests {
    @Test func `all problems are told at once, in order`() {
        let settings = ClientSettings([
            ("bootstrap.servers", "localhost:9092"),
            ("group.id", "mine"),
            ("linger.msx", "5"),
            ("linger.ms", "soon"),
            ("client.id", "a-name-that-is-much-too-long-for-this"),
            ("queued.min.messages", "1000"),
            ("queued.min.messages", "2000"),
        ])
        let problems = settings.problems()
        #expect(
            problems.map(\.name) == [
                "group.id", "linger.msx", "linger.ms", "client.id", "queued.min.messages",
            ]
        )
        #expect(problems[0].message.hasPrefix("It cannot be set. "))
        #expect(problems[1].message.contains("No such configuration property: \"linger.msx\""))
        #expect(problems[1].message.hasSuffix("Did you mean \"linger.ms\"?"))
        #expect(problems[2].message.contains("Invalid value"))
        #expect(problems[4].message.contains("twice"))
    }

    @Test func `the address of the brokers is asked for`() {
        #expect(ClientSettings().problems().map(\.name) == ["bootstrap.servers"])
        #expect(ClientSettings(bootstrap: "localhost:9092").problems().isEmpty)
    }

    @Test func `a secret is neither shown nor repeated`() {
        var settings = ClientSettings(bootstrap: "localhost:9092")
        settings["sasl.password"] = "hunter2"
        #expect(!settings.description.contains("hunter2"))
        #expect(settings.problems().isEmpty)
    }

    @Test func `every setting of ours has a reason and is known to librdkafka or refused`() {
        for owned in ClientSettings.owned {
            #expect(owned.reason.hasSuffix("."))
            let problems = ClientSettings([
                ("bootstrap.servers", "localhost:9092"), (owned.name, "true"),
            ]).problems()
            #expect(problems.map(\.name) == [owned.name])
        }
    }

    @Test func `settings of another role are left out without a warning`() throws {
        final class Sink: Sendable { let lines = Mutex<[LogLine]>([]) }
        let sink = Sink()
        var settings = ClientSettings(bootstrap: "127.0.0.1:1")
        settings["linger.ms"] = "7"
        settings["fetch.wait.max.ms"] = "9"
        settings.onLog = { line in sink.lines.withLock { $0.append(line) } }
        _ = try FetchConsumer(settings)
        _ = try Producer(settings)
        let warnings = sink.lines.withLock { $0.filter { $0.facility == "CONFWARN" } }
        #expect(warnings.map(\.message) == [])
    }

    @Test func `the defaults of every role are accepted`() throws {
        let settings = ClientSettings(bootstrap: "127.0.0.1:1")
        for role in ClientRole.allCases {
            let problems = ClientSettings(
                [("bootstrap.servers", "localhost:9092")]
                    + ClientSettings.defaults(for: role).map { ($0.name, $0.value) }
            ).problems()
            #expect(problems == [])
        }
        _ = try Admin(settings)
        _ = try TransactionalProducer(id: "t", settings)
        _ = try MemberConsumer(group: "g", topics: ["a", "b"], settings)
    }

    @Test func `the library tells its version and what was built in`() {
        #expect(LibraryVersion.text.split(separator: ".").count >= 3)
        #expect(LibraryVersion.number >= 0x0200_0000)
        #expect(LibraryVersion.features.contains("ssl"))
        #expect(LibraryVersion.features.contains("lz4"))
    }

    @Test func `an unreachable cluster is told within its time, and in the log`() throws {
        final class Sink: Sendable { let count = Atomic<Int>(0) }
        let sink = Sink()
        var settings = ClientSettings(bootstrap: "127.0.0.1:1")
        settings.onLog = { _ in sink.count.add(1, ordering: .relaxed) }
        let admin = try Admin(settings)
        let error = #expect(throws: KafkaError.self) {
            try admin.describeCluster(within: .milliseconds(500))
        }
        #expect(error?.isUnreachable == true || error?.isTimeout == true)
        #expect(error?.description.hasPrefix("could not describe the cluster: ") == true)
        #expect(sink.count.load(ordering: .relaxed) > 0)
    }
}

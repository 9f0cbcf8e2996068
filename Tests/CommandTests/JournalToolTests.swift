import Foundation
import Kafka
import TestKit
import Testing

/// The journal read and proved, and dead letters sent again, on a real Kafka with the service between.
@Suite(.enabled(if: RealKafka.isConfigured, "\(RealKafka.skipReason)"), .serialized)
struct JournalToolTests {
    /// An installation with topics, tables, and some events, of which two can't be used.
    private struct Place {
        let bootstrap: String
        let prefix: String
        let folder: Folder
        let settings: [String]

        init(partitions: Int = 2) throws {
            let kafka = try RealKafka.shared
            bootstrap = kafka.bootstrap
            prefix = kafka.uniqueName("tools") + "."
            folder = try Folder()
            try folder.write(String(repeating: "secret", count: 8), to: "key")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600],
                ofItemAtPath: folder.path("key")
            )
            try folder.write(
                """
                app: \(prefix)app
                kafka.bootstrap.servers: \(bootstrap)
                topics.prefix: \(prefix)
                token.key_file: \(folder.path("key"))
                """,
                to: "monitor.yaml"
            )
            settings = ["--config", folder.path("monitor.yaml")]
            _ = try succeed("topics", "apply", "--partitions", "\(partitions)")
            _ = try succeed(
                "reference",
                "publish",
                Monitor.path("fixtures/sample/reference")
            )
        }

        @discardableResult
        func succeed(_ arguments: String...) throws -> Monitor.Outcome {
            let outcome = try Monitor.run(arguments + settings)
            #expect(outcome.status == 0, "\(arguments): \(outcome.output) \(outcome.errors)")
            return outcome
        }

        func run(_ arguments: String...) throws -> Monitor.Outcome {
            try Monitor.run(arguments + settings)
        }

        /// Sends values to partition 0 of a source topic, with a key and a header of their producer.
        func send(_ values: [String], to topic: String) throws {
            var producer = try Producer(ClientSettings(bootstrap: bootstrap))
            let name = try producer.topic(prefix + topic, within: .seconds(20))
            for value in values {
                let (value, key) = (Array(value.utf8), Array("its own key".utf8))
                try producer.produce(
                    value.span.bytes,
                    key: key.span.bytes,
                    headers: [Header("trace", Array("t1".utf8))],
                    to: name,
                    partition: 0
                )
            }
            try producer.flush(within: .seconds(60))
        }

        /// What stands in a topic: values, keys and headers.
        func records(
            of topic: String
        ) throws -> [(value: String, key: String, headers: [String: String])] {
            let consumer = try FetchConsumer(ClientSettings(bootstrap: bootstrap))
            var found: [(value: String, key: String, headers: [String: String])] = []
            for partition
                in 0..<(try consumer.partitionCount(of: prefix + topic, within: .seconds(9)))
            {
                var queue = consumer.queue()
                _ = try queue.start(TopicPartition(prefix + topic, partition), at: .beginning)
                var isAtEnd = false
                while !isAtEnd {
                    let batch = try queue.next(limit: 1000, waiting: .milliseconds(200))
                    for index in 0..<batch.count {
                        let message = batch[index]
                        let headers = message.headers().map {
                            ($0.name, String(decoding: $0.value ?? [], as: UTF8.self))
                        }
                        found.append(
                            (
                                message.value.withUnsafeBytes {
                                    String(decoding: $0, as: UTF8.self)
                                },
                                message.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) },
                                Dictionary(headers, uniquingKeysWith: { $1 })
                            )
                        )
                    }
                    for event in queue.takeEvents() {
                        if case .endOfPartition = event { isAtEnd = true }
                    }
                }
            }
            return found
        }

        /// Runs the service until so many letters are there.
        func serve(untilLetters count: Int) throws {
            let service = try RunningMonitor(["run"] + settings)
            let isDone = try eventually {
                let letters = try run("dead-letters", "list").errors
                return !service.isRunning || letters.hasPrefix("\(count) dead letter")
            }
            #expect(isDone && service.isRunning, "\(service.errors)")
            #expect(service.stop() == 0, "\(service.errors)")
        }
    }

    private static func purchase(_ id: String, entity: String = "DSH220914") -> String {
        "{\"event_type\":\"purchase\",\"event_id\":\"\(id)\",\"covered_entity_id\":\"\(entity)\","
            + "\"occurred_at\":\"\(Date.now.ISO8601Format())\",\"invoice_id\":\"\(id)\",\"line\":1,"
            + "\"account\":\"340B\",\"pharmacy_npi\":\"2000010019\",\"ndc\":\"00054429925\","
            + "\"packages\":1}"
    }

    @Test("A journal is read in words, proved against its sources, and damage to its dump is found")
    func journal() throws {
        let place = try Place()
        try place.send(
            (1...40).map { Self.purchase("p\($0)") } + ["no JSON"],
            to: "purchases"
        )
        try place.serve(untilLetters: 1)

        let words = try place.succeed("journal", "inspect", "--event-id", "p7")
        #expect(words.output.split(separator: "\n").count == 1)
        #expect(words.output.contains(" purchase 20"))
        #expect(words.output.contains("DSH220914 \(place.prefix)purchases[0]@6#6 event_id=p7"))
        #expect(words.output.contains("invoice_id=p7 line=1 account=340B pharmacy_npi=2000010019"))
        let object = try place.succeed(
            "journal",
            "inspect",
            "--entity",
            "DSH220914",
            "--kind",
            "purchase",
            "--limit",
            "3",
            "--json"
        )
        #expect(object.output.split(separator: "\n").count == 3)
        #expect(
            object.output.contains("\"ndc\":\"00054429925\",\"packages\":1,\"unit_price\":null")
        )

        let proof = try place.succeed("journal", "verify", "--sources")
        #expect(proof.output.contains("source records: 40 have the hash"))
        #expect(proof.output.contains("no problem in "))
        _ = try place.succeed("journal", "dump", "--output", place.folder.path("dump"))
        let files = (0..<2).map { place.folder.path("dump/\(place.prefix)journal-00\($0).dmj") }
        let whole = try Monitor.run(["journal", "verify"] + files)
        #expect(whole.status == 0, "\(whole.output)")

        let file = URL(fileURLWithPath: files[0])
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 4
        try bytes.write(to: file)
        let damaged = try Monitor.run(["journal", "verify"] + files)
        #expect(damaged.status == 3)
        #expect(damaged.output.contains("problem file_damaged at \(files[0])[0] offset "))
        #expect(damaged.output.contains("Dump the journal again."))
        let told = try Monitor.run(["journal", "verify", "--json"] + files)
        #expect(told.output.contains("{\"problem\":\"file_damaged\",\"is_note\":false"))
        let rest = try Monitor.run(["journal", "inspect"] + files)
        #expect(rest.status == 0)
        #expect(rest.errors.contains("could not be read; \"journal verify\" tells which"))
    }

    @Test("A source that is not what was copied is found by its hash")
    func hashes() throws {
        let place = try Place(partitions: 1)
        try place.send((1...5).map { Self.purchase("p\($0)") } + ["no JSON"], to: "purchases")
        try place.serve(untilLetters: 1)
        let dump = place.folder.path("dump")
        _ = try place.succeed("journal", "dump", "--output", dump)
        let path = dump + "/\(place.prefix)journal-000.dmj"
        let admin = try Admin(ClientSettings(bootstrap: place.bootstrap))
        try admin.deleteRecords(
            of: TopicPartition(place.prefix + "purchases", 0),
            below: 2,
            within: .seconds(20)
        )
        let trimmed = try place.run("journal", "verify", "--sources", path)
        #expect(trimmed.status == 0, "\(trimmed.output)")
        #expect(
            trimmed.output.contains("3 have the hash that the journal carries, 2 are not there")
        )

        // Another hash under a right checksum: as if the source had been another.
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        try Self.changeHash(of: "p4", in: &bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(try place.run("journal", "verify", path).status == 0)
        let changed = try place.run("journal", "verify", "--sources", path)
        #expect(changed.status == 3)
        #expect(changed.output.contains("problem hash_differs at \(path)[0] offset "))
        #expect(changed.output.contains("\(place.prefix)purchases[0] offset 3 has the SHA-256 "))
    }

    /// Changes the last byte of the record that holds a text, and makes its frame's checksum right.
    private static func changeHash(of text: String, in bytes: inout [UInt8]) throws {
        func number(_ place: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
        }
        var start = 20 + number(16)
        while start + 24 <= bytes.count, number(start + 16) != 0xFFFF_FFFF {
            let end = start + 24 + number(start + 16)
            if bytes[start + 24 + 1] == 19,
                bytes[start..<end].firstRange(of: Array(text.utf8)) != nil
            {
                bytes[end - 1] ^= 1
                var sum = ~UInt32(0)
                for byte in bytes[start..<start + 20] + bytes[start + 24..<end] {
                    sum ^= UInt32(byte)
                    for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xEDB8_8320 }
                }
                for index in 0..<4 {
                    bytes[start + 20 + index] = UInt8(~sum >> (8 * UInt32(index)) & 0xFF)
                }
                return
            }
            start = end
        }
        Issue.record("no purchase \(text) in the dump")
    }

    @Test("A letter is sent once; what fails again comes back as a letter that knows it, and stays")
    func redrive() throws {
        let place = try Place()
        let bad = [Self.purchase("bad", entity: "dsh"), "no JSON"]
        try place.send([Self.purchase("good")] + bad, to: "purchases")
        try place.serve(untilLetters: 2)

        let plan = try place.succeed("dead-letters", "redrive", "--all")
        #expect(plan.output.contains("2 letters would be sent again"))
        #expect(try place.records(of: "purchases").count == 3)
        let some = try place.succeed("dead-letters", "redrive", "--code", "not_json", "--yes")
        #expect(some.output.contains("1 letter sent again, 7 bytes"))
        let rest = try place.succeed("dead-letters", "redrive", "--all", "--yes")
        #expect(rest.output.contains("1 letter sent again"))
        #expect(rest.output.contains("1 not: it was sent again already"))
        let none = try place.succeed("dead-letters", "redrive", "--all", "--yes")
        #expect(none.output.contains("0 letters sent again"))

        let sent = try place.records(of: "purchases").dropFirst(3)
        #expect(sent.map(\.value) == ["no JSON", bad[0]])
        for record in sent {
            #expect(record.key == "its own key")
            #expect(record.headers["trace"] == "t1")
            #expect(record.headers["redrive.attempt"] == "1")
        }
        #expect(sent.first?.headers["redrive.origin"] == "\(place.prefix)purchases[0]@2")

        try place.serve(untilLetters: 4)
        let listed = try place.succeed("dead-letters", "list", "--each")
        #expect(listed.output.split(separator: "\n").count { $0.hasSuffix("sent again") } == 2)
        let back = listed.output.split(separator: "\n").filter { $0.contains("came back") }
        #expect(back.count == 2, "\(listed.output)")
        let refused = try place.run("dead-letters", "redrive", "--all", "--yes")
        #expect(refused.status == 3)
        #expect(refused.output.contains("0 letters sent again"))
        #expect(refused.output.contains("came back; mend its source"))
        let id = try #require(back.first?.split(separator: " ").first.map(String.init))
        let once = try place.succeed(
            "dead-letters",
            "redrive",
            "--id",
            id,
            "--attempts",
            "2",
            "--yes"
        )
        #expect(once.output.contains("1 letter sent again"))
        #expect(try place.records(of: "purchases").last?.headers["redrive.attempt"] == "2")
        let shown = try place.succeed("dead-letters", "show", id)
        #expect(shown.output.contains("sent before"))
        #expect(shown.output.contains("sent again"))
        #expect(try place.succeed("journal", "verify", "--sources").output.contains("no problem"))
    }

    @Test("However often a redrive is killed, every letter is sent once")
    func resumes() throws {
        let place = try Place()
        let count = 1200
        try place.send((1...count).map { "no JSON \($0)" }, to: "claims")
        let service = try RunningMonitor(["run"] + place.settings)
        let isDone = try eventually {
            try place.run("dead-letters", "list").errors.hasPrefix("1,200 dead letters")
        }
        #expect(isDone, "\(service.errors)")
        #expect(service.stop() == 0)
        var kills = 0
        for turn in 1...6 {
            let run = try RunningMonitor(
                ["dead-letters", "redrive", "--all", "--yes", "--each"] + place.settings
            )
            // So far and no further: killed once it has said so much more.
            _ = eventually(within: 20) {
                !run.isRunning || run.output.split(separator: "\n").count > 130 * turn
            }
            if run.isRunning { kills += 1 }
            run.killNow()
        }
        let last = try place.succeed("dead-letters", "redrive", "--all", "--yes")
        #expect(last.output.contains("sent again already") || kills == 0)
        let values = try place.records(of: "claims").map(\.value)
        #expect(values.count == 2 * count, "killed \(kills) times")
        let times = Dictionary(values.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(times.count == count && times.values.allSatisfy { $0 == 2 })
        print("REDRIVE killed \(kills) times")
    }
}

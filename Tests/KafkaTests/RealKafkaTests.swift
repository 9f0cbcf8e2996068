import Glibc
import Kafka
import Synchronization
import TestKit
import Testing

/// What only a real Kafka can show.
@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: RealKafka.isConfigured, Comment(rawValue: RealKafka.skipReason))
)
struct RealKafkaTests {
    let kafka: RealKafka
    let settings: ClientSettings
    let admin: Admin

    init() throws {
        kafka = try RealKafka.shared
        settings = ClientSettings(bootstrap: kafka.bootstrap)
        admin = try Admin(settings)
    }

    /// Makes a topic of its own for a test.
    func topic(
        _ prefix: String,
        partitions: Int32 = 1,
        configuration: [(name: String, value: String)] = []
    ) throws -> String {
        let name = kafka.uniqueName(prefix)
        let results = try admin.createTopics(
            [NewTopic(name, partitions: partitions, configuration: configuration)],
            within: .seconds(20)
        )
        for result in results { if let error = result.error { throw error } }
        // A topic that was made a moment ago may not be in the broker's metadata yet.
        for _ in 0..<100 {
            let seen = try admin.describeTopic(name, within: .seconds(5))
            if seen.error == nil, seen.partitions.count == Int(partitions) { break }
            usleep(50_000)
        }
        return name
    }

    func producer(_ id: String) throws -> TransactionalProducer {
        var producer = try TransactionalProducer(id: id, settings)
        try producer.initialize()
        return producer
    }

    @Test func `committed records are seen, aborted and open ones are not`() throws {
        let name = try topic("isolation")
        let partition = TopicPartition(name, 0)
        var first = try producer(name)
        let topic = try first.topic(name, within: .seconds(10))
        try first.begin()
        try first.write(["a1", "a2"], to: topic)
        #expect(try first.commit() == .committed)
        #expect(first.endTransactionRequests == 1)
        try first.begin()
        try first.write(["b1"], to: topic)
        try first.abort()
        try first.begin()
        var batch = ProduceBatch()
        batch.append(bytes("c1").span.bytes, key: bytes("k").span.bytes, partition: 0)
        batch.append(partition: 0) { $0 += bytes("c2") }
        try first.produce(&batch, to: topic)
        #expect(try first.commit() == .committed)

        // Offsets: a1 a2 C b1 A c1 c2 C.
        let committed = try FetchConsumer(settings)
        let uncommitted = try FetchConsumer(settings, isolation: .readUncommitted)
        let bounds = uncommitted.offsets(of: [partition], within: .seconds(10))
        #expect(try bounds[0].get() == PartitionOffsets(low: 0, end: 8))
        var queue = committed.queue()
        let source = try queue.start(partition, at: .offset(0))
        // The last record before the target is a marker: the position gets there all the same.
        let seen = try queue.read(to: [source: 8])
        #expect(seen.map(\.value) == ["a1", "a2", "c1", "c2"])
        #expect(seen.map(\.offset) == [0, 1, 5, 6])
        #expect(seen.map(\.key) == [nil, nil, "k", nil])

        // An open transaction holds back the committed end, not the high watermark.
        var second = try producer(name + "-open")
        let again = try second.topic(name, within: .seconds(10))
        try second.begin()
        try second.write(["d1"], to: again)
        var high: Int64 = 0
        for _ in 0..<100 where high < 9 {
            high = try uncommitted.offsets(of: [partition], within: .seconds(5))[0].get().end
        }
        #expect(high == 9)
        #expect(try committed.offsets(of: [partition], within: .seconds(5))[0].get().end == 8)
        var other = uncommitted.queue()
        let raw = try other.start(partition, at: .offset(0))
        #expect(
            try other.read(to: [raw: 9]).map(\.value) == ["a1", "a2", "b1", "c1", "c2", "d1"]
        )
        try second.abort()
    }

    @Test func `a second producer with the same identifier fences the first`() throws {
        let name = try topic("fence")
        var first = try producer(name)
        let topic = try first.topic(name, within: .seconds(10))
        try first.begin()
        try first.write(["lost"], to: topic)
        var second = try producer(name)
        let same = try second.topic(name, within: .seconds(10))
        let error = #expect(throws: TransactionError.self) { try first.commit() }
        #expect(error?.verdict == .fatal)
        #expect(error?.error.isFenced == true)
        #expect(first.isSuspect == true)
        try second.begin()
        try second.write(["kept"], to: same)
        #expect(try second.commit() == .committed)
        let consumer = try FetchConsumer(settings)
        var queue = consumer.queue()
        let source = try queue.start(TopicPartition(name, 0), at: .beginning)
        guard case .endOfPartition = try queue.waitForEnd(of: source, where: { $0 == ["kept"] })
        else { return }
    }

    @Test func `offsets and receipts are committed with the records, or not at all`() throws {
        let name = try topic("offsets", partitions: 2)
        let group = kafka.uniqueName("group")
        var member = try MemberConsumer(group: group, topics: [name], settings)
        let (partitions, metadata) = try member.waitForAssignment()
        #expect(partitions.count == 2)
        let zero = TopicPartition(name, 0)
        let one = TopicPartition(name, 1)
        #expect(
            try member.offsets.committed([zero, one], within: .seconds(10)).map(\.offset)
                == [nil, nil]
        )

        var producer = try producer(name)
        let topic = try producer.topic(name, within: .seconds(10))
        try producer.begin()
        try producer.write(["x"], to: topic)
        try producer.sendOffsets(
            [
                ConsumedOffset(zero, offset: 42, metadata: "42 7f3a;1=9"),
                ConsumedOffset(one, offset: 7),
            ],
            of: metadata
        )
        #expect(try producer.commit() == .committed)
        try producer.begin()
        try producer.sendOffsets([ConsumedOffset(zero, offset: 99, metadata: "no")], of: metadata)
        try producer.abort()

        let found = try member.offsets.committed([zero, one], within: .seconds(10))
        #expect(found.map(\.offset) == [42, 7])
        #expect(found.map(\.metadata) == ["42 7f3a;1=9", ""])
        #expect(found.allSatisfy { $0.error == nil })
        let reader = member.offsets
        _ = member.close(within: .seconds(10))
        _ = reader

        let listed = try GroupOffsets(of: group, settings)
            .committed([zero, one], within: .seconds(10))
        #expect(listed.map(\.offset) == [42, 7])
        #expect(try admin.listGroups(within: .seconds(10)).contains { $0.name == group })
    }

    @Test func `two members share several topics, and the one that stays takes over`() throws {
        let names = try [topic("journal", partitions: 4), topic("other", partitions: 2)]
        let group = kafka.uniqueName("group")
        var first = try MemberConsumer(group: group, topics: names, settings)
        let (all, old) = try first.waitForAssignment { $0.count == 6 }
        #expect(Set(all).count == 6)
        var second = try MemberConsumer(group: group, topics: names, settings)
        var firstHas = all
        var secondHas: [TopicPartition] = []
        var events: [String] = []
        var revokedAt: ContinuousClock.Instant?
        let end = ContinuousClock.now + .seconds(30)
        while firstHas.count != 3 || secondHas.count != 3, ContinuousClock.now < end {
            for event in try first.poll(waiting: .milliseconds(20)) {
                switch event {
                case .assigned(let partitions, _):
                    firstHas = partitions
                    events.append("assigned")
                case .revoked(let partitions):
                    #expect(partitions.count == 6)
                    events.append("revoked")
                    revokedAt = .now
                case .lost: events.append("lost")
                case .failed(let error): Issue.record(error)
                }
            }
            // The transactions of the first take half a second to end: nobody gets anything before.
            if first.isRevoking, let since = revokedAt,
                ContinuousClock.now - since > .milliseconds(500)
            {
                try first.acknowledgeRevoke()
            }
            for event in try second.poll(waiting: .milliseconds(20)) {
                if case .assigned(let partitions, _) = event {
                    if partitions.isEmpty { continue }
                    secondHas = partitions
                    #expect(revokedAt.map { ContinuousClock.now - $0 > .milliseconds(500) } == true)
                }
            }
        }
        #expect(events == ["revoked", "assigned"])
        #expect(Set(firstHas + secondHas) == Set(all))
        #expect(firstHas.count == 3)

        // The generation of before does not count any more.
        var late = try producer(names[0])
        try late.begin()
        let refused = #expect(throws: TransactionError.self) {
            try late.sendOffsets([ConsumedOffset(all[0], offset: 1)], of: old)
        }
        #expect(refused?.verdict == .abort)
        #expect(refused?.error.isFenced == true)
        try late.abort()

        let isClosed = second.close(within: .seconds(10))
        #expect(isClosed)
        let (again, metadata) = try first.waitForAssignment { $0.count == 6 }
        #expect(Set(again) == Set(all))
        #expect(metadata.generation > old.generation)
        _ = first.close(within: .seconds(10))
    }

    @Test func `a member whose instance name is taken over ends with a fatal error`() throws {
        let name = try topic("instance")
        let group = kafka.uniqueName("group")
        var first = try MemberConsumer(group: group, topics: [name], instance: "worker-1", settings)
        _ = try first.waitForAssignment()
        var second = try MemberConsumer(
            group: group,
            topics: [name],
            instance: "worker-1",
            settings
        )
        let failure = Mutex<KafkaError?>(nil)
        let end = ContinuousClock.now + .seconds(30)
        while failure.withLock({ $0 == nil }), ContinuousClock.now < end {
            _ = try second.poll(waiting: .milliseconds(20))
            do throws(KafkaError) { _ = try first.poll(waiting: .milliseconds(50)) } catch {
                failure.withLock { $0 = error }
            }
        }
        let error = failure.withLock { $0 }
        #expect(error?.isFatal == true)
        #expect(error?.isFenced == true)
        _ = second.close(within: .seconds(10))
    }

    @Test func `trimmed records are told, never skipped`() throws {
        let name = try topic("trim")
        let partition = TopicPartition(name, 0)
        var producer = try Producer(settings)
        let topic = try producer.topic(name, within: .seconds(10))
        for number in 0..<10 {
            try producer.produce(bytes("\(number)").span.bytes, to: topic, partition: 0)
        }
        try producer.flush(within: .seconds(10))
        try admin.deleteRecords(of: partition, below: 4, within: .seconds(10))
        let consumer = try FetchConsumer(settings)
        #expect(
            try consumer.offsets(of: [partition], within: .seconds(10))[0].get()
                == PartitionOffsets(low: 4, end: 10)
        )
        var queue = consumer.queue()
        let source = try queue.start(partition, at: .offset(2))
        guard case .failed(source, let error) = try queue.waitForEvent() else {
            Issue.record("the loss was not told")
            return
        }
        #expect(error.isOffsetLost)
        #expect(queue.position(of: source) == 2)
        queue.stop(source)
        _ = try queue.start(partition, at: .offset(4))
        #expect(try queue.read(to: [source: 10]).map(\.value) == (4..<10).map(String.init))
        #expect(consumer.lastKnownOffsets(of: partition)?.end == 10)
        queue.stop(source)
        _ = try queue.start(partition, at: .tail(2))
        #expect(try queue.read(to: [source: 10]).map(\.offset) == [8, 9])
    }

    @Test func `topics are made, described, grown and changed`() throws {
        let name = try topic("admin", partitions: 2, configuration: [("retention.ms", "-1")])
        let again = try admin.createTopics([NewTopic(name, partitions: 2)], within: .seconds(10))
        #expect(again.count == 1)
        #expect(again[0].error?.isAlreadyExisting == true)

        let described = try admin.describeTopic(name, within: .seconds(10))
        #expect(described.partitions.map(\.id) == [0, 1])
        #expect(described.partitions.allSatisfy { $0.leader > 0 && $0.replicas.count >= 1 })
        let missing = try admin.describeTopic(name + "-not", within: .seconds(10))
        #expect(missing.error?.isUnknownTopicOrPartition == true)
        let cluster = try admin.describeCluster(within: .seconds(10))
        #expect(cluster.topics.contains { $0.name == name })
        #expect(!cluster.brokers.isEmpty)
        #expect(admin.clusterID(within: .seconds(10)) != nil)

        try admin.increasePartitions(of: name, to: 5, within: .seconds(10))
        var count = 0
        for _ in 0..<100 where count != 5 {
            count = try admin.describeTopic(name, within: .seconds(10)).partitions.count
            usleep(50_000)
        }
        #expect(count == 5)
        let shrink = #expect(throws: KafkaError.self) {
            try admin.increasePartitions(of: name, to: 3, within: .seconds(10))
        }
        #expect(shrink?.attempt == "add partitions to the topic \(name)")

        try admin.waitForOverrides(of: name, ["retention.ms": "-1"])
        try admin.replaceSettings(
            of: name,
            by: [("retention.ms", "1000"), ("max.message.bytes", "2097152")],
            within: .seconds(10)
        )
        try admin.waitForOverrides(
            of: name,
            ["retention.ms": "1000", "max.message.bytes": "2097152"]
        )
        try admin.replaceSettings(
            of: name,
            by: [("max.message.bytes", "2097152")],
            within: .seconds(10)
        )
        try admin.waitForOverrides(of: name, ["max.message.bytes": "2097152"])
        let all = try admin.describeSettings(of: name, within: .seconds(10))
        #expect(all.contains { $0.name == "cleanup.policy" && $0.source == .default })
        let wrong = #expect(throws: KafkaError.self) {
            try admin.replaceSettings(
                of: name,
                by: [("retention.ms", "soon")],
                within: .seconds(10)
            )
        }
        #expect(wrong?.message.contains("soon") == true)
    }

    @Test func `a record that is too large is refused and the transaction goes on`() throws {
        let name = try topic("large", configuration: [("max.message.bytes", "2097152")])
        var producer = try producer(name)
        let topic = try producer.topic(name, within: .seconds(10))
        try producer.begin()
        let tooLarge = [UInt8](repeating: 65, count: 2_000_001)
        let error = #expect(throws: KafkaError.self) {
            try producer.produce(tooLarge.span.bytes, to: topic, partition: 0)
        }
        #expect(error?.isTooLarge == true)
        let large = [UInt8](repeating: 65, count: 1_990_000)
        try producer.produce(large.span.bytes, to: topic, partition: 0)
        #expect(try producer.commit() == .committed)
        let consumer = try FetchConsumer(settings)
        var queue = consumer.queue()
        let source = try queue.start(TopicPartition(name, 0), at: .offset(0))
        #expect(try queue.read(to: [source: 1]).map(\.value.utf8.count) == [1_990_000])
    }

    /// The report of the delivery comes while the commit waits, or was there before.
    @Test(arguments: [UInt32(0), 500_000])
    func `a record that the broker refuses takes its transaction with it`(
        pause: UInt32
    ) throws {
        let name = try topic("refused", configuration: [("max.message.bytes", "10000")])
        var producer = try producer(name)
        let topic = try producer.topic(name, within: .seconds(10))
        try producer.begin()
        try producer.write(["small"], to: topic)
        var random = SystemRandomNumberGenerator()
        let large = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        try producer.produce(large.span.bytes, to: topic, partition: 0)
        usleep(pause)
        let error = #expect(throws: TransactionError.self) { try producer.commit() }
        #expect(error?.verdict == .abort)
        #expect(error?.delivery?.isTooLarge == true)
        try producer.abort()
        // Its next transaction would fail: OUT_OF_ORDER_SEQUENCE_NUMBER.
        #expect(producer.isSuspect == true)
        var next = try self.producer(name)
        let same = try next.topic(name, within: .seconds(10))
        try next.begin()
        try next.write(["next"], to: same)
        #expect(try next.commit() == .committed)
        let consumer = try FetchConsumer(settings)
        var queue = consumer.queue()
        let source = try queue.start(TopicPartition(name, 0), at: .beginning)
        _ = try queue.waitForEnd(of: source, where: { $0 == ["next"] })
    }

    @Test(.enabled(if: RealKafka.mayDisturb)) func `a crash of the broker loses no record`() throws
    {
        // A broker of its own: the others' tests go on.
        let kafka = try RealKafka()
        let settings = ClientSettings(bootstrap: kafka.bootstrap)
        let name = kafka.uniqueName("crash")
        for one in try Admin(settings).createTopics(
            [NewTopic(name, partitions: 1)],
            within: .seconds(20)
        ) { if let error = one.error { throw error } }
        var producer = try TransactionalProducer(id: name, settings)
        try producer.initialize()
        let topic = try producer.topic(name, within: .seconds(10))
        let consumer = try FetchConsumer(settings)
        var queue = consumer.queue()
        let source = try queue.start(TopicPartition(name, 0), at: .offset(0))
        try producer.begin()
        try producer.write(["before"], to: topic)
        #expect(try producer.commit() == .committed)
        #expect(try queue.read(to: [source: 2]).map(\.value) == ["before"])
        try producer.begin()
        try producer.write(["during"], to: topic)
        try kafka.command("kill")
        try kafka.command("start")
        // Committed late, or in doubt: then the successor's answer is the truth.
        var isCommitted = true
        do throws(TransactionError) { _ = try producer.commit() } catch { isCommitted = false }
        var next = try TransactionalProducer(id: name, settings)
        let end = ContinuousClock.now + .seconds(60)
        while true {
            do throws(TransactionError) {
                try next.initialize()
                break
            } catch {
                guard ContinuousClock.now < end else { throw error }
                next = try TransactionalProducer(id: name, settings)
            }
        }
        let same = try next.topic(name, within: .seconds(20))
        try next.begin()
        try next.write(["after"], to: same)
        #expect(try next.commit() == .committed)
        var seen: [String] = []
        while seen.last != "after", ContinuousClock.now < end {
            let batch = try queue.next(limit: 10, waiting: .milliseconds(200))
            for index in 0..<batch.count { seen.append(batch[index].value.text) }
        }
        #expect(
            seen == (isCommitted ? ["during", "after"] : ["after"]) || seen == ["during", "after"]
        )
    }
}

extension FetchQueue {
    /// Reads to the end of a partition until the values read are the wanted ones.
    mutating func waitForEnd(
        of source: Int,
        where isWanted: ([String]) -> Bool,
        within time: Duration = .seconds(20)
    ) throws -> FetchEvent {
        var values: [String] = []
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            let batch = try next(limit: 10, waiting: .milliseconds(100))
            for index in 0..<batch.count { values.append(batch[index].value.text) }
            for event in takeEvents() {
                if case .endOfPartition(source, _) = event, isWanted(values) { return event }
            }
        }
        throw Timeout(what: "the end after \(values)")
    }
}

extension Admin {
    /// The overrides of a topic are these, at the latest after 10 s: a broker hears of a change a
    /// little after it was made.
    func waitForOverrides(of topic: String, _ wanted: [String: String]) throws {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            let settings = try describeSettings(of: topic, within: .seconds(10))
            let found = Dictionary(
                uniqueKeysWithValues: settings.filter { $0.source == .topic }.map {
                    ($0.name, $0.value ?? "")
                }
            )
            if found == wanted { return }
            guard ContinuousClock.now < end else { throw Timeout(what: "\(wanted), not \(found)") }
        }
    }
}

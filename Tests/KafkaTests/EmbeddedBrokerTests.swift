import Kafka
import Testing

// To wait for a thread counts, and other suites sleep in theirs for minutes.
@Suite(.timeLimit(.minutes(20))) struct EmbeddedBrokerTests {
    @Test func `records come back with key, headers and time, then the end`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 2)
        let settings = ClientSettings(bootstrap: broker.bootstrap)
        var producer = try Producer(settings)
        let topic = try producer.topic("t", within: .seconds(10))
        #expect(topic.partitionCount == 2)
        try producer.produce(
            bytes("one").span.bytes,
            key: bytes("k").span.bytes,
            headers: [Header("a", bytes("1")), Header("b", nil), Header("c", [])],
            timestampMilliseconds: 1_700_000_000_123,
            to: topic,
            partition: 1
        )
        try producer.produce(bytes("two").span.bytes, to: topic, partition: 1)
        try producer.produce(
            [UInt8]().span.bytes,
            key: [UInt8]().span.bytes,
            to: topic,
            partition: 1
        )
        try producer.flush(within: .seconds(10))

        let consumer = try FetchConsumer(settings)
        var queue = consumer.queue()
        let source = try queue.start(TopicPartition("t", 1), at: .offset(0))
        #expect(source == 0)
        var texts: [String] = []
        while queue.position(of: source) < 3 {
            let batch = try queue.next(limit: 10, waiting: .seconds(5))
            for index in 0..<batch.count {
                let message = batch[index]
                texts.append(message.value.text)
                #expect(message.topic == "t")
                #expect(message.partition == 1)
                #expect(message.source == source)
                #expect(message.isTombstone == false)
                if message.offset == 0 {
                    #expect(message.key.text == "k")
                    #expect(
                        message.headers() == [
                            Header("a", bytes("1")), Header("b", nil), Header("c", []),
                        ]
                    )
                    #expect(message.timestamp.milliseconds == 1_700_000_000_123)
                    #expect(message.timestamp.kind == .created)
                } else {
                    #expect(message.hasKey == (message.offset == 2))
                    #expect(message.headers() == [])
                }
            }
        }
        #expect(texts == ["one", "two", ""])
        guard case .endOfPartition(source, 3) = try queue.waitForEvent() else {
            Issue.record("the end of the partition was not told")
            return
        }
    }

    @Test func `one queue reads many partitions of several topics`() throws {
        let broker = try EmbeddedBroker()
        var producer = try Producer(ClientSettings(bootstrap: broker.bootstrap))
        let consumer = try FetchConsumer(ClientSettings(bootstrap: broker.bootstrap))
        var queue = consumer.queue()
        var targets: [Int: Int64] = [:]
        for (name, partitions) in [("a", Int32(1)), ("b", 3), ("c", 2)] {
            try broker.createTopic(name, partitions: partitions)
            let topic = try producer.topic(name, within: .seconds(10))
            var batch = ProduceBatch()
            for partition in 0..<partitions {
                for number in 0..<50 {
                    batch.append(
                        bytes("\(name)\(partition) \(number)").span.bytes,
                        partition: partition
                    )
                }
                let source = try queue.start(TopicPartition(name, partition), at: .offset(0))
                targets[source] = 50
            }
            try producer.produce(&batch, to: topic)
        }
        try producer.flush(within: .seconds(10))
        let seen = try queue.read(to: targets, limit: 7)
        #expect(seen.count == 300)
        for source in 0..<queue.sourceCount {
            let partition = queue.partition(of: source)
            #expect(
                seen.filter { $0.source == source }.map(\.value)
                    == (0..<50).map { "\(partition.topic)\(partition.partition) \($0)" }
            )
        }
        // Stopped and started again elsewhere: same number, from the new offset on, nothing else.
        queue.stop(3)
        #expect(try queue.start(queue.partition(of: 3), at: .offset(48)) == 3)
        #expect(try queue.read(to: [3: 50]).map(\.offset) == [48, 49])
        #expect(throws: KafkaError.self) { try queue.start(queue.partition(of: 3), at: .beginning) }
    }

    @Test func `a partition that does not exist is refused`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        var producer = try Producer(ClientSettings(bootstrap: broker.bootstrap))
        let topic = try producer.topic("t", within: .seconds(10))
        let error = #expect(throws: KafkaError.self) {
            try producer.produce(
                bytes("x").span.bytes,
                headers: [Header("h", nil)],
                to: topic,
                partition: 1
            )
        }
        #expect(error?.isUnknownTopicOrPartition == true)
        #expect(error?.description.contains("it has 1 partitions") == true)
    }

    @Test func `EndTxn that is sent again makes the producer suspect`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        var settings = ClientSettings(bootstrap: broker.bootstrap)
        settings["socket.timeout.ms"] = "3000"
        var producer = try TransactionalProducer(id: "t", settings)
        try producer.initialize()
        let topic = try producer.topic("t", within: .seconds(10))
        try producer.begin()
        try producer.write(["one"], to: topic)
        #expect(try producer.commit() == .committed)
        #expect(producer.endTransactionRequests == 1)
        #expect(producer.isSuspect == false)

        try producer.begin()
        try producer.write(["two"], to: topic)
        try broker.delay(.endTransaction, of: 1, by: .milliseconds(4500))
        #expect(try producer.commit() == .committedSuspect)
        #expect(producer.endTransactionRequests == 2)
        #expect(producer.isSuspect == true)
    }

    @Test func `a failed delivery must be aborted, and says which`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let settings = ClientSettings(bootstrap: broker.bootstrap)
        var producer = try TransactionalProducer(id: "t", settings)
        try producer.initialize()
        let topic = try producer.topic("t", within: .seconds(10))
        try producer.begin()
        try producer.write(["one"], to: topic)
        // MSG_SIZE_TOO_LARGE, as a topic with a lower limit answers
        broker.refuse(.produce, with: [KafkaError.Code(rawValue: 10)])
        let failed = #expect(throws: TransactionError.self) { try producer.commit() }
        #expect(failed?.verdict == .abort)
        #expect(failed?.delivery?.isTooLarge == true)
        #expect(failed?.description.contains("deliver a record to t") == true)
        try producer.abort()
        #expect(producer.isSuspect == true)
    }

    // INVALID_PRODUCER_EPOCH and PRODUCER_FENCED, as a zombie is told; INVALID_PRODUCER_ID_MAPPING,
    // which librdkafka takes for abortable.
    @Test(arguments: [Int32(47), 90, 49]) func `a fenced commit is fatal`(code: Int32) throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        var producer = try TransactionalProducer(
            id: "t",
            ClientSettings(bootstrap: broker.bootstrap)
        )
        try producer.initialize()
        let topic = try producer.topic("t", within: .seconds(10))
        try producer.begin()
        try producer.write(["two"], to: topic)
        broker.refuse(.endTransaction, with: [KafkaError.Code(rawValue: code)])
        let fenced = #expect(throws: TransactionError.self) { try producer.commit() }
        #expect(fenced?.verdict == .fatal, "\(String(describing: fenced))")
        #expect(producer.isSuspect == true)
        producer.abandon()
    }

    @Test func `a broker that is down makes a commit end in its time`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        var producer = try TransactionalProducer(
            id: "t",
            ClientSettings(bootstrap: broker.bootstrap)
        )
        try producer.initialize()
        let topic = try producer.topic("t", within: .seconds(10))
        try producer.begin()
        try producer.write(["one"], to: topic)
        try broker.takeDown(broker: 1)
        let start = ContinuousClock.now
        let error = #expect(throws: TransactionError.self) {
            try producer.commit(within: .seconds(2))
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(error?.verdict == .suspect)
        #expect(producer.isSuspect == true)
    }

    @Test func `watermarks keep their time when the broker does not`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let consumer = try FetchConsumer(
            ClientSettings(bootstrap: broker.bootstrap),
            isolation: .readUncommitted
        )
        let partition = TopicPartition("t", 0)
        #expect(
            try consumer.offsets(of: [partition], within: .seconds(10))[0].get()
                == PartitionOffsets(low: 0, end: 0)
        )
        try broker.delay(.listOffsets, of: 1, by: .seconds(15))
        let start = ContinuousClock.now
        let late = consumer.offsets(of: [partition, partition], within: .seconds(1))
        #expect(ContinuousClock.now - start < .seconds(3))
        #expect(late.count == 2)
        #expect(throws: KafkaError.self) { try late[1].get() }
    }

    @Test func `a member gets its partitions from the imitation, too`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 3)
        var member = try MemberConsumer(
            group: "g",
            topics: ["t"],
            ClientSettings(bootstrap: broker.bootstrap)
        )
        let (partitions, metadata) = try member.waitForAssignment()
        #expect(partitions == [0, 1, 2].map { TopicPartition("t", $0) })
        #expect(metadata.generation >= 0)
        let isClosed = member.close(within: .seconds(10))
        #expect(isClosed)
    }
}

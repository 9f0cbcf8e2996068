import Kafka
import Testing

// What the simulated Kafka must have in common with the real one: each of these is played on both. A fault of the model
// would let the simulation prove what is not so.

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Something did not happen in time.
private struct Timeout: Error { let what: String }

extension Stage {
    fileprivate func topic(_ prefix: String, partitions: Int32 = 1) throws -> String {
        let name = name(prefix)
        let admin = try Admin(settings)
        for result in try admin.createTopics(
            [NewTopic(name, partitions: partitions)],
            within: .seconds(20)
        ) { if let error = result.error { throw error } }
        // A topic that was made a moment ago may not be in the broker's metadata yet.
        let consumer = try FetchConsumer(settings)
        let places = (0..<partitions).map { TopicPartition(name, $0) }
        try wait("the topic \(name)") {
            consumer.offsets(of: places, within: .seconds(10)).allSatisfy { (try? $0.get()) != nil }
                && (try? consumer.partitionCount(of: name, within: .seconds(5))) == partitions
        }
        return name
    }

    fileprivate func wait(_ what: String, seconds: Int64 = 30, _ isDone: () throws -> Bool) throws {
        let end = now + seconds * 1000
        while try !isDone() {
            guard now < end else { throw Timeout(what: what) }
            pause(milliseconds: 20)
        }
    }

    fileprivate func producer(_ id: String) throws -> TransactionalProducer {
        var producer = try TransactionalProducer(id: id, settings)
        try producer.initialize()
        return producer
    }

    /// Records up to an offset: offset and value.
    fileprivate func read(
        _ place: TopicPartition,
        from first: Int64 = 0,
        to target: Int64,
        _ isolation: FetchConsumer.Isolation = .readCommitted
    ) throws -> [String] {
        let consumer = try FetchConsumer(settings, isolation: isolation)
        var queue = consumer.queue()
        let source = try queue.start(place, at: .offset(first))
        var seen: [String] = []
        let end = now + 20_000
        while queue.position(of: source) < target {
            guard now < end else { throw Timeout(what: "\(place) up to \(target)") }
            let batch = try queue.next(limit: 100, waiting: .milliseconds(100))
            for index in 0..<batch.count {
                let text = batch[index].value.withUnsafeBytes {
                    String(decoding: $0, as: UTF8.self)
                }
                seen.append("\(batch[index].offset) \(text)")
            }
        }
        return seen
    }

    fileprivate func ends(_ place: TopicPartition) throws -> (stable: Int64, high: Int64) {
        let stable = try FetchConsumer(settings).offsets(of: [place], within: .seconds(10))
        let high = try FetchConsumer(settings, isolation: .readUncommitted).offsets(
            of: [place],
            within: .seconds(10)
        )
        return (try stable[0].get().end, try high[0].get().end)
    }

    /// Waits until both ends of a partition are there.
    fileprivate func waitForEnd(_ place: TopicPartition, _ end: Int64) throws {
        try wait("\(place) stable at \(end)") { try ends(place) == (end, end) }
    }

    /// Polls a member until it has an assignment, letting go what is revoked.
    fileprivate func assignment(
        _ member: inout MemberConsumer,
        generation: Int32? = nil
    ) throws -> ([TopicPartition], GroupMetadata) {
        let end = now + 30_000
        while now < end {
            for event in try member.poll(waiting: .milliseconds(50)) {
                if case .assigned(let partitions, let metadata) = event,
                    generation.map({ metadata.generation >= $0 }) ?? true
                {
                    return (partitions.sorted(), metadata)
                }
            }
            try member.acknowledgeRevoke()
        }
        throw Timeout(what: "an assignment")
    }
}

extension TransactionalProducer {
    fileprivate mutating func write(_ texts: [String], _ topic: String, _ partition: Int32 = 0)
        throws
    {
        let topic = try self.topic(topic, within: .seconds(10))
        for text in texts {
            let value = bytes(text)
            try produce(value.span.bytes, to: topic, partition: partition)
        }
    }
}

/// Why an attempt was refused.
private func refusal(_ attempt: () throws -> Void) -> TransactionError? {
    do { try attempt() } catch { return error as? TransactionError }
    return nil
}

@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: Stage.isReady, Comment(rawValue: Stage.skipReason))
)
struct ConformanceTests {
    @Test
    func `records of transactions are seen when these are committed, and markers take offsets`()
        throws
    {
        try Stage.play { stage in
            let name = try stage.topic("isolation")
            let place = TopicPartition(name, 0)
            var producer = try stage.producer(name)
            try producer.begin()
            try producer.write(["a1", "a2"], name)
            #expect(try producer.commit() == .committed)
            try producer.begin()
            try producer.write(["b1"], name)
            try producer.abort()
            try producer.begin()
            try producer.write(["c1"], name)
            #expect(try producer.commit() == .committed)
            // a1 a2 C b1 A c1 C
            try stage.waitForEnd(place, 7)
            #expect(try stage.read(place, to: 7) == ["0 a1", "1 a2", "5 c1"])
            #expect(
                try stage.read(place, to: 7, .readUncommitted) == ["0 a1", "1 a2", "3 b1", "5 c1"]
            )
        }
    }

    @Test func `an open transaction hides what comes behind it, committed or not`() throws {
        try Stage.play { stage in
            let name = try stage.topic("open")
            let place = TopicPartition(name, 0)
            var first = try stage.producer(name + "-1")
            var second = try stage.producer(name + "-2")
            try first.begin()
            try first.write(["open"], name)
            try first.deliver(within: .seconds(10))
            try second.begin()
            try second.write(["behind"], name)
            _ = try second.commit()
            try stage.wait("the second marker") { try stage.ends(place).high == 3 }
            #expect(try stage.ends(place) == (0, 3))
            try first.abort()
            try stage.waitForEnd(place, 4)
            #expect(try stage.read(place, to: 4) == ["1 behind"])
        }
    }

    @Test func `who begins with an identifier fences who had it, and aborts what is open`() throws {
        try Stage.play { stage in
            let name = try stage.topic("fence")
            let place = TopicPartition(name, 0)
            var first = try stage.producer(name)
            try first.begin()
            try first.write(["zombie"], name)
            try first.deliver(within: .seconds(10))
            var second = try stage.producer(name)
            try stage.wait("the abort") {
                let ends = try stage.ends(place)
                return ends.stable == ends.high && ends.high >= 2
            }
            let refused = refusal { _ = try first.commit() }
            #expect(refused?.verdict == .fatal)
            #expect(refused?.error.isFenced == true)
            try second.begin()
            try second.write(["heir"], name)
            #expect(try second.commit() == .committed)
            let end = try stage.ends(place).high
            try stage.waitForEnd(place, end)
            #expect(try stage.read(place, to: end).map { $0.suffix(4) } == ["heir"])
            first.abandon()
        }
    }

    @Test func `records that a fenced producer sends late are refused`() throws {
        try Stage.play { stage in
            let name = try stage.topic("late")
            let place = TopicPartition(name, 0)
            var first = try stage.producer(name)
            try first.begin()
            try first.write(["one"], name)
            try first.deliver(within: .seconds(10))
            var second = try stage.producer(name)
            try second.begin()
            _ = try second.commit()
            // The zombie has not heard of it.
            try? first.write(["two"], name)
            let refused = refusal { _ = try first.commit() }
            #expect(refused != nil)
            try stage.wait("the abort") {
                let ends = try stage.ends(place)
                return ends.stable == ends.high
            }
            #expect(try stage.read(place, to: try stage.ends(place).high).isEmpty)
            first.abandon()
        }
    }

    @Test func `offsets are committed with the transaction, receipts beside them`() throws {
        try Stage.play { stage in
            let name = try stage.topic("offsets")
            let place = TopicPartition(name, 0)
            let group = name + "-group"
            var member = try MemberConsumer(group: group, topics: [name], stage.settings)
            let (partitions, metadata) = try stage.assignment(&member)
            #expect(partitions == [place])
            #expect(try member.offsets.committed([place], within: .seconds(10))[0].offset == nil)
            var producer = try stage.producer(name)
            try producer.begin()
            try producer.sendOffsets(
                [ConsumedOffset(place, offset: 17, metadata: "receipt 17")],
                of: metadata
            )
            // Those of an open transaction are waited for; who does not wait sees the last ones.
            do {
                _ = try member.offsets.committed([place], within: .milliseconds(600))
                Issue.record("an open offset was told")
            } catch {
                #expect((error as? KafkaError)?.isTimeout == true)
            }
            let before = try GroupOffsets(of: group, stage.settings)
                .committed([place], within: .seconds(10))
            #expect(before.first?.offset == nil)
            _ = try producer.commit()
            let found = try member.offsets.committed([place], within: .seconds(10))[0]
            #expect(found.offset == 17)
            #expect(found.metadata == "receipt 17")
            try producer.begin()
            try producer.sendOffsets([ConsumedOffset(place, offset: 99)], of: metadata)
            try producer.abort()
            #expect(try member.offsets.committed([place], within: .seconds(10))[0].offset == 17)
            member.close(within: .seconds(5))
        }
    }

    @Test func `a compacted topic takes no record without a key`() throws {
        try Stage.play { stage in
            let name = stage.name("compacted")
            for result in try Admin(stage.settings).createTopics(
                [NewTopic(name, partitions: 1, configuration: [("cleanup.policy", "compact")])],
                within: .seconds(20)
            ) { if let error = result.error { throw error } }
            let consumer = try FetchConsumer(stage.settings)
            try stage.wait("the topic \(name)") {
                (try? consumer.partitionCount(of: name, within: .seconds(5))) == 1
            }
            var producer = try stage.producer(name)
            let topic = try producer.topic(name, within: .seconds(10))
            try producer.begin()
            try producer.produce([1, 2].span.bytes, to: topic, partition: 0)
            let refused = refusal { _ = try producer.commit() }
            #expect(refused?.verdict == .abort)
            try producer.abort()
            producer.abandon()
            producer = try stage.producer(name)
            let again = try producer.topic(name, within: .seconds(10))
            try producer.begin()
            try producer.produce([1, 2].span.bytes, key: [7].span.bytes, to: again, partition: 0)
            #expect(try producer.commit() == .committed)
        }
    }

    @Test func `a generation that has gone by commits no offsets`() throws {
        try Stage.play { stage in
            let name = try stage.topic("generation", partitions: 2)
            let place = TopicPartition(name, 0)
            let group = name + "-group"
            var first = try MemberConsumer(group: group, topics: [name], stage.settings)
            let (all, old) = try stage.assignment(&first)
            #expect(all.count == 2)
            var second = try MemberConsumer(group: group, topics: [name], stage.settings)
            var shares: [[TopicPartition]?] = [nil, nil]
            var new: GroupMetadata?
            let end = stage.now + 30_000
            while shares.contains(where: { $0 == nil }), stage.now < end {
                for event in try first.poll(waiting: .milliseconds(20)) {
                    if case .assigned(let part, let metadata) = event {
                        shares[0] = part
                        new = metadata
                    }
                }
                try first.acknowledgeRevoke()
                for event in try second.poll(waiting: .milliseconds(20)) {
                    if case .assigned(let part, _) = event { shares[1] = part }
                }
                try second.acknowledgeRevoke()
            }
            #expect((shares[0] ?? []).count == 1)
            #expect(((shares[0] ?? []) + (shares[1] ?? [])).sorted() == all)
            let metadata = try #require(new)
            #expect(metadata.generation > old.generation)
            var producer = try stage.producer(name)
            try producer.begin()
            let refused = refusal {
                try producer.sendOffsets([ConsumedOffset(place, offset: 5)], of: old)
            }
            #expect(refused?.verdict == .abort)
            #expect(refused?.error.isFenced == true)
            try producer.abort()
            try producer.begin()
            try producer.sendOffsets([ConsumedOffset(place, offset: 6)], of: metadata)
            _ = try producer.commit()
            // Without a member nothing fences them.
            try producer.begin()
            try producer.sendOffsets(
                [ConsumedOffset(place, offset: 7)],
                of: GroupMetadata(unfenced: group)
            )
            _ = try producer.commit()
            #expect(try first.offsets.committed([place], within: .seconds(10))[0].offset == 7)
            first.close(within: .seconds(5))
            second.close(within: .seconds(5))
        }
    }

    @Test func `a named member that comes back has its partitions, and who had its name is fenced`()
        throws
    {
        try Stage.play { stage in
            let name = try stage.topic("named", partitions: 2)
            let group = name + "-group"
            var first = try MemberConsumer(
                group: group,
                topics: [name],
                instance: "a",
                stage.settings
            )
            let (all, old) = try stage.assignment(&first)
            var again = try MemberConsumer(
                group: group,
                topics: [name],
                instance: "a",
                stage.settings
            )
            let (same, metadata) = try stage.assignment(&again)
            #expect(same == all)
            #expect(metadata.generation == old.generation)
            var producer = try stage.producer(name)
            try producer.begin()
            let refused = refusal {
                try producer.sendOffsets([ConsumedOffset(all[0], offset: 5)], of: old)
            }
            #expect(refused?.error.isFenced == true)
            try? producer.abort()
            try stage.wait("the first one's end") {
                do { _ = try first.poll(waiting: .milliseconds(50)) } catch {
                    return (error as? KafkaError)?.isFenced == true
                }
                return false
            }
            first.close(within: .seconds(5))
            again.close(within: .seconds(5))
        }
    }

    @Test func `who reads where nothing is any more is told so`() throws {
        try Stage.play { stage in
            let name = try stage.topic("trimmed")
            let place = TopicPartition(name, 0)
            var producer = try stage.producer(name)
            try producer.begin()
            try producer.write(["a", "b", "c", "d"], name)
            _ = try producer.commit()
            try stage.waitForEnd(place, 5)
            try Admin(stage.settings).deleteRecords(of: place, below: 2, within: .seconds(20))
            let consumer = try FetchConsumer(stage.settings)
            try stage.wait("the cut") {
                try consumer.offsets(of: [place], within: .seconds(5))[0].get().low == 2
            }
            #expect(try stage.read(place, from: 2, to: 5) == ["2 c", "3 d"])
            var queue = consumer.queue()
            _ = try queue.start(place, at: .offset(0))
            var isLost = false
            try stage.wait("the event") {
                _ = try queue.next(limit: 10, waiting: .milliseconds(50)).count
                for case .failed(_, let error) in queue.takeEvents() where error.isOffsetLost {
                    isLost = true
                }
                return isLost
            }
        }
    }

    @Test func `the end is told each time it is reached, behind markers`() throws {
        try Stage.play { stage in
            let name = try stage.topic("end")
            let place = TopicPartition(name, 0)
            let consumer = try FetchConsumer(stage.settings)
            var queue = consumer.queue()
            let source = try queue.start(place, at: .offset(0))
            func end(_ queue: inout FetchQueue) throws -> Int64 {
                var position: Int64 = -1
                try stage.wait("the end") {
                    _ = try queue.next(limit: 10, waiting: .milliseconds(50)).count
                    for case .endOfPartition(_, let place) in queue.takeEvents() {
                        position = place
                    }
                    return position >= 0
                }
                return position
            }
            #expect(try end(&queue) == 0)
            var producer = try stage.producer(name)
            for turn: Int64 in 1...3 {
                try producer.begin()
                try producer.write(["x"], name)
                _ = try producer.commit()
                try stage.waitForEnd(place, 2 * turn)
                try stage.wait("the position") {
                    _ = try end(&queue)
                    return queue.position(of: source) == 2 * turn
                }
            }
        }
    }

    @Test func `a transaction that takes too long is aborted, and its producer fenced`() throws {
        try Stage.play { stage in
            let name = try stage.topic("slow")
            let place = TopicPartition(name, 0)
            var settings = stage.settings
            settings["transaction.timeout.ms"] = "2000"
            settings["socket.timeout.ms"] = "1500"
            var producer = try TransactionalProducer(id: name, settings)
            try producer.initialize()
            try producer.begin()
            try producer.write(["slow"], name)
            try producer.deliver(within: .seconds(10))
            try stage.wait("the abort") { try stage.ends(place).stable == 2 }
            let refused = refusal { _ = try producer.commit() }
            #expect(refused?.verdict == .fatal)
            #expect(refused?.error.isFenced == true)
            #expect(try stage.read(place, to: 2).isEmpty)
            producer.abandon()
        }
    }

    @Test func `what does not exist is told apart`() throws {
        try Stage.play { stage in
            let name = stage.name("missing")
            let found = try Admin(stage.settings).describeTopic(name, within: .seconds(10))
            #expect(found.error?.isUnknownTopicOrPartition == true)
        }
    }
}

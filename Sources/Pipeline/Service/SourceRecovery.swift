internal import Journal
public import Kafka

/// Sets the offsets of source partitions to where the journal ends, after the group has lost them.
///
/// Two things stop ingest with status 78 and are mended by this: an offset that has expired (a group that was empty for
/// `offsets.retention.minutes`), and records that Kafka deleted before they were copied. Everything that is needed
/// stands in the journal and the dead letters: what was copied from a source partition last, and how many records of it
/// each journal partition has. It reads both to their ends, so it takes its time; the service must not run.
public struct SourceRecovery: Sendable {
    /// What became of one source partition.
    public struct Result: Sendable, Hashable {
        public var partition: TopicPartition
        /// Where copying goes on.
        public var offset: Int64
        /// Records that Kafka deleted before they were copied: they are lost.
        public var lost: Int64
    }

    let configuration: ServiceConfiguration

    /// A recovery of the installation that a configuration describes.
    public init(_ configuration: ServiceConfiguration) { self.configuration = configuration }

    /// Reads the journal and commits the offsets of all source partitions it knows.
    public func run(until stop: StopFlag) throws(ServiceEnd) -> [Result] {
        let control = ServiceControl(stop, Operations())
        let found: [TopicPartition: Found]
        do {
            found = try read(JournalScan(configuration, control))
        } catch let error as ServiceEnd {
            throw error
        } catch {
            throw .temporary("\(error)")
        }
        guard found.keys.contains(where: { configuration.sourceTopics.contains($0.topic) }) else {
            throw .configuration(
                "resume the sources: the journal knows none, so ingest begins by itself"
            )
        }
        do {
            return try commit(found)
        } catch let error as ServiceEnd {
            throw error
        } catch {
            throw .temporary("\(error)")
        }
    }

    private struct Found {
        var next: Int64 = 0
        var metadata: SourceMetadata

        init(partitions: Int) { metadata = SourceMetadata(firstOffset: 0, partitions: partitions) }
    }

    /// What the journal and the dead letters say of each source partition.
    private func read(_ scan: JournalScan) throws -> [TopicPartition: Found] {
        let consumer = try FetchConsumer(configuration.consumerSettings)
        let journal = try partitions(of: configuration.journalTopic, consumer)
        let letters = try partitions(of: configuration.deadLetterTopic, consumer)
        var found: [TopicPartition: Found] = [:]
        // These two are not registered: one that has given no record yet goes on at its beginning.
        for topic in [configuration.referenceTopic, configuration.policyTopic] {
            found[TopicPartition(topic, 0)] = Found(partitions: journal.count)
        }
        var ends = try scan.read(journal) { (place, message) throws(ServiceEnd) in
            Self.note(try JournalScan.record(message), place, &found, partitions: journal.count)
            return true
        }
        var newest = Array(repeating: [TopicPartition: Int64](), count: letters.count)
        ends += try scan.read(letters) { (place, message) throws(ServiceEnd) in
            guard let (source, offset) = DeadLetterHeaders.source(of: message.headers()) else {
                return true
            }
            newest[place][source] = max(newest[place][source] ?? -1, offset)
            var one = found[source] ?? Found(partitions: journal.count)
            one.next = max(one.next, offset + 1)
            found[source] = one
            return true
        }
        try readHidden(journal, letters, newest, scan, &found, &ends)
        let stable = StableOffsets(ends)
        for source in found.keys {
            found[source]?.metadata.stable = stable
            found[source]?.metadata.owner = Self.owner(configuration)
        }
        return found
    }

    /// Who commits the offsets.
    private static func owner(_ configuration: ServiceConfiguration) -> String {
        configuration.application + ".ingest.resume"
    }

    private func partitions(
        of topic: String,
        _ consumer: FetchConsumer
    ) throws -> [TopicPartition] {
        let count = try consumer.partitionCount(of: topic, within: .seconds(20))
        return (0..<count).map { TopicPartition(topic, $0) }
    }

    /// Notes what a journal record says of source partitions.
    private static func note(
        _ record: RecordView,
        _ place: Int,
        _ found: inout [TopicPartition: Found],
        partitions: Int
    ) {
        func note(_ source: TopicPartition, _ body: (inout Found) -> Void) {
            body(&found[source, default: Found(partitions: partitions)])
        }
        switch record.kind {
        case .sourceRegistered:
            let source = record.sourceRegistration
            note(TopicPartition(source.topic, source.partition)) { one in
                one.metadata.firstOffset = source.firstOffset
                one.next = max(one.next, source.firstOffset)
            }
        case .tick:
            for progress in record.progress {
                note(TopicPartition(progress.topic, progress.partition)) { one in
                    one.metadata.reached = max(one.metadata.reached, progress.reached)
                }
            }
        default:
            guard let source = JournalScan.source(of: record) else { return }
            let (offset, counter) = (record.source.offset, record.source.counter)
            let time = record.recordedAt
            note(source) { one in
                one.next = max(one.next, offset + 1)
                one.metadata.newest = max(one.metadata.newest, time)
                one.metadata.counters[place] = max(one.metadata.counters[place], counter + 1)
            }
        }
    }

    /// Counts records that stand before others of their source which are seen, and are not seen themselves: Kafka lost
    /// markers of their transaction (``HangingTransaction``). The take-over finds them missing, and writes them again.
    private func readHidden(
        _ journal: [TopicPartition],
        _ letters: [TopicPartition],
        _ newest: [[TopicPartition: Int64]],
        _ scan: JournalScan,
        _ found: inout [TopicPartition: Found],
        _ ends: inout [Int64]
    ) throws(ServiceEnd) {
        try scan.read(journal, uncommitted: true) { (place, message) throws(ServiceEnd) in
            // What was aborted may be anybody's, as `doctor`'s.
            guard let record = try? JournalScan.record(message),
                let source = JournalScan.source(of: record), let one = found[source],
                record.source.offset < one.next,
                record.source.counter >= one.metadata.counters[place]
            else { return true }
            found[source]?.metadata.counters[place] = record.source.counter + 1
            ends[place] = min(ends[place], message.offset)
            return true
        }
        try scan.read(letters, uncommitted: true) { (place, message) throws(ServiceEnd) in
            if let (source, offset) = DeadLetterHeaders.source(of: message.headers()),
                let one = found[source], offset < one.next, offset > newest[place][source] ?? -1
            {
                ends[journal.count + place] = min(ends[journal.count + place], message.offset)
            }
            return true
        }
    }

    /// Commits as the group's only member.
    private func commit(_ found: [TopicPartition: Found]) throws -> [Result] {
        let topics =
            configuration.sourceTopics + [configuration.referenceTopic, configuration.policyTopic]
        var member = try MemberConsumer(
            group: configuration.ingestGroup,
            topics: topics,
            strategy: .roundRobin,
            configuration.consumerSettings
        )
        var assigned: ([TopicPartition], GroupMetadata)?
        let deadline = Ticker.now + 30_000
        while assigned == nil {
            guard Ticker.now < deadline else {
                throw ServiceEnd.temporary(
                    "resume the sources: joining the group took longer than 30 s"
                )
            }
            for event in try member.poll(waiting: .milliseconds(50)) {
                if case .assigned(let partitions, let metadata) = event {
                    assigned = (partitions, metadata)
                }
            }
            try member.acknowledgeRevoke()
        }
        guard let (partitions, metadata) = assigned else { return [] }
        let wanted = found.keys.sorted()
        let ours = Set(partitions)
        for partition in wanted where topics.contains(partition.topic) && !ours.contains(partition)
        {
            throw ServiceEnd.temporary(
                "resume the sources: \(partition) is another process's. Stop the service first."
            )
        }
        let mine = wanted.filter { ours.contains($0) }
        let consumer = try FetchConsumer(
            configuration.consumerSettings,
            isolation: .readUncommitted
        )
        var results: [Result] = []
        var offsets: [ConsumedOffset] = []
        for (place, bounds) in consumer.offsets(of: mine, within: .seconds(30)).enumerated() {
            guard let one = found[mine[place]] else { continue }
            let low = try bounds.get().low
            let offset = max(one.next, low)
            results.append(Result(partition: mine[place], offset: offset, lost: offset - one.next))
            offsets.append(ConsumedOffset(mine[place], offset: offset, metadata: one.metadata.text))
        }
        var producer = try TransactionalProducer(
            id: Self.owner(configuration),
            configuration.producerSettings
        )
        try producer.initialize()
        try producer.begin()
        try producer.sendOffsets(offsets, of: metadata)
        _ = try producer.commit()
        member.close(within: .seconds(5))
        return results
    }
}

/// Takes a source partition that is gone for good out of the reckoning of time: a journal record, written once to every
/// journal partition.
public struct SourceRetirement: Sendable {
    let configuration: ServiceConfiguration

    /// A retirement in the installation that a configuration describes.
    public init(_ configuration: ServiceConfiguration) { self.configuration = configuration }

    /// Retires a source partition; it may be retired again without effect.
    public func retire(_ partition: TopicPartition) throws(ServiceEnd) {
        do {
            var producer = try TransactionalProducer(
                id: configuration.application + ".retire",
                configuration.producerSettings
            )
            try producer.initialize()
            let journal = try producer.topic(configuration.journalTopic, within: .seconds(20))
            let records = RecordBatch()
            records.appendRetirement(
                topic: partition.topic,
                partition: partition.partition,
                at: Instant(milliseconds: WallClock.milliseconds),
                source: RecordSource(partition: -1, offset: 0, counter: 0)
            )
            try producer.begin()
            for target in 0..<journal.partitionCount {
                // The span is used up while the batch stands.
                let value = unsafe RawSpan(_unsafeBytes: records.record(at: 0).allBytes)
                try producer.produce(value, to: journal, partition: target)
            }
            _ = try producer.commit()
        } catch {
            throw .temporary("retire \(partition): \(error)")
        }
    }
}

internal import Journal
internal import Kafka

// Taking over what the group gives: committed offsets with their counters, registration of partitions that nobody has
// copied yet, the starts and stops of fetching.
extension IngestWorker {
    /// Begins to copy what an assignment gives us, stops what it does not.
    ///
    /// Partitions without a committed offset are left as `fresh`: the journal must be read before they may begin.
    mutating func takeOver(
        apartFrom begun: [TopicPartition],
        _ metadata: GroupMetadata,
        _ producer: inout IngestProducer
    ) throws(Setback) {
        let partitions = membership.partitions
        membership.fresh = []
        for source in copier.sources.indices where copier.sources[source].isOwned {
            if !partitions.contains(copier.sources[source].partition) {
                stop(source)
                copier.sources[source].isOwned = false
            }
        }
        let wanted = partitions.filter {
            (copier.isOpen || kind(of: $0) != .events) && !begun.contains($0)
        }
        if !copier.isOpen {
            // From its beginning: what was seen before a failure is seen again.
            _ = try start(TopicPartition(configuration.journalTopic, 0), at: 0)
        } else if let source = copier.sources.firstIndex(where: { $0.kind == .journal }) {
            stop(source)
        }
        if wanted.isEmpty { return }
        let committed = try committedOffsets(wanted, metadata)
        var fresh: [TopicPartition] = []
        var begins: [CommittedOffset] = []
        for one in committed {
            if let error = one.error { throw Setback(error) }
            guard let offset = one.offset else {
                fresh.append(one.partition)
                continue
            }
            // Nobody else has written for it since: it goes on where it is.
            if let known = copier.sources.first(where: { $0.partition == one.partition }),
                known.isOwned, known.committed == offset,
                known.metadata.isEqual(
                    to: SourceMetadata(one.metadata, partitions: Int(partitionCount))
                )
            {
                continue
            }
            begins.append(one)
        }
        if begins.isEmpty, fresh.isEmpty { return }
        // Also where all are fresh: nothing may be open when something is written under our id.
        let tails = try SourceTails(
            configuration: configuration,
            control: control,
            log: log,
            partitionCount: partitionCount,
            identity: identity
        ).find(begins, among: eventPartitions() + configuration.singleSources)
        copier.learnStable(tails.stable)
        var touched: [Int] = []
        for one in begins {
            guard let offset = one.offset else { continue }
            guard let found = SourceMetadata(one.metadata, partitions: Int(partitionCount)) else {
                throw .end(
                    .configuration(
                        "copy \(one.partition): the group \(configuration.ingestGroup) has the offset \(offset) "
                            + "without the counters that belong to it. Offsets must not be set by other tools."
                    )
                )
            }
            let source = try begin(one.partition, offset, found)
            copier.sources[source].seen = tails.seen[one.partition] ?? [:]
            copier.sources[source].seenLetters = tails.seenLetters[one.partition] ?? [:]
            copier.learnStable(of: source)
            touched.append(source)
        }
        if !tails.lost.isEmpty {
            for source in touched { copier.sources[source].isTouched = true }
            try producer.begin()
            for record in tails.lost { try producer.send(record) }
            try producer.commit(copier.offsets, of: metadata)
            copier.committed()
        }
        guard !fresh.isEmpty else { return }
        do { try known.begin() } catch { throw Setback.caught(error) }
        membership.fresh = fresh
    }

    /// Reads the journal on for whether it knows the fresh partitions; whether that is done.
    func isKnown(within milliseconds: Int64) throws(Setback) -> Bool {
        do { return try known.advance(milliseconds: milliseconds) } catch {
            throw Setback.caught(error)
        }
    }

    /// The committed offsets; those that an open transaction has written are waited for.
    ///
    /// A worker that died in a transaction leaves it open until Kafka ends it, which takes up to 20 s: the time-out of
    /// transactions, 10 s, and the broker looks every 10 s. Its transactional id stands beside the offsets, and to
    /// begin anew under that id ends the transaction at once. One that lives loses no more than that transaction.
    private mutating func committedOffsets(
        _ wanted: [TopicPartition],
        _ metadata: GroupMetadata
    ) throws(Setback) -> [CommittedOffset] {
        let offsets = member.offsets
        do { return try offsets.committed(wanted, within: .milliseconds(1500)) } catch {
            guard error.isTimeout else { throw Setback(error) }
        }
        do {
            let last = try GroupOffsets(of: configuration.ingestGroup, configuration.kafka)
                .committed(wanted, within: .seconds(2))
            let owners = Set(
                last.compactMap {
                    SourceMetadata($0.metadata, partitions: Int(partitionCount))?.owner
                }
            ).subtracting(["", identity.transactionalID]).sorted()
            for owner in owners {
                log.warning("ingest-ends-transaction", ("transactional_id", owner))
                var predecessor = try TransactionalProducer(
                    id: owner,
                    configuration.producerSettings
                )
                try predecessor.initialize(within: .seconds(3))
            }
            do { return try offsets.committed(wanted, within: .seconds(3)) } catch {
                guard error.isTimeout else { throw error }
            }
            let hanging = HangingTransaction(configuration: configuration, log: log)
            // Sources without an offset whose registration is seen have one that is hidden: without it nobody may begin.
            let fresh = last.filter { $0.offset == nil }.map(\.partition)
            if !fresh.isEmpty {
                try known.begin(toLastStable: true)
                while !(try isKnown(within: 200)) {
                    lastSuccess = Ticker.now
                    try poll(waiting: 0)
                    guard membership.metadata === metadata else {
                        throw Setback.again("the group's assignment has changed")
                    }
                }
            }
            let isCommit = fresh.contains { known.contains($0) }
            try hanging.dropIngest(
                Set(owners + [identity.transactionalID]),
                [],
                committing: isCommit
            )
            do { _ = try offsets.committed(wanted, within: .seconds(3)) } catch {
                guard error.isTimeout else { throw error }
                try hanging.dropIngest(identity.unnamed, [], committing: isCommit)
            }
            throw Setback.again("a transaction hung; it was ended")
        } catch {
            throw Setback.caught(error)
        }
    }

    /// Begins with partitions that have no committed offset, if the journal, which was read for it, does not know them.
    mutating func register(
        _ partitions: [TopicPartition],
        _ metadata: GroupMetadata,
        _ producer: inout IngestProducer
    ) throws(Setback) {
        let bounds: [Result<PartitionOffsets, KafkaError>]
        var firstTimes: [TopicPartition: Instant] = [:]
        do {
            if let lost = partitions.first(where: { known.contains($0) }) {
                throw ServiceEnd.configuration(
                    "copy \(lost): it was copied before, and the group \(configuration.ingestGroup) has lost its "
                        + "offset (offsets expire when a group is empty for offsets.retention.minutes). Copying it "
                        + "from anywhere else would lose or double records. Stop the service and run "
                        + "\"sources resume\", which reads from the journal where to go on."
                )
            }
            bounds = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
                .offsets(of: partitions, within: .seconds(20))
            // Time begins at the first record of each, so that it is known before anything is decided.
            let copied = partitions.filter {
                kind(of: $0) == .events && configuration.sourcesStart == .earliest
            }
            try JournalScan(configuration, control).read(copied) {
                (place, message) throws(ServiceEnd) in
                firstTimes[copied[place]] = Instant(
                    milliseconds: max(0, message.timestamp.milliseconds)
                )
                return false
            }
        } catch {
            throw Setback.caught(error)
        }
        copier.beginBatch()
        for (place, partition) in partitions.enumerated() {
            let found: PartitionOffsets
            do { found = try bounds[place].get() } catch { throw Setback(error) }
            let isEvents = kind(of: partition) == .events
            let offset = isEvents && configuration.sourcesStart == .latest ? found.end : found.low
            let receipt = SourceMetadata(firstOffset: offset, partitions: Int(partitionCount))
            let source = try begin(partition, offset, receipt)
            // The reference topics carry no time: they are known by the records copied from them, and have an
            // offset from now on, so that nobody looks for them again.
            if isEvents { copier.register(source, firstTimes[partition]) }
            copier.learnStable(of: source)
            copier.sources[source].isTouched = true
        }
        copier.tick()
        try producer.begin()
        try copier.flush(&producer)
        let offsets = copier.offsets
        if offsets.isEmpty { return }
        try producer.commit(offsets, of: metadata)
        copier.committed()
        log.info("sources-registered", ("count", "\(partitions.count)"))
    }

    /// Begins to copy a partition from an offset; its number.
    private mutating func begin(
        _ partition: TopicPartition,
        _ offset: Int64,
        _ metadata: SourceMetadata
    ) throws(Setback) -> Int {
        if kind(of: partition) == .reference {
            copier.setReference(try referenceState(upTo: offset))
        }
        let source = try start(partition, at: offset)
        copier.sources[source].isOwned = true
        copier.sources[source].next = offset
        copier.sources[source].committed = offset
        copier.sources[source].metadata = metadata
        copier.sources[source].metadata.owner = identity.transactionalID
        copier.sources[source].isTouched = false
        copier.learnTime(of: source)
        return source
    }

    /// Starts to fetch a partition, which must not be running; the number that queue and copier have for it.
    private mutating func start(
        _ partition: TopicPartition,
        at offset: Int64
    ) throws(Setback) -> Int {
        if let running = copier.sources.firstIndex(where: { $0.partition == partition }) {
            stop(running)
        }
        let number: Int
        do { number = try queue.start(partition, at: .offset(offset), apart: true) } catch {
            throw Setback(error)
        }
        if number == copier.sources.count {
            let isJournal = partition.topic == configuration.journalTopic
            copier.addSource(partition, isJournal ? .journal : kind(of: partition))
        }
        precondition(copier.sources[number].partition == partition, "queue and copier number alike")
        copier.sources[number].isFetchedToEnd = false
        copier.sources[number].restartAt = nil
        copier.sources[number].isStarted = true
        copier.sources[number].activeAt = Ticker.now
        return number
    }

    /// All source partitions of events, ours and others'.
    func eventPartitions() throws(Setback) -> [TopicPartition] {
        var all: [TopicPartition] = []
        do {
            for topic in configuration.sourceTopics {
                let count = try fetcher.partitionCount(of: topic, within: .seconds(10))
                all += (0..<count).map { TopicPartition(topic, $0) }
            }
        } catch {
            throw Setback(error)
        }
        return all
    }

    mutating func stop(_ source: Int) {
        queue.stop(source)
        copier.sources[source].isStarted = false
        copier.sources[source].held.removeAll()
    }

    func kind(of partition: TopicPartition) -> SourcePartition.Kind {
        if partition.topic == configuration.referenceTopic { return .reference }
        if partition.topic == configuration.policyTopic { return .policy }
        return .events
    }

    /// The reference topic's rows before an offset.
    private func referenceState(upTo offset: Int64) throws(Setback) -> ReferenceState {
        var state = ReferenceState()
        do {
            try JournalScan(configuration, control).read(
                [TopicPartition(configuration.referenceTopic, 0)]
            ) { (_, message) throws(ServiceEnd) in
                guard message.offset < offset else { return false }
                // The spans are used up while the message is there.
                let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
                let value =
                    message.isTombstone
                    ? nil : unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                _ = state.apply(key: key, value: value, offset: message.offset)
                return true
            }
        } catch {
            throw Setback.caught(error)
        }
        return state
    }
}

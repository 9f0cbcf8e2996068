internal import Journal
internal import Kafka

/// Looks for transactions of ingest workers that are over and whose markers were lost in the journal or the dead letters,
/// while the offsets got theirs (``HangingTransaction`` has what Kafka does).
///
/// Nobody would notice: the offsets answer and count records that nobody sees. Whatever ends next under that
/// transactional id decides about them, and an abort loses them. So it is looked for before anything is written under an
/// id, and ended as the offsets say: what they count is committed, what they do not is dropped.
struct LostMarkers {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32
    let offsets: GroupOffsets

    /// Records of a partition that are there and not seen.
    private struct Stretch {
        var start: Int64
        var end: Int64
    }

    /// What the group counts of a source partition.
    private struct Counted {
        var metadata: SourceMetadata
        /// The next record to be copied.
        var offset: Int64
    }

    /// Ends what is found.
    ///
    /// - Parameters:
    ///   - ids: transactional ids under which nobody writes any more.
    ///   - sources: source partitions that they may have copied.
    /// - Throws: `Setback` where something was ended, or could not be.
    func end(of ids: Set<String>, _ sources: [TopicPartition]) throws(Setback) {
        var commits: [String: Bool] = [:]
        var partitions: [String: [TopicPartition]] = [:]
        do {
            let all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
            let counted: [TopicPartition: Counted]
            let suspects: [(TopicPartition, Stretch)]
            (suspects, counted) = try stuck(ids, sources, all)
            for (partition, stretch) in suspects {
                guard let (id, isCounted) = try first(partition, stretch, all, counted) else {
                    continue
                }
                commits[id] = isCounted || commits[id] == true
                partitions[id, default: []].append(partition)
            }
        } catch {
            throw Setback.caught(error)
        }
        guard !commits.isEmpty, !control.shouldStop else { return }
        let hanging = HangingTransaction(configuration: configuration, log: log)
        for (id, isCommit) in commits.sorted(by: { $0.key < $1.key }) {
            try hanging.end(
                id,
                configuration.ingestGroup,
                partitions[id] ?? [],
                hanging.nothing,
                unused: TopicPartition(configuration.journalTopic, 0),
                isCommit: isCommit
            )
        }
        throw Setback.again("a transaction hung; it was ended")
    }

    /// The stretches that stay where they are for three seconds, and what the offsets count: a transaction that lives moves
    /// on, and markers that are on their way arrive.
    private func stuck(
        _ ids: Set<String>,
        _ sources: [TopicPartition],
        _ all: FetchConsumer
    ) throws -> (suspects: [(TopicPartition, Stretch)], counted: [TopicPartition: Counted]) {
        let stable = try FetchConsumer(configuration.consumerSettings)
        let letters = try stable.partitionCount(
            of: configuration.deadLetterTopic,
            within: .seconds(10)
        )
        var suspects: [(TopicPartition, Stretch)] =
            (0..<partitionCount).map {
                (TopicPartition(configuration.journalTopic, $0), Stretch(start: -1, end: -1))
            }
            + (0..<letters).map {
                (TopicPartition(configuration.deadLetterTopic, $0), Stretch(start: -1, end: -1))
            }
        var counted: [TopicPartition: Counted]?
        let deadline = Ticker.now + 3000
        while !control.shouldStop {
            let names = suspects.map(\.0)
            let seen = stable.offsets(of: names, within: .seconds(10))
            let ends = all.offsets(of: names, within: .seconds(10))
            var open: [(TopicPartition, Stretch)] = []
            for (place, (name, before)) in suspects.enumerated() {
                let now = Stretch(start: try seen[place].get().end, end: try ends[place].get().end)
                guard now.start < now.end, before.start < 0 || before.start == now.start else {
                    continue
                }
                open.append((name, now))
            }
            suspects = open
            if suspects.isEmpty { break }
            let known = try counted ?? owned(by: ids, sources)
            counted = known
            if known.isEmpty { return ([], [:]) }
            if Ticker.now >= deadline { break }
            Ticker.sleep(milliseconds: 100)
        }
        return (suspects, counted ?? [:])
    }

    /// What the group counts of the sources that some workers copied last.
    private func owned(
        by ids: Set<String>,
        _ sources: [TopicPartition]
    ) throws -> [TopicPartition: Counted] {
        let committed: [CommittedOffset]
        do { committed = try offsets.committed(sources, within: .milliseconds(1500)) } catch {
            // The offsets hang as well: whoever takes the sources over sees that, and looks at all of it.
            guard error.isTimeout else { throw error }
            return [:]
        }
        var counted: [TopicPartition: Counted] = [:]
        for one in committed {
            guard let offset = one.offset,
                let found = SourceMetadata(one.metadata, partitions: Int(partitionCount)),
                ids.contains(found.owner)
            else { continue }
            counted[one.partition] = Counted(metadata: found, offset: offset)
        }
        return counted
    }

    /// Whose the first record of a stretch is that a known source gave, and whether the offsets count it.
    private func first(
        _ partition: TopicPartition,
        _ stretch: Stretch,
        _ all: FetchConsumer,
        _ counted: [TopicPartition: Counted]
    ) throws -> (id: String, isCounted: Bool)? {
        var queue = all.queue()
        let source = try queue.start(partition, at: .offset(stretch.start))
        let deadline = Ticker.now + 10_000
        while queue.position(of: source) < stretch.end, Ticker.now < deadline {
            if let found = try look(&queue, below: stretch.end, partition, counted) { return found }
        }
        return nil
    }

    private func look(
        _ queue: inout FetchQueue,
        below end: Int64,
        _ partition: TopicPartition,
        _ counted: [TopicPartition: Counted]
    ) throws -> (id: String, isCounted: Bool)? {
        let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
        for index in 0..<batch.count where batch[index].offset < end {
            if partition.topic == configuration.journalTopic {
                let record = try JournalScan.record(batch[index])
                guard let name = JournalScan.source(of: record), let known = counted[name] else {
                    continue
                }
                let due = known.metadata.counters[Int(partition.partition)]
                return (known.metadata.owner, record.source.counter < due)
            }
            guard let (name, offset) = DeadLetterHeaders.source(of: batch[index].headers()),
                let known = counted[name]
            else { continue }
            return (known.metadata.owner, offset < known.offset)
        }
        return nil
    }
}

/// Where a dead letter came from.
enum DeadLetterHeaders {
    /// The source record's place, by Kafka Connect's headers; nil where a record of the topic is no letter.
    static func source(of headers: [Header]) -> (TopicPartition, Int64)? {
        var values: [String: String] = [:]
        for header in headers {
            values[header.name] = String(decoding: header.value ?? [], as: UTF8.self)
        }
        guard let topic = values["__connect.errors.topic"],
            let partition = values["__connect.errors.partition"].flatMap({ Int32($0) }),
            let offset = values["__connect.errors.offset"].flatMap({ Int64($0) })
        else { return nil }
        return (TopicPartition(topic, partition), offset)
    }
}

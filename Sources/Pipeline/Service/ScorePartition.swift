internal import Engine
internal import Journal
internal import Kafka

/// One journal partition → its outputs, in transactions with the consumed offset.
///
/// One thread, one machine, one producer whose identifier is the partition's, so that each owner fences the one before.
/// Take-over: fence (and read the newest snapshot meanwhile), read the committed offset with its receipt, take up the
/// newest snapshot before it (or what the standby has), fold silently from there up to the offset, compare, go live.
/// Every failure has one answer: drop producer and machine, wait for two heartbeats, take over again if it is still ours.
struct ScorePartition: Sendable {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partition: Int32
    let order: Guarded<PartitionOrder>
    let standby: ScoreStandby?
    let fetcher: FetchConsumer
    /// Reads what is uncommitted, too.
    let all: FetchConsumer
    let offsets: GroupOffsets
    /// Those that no open transaction has written.
    let settledOffsets: GroupOffsets

    var name: TopicPartition { TopicPartition(configuration.journalTopic, partition) }
    private var transactionalID: String { "\(configuration.scoreGroup).\(partition)" }

    /// Runs until the service stops.
    func run() {
        let watchdog = control.operations.watchdog
        let watch = watchdog.watch("score-\(partition)")
        let instruments = control.operations.partition(partition)
        defer {
            watchdog.remove(watch)
            instruments.enter(.none)
        }
        var lastSuccess = Ticker.now
        var notBefore: Int64 = 0
        while !isOver {
            let isWanted = order.with { order in
                order.isInside = false
                return order.wish == .run
            }
            guard isWanted, Ticker.now >= notBefore else {
                watch.begin(.park)
                instruments.enter(isWanted ? .waiting : .none)
                if !isWanted { lastSuccess = Ticker.now }
                _ = order.wait(atMost: .milliseconds(50)) {
                    $0.isOver || (!isWanted && $0.wish == .run)
                }
                continue
            }
            do {
                try own(&lastSuccess, watch, instruments)
                notBefore = 0
            } catch {
                switch error {
                case .end(let end):
                    if end != .stopped { control.end(end) }
                case .again(let reason):
                    log.warning(
                        "score-setback",
                        ("partition", "\(partition)"),
                        ("reason", reason.description)
                    )
                    instruments.setBack(reason)
                    // Else two owners fence each other for ever.
                    notBefore = Ticker.now + 1200
                    if Ticker.now - lastSuccess > Int64(configuration.patienceSeconds) * 1000 {
                        control.end(.temporary("score \(name): \(reason)"))
                    }
                }
            }
        }
        order.with { order in
            order.isInside = false
            order.hasEnded = true
        }
    }

    private var isOver: Bool { control.shouldStop || order.read { $0.isOver } }

    /// Takes the partition over and works until it is not ours any more.
    private func own(
        _ lastSuccess: inout Int64,
        _ watch: Watch,
        _ instruments: PartitionInstruments
    ) throws(Setback) {
        let started = Ticker.now
        let search = SnapshotSearch(
            configuration: configuration,
            log: log,
            partition: partition,
            fetcher: fetcher,
            instruments: instruments
        )
        // Where a standby folds, it has the newer state.
        let early =
            configuration.hasSnapshots && standby == nil
            ? EarlySnapshot(search, settledOffsets) : nil
        let reading = early?.start()
        defer {
            early?.end()
            reading?.join()
        }
        watch.begin(.transactions)
        instruments.enter(.fencing)
        var producer: TransactionalProducer
        var topics: [ProducerTopic] = []
        var snapshotTopic: ProducerTopic?
        do {
            producer = try TransactionalProducer(
                id: transactionalID,
                control.operations.clients.watched(
                    configuration.producerSettings,
                    as: "score-producer"
                )
            )
        } catch {
            throw .end(.configuration(error.description))
        }
        do throws(Setback) {
            // A late fence would hit the right owner: harmless, but a pause.
            guard order.read({ $0.wish == .run }) else { return }
            do { try producer.initialize() } catch { throw Setback(error) }
            do {
                for topic in configuration.outputTopics {
                    topics.append(try producer.topic(topic, within: .seconds(10)))
                }
                if configuration.hasSnapshots {
                    snapshotTopic = try producer.topic(
                        configuration.snapshotTopic,
                        within: .seconds(10)
                    )
                }
            } catch {
                throw Setback(error)
            }
            let fenced = Ticker.now
            watch.begin(.offsets)
            instruments.enter(.offsets)
            let (live, receipt) = try committedOffset()
            log.info(
                "score-taken",
                ("partition", "\(partition)"),
                ("live", "\(live)"),
                ("fence_ms", "\(fenced - started)")
            )
            let difference = try OutputTails(
                configuration: configuration,
                control: control,
                log: log,
                partition: partition,
                fetcher: fetcher,
                offsets: offsets
            ).difference(from: receipt, transactionalID)
            var fold = ScoreFold(
                self,
                live: live,
                committed: receipt,
                topics,
                PartitionSnapshots(search, snapshotTopic),
                early,
                difference,
                watch,
                instruments
            )
            try fold.run(&producer, &lastSuccess)
        } catch {
            producer.abandon()
            throw error
        }
    }

    /// Where outputs go on, and what the state must be there; 0 where nothing was committed yet.
    private func committedOffset() throws(Setback) -> (Int64, String?) {
        let found: CommittedOffset
        do {
            let one: CommittedOffset?
            do { one = try offsets.committed([name], within: .seconds(5)).first } catch {
                guard error.isTimeout else { throw error }
                // Our own earlier transactions were ended by the fence: what is still open hangs.
                let last = try settledOffsets.committed([name], within: .seconds(5)).first
                try HangingTransaction(configuration: configuration, log: log).endScore(
                    transactionalID,
                    partition,
                    last,
                    control
                )
                throw Setback.again("a transaction hung; it was ended")
            }
            guard let one else {
                throw Setback.again("read the committed offset of \(name): no answer")
            }
            found = one
        } catch {
            throw Setback.caught(error)
        }
        if let error = found.error { throw Setback(error) }
        guard let offset = found.offset else {
            try requireNoOutputs()
            return (0, nil)
        }
        return (offset, found.metadata)
    }

    /// A missing offset is "from the beginning" only where nothing was ever written.
    private func requireNoOutputs() throws(Setback) {
        do {
            for topic in configuration.outputTopics {
                let output = TopicPartition(topic, partition)
                guard try fetcher.hasRecords(output, control) else { continue }
                let isFurther = configuration.scoreApplication != nil
                throw Setback.end(
                    .configuration(
                        "score \(name): outputs stand in \(output), and the group \(configuration.scoreGroup) has no "
                            + "offset for it. Writing them again would double them. "
                            + (isFurther
                                ? "A further set of outputs (score.app) needs output topics of its own: name them under "
                                    + "topics, or restore the group's offset if these are they."
                                : "Offsets expire when a group is empty for offsets.retention.minutes: set the offset to "
                                    + "that of the journal record behind the last output, or empty the outputs.")
                    )
                )
            }
        } catch {
            throw Setback.caught(error)
        }
    }
}

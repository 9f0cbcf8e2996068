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

    private var name: TopicPartition { TopicPartition(configuration.journalTopic, partition) }
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
            var snapshots = PartitionSnapshots(search, snapshotTopic)
            try fold(
                live,
                receipt,
                &producer,
                topics,
                &snapshots,
                early,
                difference,
                &lastSuccess,
                watch,
                instruments
            )
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
                throw Setback.end(
                    .configuration(
                        "score \(name): outputs stand in \(output), and the group \(configuration.scoreGroup) has no "
                            + "offset for it (offsets expire when a group is empty for offsets.retention.minutes). "
                            + "Writing them again would double them: set the offset to that of the journal record "
                            + "behind the last output, or empty the outputs."
                    )
                )
            }
        } catch {
            throw Setback.caught(error)
        }
    }

    // MARK: the fold

    /// Folds from the newest snapshot, silently below `live`, with outputs from there on.
    private func fold(
        _ live: Int64,
        _ committed: String?,
        _ producer: inout TransactionalProducer,
        _ topics: [ProducerTopic],
        _ snapshots: inout PartitionSnapshots,
        _ early: EarlySnapshot?,
        _ difference: OutputDifference,
        _ lastSuccess: inout Int64,
        _ watch: Watch,
        _ instruments: PartitionInstruments
    ) throws(Setback) {
        watch.begin(.snapshot)
        instruments.enter(.snapshot)
        var machine = Machine()
        var receipt = Receipt()
        var first: Int64 = 0
        var missing = difference.missing
        if let state = standby?.take(partition, notAfter: live),
            missing.lieBehind(state.receipt),
            snapshots.adopt(committed, records: state.receipt.records)
        {
            first = state.offset
            receipt = state.receipt
            machine = state.takeMachine()
            log.info(
                "standby-takes-over",
                ("partition", "\(partition)"),
                ("offset", "\(first)"),
                ("behind", "\(live - first)")
            )
        } else if let state = early?.take(committed, notAfter: live),
            missing.lieBehind(state.receipt),
            snapshots.adopt(committed, records: state.receipt.records, from: state.offset)
        {
            first = state.offset
            receipt = state.receipt
            machine = state.takeMachine()
        } else if let state = snapshots.restore(committed, notAfter: live, before: missing) {
            first = state.manifest.offset
            receipt = state.receipt
            machine = state.machine
        }
        watch.begin(.restart)
        instruments.beginFold(at: first, live: live)
        var sender = OutputSender(topics, partition)
        sender.seen = difference.seen
        var writes = LastWrites(
            configuration.outputTopics.map { TopicPartition($0, partition) }
        )
        var queue = fetcher.queue()
        let source: Int
        do { source = try queue.start(name, at: .offset(first)) } catch { throw Setback(error) }
        var metadata: GroupMetadata?
        var isLive = live == 0
        if isLive { instruments.goesLive(machine, receipt) }
        var report = (at: Ticker.now, records: Int64(0))
        var heardAt = Ticker.now
        let limit = 4096
        var group = RecordGroup()
        while true {
            // One transaction, or a step of the silent fold.
            let isWanted: Bool = order.with { order in
                // It stays there: after a setback of ours the generation is often the same.
                metadata = order.metadata
                order.isInside = order.wish == .run
                return order.isInside && !order.isOver
            }
            if !isWanted {
                watch.begin(.park)
                if isLive { instruments.enter(.parked) }
                let goesOn = order.with { order in
                    order.isInside = false
                    return order.wish == .park && !order.isOver
                }
                if !goesOn || control.shouldStop { return }
                _ = order.wait(atMost: .milliseconds(50)) { $0.wish != .park || $0.isOver }
                continue
            }
            if control.shouldStop { return }
            guard let metadata else { throw .again("the group has given no generation") }
            if isLive { instruments.enter(.live) }
            var count = 0
            var began: Int64 = 0
            while true {
                let wait =
                    count == 0
                    ? 100 : max(0, began + Int64(configuration.collectMilliseconds) - Ticker.now)
                var seen = 0
                do {
                    watch.begin(.fetch)
                    let batch = try queue.next(limit: limit, waiting: .milliseconds(wait))
                    seen = batch.count
                    let stamp = seen > 0 ? batch[seen - 1].timestamp.milliseconds : nil
                    watch.begin(.fold)
                    var index = 0
                    while index < seen {
                        if batch[index].offset >= live, count == 0 {
                            if !isLive {
                                missing.keep(machine, since: receipt)
                                receipt.add(machine)
                                machine.removeOutputs()
                                try compare(receipt, committed, live)
                                isLive = true
                                instruments.goesLive(machine, receipt)
                            }
                            try producer.begin()
                            began = Ticker.now
                            if !missing.isEmpty {
                                try missing.send(&producer, topics, partition)
                                sender.touchAll()
                            }
                        }
                        try group.fill(batch, from: &index, below: isLive ? .max : live)
                        try machine.apply(group.records, offsets: group.offsets)
                        if isLive {
                            count += group.records.count
                            if machine.outputByteCount >= 1 << 20 {
                                receipt.add(machine)
                                watch.begin(.send)
                                try sender.send(&machine, &producer)
                            }
                        }
                    }
                    instruments.folded(to: queue.position(of: source), timestamp: stamp)
                    instruments.saw(end: fetcher.lastKnownOffsets(of: name)?.end)
                } catch let error as Setback {
                    throw error
                } catch let error as MachineFault {
                    throw .end(
                        .configuration(
                            "score \(name): \(error.description). Nothing was written for this record."
                        )
                    )
                } catch {
                    throw Setback.caught(error)
                }
                if seen > 0 { heardAt = Ticker.now }
                if !isLive { missing.keep(machine, since: receipt) }
                receipt.add(machine)
                watch.begin(.send)
                if isLive { try sender.send(&machine, &producer) } else { machine.removeOutputs() }
                for event in queue.takeEvents() {
                    if case .failed(_, let error) = event {
                        if error.isOffsetLost {
                            throw .end(
                                .configuration(
                                    "score \(name): \(error.description). Records of the journal were deleted. It is "
                                        + "kept for ever (retention.ms=-1): restore it, or begin anew with another "
                                        + "application name and other topics."
                                )
                            )
                        }
                        log.warning(
                            "score-fetch",
                            ("partition", "\(partition)"),
                            ("reason", error.description)
                        )
                    }
                }
                if !isLive, queue.position(of: source) >= live {
                    try compare(receipt, committed, live)
                    isLive = true
                    instruments.goesLive(machine, receipt)
                    log.info(
                        "score-live",
                        ("partition", "\(partition)"),
                        ("records", "\(receipt.records)")
                    )
                }
                if count == 0 {
                    // A snapshot does not wait for traffic.
                    guard isLive, snapshots.isReady else { break }
                    try snapshots.beginAlone(&producer)
                    began = Ticker.now
                    break
                }
                let elapsed = Ticker.now - began
                if count >= configuration.transactionRecords || elapsed >= 200 { break }
                if elapsed >= configuration.collectMilliseconds, seen < limit { break }
                if control.shouldStop { break }
            }
            lastSuccess = Ticker.now
            if count == 0, began == 0 {
                producer.serve()
                watch.begin(.restart)
                if Ticker.now - heardAt > 10_000 {
                    heardAt = Ticker.now
                    try wakeIfSilent(source, &queue)
                }
                try lookAfter(&writes)
                continue
            }
            try snapshots.send(&producer)
            let offset = ConsumedOffset(
                name,
                offset: queue.position(of: source),
                metadata: receipt.text + snapshots.suffix
            )
            watch.begin(.commit)
            do {
                try producer.sendOffsets([offset], of: metadata)
                let isSuspect = try producer.commit() == .committedSuspect
                instruments.committed(
                    machine,
                    receipt,
                    offset: offset.offset,
                    began: began,
                    isSuspect: isSuspect
                )
                if isSuspect {
                    throw Setback.again(
                        "a request of a transaction was sent twice: nothing about the next one is certain"
                    )
                }
            } catch {
                throw Setback.caught(error)
            }
            watch.begin(.restart)
            for topic in sender.takeTouched() { writes.committed(topic, at: Ticker.now) }
            try lookAfter(&writes)
            snapshots.beginIfDue(&machine, receipt, at: offset.offset)
            if Ticker.now - report.at > 10_000 {
                log.info(
                    "score-progress",
                    ("partition", "\(partition)"),
                    ("records", "\(receipt.records)"),
                    (
                        "rate",
                        "\((receipt.records - report.records) * 1000 / (Ticker.now - report.at))"
                    )
                )
                report = (Ticker.now, receipt.records)
            }
        }
    }

    /// Looks whether what was written last is seen; nobody else writes there.
    private func lookAfter(_ writes: inout LastWrites) throws(Setback) {
        if let hidden = writes.hidden(at: Ticker.now, all, fetcher) {
            throw LastWrites.setback(hidden, log)
        }
    }

    /// Begins the fetch again where records wait that do not come: consumers have fallen silent after a broker's restart
    /// (librdkafka #5153).
    private func wakeIfSilent(_ source: Int, _ queue: inout FetchQueue) throws(Setback) {
        guard let end = try? fetcher.offsets(of: [name], within: .seconds(5))[0].get().end,
            end > queue.position(of: source)
        else { return }
        let position = queue.position(of: source)
        log.warning(
            "score-silent",
            ("partition", "\(partition)"),
            ("position", "\(position)"),
            ("end", "\(end)")
        )
        control.operations.restartedFetch(.score)
        queue.stop(source)
        do { _ = try queue.start(name, at: .offset(position)) } catch { throw Setback(error) }
    }

    /// The state at the committed offset must be the one that was committed.
    private func compare(_ receipt: Receipt, _ committed: String?, _ live: Int64) throws(Setback) {
        guard let committed, Receipt.state(in: committed) != receipt.text else { return }
        throw .end(
            .configuration(
                "score \(name): folding the journal to the committed offset \(live) gives the state "
                    + "\"\(receipt.text)\", committed was \"\(committed)\". Another version of the program or other data "
                    + "wrote the outputs; nothing more is written. Go on with that version, or publish what this one "
                    + "decides beside it: give it a name (score.app) and output topics of its own."
            )
        )
    }
}

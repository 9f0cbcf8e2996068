internal import Engine
internal import Journal
internal import Kafka

/// A journal partition that was taken over, as it is folded: silently up to the committed offset, then in transactions.
///
/// It lives as long as one producer does: a setback drops both.
struct ScoreFold: ~Copyable {
    private let owner: ScorePartition
    /// The committed offset, at which the silent fold ends, and the receipt beside it.
    private let live: Int64
    private let committed: String?
    private let topics: [ProducerTopic]
    private let watch: Watch
    private let instruments: PartitionInstruments
    private var machine = Machine()
    /// Of the outputs up to where the machine is.
    private var receipt = Receipt()
    private var missing: MissingOutputs
    private var snapshots: PartitionSnapshots
    private var sender: OutputSender
    private var writes: LastWrites
    /// Where the fold begins: behind a state that was there, or at 0.
    private var first: Int64 = 0
    private var isLive: Bool
    private var group = RecordGroup()
    /// When a record came last.
    private var heardAt = Ticker.now
    /// When progress was told last, and of how many records.
    private var told = (at: Ticker.now, records: Int64(0))

    private var configuration: ServiceConfiguration { owner.configuration }
    private var control: ServiceControl { owner.control }
    private var log: ServiceLog { owner.log }
    private var partition: Int32 { owner.partition }
    private var name: TopicPartition { owner.name }

    /// Most records to fetch at once.
    private static let portion = 4096

    /// Takes up the newest state there is: the standby's, the one read while the producer was fenced, or a snapshot.
    init(
        _ owner: ScorePartition,
        live: Int64,
        committed: String?,
        _ topics: [ProducerTopic],
        _ snapshots: consuming PartitionSnapshots,
        _ early: EarlySnapshot?,
        _ difference: OutputDifference,
        _ watch: Watch,
        _ instruments: PartitionInstruments
    ) {
        self.owner = owner
        self.live = live
        self.committed = committed
        self.topics = topics
        self.watch = watch
        self.instruments = instruments
        self.snapshots = snapshots
        missing = difference.missing
        isLive = live == 0
        sender = OutputSender(topics, owner.partition)
        sender.seen = difference.seen
        writes = LastWrites(
            owner.configuration.outputTopics.map { TopicPartition($0, owner.partition) }
        )
        watch.begin(.snapshot)
        instruments.enter(.snapshot)
        takeUpState(early)
    }

    private mutating func takeUpState(_ early: EarlySnapshot?) {
        if let state = owner.standby?.take(partition, notAfter: live),
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
    }

    /// Folds until the partition is not ours any more.
    mutating func run(
        _ producer: inout TransactionalProducer,
        _ lastSuccess: inout Int64
    ) throws(Setback) {
        watch.begin(.restart)
        instruments.beginFold(at: first, live: live)
        var queue = owner.fetcher.queue()
        let source: Int
        do { source = try queue.start(name, at: .offset(first)) } catch { throw Setback(error) }
        if isLive { instruments.goesLive(machine, receipt) }
        while true {
            let metadata: GroupMetadata
            switch try turn() {
            case .over: return
            case .parked: continue
            case .ours(let generation): metadata = generation
            }
            if isLive { instruments.enter(.live) }
            let began = try collect(source, &queue, &producer)
            lastSuccess = Ticker.now
            if let began {
                try commit(queue.position(of: source), began, metadata, &producer)
            } else {
                producer.serve()
                watch.begin(.restart)
                if Ticker.now - heardAt > 10_000 {
                    heardAt = Ticker.now
                    try wakeIfSilent(source, &queue)
                }
                try lookAfterWrites()
            }
        }
    }

    // MARK: whose partition it is

    private enum Turn {
        /// It is ours, in this generation of the group.
        case ours(GroupMetadata)
        /// A rebalance is going on: everything is kept, and nothing is begun.
        case parked
        /// It is not ours any more.
        case over
    }

    private func turn() throws(Setback) -> Turn {
        var metadata: GroupMetadata?
        let isWanted: Bool = owner.order.with { order in
            // It stays there: after a setback of ours the generation is often the same.
            metadata = order.metadata
            order.isInside = order.wish == .run
            return order.isInside && !order.isOver
        }
        if isWanted {
            if control.shouldStop { return .over }
            guard let metadata else { throw .again("the group has given no generation") }
            return .ours(metadata)
        }
        watch.begin(.park)
        if isLive { instruments.enter(.parked) }
        let goesOn = owner.order.with { order in
            order.isInside = false
            return order.wish == .park && !order.isOver
        }
        if !goesOn || control.shouldStop { return .over }
        _ = owner.order.wait(atMost: .milliseconds(50)) { $0.wish != .park || $0.isOver }
        return .parked
    }

    // MARK: one transaction, or a step of the silent fold

    /// Folds what there is for a moment, and sends what comes of it in a transaction.
    ///
    /// - Returns: when the transaction began that is to be committed; nil where none did.
    private mutating func collect(
        _ source: Int,
        _ queue: inout FetchQueue,
        _ producer: inout TransactionalProducer
    ) throws(Setback) -> Int64? {
        var count = 0
        var began: Int64?
        while true {
            let end = (began ?? 0) + Int64(configuration.collectMilliseconds)
            let wait = count == 0 ? 100 : max(0, end - Ticker.now)
            var seen = 0
            var stamp: Int64?
            do {
                watch.begin(.fetch)
                let batch = try queue.next(limit: Self.portion, waiting: .milliseconds(wait))
                seen = batch.count
                if seen > 0 { stamp = batch[seen - 1].timestamp.milliseconds }
                watch.begin(.fold)
                count += try apply(batch, &began, &producer)
            } catch let error as MachineFault {
                throw .end(
                    .configuration(
                        "score \(name): \(error.description). Nothing was written for this record."
                    )
                )
            } catch {
                throw Setback.caught(error)
            }
            instruments.saw(end: owner.fetcher.lastKnownOffsets(of: name)?.end)
            if seen > 0 { heardAt = Ticker.now }
            try flush(&producer)
            try take(queue.takeEvents())
            let position = queue.position(of: source)
            instruments.folded(to: position, timestamp: stamp)
            if !isLive, position >= live { try goLive() }
            if count == 0 {
                // A snapshot does not wait for traffic.
                guard isLive, snapshots.isReady else { return nil }
                try snapshots.beginAlone(&producer)
                return Ticker.now
            }
            let elapsed = Ticker.now - (began ?? 0)
            if count >= configuration.transactionRecords || elapsed >= 200 { return began }
            if elapsed >= configuration.collectMilliseconds, seen < Self.portion { return began }
            if control.shouldStop { return began }
        }
    }

    /// Applies a batch, and begins a transaction at the first record that is live.
    ///
    /// - Returns: how many of its records were live.
    private mutating func apply(
        _ batch: borrowing MessageBatch,
        _ began: inout Int64?,
        _ producer: inout TransactionalProducer
    ) throws -> Int {
        var count = 0
        var index = 0
        while index < batch.count {
            if began == nil, batch[index].offset >= live {
                if !isLive {
                    try flush(&producer)
                    try goLive()
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
                if machine.outputByteCount >= 1 << 20 { try flush(&producer) }
            }
        }
        return count
    }

    /// Takes what the machine has written into the receipt, and sends it where it is live.
    private mutating func flush(_ producer: inout TransactionalProducer) throws(Setback) {
        if !isLive { missing.keep(machine, since: receipt) }
        receipt.add(machine)
        guard isLive else { return machine.removeOutputs() }
        watch.begin(.send)
        try sender.send(&machine, &producer)
    }

    /// The state at the committed offset must be the one that was committed; from there on outputs are written.
    private mutating func goLive() throws(Setback) {
        if let committed, Receipt.state(in: committed) != receipt.text {
            throw .end(
                .configuration(
                    "score \(name): folding the journal to the committed offset \(live) gives the state "
                        + "\"\(receipt.text)\", committed was \"\(committed)\". Another version of the program or "
                        + "other data wrote the outputs; nothing more is written. Go on with that version, or publish "
                        + "what this one decides beside it: give it a name (score.app) and output topics of its own."
                )
            )
        }
        isLive = true
        instruments.goesLive(machine, receipt)
        log.info("score-live", ("partition", "\(partition)"), ("records", "\(receipt.records)"))
    }

    private mutating func commit(
        _ position: Int64,
        _ began: Int64,
        _ metadata: GroupMetadata,
        _ producer: inout TransactionalProducer
    ) throws(Setback) {
        try snapshots.send(&producer)
        let offset = ConsumedOffset(
            name,
            offset: position,
            metadata: receipt.text + snapshots.suffix
        )
        watch.begin(.commit)
        do {
            try producer.sendOffsets([offset], of: metadata)
            let isSuspect = try producer.commit() == .committedSuspect
            instruments.committed(
                machine,
                receipt,
                offset: position,
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
        try lookAfterWrites()
        snapshots.beginIfDue(&machine, receipt, at: position)
        tellProgress()
    }

    // MARK: fetch and writes

    private func take(_ events: [FetchEvent]) throws(Setback) {
        for event in events {
            guard case .failed(_, let error) = event else { continue }
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

    /// Looks whether what was written last is seen; nobody else writes there.
    private mutating func lookAfterWrites() throws(Setback) {
        if let hidden = writes.hidden(at: Ticker.now, owner.all, owner.fetcher) {
            throw LastWrites.setback(hidden, log)
        }
    }

    /// Begins the fetch again where records wait that do not come: consumers have fallen silent after a broker's restart
    /// (librdkafka #5153).
    private func wakeIfSilent(_ source: Int, _ queue: inout FetchQueue) throws(Setback) {
        let position = queue.position(of: source)
        guard
            let end = try? owner.fetcher.offsets(of: [name], within: .seconds(5))[0].get().end,
            end > position
        else { return }
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

    private mutating func tellProgress() {
        let elapsed = Ticker.now - told.at
        guard elapsed > 10_000 else { return }
        log.info(
            "score-progress",
            ("partition", "\(partition)"),
            ("records", "\(receipt.records)"),
            ("rate", "\((receipt.records - told.records) * 1000 / elapsed)")
        )
        told = (Ticker.now, receipt.records)
    }
}

internal import Journal
internal import Kafka

/// Source topics → journal and dead letters, in transactions with the consumed offsets.
///
/// One thread with one transactional producer for all its source partitions. What keeps a worker that lost a partition
/// from writing for it is the group's generation, which goes with the offsets into every transaction (KIP-447), and
/// that the next owner reads offsets only when no transaction on them is open. Counters and progress stand beside the
/// offsets, so they move with the partitions.
///
/// Every failure has one answer: drop producer and state, wait for two heartbeats, take over again what the group
/// still gives us.
struct IngestWorker: ~Copyable {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32
    let identity: IngestIdentity
    let known: KnownSources
    let watch: Watch
    /// Fetches the sources.
    let fetcher: FetchConsumer
    /// Reads what is uncommitted, too.
    let all: FetchConsumer
    /// It fetches nothing: a question behind a fetch of the same connection waits until that is over.
    let stable: FetchConsumer
    let foreign: ForeignProgress
    let instruments: SourceInstruments
    var member: MemberConsumer
    var membership = Membership()
    var queue: FetchQueue
    var copier: Copier
    /// When something was last committed, or could have been.
    var lastSuccess = Ticker.now
    /// When time was last told to the journal.
    private var lastTick = Ticker.now

    /// What the group has given us.
    struct Membership {
        var partitions: [TopicPartition] = []
        var metadata: GroupMetadata?
        /// A new assignment has not been taken over yet.
        var isNew = false
        /// Some of it has been begun, while the journal was not ready for the rest.
        var hasBegun = false
        /// Those without a committed offset: they are begun when the journal was read for whether it knows them.
        var fresh: [TopicPartition] = []
    }

    /// Works until the service is to stop.
    static func run(
        _ configuration: ServiceConfiguration,
        _ control: ServiceControl,
        partitionCount: Int32
    ) {
        let log = ServiceLog(role: "ingest", sink: configuration.log)
        let identity = IngestIdentity(configuration)
        let known = KnownSources(configuration, control)
        control.run(log) { () throws(ServiceEnd) in
            let watch = control.operations.watchdog.watch("ingest")
            defer { control.operations.watchdog.remove(watch) }
            var worker = try IngestWorker(
                configuration: configuration,
                control: control,
                log: log,
                partitionCount: partitionCount,
                identity: identity,
                known: known,
                watch: watch
            )
            let end = worker.work()
            worker.close()
            if let end { throw end }
        }
    }

    /// Opens the journal and joins the group.
    private init(
        configuration: ServiceConfiguration,
        control: ServiceControl,
        log: ServiceLog,
        partitionCount: Int32,
        identity: IngestIdentity,
        known: KnownSources,
        watch: Watch
    ) throws(ServiceEnd) {
        watch.begin(.transactions)
        let genesis = try JournalOpening(
            configuration: configuration,
            control: control,
            log: log,
            partitionCount: partitionCount
        ).open()
        let operations = control.operations
        let fetcher: FetchConsumer
        let all: FetchConsumer
        let stable: FetchConsumer
        let member: MemberConsumer
        do {
            watch.begin(.start)
            fetcher = try FetchConsumer(
                operations.clients.watched(configuration.consumerSettings, as: "ingest-fetch")
            )
            all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
            stable = try FetchConsumer(configuration.consumerSettings)
            member = try MemberConsumer(
                group: configuration.ingestGroup,
                topics: configuration.sourceTopics + [
                    configuration.referenceTopic, configuration.policyTopic,
                ],
                instance: configuration.instance,
                strategy: .roundRobin,
                operations.clients.watched(configuration.consumerSettings, as: "ingest-member")
            )
        } catch {
            throw .configuration(error.description)
        }
        self.configuration = configuration
        self.control = control
        self.log = log
        self.partitionCount = partitionCount
        self.identity = identity
        self.known = known
        self.watch = watch
        self.fetcher = fetcher
        self.all = all
        self.stable = stable
        foreign = ForeignProgress(
            member.offsets,
            partitionCount: partitionCount,
            operations.watchdog
        )
        self.member = member
        queue = fetcher.queue()
        copier = Copier(
            configuration,
            partitionCount: partitionCount,
            horizonDays: Int32(genesis.horizonDays)
        )
        instruments = SourceInstruments(
            operations.instruments,
            topics: configuration.sourceTopics
        )
    }

    /// Works until the service is to stop; why it can't go on, if so.
    private mutating func work() -> ServiceEnd? {
        while !control.shouldStop {
            do throws(Setback) {
                watch.begin(.poll)
                if membership.metadata == nil {
                    try poll(waiting: 50)
                    lastSuccess = Ticker.now
                    continue
                }
                watch.begin(.transactions)
                var producer = try IngestProducer.make(
                    configuration,
                    control.operations.clients,
                    id: identity.transactionalID
                )
                do throws(Setback) {
                    try serve(&producer)
                } catch {
                    if producer.isOpen { instruments.failedTransaction() }
                    producer.abandon()
                    throw error
                }
            } catch {
                switch error {
                case .end(let end): return end
                case .again(let reason): if let end = recover(from: reason) { return end }
                }
            }
        }
        return nil
    }

    /// Drops everything and waits for two heartbeats, so that the group can say whether the partitions are still ours;
    /// why it can't go on, if so.
    private mutating func recover(from reason: SetbackReason) -> ServiceEnd? {
        log.warning("ingest-setback", ("reason", reason.description))
        instruments.setBack(reason)
        identity.setBack(reason)
        for source in copier.sources.indices { stop(source) }
        copier.forget()
        membership.isNew = true
        if Ticker.now - lastSuccess > Int64(configuration.patienceSeconds) * 1000 {
            return .temporary("copy source records: \(reason)")
        }
        let end = Ticker.now + 1200
        while Ticker.now < end, !control.shouldStop {
            watch.begin(.poll)
            do { try poll(waiting: 50) } catch {
                if case .end(let end) = error { return end }
            }
        }
        return nil
    }

    /// Stops to fetch and leaves the group.
    private consuming func close() {
        watch.begin(.close)
        control.operations.lost(.ingest)
        for source in copier.sources.indices { queue.stop(source) }
        foreign.end()
        log.info(
            "ingest-ended",
            ("copied", "\(copier.copied)"),
            ("dead_letters", "\(copier.deadLetters)")
        )
        member.close(within: .seconds(5))
    }

    // MARK: membership

    /// Serves the group; no transaction is open.
    mutating func poll(waiting milliseconds: Int) throws(Setback) {
        let events: [MembershipEvent]
        do { events = try member.poll(waiting: .milliseconds(milliseconds)) } catch {
            throw .end(.temporary(error.description, isFenced: error.isFenced))
        }
        for event in events {
            switch event {
            case .assigned(let partitions, let metadata):
                log.info(
                    "ingest-assigned",
                    ("generation", "\(metadata.generation)"),
                    ("partitions", "\(partitions.count)")
                )
                control.operations.assigned(.ingest, partitions.count)
                membership = Membership(partitions: partitions, metadata: metadata, isNew: true)
            case .revoked:
                membership.metadata = nil
                do { try member.acknowledgeRevoke() } catch { throw Setback(error) }
            case .lost(let partitions):
                log.warning("ingest-lost", ("partitions", "\(partitions.count)"))
                control.operations.lost(.ingest)
                membership = Membership()
                for source in copier.sources.indices { stop(source) }
                copier.forget()
            case .failed(let error):
                log.warning("ingest-group", ("reason", error.description))
            }
        }
    }

    // MARK: work with one producer

    /// Works until the service is to stop.
    private mutating func serve(_ producer: inout IngestProducer) throws(Setback) {
        lastTick = Ticker.now - 1000
        var lastReport = Ticker.now
        var lastLook = Ticker.now
        var lastStable = Ticker.now
        var looked = 0
        var reported: Int64 = copier.copied
        while !control.shouldStop {
            watch.begin(.poll)
            try poll(waiting: membership.metadata == nil ? 20 : 0)
            guard let metadata = membership.metadata else { continue }
            if membership.isNew {
                // In one generation nobody else writes for what was begun: it goes on where it is.
                let begun = copier.sources.filter { $0.isOwned && membership.hasBegun }.map(
                    \.partition
                )
                watch.begin(.offsets)
                try takeOver(apartFrom: begun, metadata, &producer)
                membership.isNew = false
                let own = Set(membership.partitions)
                foreign.follow(try eventPartitions().filter { !own.contains($0) })
                lastSuccess = Ticker.now
                lastTick = Ticker.now - 1000
            }
            if !membership.fresh.isEmpty {
                // Where there is something to copy, between its transactions.
                let turn = copier.hasEventSources ? Self.shortTurn : Self.longTurn
                if try isKnown(within: turn) {
                    watch.begin(.offsets)
                    try register(membership.fresh, metadata, &producer)
                    membership.fresh = []
                }
                lastSuccess = Ticker.now
            }
            let wasOpen = copier.isOpen
            try transaction(&producer, metadata)
            lastSuccess = Ticker.now
            if copier.isOpen != wasOpen {
                log.info("journal-ready")
                membership.isNew = true  // Now the source partitions.
                membership.hasBegun = true
            }
            if Ticker.now - lastLook >= 1000 {
                lastLook = Ticker.now
                looked += 1
                watch.begin(.restart)
                lookAfter(looked)
                if let hidden = producer.hiddenWrite(all, stable), try isOwn(hidden) {
                    throw LastWrites.setback(hidden, log)
                }
                if lastLook - lastStable >= Self.stablePause {
                    lastStable = lastLook
                    producer.stableOffsets(stable).map { copier.learnStable($0) }
                }
                instruments.refresh(copier, wall: WallClock.milliseconds) {
                    fetcher.lastKnownOffsets(of: $0)?.end
                }
            }
            watch.begin(.restart)
            try restartFailed()
            if Ticker.now - lastReport > 10_000 {
                if copier.copied != reported || !copier.isOpen {
                    log.info(
                        "ingest-progress",
                        ("copied", "\(copier.copied)"),
                        ("dead_letters", "\(copier.deadLetters)"),
                        ("missing", copier.isOpen ? "nothing" : copier.missing)
                    )
                }
                if copier.isClockRefused {
                    log.error(
                        "clock-refused",
                        ("reason", "the wall clock was set forward by more than 5 minutes")
                    )
                }
                reported = copier.copied
                lastReport = Ticker.now
            }
        }
    }

    /// Collects records for a moment and commits what became of them.
    private mutating func transaction(
        _ producer: inout IngestProducer,
        _ metadata: GroupMetadata
    ) throws(Setback) {
        let collect = Int64(configuration.collectMilliseconds)
        var count = 0
        var began: Int64 = 0
        let entered = Ticker.now
        while true {
            watch.begin(.fold)
            let now = Ticker.now
            let before = count
            var isFull = false
            copier.beginBatch()
            let others = foreign.limit(isUrgent: copier.hasHeld)
            let limit = copier.timeLimit(now, foreign: others)
            for source in copier.sources.indices where copier.isReadable(source, limit) {
                let seen = try copy(source, limit, .zero, &producer)
                if count == 0, seen > 0 { began = now }
                count += seen
                if seen >= Copier.portion { isFull = true }
            }
            if copier.hasHeld {
                let merged = try copier.mergeHeld(
                    now,
                    foreign: others,
                    atMost: 8 * Copier.portion,
                    &producer
                )
                if count == 0, merged > 0 { began = now }
                count += merged
            }
            // What is in hand waits for others, and they for us.
            if count > 0, count == before, copier.hasHeld { break }
            if count == before {
                let left =
                    count == 0 ? min(lastTick + 1000, entered + 50) - now : began + collect - now
                if left > 0 {
                    // A source that holds the others back is waited for; else one looks around again soon.
                    if let source = copier.slowest(now) {
                        let seen = try copy(
                            source,
                            limit,
                            .milliseconds(min(left, 5)),
                            &producer
                        )
                        if count == 0, seen > 0 { began = Ticker.now }
                        count += seen
                    } else {
                        Ticker.sleep(milliseconds: min(left, 2))
                    }
                }
            }
            let elapsed = Ticker.now - began
            if count == 0 {
                if Ticker.now >= min(lastTick + 1000, entered + 50) { break }
                if control.shouldStop { break }
                continue
            }
            if count >= configuration.transactionRecords || elapsed >= 200 { break }
            if elapsed >= collect, !isFull, !(count > before && copier.hasHeld) { break }
            if control.shouldStop { break }
        }
        if Ticker.now - lastTick >= 1000 {
            lastTick = Ticker.now
            if copier.hasEventSources {
                copier.beginBatch()
                copier.learnNewest(foreign.newest)
                copier.tick()
            }
        }
        if count > 0, copier.hasHeld { copier.publishProgress() }
        let offsets = copier.offsets
        if count == 0, offsets.isEmpty { return }
        watch.begin(.commit)
        if began == 0 { began = Ticker.now }
        try producer.begin()
        try copier.flush(&producer)
        try producer.commit(offsets, of: metadata)
        instruments.committed(copier, began: began)
        copier.committed()
    }

    /// How often the ends of all it writes to are asked for, in milliseconds: a take-over reads what came since.
    private static let stablePause: Int64 = 5_000

    /// How long the journal is read for known sources between two looks at the group, in milliseconds: with sources to
    /// copy, and without.
    private static let shortTurn: Int64 = 20
    private static let longTurn: Int64 = 500

    /// Copies what there is of one source and whose turn has come; how many records were fetched or copied.
    private mutating func copy(
        _ source: Int,
        _ limit: Instant,
        _ wait: Duration,
        _ producer: inout IngestProducer
    ) throws(Setback) -> Int {
        if !copier.sources[source].held.isEmpty {
            try producer.begin()
            let count = try copier.copyHeld(source, limit, &producer)
            if !copier.sources[source].held.isEmpty { return count }
        }
        let seen = try copier.copy(from: &queue, source, limit, wait, &producer)
        try take(queue.takeEvents())
        return seen
    }
}

extension Copier {
    /// Copies what was fetched of one source, up to a record time; how many records were fetched.
    fileprivate mutating func copy(
        from queue: inout FetchQueue,
        _ source: Int,
        _ limit: Instant,
        _ wait: Duration,
        _ producer: inout IngestProducer
    ) throws(Setback) -> Int {
        do {
            let batch = try queue.next(of: source, limit: Self.portion, waiting: wait)
            let count = batch.count
            if count > 0 {
                try producer.begin()
                sources[source].activeAt = Ticker.now
                for index in 0..<count { try copy(batch[index], source, limit, &producer) }
            }
            return count
        } catch {
            throw Setback.caught(error)
        }
    }

    /// Most records to fetch of one source before the others are looked at.
    fileprivate static let portion = 1024
}

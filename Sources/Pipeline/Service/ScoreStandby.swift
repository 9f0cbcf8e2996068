internal import Engine
internal import Journal
internal import Kafka

/// Keeps the states of journal partitions that other workers own, so that this one can take them over at once.
///
/// One thread folds each of them silently behind its owner, from a snapshot up to the offset that the owner has
/// committed, and holds its receipt against the owner's each time they stand at the same place: two processes that come
/// to another state is a fault that nobody else would see. It writes nothing and is no member of anything. When the
/// group gives a partition to this worker, its thread takes the state from here and folds the last half second.
///
/// It costs the memory and the fold of a whole second copy; Kafka Streams calls the same a standby replica.
final class ScoreStandby: Sendable {
    /// Where a state is handed over.
    private struct Slot {
        var state: FollowedState?
        /// The standby has it in hand.
        var isBusy = false
        /// The partition's own thread has asked for it: nothing is kept here until the partition is another's again.
        var isClosed = false
    }

    /// How often committed offsets are asked for, in milliseconds.
    private static let interval: Int64 = 500

    private let configuration: ServiceConfiguration
    private let control: ServiceControl
    private let log: ServiceLog
    private let orders: [Guarded<PartitionOrder>]
    private let slots: [Guarded<Slot>]
    private let isOver = Guarded(false)

    init(
        configuration: ServiceConfiguration,
        control: ServiceControl,
        log: ServiceLog,
        orders: [Guarded<PartitionOrder>]
    ) {
        self.configuration = configuration
        self.control = control
        self.log = log
        self.orders = orders
        slots = orders.map { _ in Guarded(Slot()) }
    }

    /// Starts its thread, which runs until ``end()`` or until the service stops.
    func start() -> WorkThread {
        WorkThread("score-standby") { [self] in
            let watch = control.operations.watchdog.watch("score-standby")
            defer { control.operations.watchdog.remove(watch) }
            while !control.shouldStop, !isOver.read({ $0 }) {
                // What is folded stays: when Kafka is away, a take-over may be near.
                do { try follow(watch) } catch {
                    log.warning("standby-setback", ("reason", "\(error)"))
                    control.pause(.seconds(1))
                }
            }
            for number in slots.indices {
                slots[number].with { $0 = Slot(isClosed: true) }
                control.operations.partition(Int32(number)).follows(nil)
            }
        }
    }

    /// Ends its thread.
    func end() { isOver.with { $0 = true } }

    /// Hands over what is known of a partition that has become ours.
    ///
    /// - Parameters:
    ///   - partition: the journal partition.
    ///   - live: the committed offset: a state that is ahead of it is of no use.
    /// - Returns: the state, or nil where there is none or it is still being read.
    func take(_ partition: Int32, notAfter live: Int64) -> FollowedState? {
        let slot = slots[Int(partition)]
        _ = slot.wait(atMost: .seconds(2)) { !$0.isBusy }
        let state = slot.with { slot in
            defer { slot.state = nil }
            slot.isClosed = true
            return slot.state
        }
        guard let state, state.offset <= live else { return nil }
        return state
    }

    // MARK: the thread

    /// A partition that is followed.
    private struct Followed {
        var source: Int?
        /// Nothing more is tried: its state can't be made.
        var isGivenUp = false
    }

    /// Follows until something fails.
    private func follow(_ watch: Watch) throws {
        watch.begin(.start)
        let offsets = try GroupOffsets(of: configuration.scoreGroup, configuration.kafka)
        let fetcher = try FetchConsumer(configuration.consumerSettings)
        var queue = fetcher.queue()
        var followed: [Int: Followed] = [:]
        var committed: [TopicPartition: CommittedOffset] = [:]
        var lookedAt = Int64.min / 2
        while !control.shouldStop, !isOver.read({ $0 }) {
            watch.begin(.poll)
            for number in orders.indices {
                let isOthers = orders[number].read { $0.wish == .drop }
                if isOthers, followed[number] == nil {
                    followed[number] = Followed()
                    slots[number].with { $0.isClosed = false }
                    // What was known of it is from before it was ours.
                    lookedAt = .min / 2
                    committed[name(number)] = nil
                }
                if !isOthers, let one = followed.removeValue(forKey: number) {
                    if let source = one.source { queue.stop(source) }
                    control.operations.partition(Int32(number)).follows(nil)
                }
            }
            if !followed.isEmpty, Ticker.now - lookedAt >= Self.interval {
                lookedAt = Ticker.now
                let names = followed.keys.sorted().map(name)
                for one in try offsets.committed(names, within: .seconds(10)) {
                    committed[one.partition] = one
                }
            }
            var isIdle = true
            for number in followed.keys.sorted() {
                guard var one = followed[number], !one.isGivenUp,
                    let last = committed[name(number)], let live = last.offset
                else { continue }
                if try step(number, &one, live, last.metadata, &queue, fetcher, watch) {
                    isIdle = false
                }
                followed[number] = one
            }
            for event in queue.takeEvents() {
                if case .failed(_, let error) = event { throw error }
            }
            if isIdle { control.pause(.milliseconds(50)) }
        }
    }

    private func name(_ number: Int) -> TopicPartition {
        TopicPartition(configuration.journalTopic, Int32(number))
    }

    /// Folds a batch of one partition; false where nothing was to be done.
    private func step(
        _ number: Int,
        _ one: inout Followed,
        _ live: Int64,
        _ receipt: String,
        _ queue: inout FetchQueue,
        _ fetcher: FetchConsumer,
        _ watch: Watch
    ) throws -> Bool {
        let instruments = control.operations.partition(Int32(number))
        let isOurs = slots[number].with { slot in
            if !slot.isClosed { slot.isBusy = true }
            return slot.isClosed
        }
        if isOurs { return false }
        var state = slots[number].with { slot in
            defer { slot.state = nil }
            return slot.state
        }
        defer {
            slots[number].with { slot in
                slot.state = slot.isClosed ? nil : state
                slot.isBusy = false
            }
        }
        do {
            let current: FollowedState
            if let state, state.offset <= live {
                current = state
            } else {
                // None yet, or the offset was set back.
                watch.begin(.snapshot)
                current = restored(number, live, receipt, fetcher, instruments)
                if let source = one.source { queue.stop(source) }
                one.source = nil
                state = current
            }
            watch.begin(.fold)
            var count = try current.foldAhead(below: live)
            if current.isEmptyAhead, current.offset < live {
                let source =
                    try one.source
                    ?? queue.start(name(number), at: .offset(current.offset), apart: true)
                one.source = source
                let batch = try queue.next(of: source, limit: 4096, waiting: .zero)
                count += batch.count
                try current.fold(batch, below: live)
            }
            if count > 0 {
                instruments.follows(current)
                try compare(number, current, live, receipt)
            }
            return count > 0
        } catch let error as KafkaError {
            throw error
        } catch {
            // Its owner will say the same; here it must not end what works.
            log.error("standby-ends", ("partition", "\(number)"), ("reason", "\(error)"))
            one.isGivenUp = true
            if let source = one.source { queue.stop(source) }
            one.source = nil
            state = nil
            instruments.follows(nil)
            return false
        }
    }

    private func restored(
        _ number: Int,
        _ live: Int64,
        _ receipt: String,
        _ fetcher: FetchConsumer,
        _ instruments: PartitionInstruments
    ) -> FollowedState {
        guard configuration.hasSnapshots else { return FollowedState() }
        let search = SnapshotSearch(
            configuration: configuration,
            log: log,
            partition: Int32(number),
            fetcher: fetcher,
            instruments: instruments
        )
        guard let state = search.newest(in: receipt, notAfter: live) else { return FollowedState() }
        return FollowedState(state)
    }

    /// At the committed offset the state must be the owner's.
    private func compare(
        _ number: Int,
        _ state: FollowedState,
        _ live: Int64,
        _ receipt: String
    ) throws {
        guard state.offset == live, Receipt.state(in: receipt) != state.receipt.text else { return }
        throw StateFault(
            "folding the journal to offset \(live) gives the state \"\(state.receipt.text)\", its owner committed "
                + "\"\(receipt)\""
        )
    }
}

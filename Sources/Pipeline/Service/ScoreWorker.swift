internal import Journal
internal import Kafka

/// What the group wants of a journal partition.
enum Wish {
    /// It is not ours: forget all of it.
    case drop
    /// A rebalance is going on: begin no transaction, keep everything.
    case park
    /// It is ours: work.
    case run
}

/// What the membership and a partition's thread share.
struct PartitionOrder {
    var wish = Wish.drop
    /// Metadata of the generation that gave us the partition last.
    var metadata: GroupMetadata?
    /// A transaction is open, or may at once be.
    var isInside = false
    /// The thread is to end.
    var isOver = false
    /// The thread has ended.
    var hasEnded = false
}

/// Membership of the score group: gives each journal partition of ours to a thread and takes it back.
///
/// What happens to one partition never waits for another. Two fences keep an owner of before from writing: the epoch of
/// the partition's transactional producer, and the generation of the group, which goes with the offsets.
struct ScoreWorker {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32

    func run() { control.run(log) { () throws(ServiceEnd) in try work() } }

    private func work() throws(ServiceEnd) {
        let operations = control.operations
        let watch = operations.watchdog.watch("score")
        defer { operations.watchdog.remove(watch) }
        watch.begin(.start)
        let fetcher: FetchConsumer
        let all: FetchConsumer
        let settledOffsets: GroupOffsets
        var member: MemberConsumer
        do {
            fetcher = try FetchConsumer(
                operations.clients.watched(configuration.consumerSettings, as: "score-fetch")
            )
            all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
            settledOffsets = try GroupOffsets(
                of: configuration.scoreGroup,
                configuration.kafka
            )
            member = try MemberConsumer(
                group: configuration.scoreGroup,
                topics: [configuration.journalTopic],
                instance: configuration.instance,
                operations.clients.watched(configuration.consumerSettings, as: "score-member")
            )
        } catch {
            throw .configuration(error.description)
        }
        let orders = (0..<partitionCount).map { _ in Guarded(PartitionOrder()) }
        var threads: [WorkThread?] = orders.map { _ in nil }
        var standby: ScoreStandby?
        if configuration.isStandby {
            standby = ScoreStandby(
                configuration: configuration,
                control: control,
                log: log,
                orders: orders
            )
        }
        let follower = standby?.start()
        var revokeDeadline: Int64?
        var result: ServiceEnd?
        while result == nil, !control.shouldStop {
            let events: [MembershipEvent]
            watch.begin(.poll)
            do {
                events = try member.poll(waiting: .milliseconds(revokeDeadline == nil ? 50 : 5))
            } catch {
                result = .temporary(error.description, isFenced: error.isFenced)
                break
            }
            for event in events {
                switch event {
                case .assigned(let partitions, let metadata):
                    log.info(
                        "score-assigned",
                        ("generation", "\(metadata.generation)"),
                        ("partitions", partitions.map { "\($0.partition)" }.joined(separator: ","))
                    )
                    operations.assigned(.score, partitions.count)
                    revokeDeadline = nil
                    let ours = Set(partitions.map { Int($0.partition) })
                    for (number, order) in orders.enumerated() {
                        order.with { order in
                            order.wish = ours.contains(number) ? .run : .drop
                            if order.wish == .run { order.metadata = metadata }
                        }
                        if ours.contains(number), threads[number] == nil {
                            let partition = ScorePartition(
                                configuration: configuration,
                                control: control,
                                log: log,
                                partition: Int32(number),
                                order: order,
                                standby: standby,
                                fetcher: fetcher,
                                all: all,
                                offsets: member.offsets,
                                settledOffsets: settledOffsets
                            )
                            threads[number] = WorkThread("score-\(number)") { partition.run() }
                        }
                    }
                case .revoked:
                    for order in orders {
                        order.with { if $0.wish == .run { $0.wish = .park } }
                    }
                    // Shorter than the session: then the fences have to do, and do.
                    revokeDeadline = Ticker.now + 4000
                case .lost(let partitions):
                    log.warning("score-lost", ("partitions", "\(partitions.count)"))
                    operations.lost(.score)
                    revokeDeadline = nil
                    for order in orders { order.with { $0.wish = .drop } }
                case .failed(let error):
                    log.warning("score-group", ("reason", error.description))
                }
            }
            if let deadline = revokeDeadline,
                Ticker.now >= deadline
                    || orders.allSatisfy({ order in order.read { !$0.isInside } })
            {
                revokeDeadline = nil
                watch.begin(.acknowledge)
                do { try member.acknowledgeRevoke() } catch {
                    log.warning("score-group", ("reason", error.description))
                }
            }
        }
        watch.begin(.close)
        operations.lost(.score)
        standby?.end()
        for order in orders { order.with { $0.isOver = true } }
        let limit = Ticker.now + 5000
        var hasEnded = true
        for (number, thread) in threads.enumerated() {
            guard let thread else { continue }
            let isOver = orders[number].wait(atMost: .milliseconds(max(1, limit - Ticker.now))) {
                $0.hasEnded
            }
            if isOver { thread.join() } else { hasEnded = false }
        }
        follower?.join()
        member.close(within: .seconds(3))
        log.info("score-ended", ("drained", "\(hasEnded)"))
        if let result { throw result }
    }
}

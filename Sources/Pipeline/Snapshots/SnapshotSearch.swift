internal import Engine
internal import Kafka

/// Finds the newest snapshot of a journal partition that can be taken up.
struct SnapshotSearch {
    let configuration: ServiceConfiguration
    let log: ServiceLog
    let partition: Int32
    let fetcher: FetchConsumer
    let instruments: PartitionInstruments

    /// The newest state that stands at or before an offset.
    ///
    /// - Parameters:
    ///   - receipt: the receipt of the committed offset, which names the snapshots.
    ///   - live: the committed offset.
    ///   - missing: outputs that the fold must come by.
    ///   - isWanted: whether it still is; asked between pieces.
    /// - Returns: the state and where it stands; nil where none can be taken up.
    func newest(
        in receipt: String,
        notAfter live: Int64,
        before missing: MissingOutputs = MissingOutputs(),
        isWanted: @escaping () -> Bool = { true }
    ) -> RestoredState? {
        for place in Receipt.snapshots(in: receipt) where place.offset <= live {
            guard isWanted() else { return nil }
            let began = Ticker.now
            do throws(StateFault) {
                let records = try records(from: place.start, isWanted)
                let state = try SnapshotRestore.state(
                    of: partition,
                    at: place.offset,
                    from: records
                )
                guard missing.lieBehind(state.receipt) else { continue }
                instruments.found(.used)
                log.info(
                    "snapshot-restored",
                    ("partition", "\(partition)"),
                    ("offset", "\(place.offset)"),
                    ("records", "\(state.manifest.records)"),
                    ("bytes", "\(state.manifest.byteCount)"),
                    ("ms", "\(Ticker.now - began)")
                )
                return state
            } catch {
                guard isWanted() else { return nil }
                instruments.found(.damaged)
                log.warning(
                    "snapshot-refused",
                    ("partition", "\(partition)"),
                    ("offset", "\(place.offset)"),
                    ("reason", error.description)
                )
            }
        }
        instruments.found(.none)
        return nil
    }

    /// The records of our partition of the topic, up to its end.
    private func records(
        from start: Int64,
        _ isWanted: @escaping () -> Bool
    ) throws(StateFault) -> SnapshotRestore.Records {
        let place = TopicPartition(configuration.snapshotTopic, partition)
        let reader = SnapshotQueue(fetcher)
        do throws(KafkaError) {
            let bounds = try fetcher.offsets(of: [place], within: .seconds(20))[0].get()
            try reader.begin(place, at: max(start, bounds.low), end: bounds.end)
        } catch {
            throw StateFault("\(error)")
        }
        return { () throws(StateFault) in
            guard isWanted() else { throw StateFault("nobody wants it any more") }
            return try reader.next()
        }
    }
}

/// One partition of the topic `snapshots`, read once, record by record.
private final class SnapshotQueue {
    private var queue: FetchQueue
    private var end: Int64 = 0
    private var source = 0
    private var waiting: [(key: [UInt8], value: [UInt8])] = []
    private var taken = 0

    init(_ fetcher: FetchConsumer) { queue = fetcher.queue() }

    func begin(_ place: TopicPartition, at offset: Int64, end: Int64) throws(KafkaError) {
        source = try queue.start(place, at: .offset(offset))
        self.end = end
    }

    func next() throws(StateFault) -> (key: [UInt8], value: [UInt8])? {
        let deadline = Ticker.now + 30_000
        while taken == waiting.count {
            guard queue.position(of: source) < end else { return nil }
            guard Ticker.now < deadline else {
                throw StateFault("Kafka has not handed it out for 30 s")
            }
            waiting.removeAll(keepingCapacity: true)
            taken = 0
            try Self.fill(&waiting, &queue)
        }
        taken += 1
        return waiting[taken - 1]
    }

    private static func fill(
        _ waiting: inout [(key: [UInt8], value: [UInt8])],
        _ queue: inout FetchQueue
    ) throws(StateFault) {
        do throws(KafkaError) {
            let batch = try queue.next(limit: 64, waiting: .milliseconds(100))
            for index in 0..<batch.count {
                let message = batch[index]
                // The spans are copied while the message is there.
                let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
                let value = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                waiting.append((key, value))
            }
        } catch {
            throw StateFault("\(error)")
        }
        for event in queue.takeEvents() {
            if case .failed(_, let error) = event, error.isOffsetLost {
                throw StateFault("\(error)")
            }
        }
    }
}

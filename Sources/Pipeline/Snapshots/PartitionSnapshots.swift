internal import Engine
internal import Kafka

/// The snapshots of one journal partition: when one is due, how its pieces get into the partition's transactions, and which
/// of them a successor may take up.
///
///     after a commit    beginIfDue        copies the state
///     before a commit   send              a few pieces, at last the manifest
///                       suffix            the receipt names what is whole
struct PartitionSnapshots: ~Copyable {
    /// Most bytes of pieces in one transaction: a few milliseconds of it.
    private static let mostBytes = 4 << 20

    private let search: SnapshotSearch
    private let topic: ProducerTopic?
    private var configuration: ServiceConfiguration { search.configuration }
    private var log: ServiceLog { search.log }
    private var partition: Int32 { search.partition }
    private var instruments: PartitionInstruments { search.instruments }
    private var job: SnapshotJob?
    /// Where the job's first piece will stand at the earliest.
    private var start: Int64 = 0
    private var isCopied = false
    /// The journal offset of the copy.
    private var offset: Int64 = 0
    private var bytes = 0
    private var began: Int64 = 0
    private var pause: Int64 = 0
    /// Whole snapshots, the newest first.
    private(set) var places: [SnapshotPlace]
    /// The slot to write to.
    private var slot = SnapshotSlot.a
    /// Records and time of the newest, or of the beginning.
    private var records: Int64
    private var time: Int64

    init(_ search: SnapshotSearch, _ topic: ProducerTopic?) {
        self.search = search
        self.topic = topic
        places = []
        records = 0
        time = Ticker.now
    }

    deinit { job?.cancel() }

    // MARK: taking one up

    /// The newest state that stands at or before an offset.
    ///
    /// - Parameters:
    ///   - receipt: the receipt of the committed offset, which names the snapshots.
    ///   - live: the committed offset.
    ///   - missing: outputs that the fold must come by.
    /// - Returns: the state and where it stands; nil where none can be taken up.
    mutating func restore(
        _ receipt: String?,
        notAfter live: Int64,
        before missing: MissingOutputs
    ) -> RestoredState? {
        guard topic != nil, let receipt,
            let state = search.newest(in: receipt, notAfter: live, before: missing)
        else { return nil }
        places = Receipt.snapshots(in: receipt).filter { $0.offset <= state.manifest.offset }
        slot = state.manifest.slot.other
        records = state.manifest.records
        return state
    }

    /// Goes on with the snapshots that a receipt names, where the state came from elsewhere.
    ///
    /// - Parameters:
    ///   - receipt: the receipt of the committed offset.
    ///   - records: records that the state has seen.
    ///   - offset: where it stands, if it is of one of the snapshots: those behind it were refused.
    /// - Returns: false where the receipt does not tell enough.
    mutating func adopt(_ receipt: String?, records: Int64, from offset: Int64 = .max) -> Bool {
        let found = (receipt.map(Receipt.snapshots(in:)) ?? []).filter { $0.offset <= offset }
        guard found.allSatisfy({ $0.slot != nil }) else { return false }
        places = found
        slot = found.first?.slot?.other ?? .a
        self.records = records
        return true
    }

    // MARK: writing one

    /// Copies the state if a snapshot is due: after a commit, so that it stands at the committed offset.
    mutating func beginIfDue(_ machine: inout Machine, _ receipt: Receipt, at offset: Int64) {
        guard topic != nil else { return }
        if let job {
            if !isCopied { copy(job, &machine, receipt, at: offset) }
            return
        }
        let passed = receipt.records - records
        let isDue =
            configuration.snapshotRecords > 0 && passed >= configuration.snapshotRecords
            || configuration.snapshotSeconds > 0 && passed > 0
                && Ticker.now - time >= Int64(configuration.snapshotSeconds) * 1000
        guard isDue else { return }
        records = receipt.records
        time = Ticker.now
        let place = TopicPartition(configuration.snapshotTopic, partition)
        do throws(KafkaError) {
            start = try search.fetcher.offsets(of: [place], within: .seconds(2))[0].get().end
        } catch {
            instruments.failedSnapshot()
            return log.warning(
                "snapshot-put-off",
                ("partition", "\(partition)"),
                ("reason", error.description)
            )
        }
        bytes = 0
        isCopied = false
        job = SnapshotJob(
            partition: partition,
            slot: slot,
            byteCount: machine.stateByteCount
        )
    }

    private mutating func copy(
        _ job: SnapshotJob,
        _ machine: inout Machine,
        _ receipt: Receipt,
        at offset: Int64
    ) {
        began = Ticker.now
        guard let size = job.copy(&machine, at: offset, receipt) else { return }
        isCopied = true
        self.offset = offset
        records = receipt.records
        pause = Ticker.now - began
        log.info(
            "snapshot-begun",
            ("partition", "\(partition)"),
            ("offset", "\(offset)"),
            ("bytes", "\(size)"),
            ("pause_ms", "\(pause)")
        )
    }

    /// Whether pieces wait to be written.
    var isReady: Bool { job?.isReady ?? false }

    /// Begins a transaction for pieces alone.
    func beginAlone(_ producer: inout TransactionalProducer) throws(Setback) {
        do { try producer.begin() } catch { throw Setback(error) }
    }

    /// Adds what is ready to the open transaction, as far as it is not too much.
    mutating func send(_ producer: inout TransactionalProducer) throws(Setback) {
        guard let job, let topic else { return }
        var sent = 0
        while sent < Self.mostBytes, let record = job.take() {
            sent += record.value.count
            let key = Array(record.key.text(partition).utf8)
            do {
                // The spans are used up while record and key stand.
                try unsafe producer.produce(
                    record.value.span.bytes,
                    key: key.span.bytes,
                    to: topic,
                    partition: partition
                )
            } catch {
                throw Setback(error)
            }
            guard case .manifest = record.key else { continue }
            // It is committed with the receipt that names it, or neither is.
            places.insert(SnapshotPlace(start: start, offset: offset, slot: slot), at: 0)
            if places.count > 2 { places.removeLast() }
            slot = slot.other
            self.job = nil
            instruments.tookSnapshot(
                offset: offset,
                bytes: bytes + sent,
                seconds: Double(Ticker.now - began) / 1000,
                pause: Double(pause) / 1000
            )
            log.info(
                "snapshot-written",
                ("partition", "\(partition)"),
                ("offset", "\(offset)"),
                ("bytes", "\(bytes + sent)"),
                ("ms", "\(Ticker.now - began)")
            )
            break
        }
        bytes += sent
        // The first piece of a slot takes its older snapshot away.
        if sent > 0, places.count == 2, self.job != nil { places.removeLast() }
    }

    /// What the receipt says of the snapshots.
    var suffix: String {
        places.isEmpty
            ? "" : " " + places.map(\.text).joined(separator: ",")
    }
}

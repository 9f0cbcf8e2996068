internal import Ingest
internal import Journal
internal import Kafka

/// Turns source records into journal records and dead letters: the inner part of ingest, one transaction at a time.
///
/// It knows the counters and the progress of the source partitions it copies, and nothing of entities. After a failed
/// transaction it is ahead of what is committed and must be told so by `forget()`.
struct Copier: ~Copyable {
    let configuration: ServiceConfiguration
    let partitionCount: Int32
    var sources: [SourcePartition] = []
    /// Reference rows and a policy stand in the journal: events may follow.
    private(set) var isOpen = false
    private var hasReference = false
    private var hasPolicy = false
    /// What is wrong with the last record of the reference or the policy topic.
    var complaint: (source: Int, message: String)?
    private(set) var copied: Int64 = 0
    private(set) var deadLetters: Int64 = 0
    /// Dead letters of this transaction, in the order of `Rejection.Code.allCases`.
    private(set) var lettersByCode = [Int64](repeating: 0, count: Rejection.Code.allCases.count)

    private var decoder: EventDecoder
    var reference = ReferenceState()
    private var stable: StableOffsets?
    let records = RecordBatch(capacity: 1 << 20)
    var batch = ProduceBatch(records: 4096, bytes: 2 << 20)
    private var digest = [UInt8](repeating: 0, count: 32)
    private var letter: [UInt8] = []
    private var clock = WallClock()
    private var wall: Int64
    private let allowedSkew: Int64
    /// Newest record time of all own sources, and when it was seen, for `clock: records`.
    private var newest = Instant.distantPast
    private var newestAt: Int64 = 0
    /// A tick was written.
    private var hasTold = false
    /// Smallest progress that the last tick told.
    private var told = Instant.distantPast

    init(_ configuration: ServiceConfiguration, partitionCount: Int32, horizonDays: Int32) {
        self.configuration = configuration
        self.partitionCount = partitionCount
        decoder = EventDecoder(tokenizer: configuration.tokenizer, horizonDays: horizonDays)
        allowedSkew = Int64(configuration.allowedSkewSeconds) * 1000
        wall = WallClock.milliseconds
    }

    /// The wall clock was set forward by more than we believe.
    var isClockRefused: Bool { clock.isRefused }

    /// Makes the source known that `FetchQueue.start` has just numbered.
    mutating func addSource(_ partition: TopicPartition, _ kind: SourcePartition.Kind) {
        sources.append(
            SourcePartition(
                partition,
                kind,
                decoder.addSource(partition.topic, isFile: false),
                journalPartitions: Int(partitionCount)
            )
        )
    }

    /// The state of the reference topic up to what was committed.
    mutating func setReference(_ state: ReferenceState) { reference = state }

    /// Last stable offsets, asked before anything of the next transaction was written.
    ///
    /// Rows and policies are copied rarely: their offsets are committed again for them. Events' are with every tick.
    mutating func learnStable(_ offsets: StableOffsets) {
        stable = offsets
        for index in sources.indices where sources[index].isOwned && !sources[index].isBehindSeen {
            sources[index].metadata.stable = offsets
            // A policy that must stop the service is not gone past.
            if sources[index].kind != .events, complaint?.source != index {
                sources[index].isTouched = true
            }
        }
    }

    /// A source that was begun goes by the newest that are known, unless something is seen that it must still leave out.
    mutating func learnStable(of source: Int) {
        if !sources[source].isBehindSeen, let stable { sources[source].metadata.stable = stable }
    }

    /// Begins a batch of records: reads the clock once for all of them.
    mutating func beginBatch() { wall = clock.now() }

    /// Drops what was not committed.
    mutating func forget() {
        batch.removeAll()
        complaint = nil
        forgetCounts()
        for index in sources.indices {
            sources[index].isOwned = false
            sources[index].isTouched = false
            sources[index].isFetchedToEnd = false
            sources[index].held.removeAll()
        }
    }

    // MARK: records

    /// Copies one record, or holds it where its turn has not come.
    mutating func copy(
        _ message: borrowing Message,
        _ source: Int,
        _ limit: Instant,
        _ out: inout IngestProducer
    ) throws(Setback) {
        sources[source].isFetchedToEnd = false
        switch sources[source].kind {
        case .events:
            let (stamp, kind) = message.timestamp
            let isKnown = kind != .none && stamp >= 0
            let time = Instant(milliseconds: isKnown ? min(stamp, wall + allowedSkew) : wall)
            if time > limit || !sources[source].held.isEmpty {
                // What it was sent again from must be known when its turn comes, too.
                sources[source].held.append(
                    message.value,
                    offset: message.offset,
                    time: time,
                    mark: RedriveMark(message)
                )
            } else if let rejection = copyEvent(message.value, message.offset, time, source) {
                try writeLetter(
                    rejection,
                    message.value,
                    message.offset,
                    source,
                    RedriveMark(message),
                    &out
                )
            }
        case .reference: try copyReference(message, source, &out)
        case .policy: try copyPolicy(message, source, &out)
        case .journal: try look(message)
        }
        try sendIfLarge(&out)
    }

    mutating func sendIfLarge(_ out: inout IngestProducer) throws(Setback) {
        if batch.count >= 4096 || batch.byteCount >= 2 << 20 { try out.send(&batch) }
    }

    /// Hands the rest of the batch to the producer.
    mutating func flush(_ out: inout IngestProducer) throws(Setback) { try out.send(&batch) }

    /// Copies one event to the batch, or says why it is a dead letter.
    mutating func copyEvent(
        _ value: RawSpan,
        _ offset: Int64,
        _ time: Instant,
        _ source: Int
    ) -> Rejection? {
        copied += 1
        sources[source].copied += 1
        note(source, offset, time)
        // Where nothing was known before this record, there is a time now; else what was due before it ends first.
        if !hasTold { tick() }
        let quarter = sources[source].metadata.reached.microseconds / Self.quarterHour
        if quarter > sources[source].quarter {
            sources[source].quarter = quarter
            tellIfQuarterPassed()
        }
        do {
            try decoder.decode(value, from: sources[source].name, recordedAt: time)
            let partition = decoder.partition(count: partitionCount)
            let counter = sources[source].metadata.counters[Int(partition)]
            sources[source].metadata.counters[Int(partition)] = counter + 1
            if sources[source].isSeen(counter, partition) { return nil }
            unsafe value.withUnsafeBytes { unsafe SHA256.hash($0, into: &digest) }
            records.removeAll()
            decoder.append(
                to: records,
                source: RecordSource(
                    partition: sources[source].partition.partition,
                    offset: offset,
                    counter: counter
                ),
                digest: digest
            )
            appendRecords(to: partition)
            return nil
        } catch {
            return error
        }
    }

    private static let quarterHour: Int64 = 900_000_000

    /// Notes how far a source has been copied.
    private mutating func note(_ source: Int, _ offset: Int64, _ time: Instant) {
        sources[source].next = offset + 1
        sources[source].isTouched = true
        if time > sources[source].metadata.reached { sources[source].metadata.reached = time }
        if time > sources[source].metadata.newest {
            sources[source].metadata.newest = time
            learnNewest(time)
        }
    }

    /// Adds what stands in `records` to the batch, keyed by the entity of events.
    mutating func appendRecords(to partition: Int32) {
        for index in 0..<records.count {
            let record = records.record(at: index)
            // Both spans are used up while the record stands.
            let value = unsafe RawSpan(_unsafeBytes: record.allBytes)
            if let kind = record.kind, kind.rawValue >= RecordKind.encounter.rawValue {
                let key = unsafe RawSpan(_unsafeBytes: record.bytes(record.eventHeader.entity))
                batch.append(value, key: key, partition: partition)
            } else {
                batch.append(value, partition: partition)
            }
        }
    }

    private mutating func appendRecordsToAll() {
        for partition in 0..<partitionCount { appendRecords(to: partition) }
    }

    mutating func writeLetter(
        _ rejection: Rejection,
        _ value: RawSpan,
        _ offset: Int64,
        _ source: Int,
        _ mark: RedriveMark?,
        _ out: inout IngestProducer
    ) throws(Setback) {
        let partition = sources[source].partition
        let target = out.letterPartition(
            entity: rejection.coveredEntityID,
            from: partition.partition
        )
        if let seen = sources[source].seenLetters[target], offset <= seen { return }
        let place = RecordPlace.topic(
            partition.topic,
            partition: partition.partition,
            offset: offset
        )
        letter.removeAll(keepingCapacity: true)
        DeadLetterWriter.write(rejection, at: place, value: value, to: &letter)
        let headers = DeadLetterWriter.headers(
            rejection,
            at: place,
            application: configuration.application,
            task: 0,
            mark: mark
        )
        deadLetters += 1
        if let place = Rejection.Code.allCases.firstIndex(of: rejection.code) {
            lettersByCode[place] += 1
        }
        try out.sendLetter(
            letter,
            entity: rejection.coveredEntityID,
            headers,
            to: target
        )
    }

    /// Looks for reference rows and a policy in the journal.
    private mutating func look(_ message: borrowing Message) throws(Setback) {
        let record: RecordView
        do { record = try JournalScan.record(message) } catch { throw .end(error) }
        if record.kind == .referenceComplete { hasReference = true }
        if record.kind == .policy { hasPolicy = true }
        isOpen = hasReference && hasPolicy
    }

    /// What the journal still lacks before events may be copied.
    var missing: String {
        hasReference ? "a policy" : hasPolicy ? "reference rows" : "reference rows and a policy"
    }

    // MARK: registration and time

    /// Writes the registration of a source partition to every journal partition.
    ///
    /// - Parameters:
    ///   - source: its number.
    ///   - first: the time of its first record, where its progress begins; nil where it is empty.
    mutating func register(_ source: Int, _ first: Instant?) {
        if let first {
            let time = min(first, Instant(milliseconds: wall + allowedSkew))
            sources[source].metadata.reached = time
            sources[source].metadata.newest = time
            learnTime(of: source)
        } else {
            sources[source].isFetchedToEnd = true
        }
        records.removeAll()
        let partition = sources[source].partition
        records.append(
            SourceRegistration(
                topic: partition.topic,
                partition: partition.partition,
                firstOffset: sources[source].metadata.firstOffset
            ),
            at: Instant(milliseconds: wall),
            source: RecordSource(partition: -1, offset: 0, counter: 0)
        )
        appendRecordsToAll()
        sources[source].isTouched = true
    }

    /// What the time is at the end of a source partition; nil where nobody knows.
    private var time: Instant? {
        switch configuration.clock {
        case .wall: Instant(milliseconds: wall)
        case .records:
            newest == .distantPast
                ? nil : Instant(microseconds: newest.microseconds + (Ticker.now - newestAt) * 1000)
        }
    }

    /// A source's time is known from what was committed.
    mutating func learnTime(of source: Int) {
        learnNewest(sources[source].metadata.newest)
        sources[source].quarter =
            sources[source].metadata.reached == .distantPast
            ? .min : sources[source].metadata.reached.microseconds / Self.quarterHour
    }

    /// Whether there is anything to tell the time of.
    var hasEventSources: Bool { sources.contains { $0.isOwned && $0.kind == .events } }

    /// Another worker has seen a newer record.
    mutating func learnNewest(_ time: Instant) {
        guard time > newest else { return }
        newest = time
        newestAt = Ticker.now
    }

    /// While a history is read fast: a tick when the slowest source has passed a quarter of an hour.
    private mutating func tellIfQuarterPassed() {
        var slowest = Instant.distantFuture
        for source in sources where source.isOwned && source.kind == .events && !source.isAtEnd {
            slowest = min(slowest, source.reaches)
        }
        guard slowest != .distantPast, slowest != .distantFuture else { return }
        guard told == .distantPast || slowest.microseconds >= told.microseconds + Self.quarterHour
        else { return }
        told = slowest
        tick()
    }

    /// Writes the progress of all owned sources to every journal partition, and has all their offsets committed: the
    /// group's generation, which goes with offsets, keeps a worker that lost its partitions from telling their time.
    mutating func tick() {
        var progress: [SourceProgress] = []
        for index in sources.indices where sources[index].isOwned && sources[index].kind == .events
        {
            if sources[index].isAtEnd, let time, time > sources[index].metadata.reached {
                sources[index].metadata.reached = time
                sources[index].quarter = time.microseconds / Self.quarterHour
            } else {
                sources[index].metadata.reached = sources[index].reaches
            }
            sources[index].metadata.isAtEnd = sources[index].isAtEnd
            sources[index].isTouched = true
            let reached = sources[index].metadata.reached
            guard reached != .distantPast else { continue }
            let partition = sources[index].partition
            progress.append(
                SourceProgress(
                    topic: partition.topic,
                    partition: partition.partition,
                    reached: reached
                )
            )
        }
        guard !progress.isEmpty else { return }
        hasTold = true
        records.removeAll()
        records.append(
            progress,
            at: Instant(milliseconds: wall),
            source: RecordSource(partition: -1, offset: 0, counter: 0)
        )
        appendRecordsToAll()
    }

    // MARK: offsets

    /// The offsets that belong into this transaction.
    var offsets: [ConsumedOffset] {
        sources.filter { $0.isOwned && $0.isTouched }.map(\.offset)
    }

    /// The transaction was committed.
    mutating func committed() {
        for index in sources.indices where sources[index].isTouched {
            sources[index].isTouched = false
            sources[index].committed = sources[index].next
        }
        forgetCounts()
    }

    // MARK: counts of this transaction

    /// Records copied from each topic of events, dead letters among them.
    var copiedByTopic: [(topic: String, count: Int64)] {
        sources.filter { $0.copied > 0 }.map { ($0.partition.topic, $0.copied) }
    }

    private mutating func forgetCounts() {
        for place in lettersByCode.indices { lettersByCode[place] = 0 }
        for index in sources.indices { sources[index].copied = 0 }
    }
}

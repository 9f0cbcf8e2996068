internal import Ingest
internal import Journal
internal import Kafka

/// One source partition that a worker copies.
struct SourcePartition {
    /// What its records are.
    enum Kind {
        case events, reference, policy
        /// Partition 0 of the journal, read until reference rows and a policy stand in it.
        case journal
    }

    let partition: TopicPartition
    let kind: Kind
    /// Its topic's name in the decoder.
    let name: SourceName
    /// The group has given it to us and its offset is known.
    var isOwned = false
    /// It is fetched.
    var isStarted = false
    /// Next offset to commit.
    var next: Int64 = 0
    /// What we or our predecessor committed last.
    var committed: Int64 = -1
    /// Counters and times; committed beside the offset.
    var metadata: SourceMetadata
    /// By journal partition: the first counter that is not seen there, where more is seen than is counted.
    var seen: [Int32: UInt64] = [:]
    /// By partition of the dead letters: the last offset of ours whose letter is seen, where it is not counted.
    var seenLetters: [Int32: Int64] = [:]
    /// Its last record was fetched, for now.
    var isFetchedToEnd = false
    /// Records that were fetched and whose time has not come.
    var held = HeldRecords()
    /// Records copied in this transaction, dead letters among them.
    var copied: Int64 = 0
    /// Something was copied from it in this transaction.
    var isTouched = false
    /// Quarter of an hour of ``SourceMetadata/reached``, for the ticks of a history.
    var quarter: Int64 = .min
    /// When it last gave a record or was begun, on the monotonic clock.
    var activeAt: Int64 = 0
    /// When the fetch is to be begun again after a failure, on the monotonic clock.
    var restartAt: Int64?

    init(_ partition: TopicPartition, _ kind: Kind, _ name: SourceName, journalPartitions: Int) {
        self.partition = partition
        self.kind = kind
        self.name = name
        metadata = SourceMetadata(firstOffset: 0, partitions: journalPartitions)
    }

    /// Whether a journal partition shows its record of this counter already.
    func isSeen(_ counter: UInt64, _ partition: Int32) -> Bool {
        !seen.isEmpty && counter < seen[partition] ?? 0
    }

    /// More of it is seen than has been copied by us.
    var isBehindSeen: Bool {
        seen.contains { metadata.counters[Int($0.key)] < $0.value }
            || seenLetters.contains { next <= $0.value }
    }

    /// It has been copied to its end, for now.
    var isAtEnd: Bool { isFetchedToEnd && held.isEmpty }

    /// Nothing is to come from it that is older: the time of the next record where that is known, else how far it has
    /// been copied.
    var reaches: Instant { held.isEmpty ? metadata.reached : max(metadata.reached, held.time) }

    /// The offset to commit with its receipt.
    var offset: ConsumedOffset {
        ConsumedOffset(partition, offset: next, metadata: metadata.text)
    }
}

/// Records of one source partition in the order of their offsets, as bytes of our own.
struct HeldRecords {
    private struct Place {
        var offset: Int64
        var time: Instant
        var start: Int
        var count: Int
    }
    private var bytes: [UInt8] = []
    private var places: [Place] = []
    private var first = 0
    /// By offset, of the few that were sent again from dead letters.
    private var marks: [Int64: RedriveMark] = [:]

    var isEmpty: Bool { first == places.count }
    /// When the first of them was recorded; there must be one.
    var time: Instant { places[first].time }
    /// Offset of the first of them; there must be one.
    var offset: Int64 { places[first].offset }

    /// The mark of the first of them; there must be one.
    var mark: RedriveMark? { marks.isEmpty ? nil : marks[offset] }

    mutating func append(_ value: RawSpan, offset: Int64, time: Instant, mark: RedriveMark?) {
        if isEmpty { removeAll() }
        if let mark { marks[offset] = mark }
        places.append(Place(offset: offset, time: time, start: bytes.count, count: value.byteCount))
        // The closure only copies.
        unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Shows the bytes of the first of them and goes to the next.
    mutating func takeFirst<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let place = places[first]
        first += 1
        var failure: Failure?
        unsafe bytes.withUnsafeBytes { bytes in
            do throws(Failure) {
                try unsafe body(
                    UnsafeRawBufferPointer(rebasing: bytes[place.start..<place.start + place.count])
                )
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        marks.removeAll()
        first = 0
    }
}

/// Why a worker's transaction or take-over did not succeed.
enum Setback: Error {
    /// The service must end.
    case end(ServiceEnd)
    /// Producer and state are to be dropped, and all is to be taken over again.
    case again(SetbackReason)

    init(_ error: KafkaError) { self = .again(SetbackReason(error)) }
    init(_ error: TransactionError) { self = .again(SetbackReason(error)) }

    /// What any error on the way means: all may pass, but for an end that says it does not.
    static func caught(_ error: any Error) -> Setback {
        switch error {
        case let setback as Setback: setback
        case let end as ServiceEnd:
            end.kind == .temporary ? .again(SetbackReason(end.message)) : .end(end)
        case let error as KafkaError: Setback(error)
        case let error as TransactionError: Setback(error)
        default: .again(SetbackReason("\(error)"))
        }
    }
}

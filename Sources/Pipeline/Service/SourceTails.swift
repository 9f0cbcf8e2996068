internal import Journal
internal import Kafka

/// What the journal and the dead letters show of source partitions, held against what their offsets count.
///
/// The two differ where Kafka lost markers of a transaction that is over (``HangingTransaction``), in some partitions
/// and not in others. Whatever was hidden by that has been dropped by now (``OpenStretches``), and nobody has ever seen
/// it. So, as for outputs (``OutputTails``), what is seen counts: what the offsets count and nobody sees is written
/// again, the same bytes, which still stand in the log; what is seen and not counted is left out when it is copied again.
///
/// Only the ends need be read: the ``StableOffsets`` beside a source's offset tell where they begin.
struct SourceTails {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32
    let identity: IngestIdentity

    /// What a worker must know before it goes on with source partitions.
    struct Found {
        /// The ends of what was read.
        var stable: StableOffsets
        /// Records to be written again, in order.
        var lost: [LostRecord] = []
        /// By source and journal partition: the first counter that is not seen, where more is seen than counted.
        var seen: [TopicPartition: [Int32: UInt64]] = [:]
        /// By source and partition of the dead letters: the source's offset of the last letter that is seen, where it is
        /// not counted.
        var seenLetters: [TopicPartition: [Int32: Int64]] = [:]
    }

    /// A record as it stands in the log.
    struct LostRecord {
        /// A dead letter, or else a record of the journal.
        var isLetter: Bool
        var partition: Int32
        var key: [UInt8]?
        var value: [UInt8]
        var headers: [Header]
    }

    /// What one partition shows of one source.
    private struct Tail {
        /// What the offsets count: places below it.
        let due: Int64
        /// Whatever may differ lies from here on.
        let floor: Int64
        /// Place of the newest record that is seen.
        var newest: Int64?
        var isRegistered = false
        /// Records that stand there and are not seen, by place.
        var hidden: [Int64: LostRecord] = [:]
        var registration: LostRecord?

        /// Something stands there that is not seen, and may have been seen before.
        var isDoubtful: Bool {
            !hidden.isEmpty && newest == nil
        }
    }

    private static let firstWidth: Int64 = 256
    private static let growth: Int64 = 4

    /// What is read of one partition.
    private struct Scan {
        let partition: TopicPartition
        let isLetters: Bool
        let low: Int64
        let end: Int64
        /// All from here on was read.
        var start: Int64
        var tails: [TopicPartition: Tail]

        var stretch: Stretch { Stretch(partition: partition, start: start, end: end) }
    }

    /// Reads the ends for sources that a worker takes over; nobody else writes for them any more.
    ///
    /// - Parameters:
    ///   - committed: their offsets.
    ///   - sources: all source partitions.
    /// - Returns: what is to be written again or left out.
    /// - Throws: `Setback` where something hung and was dropped, or where Kafka does not answer.
    func find(
        _ committed: [CommittedOffset],
        among sources: [TopicPartition]
    ) throws(Setback) -> Found {
        do {
            let counted = counted(committed)
            let all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
            let stable = try FetchConsumer(configuration.consumerSettings)
            let letters = try stable.partitionCount(
                of: configuration.deadLetterTopic,
                within: .seconds(10)
            )
            let partitions = StableOffsets.partitions(
                configuration,
                journal: partitionCount,
                deadLetters: letters
            )
            let stuck = StuckTransactions(
                configuration: configuration,
                control: control,
                log: log,
                partitionCount: partitionCount,
                identity: identity
            )
            let gone = Set(counted.values.map(\.metadata.owner))
            let bounds = try OpenStretches(control: control).close(partitions, all, stable) {
                try stuck.end($0, after: $1, sources, gone, all)
            }
            return try find(counted, partitions, bounds, all, stable)
        } catch {
            throw Setback.caught(error)
        }
    }

    /// What the offsets count of one source.
    private struct Counted {
        var metadata: SourceMetadata
        var offset: Int64
    }

    private func counted(_ committed: [CommittedOffset]) -> [TopicPartition: Counted] {
        var counted: [TopicPartition: Counted] = [:]
        for one in committed {
            guard let offset = one.offset,
                let metadata = SourceMetadata(one.metadata, partitions: Int(partitionCount))
            else { continue }
            counted[one.partition] = Counted(metadata: metadata, offset: offset)
        }
        return counted
    }

    private func find(
        _ counted: [TopicPartition: Counted],
        _ partitions: [TopicPartition],
        _ bounds: [PartitionOffsets],
        _ all: FetchConsumer,
        _ stable: FetchConsumer
    ) throws -> Found {
        var found = Found(stable: StableOffsets(bounds.map(\.end)))
        if counted.isEmpty { return found }
        var scans = partitions.enumerated().map { (place, partition) in
            let isLetters = partition.topic == configuration.deadLetterTopic
            let tails = counted.mapValues { one in
                let counters = one.metadata.counters
                return Tail(
                    due: isLetters ? one.offset : Int64(counters[Int(partition.partition)]),
                    floor: one.metadata.stable?[place] ?? 0
                )
            }
            let floor = tails.values.map(\.floor).min() ?? 0
            return Scan(
                partition: partition,
                isLetters: isLetters,
                low: bounds[place].low,
                end: bounds[place].end,
                start: min(bounds[place].end, max(bounds[place].low, floor)),
                tails: tails
            )
        }
        try stable.read(scans.map(\.stretch), control) { (number, message) in
            let trace = try SourceTrace(message, isLetter: scans[number].isLetters)
            note(trace, &scans[number].tails)
            return true
        }
        try readHidden(&scans, all)
        try widen(&scans, stable)
        try judge(scans, &found)
        return found
    }

    /// Reads further back where something is hidden, until it shows that this was seen before.
    ///
    /// What was dropped need not be lost: a worker that lost a source may have copied what was copied already.
    private func widen(_ scans: inout [Scan], _ stable: FetchConsumer) throws {
        while true {
            let numbers = scans.indices.filter { number in
                scans[number].start > scans[number].low
                    && scans[number].tails.values.contains(where: \.isDoubtful)
            }
            if numbers.isEmpty { return }
            let stretches = numbers.map { number in
                let scan = scans[number]
                let width = max(Self.firstWidth, (scan.end - scan.start) * Self.growth)
                return Stretch(
                    partition: scan.partition,
                    start: max(scan.low, scan.start - width),
                    end: scan.start
                )
            }
            try stable.read(stretches, control) { (place, message) in
                let number = numbers[place]
                let trace = try SourceTrace(message, isLetter: scans[number].isLetters)
                note(trace, &scans[number].tails)
                return true
            }
            for (number, stretch) in zip(numbers, stretches) { scans[number].start = stretch.start }
        }
    }

    private func note(_ trace: SourceTrace, _ tails: inout [TopicPartition: Tail]) {
        switch trace {
        case .copied(let source, let place):
            guard let tail = tails[source], place > tail.newest ?? -1 else { break }
            tails[source]?.newest = place
        case .registered(let source): tails[source]?.isRegistered = true
        case .progress(let rows):
            // It is told in the transaction of its registration, or after that.
            for row in rows {
                tails[TopicPartition(row.topic, row.partition)]?.isRegistered = true
            }
        case .none: break
        }
    }

    /// Reads what stands in the stretches and is not seen, as far as it is counted.
    private func readHidden(_ scans: inout [Scan], _ all: FetchConsumer) throws {
        try all.read(scans.map(\.stretch), control) { (number, message) in
            switch SourceTrace(uncommitted: message, isLetter: scans[number].isLetters) {
            case .copied(let source, let place):
                guard let tail = scans[number].tails[source], message.offset >= tail.floor,
                    place < tail.due, place > tail.newest ?? -1
                else { break }
                let record = Self.copy(message, of: scans[number])
                scans[number].tails[source]?.hidden[place] = record
            case .registered(let source):
                guard let tail = scans[number].tails[source], message.offset >= tail.floor else {
                    break
                }
                let record = Self.copy(message, of: scans[number])
                scans[number].tails[source]?.registration = record
            case .progress, .none: break
            }
            return true
        }
    }

    private static func copy(
        _ message: borrowing Message,
        of scan: Scan
    ) -> LostRecord {
        // Key and value are copied while the message is there.
        LostRecord(
            isLetter: scan.isLetters,
            partition: scan.partition.partition,
            key: message.hasKey ? unsafe message.key.withUnsafeBytes { unsafe Array($0) } : nil,
            value: unsafe message.value.withUnsafeBytes { unsafe Array($0) },
            headers: message.headers()
        )
    }

    private func judge(_ scans: [Scan], _ found: inout Found) throws {
        for scan in scans {
            for (source, tail) in scan.tails.sorted(by: { $0.key < $1.key }) {
                if let newest = tail.newest, newest >= tail.due {
                    if scan.isLetters {
                        found.seenLetters[source, default: [:]][scan.partition.partition] = newest
                    } else {
                        found.seen[source, default: [:]][scan.partition.partition] =
                            UInt64(newest) + 1
                    }
                    continue
                }
                if !scan.isLetters, !tail.isRegistered, let registration = tail.registration {
                    found.lost.append(registration)
                }
                if !scan.isLetters,
                    let newest = tail.newest ?? tail.hidden.keys.min().map({ $0 - 1 }),
                    newest + 1 < tail.due,
                    !(newest + 1..<tail.due).allSatisfy({ tail.hidden[$0] != nil })
                {
                    throw ServiceEnd.configuration(
                        "copy \(source): \(scan.partition) shows its records up to the one numbered \(newest), the "
                            + "offsets count \(tail.due), and what is between does not stand there. Records of the "
                            + "journal are lost: restore it."
                    )
                }
                let lost = tail.hidden.filter { $0.key > tail.newest ?? -1 }
                    .sorted { $0.key < $1.key }
                guard !lost.isEmpty else { continue }
                log.warning(
                    "records-missing",
                    ("partition", "\(scan.partition)"),
                    ("source", "\(source)"),
                    ("from", "\(lost[0].key)"),
                    ("count", "\(lost.count)")
                )
                found.lost += lost.map(\.value)
            }
        }
    }
}

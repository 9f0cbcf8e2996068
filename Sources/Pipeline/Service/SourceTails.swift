internal import Journal
internal import Kafka

/// What the journal and the dead letters show of source partitions, held against what their offsets count.
///
/// The two differ where Kafka lost markers of a transaction that is over (``HangingTransaction``), in some partitions
/// and not in others. Whatever was hidden by that has been dropped by now (``OpenStretches``), and nobody has ever seen
/// it. So, as for outputs (``OutputTails``), what is seen counts: what the offsets count and nobody sees is written
/// again, the same bytes, which still stand in the log; what is seen and not counted is left out when it is copied again.
///
/// Only the ends need be read: a worker tells the progress of its sources to all journal partitions every second, and
/// what comes under its transactional id before a tick that is seen was ended by the same markers. Rows of a worker
/// without events, and dead letters, have no ticks: they are looked for as far back as a transaction may be long.
struct SourceTails {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32
    let transactionalID: String

    /// What a worker must know before it goes on with source partitions.
    struct Found {
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
        /// Place of the newest record that is seen.
        var newest: Int64?
        /// Whatever may differ lies behind what was read.
        var isBounded = false
        var isRegistered = false
        /// Records that stand there and are not seen, by place.
        var hidden: [Int64: LostRecord] = [:]
        var registration: LostRecord?
    }

    /// What is read of one partition.
    private struct Scan {
        let partition: TopicPartition
        let isLetters: Bool
        let low: Int64
        let end: Int64
        /// All from here on was read.
        var start: Int64
        var tails: [TopicPartition: Tail]
    }

    private static let firstWidth: Int64 = 256
    private static let growth: Int64 = 4

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
            let journal = (0..<partitionCount).map {
                TopicPartition(configuration.journalTopic, $0)
            }
            let letters = try stable.partitionCount(
                of: configuration.deadLetterTopic,
                within: .seconds(10)
            )
            let partitions =
                journal
                + (0..<letters).map { TopicPartition(configuration.deadLetterTopic, $0) }
            let stuck = StuckTransactions(
                configuration: configuration,
                control: control,
                log: log,
                partitionCount: partitionCount,
                transactionalID: transactionalID
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
        if counted.isEmpty { return Found() }
        var scans = partitions.enumerated().map { (place, partition) in
            let isLetters = partition.topic == configuration.deadLetterTopic
            return Scan(
                partition: partition,
                isLetters: isLetters,
                low: bounds[place].low,
                end: bounds[place].end,
                start: bounds[place].end,
                tails: counted.mapValues { one in
                    let counters = one.metadata.counters
                    return Tail(
                        due: isLetters ? one.offset : Int64(counters[Int(partition.partition)])
                    )
                }
            )
        }
        try widen(&scans, stable, counted) { scan in scan.tails.values.allSatisfy(isKnown) }
        try readHidden(&scans, all)
        // What was dropped need not be lost: a worker that lost a source may have copied what was copied already.
        try widen(&scans, stable, counted) { scan in
            scan.tails.values.allSatisfy { $0.hidden.isEmpty || $0.newest != nil }
        }
        return try result(scans)
    }

    private func isKnown(_ tail: Tail) -> Bool { tail.newest != nil || tail.isBounded }

    /// Reads further back in each partition until it shows enough, or its beginning is reached.
    private func widen(
        _ scans: inout [Scan],
        _ stable: FetchConsumer,
        _ counted: [TopicPartition: Counted],
        until isEnough: (Scan) -> Bool
    ) throws {
        while true {
            var numbers: [Int] = []
            var stretches: [Stretch] = []
            for number in scans.indices where scans[number].start > scans[number].low {
                if isEnough(scans[number]) { continue }
                let scan = scans[number]
                let width = max(Self.firstWidth, (scan.end - scan.start) * Self.growth)
                let start = max(scan.low, scan.end - width)
                numbers.append(number)
                stretches.append(Stretch(partition: scan.partition, start: start, end: scan.start))
            }
            if numbers.isEmpty { return }
            try stable.read(stretches, control) { (place, message) in
                let number = numbers[place]
                let trace = try SourceTrace(message, isLetter: scans[number].isLetters)
                note(trace, &scans[number].tails, counted)
                return true
            }
            for (place, number) in numbers.enumerated() {
                scans[number].start = stretches[place].start
                let isFar =
                    scans[number].end - scans[number].start >= configuration.transactionRecords
                for source in scans[number].tails.keys
                where isFar && (scans[number].isLetters || !isEvents(source)) {
                    scans[number].tails[source]?.isBounded = true
                }
            }
        }
    }

    private func isEvents(_ source: TopicPartition) -> Bool {
        configuration.sourceTopics.contains(source.topic)
    }

    private func note(
        _ trace: SourceTrace,
        _ tails: inout [TopicPartition: Tail],
        _ counted: [TopicPartition: Counted]
    ) {
        switch trace {
        case .copied(let source, let place):
            if let newest = tails[source]?.newest, newest >= place { break }
            tails[source]?.newest = place
        case .progress(let rows):
            for row in rows {
                let source = TopicPartition(row.topic, row.partition)
                // One of the last transaction's own bounds nothing.
                guard let last = counted[source]?.metadata, row.reached < last.reached else {
                    continue
                }
                tails[source]?.isBounded = true
                tails[source]?.isRegistered = true
                // It was written under the id of who has the rows and policies, too.
                for (single, one) in counted
                where !isEvents(single) && one.metadata.owner == last.owner {
                    tails[single]?.isBounded = true
                }
            }
        case .registered(let source):
            tails[source]?.isBounded = true
            tails[source]?.isRegistered = true
        case .none: break
        }
    }

    /// Reads what stands in the stretches and is not seen, as far as it is counted.
    private func readHidden(_ scans: inout [Scan], _ all: FetchConsumer) throws {
        let numbers = scans.indices.filter { number in
            scans[number].tails.contains { (source, tail) in
                tail.newest.map { $0 < tail.due - 1 } ?? (tail.due > 0)
                    || scans[number].start == scans[number].low && !tail.isRegistered
                        && isEvents(source)
            }
        }
        let stretches = numbers.map {
            Stretch(partition: scans[$0].partition, start: scans[$0].start, end: scans[$0].end)
        }
        try all.read(stretches, control) { (place, message) in
            let number = numbers[place]
            switch try SourceTrace(message, isLetter: scans[number].isLetters) {
            case .copied(let source, let place):
                guard let tail = scans[number].tails[source], place < tail.due,
                    place > tail.newest ?? -1
                else { break }
                let record = Self.copy(message, of: scans[number])
                scans[number].tails[source]?.hidden[place] = record
            case .registered(let source):
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

    private func result(_ scans: [Scan]) throws -> Found {
        var found = Found()
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
                if !scan.isLetters, scan.start == scan.low, !tail.isRegistered, isEvents(source),
                    let registration = tail.registration
                {
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
        return found
    }
}

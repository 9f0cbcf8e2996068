internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka
internal import Pipeline

/// Reads dead letters, from the topic or from a file.
struct DeadLetterReader {
    /// What stands in the topic.
    enum Entry {
        case letter(DeadLetter)
        case sent(SentRecord)
        /// Something that is neither.
        case unreadable(LetterID)
    }

    /// Shows what a file holds, line by line.
    static func read(file path: String, _ body: (Entry) -> Void) throws(CommandFailure) {
        var line: Int64 = 0
        for bytes in try Files.read(path, to: "the dead letters").split(
            separator: 0x0A,
            omittingEmptySubsequences: false
        ) {
            line += 1
            if bytes.isEmpty { continue }
            body(entry(bytes, LetterID(partition: -1, offset: line), time: nil, mark: nil))
        }
    }

    private let scan: TopicScan
    private let partitions: [TopicPartition]
    private let bounds: [PartitionOffsets]

    /// The topic as it is now.
    init(_ settings: MonitorSettings) throws(CommandFailure) {
        do throws(TopicScan.Failure) {
            scan = try TopicScan(settings.client(.consumer), until: Interruption.flag)
            partitions = try scan.partitions(of: settings.name(of: .deadLetters))
            bounds = try scan.bounds(of: partitions)
        } catch {
            throw CommandFailure(scan: error)
        }
    }

    /// Shows all entries that the topic had when this reader was made, in the order of each partition.
    func readAll(_ body: (Entry) -> Bool) throws(CommandFailure) {
        try read(
            zip(partitions, bounds).map {
                TopicScan.Range($0, from: $1.low, end: $1.end)
            },
            body
        )
    }

    /// Shows one letter's partition from the letter on: it comes first, if it is there.
    func read(from id: LetterID, _ body: (Entry) -> Bool) throws(CommandFailure) {
        guard id.partition >= 0, Int(id.partition) < partitions.count else { return }
        let bounds = bounds[Int(id.partition)]
        guard id.offset >= bounds.low else { return }
        try read(
            [
                TopicScan.Range(partitions[Int(id.partition)], from: id.offset, end: bounds.end)
            ],
            body
        )
    }

    /// Shows the letters of these names, in the order of each partition.
    func read(_ ids: [LetterID], _ body: (DeadLetter) -> Bool) throws(CommandFailure) {
        let wanted = Set(ids)
        var ranges: [TopicScan.Range] = []
        for (place, partition) in partitions.enumerated() {
            let offsets = ids.filter { Int($0.partition) == place }.map(\.offset)
            guard let first = offsets.min(), let last = offsets.max() else { continue }
            ranges.append(TopicScan.Range(partition, from: first, end: last + 1))
        }
        try read(ranges) { entry in
            guard case .letter(let letter) = entry, wanted.contains(letter.id) else { return true }
            return body(letter)
        }
    }

    private func read(
        _ ranges: [TopicScan.Range],
        _ body: (Entry) -> Bool
    ) throws(CommandFailure) {
        do throws(TopicScan.Failure) {
            try scan.read(ranges) { (_, message) in
                let id = LetterID(partition: message.partition, offset: message.offset)
                // The bytes are copied before the message goes.
                let bytes = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                let (milliseconds, kind) = message.timestamp
                let mark = RedriveMark { name in message.header(name) }
                return body(
                    Self.entry(
                        bytes[...],
                        id,
                        time: kind == .none ? nil : Instant(milliseconds: milliseconds),
                        mark: mark
                    )
                )
            }
        } catch {
            throw CommandFailure(scan: error)
        }
    }

    private static func entry(
        _ bytes: ArraySlice<UInt8>,
        _ id: LetterID,
        time: Instant?,
        mark: RedriveMark?
    ) -> Entry {
        guard let json = JSONValue(bytes) else { return .unreadable(id) }
        if let sent = SentRecord(json, time: time) { return .sent(sent) }
        guard let letter = DeadLetter(json, id: id, time: time, mark: mark) else {
            return .unreadable(id)
        }
        return .letter(letter)
    }
}

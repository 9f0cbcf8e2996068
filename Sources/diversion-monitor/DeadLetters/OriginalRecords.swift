internal import CommandLineKit
internal import Kafka
internal import Pipeline

/// The source records that letters were made from, where they are still there: they have the key, the headers and the
/// time that a letter does not keep.
struct OriginalRecords {
    /// What a letter does not keep.
    struct Original: Sendable {
        let key: [UInt8]?
        let headers: [Header]
        let milliseconds: Int64
    }

    /// Records that are read to come by the next one that is wanted, instead of beginning anew.
    private static let reach: Int64 = 1000

    private let scan: TopicScan

    init(_ settings: MonitorSettings) throws(CommandFailure) {
        scan = try JournalInput.scan(settings)
    }

    /// How many partitions a topic has; none where it is not there.
    func partitionCount(of topic: String) throws(CommandFailure) -> Int32 {
        do { return Int32(try scan.partitions(of: topic).count) } catch {
            if case .kafka(let error) = error, error.isUnknownTopicOrPartition { return 0 }
            throw CommandFailure(scan: error)
        }
    }

    /// The records at the letters' places that are there and have the letters' bytes.
    func find(_ letters: [DeadLetter]) throws(CommandFailure) -> [LetterID: Original] {
        var wanted: [TopicPartition: [Int64: DeadLetter]] = [:]
        for letter in letters {
            guard case .topic(let topic, let partition, let offset) = letter.source else {
                continue
            }
            wanted[TopicPartition(topic, partition), default: [:]][offset] = letter
        }
        var found: [LetterID: Original] = [:]
        do throws(TopicScan.Failure) {
            var stretches = try self.stretches(wanted.mapValues { $0.keys.sorted() })
            while !stretches.isEmpty {
                // One stretch of each partition at a time.
                let ranges = stretches.values.compactMap(\.first).sorted {
                    $0.partition < $1.partition
                }
                try scan.read(ranges) { (place, message) in
                    guard let letter = wanted[ranges[place].partition]?[message.offset],
                        let original = Self.original(message, of: letter)
                    else { return true }
                    found[letter.id] = original
                    return true
                }
                stretches = stretches.mapValues { Array($0.dropFirst()) }.filter { !$1.isEmpty }
            }
        } catch {
            throw CommandFailure(scan: error)
        }
        return found
    }

    /// Where to read, by partition: offsets that are near each other together, what was deleted left out.
    private func stretches(
        _ offsets: [TopicPartition: [Int64]]
    ) throws(TopicScan.Failure) -> [TopicPartition: [TopicScan.Range]] {
        let partitions = offsets.keys.sorted()
        var found: [TopicPartition: [TopicScan.Range]] = [:]
        for (partition, bounds) in zip(partitions, try scan.bounds(of: partitions)) {
            var ranges: [TopicScan.Range] = []
            for offset in offsets[partition] ?? [] where offset >= bounds.low && offset < bounds.end
            {
                if let last = ranges.last, offset < last.end + Self.reach {
                    ranges[ranges.count - 1].end = offset + 1
                } else {
                    ranges.append(TopicScan.Range(partition, from: offset, end: offset + 1))
                }
            }
            if !ranges.isEmpty { found[partition] = ranges }
        }
        return found
    }

    private static func original(
        _ message: borrowing Message,
        of letter: DeadLetter
    ) -> Original? {
        guard let value = letter.value else { return nil }
        // The bytes are compared and copied before the message goes.
        let isSame = unsafe message.value.withUnsafeBytes { unsafe $0.elementsEqual(value) }
        guard isSame else { return nil }
        let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
        return Original(
            key: message.hasKey ? key : nil,
            headers: message.headers(),
            milliseconds: message.timestamp.milliseconds
        )
    }
}

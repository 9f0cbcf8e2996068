internal import Kafka

/// Last stable offsets of the journal's partitions, then those of the dead letters, at some moment: whatever lies below
/// is seen for good or was aborted for good (KIP-98).
///
/// Beside a source's offset they tell how far back its last transactions can be: what it wrote and nobody sees, and what
/// is seen and its offset does not count, lies behind them. They need not be new, only from before those transactions.
struct StableOffsets: Equatable {
    private let offsets: [Int64]
    /// As it stands beside an offset.
    let text: String

    /// The partitions that they are of, in their order.
    static func partitions(
        _ configuration: ServiceConfiguration,
        journal: Int32,
        deadLetters: Int32
    ) -> [TopicPartition] {
        (0..<journal).map { TopicPartition(configuration.journalTopic, $0) }
            + (0..<deadLetters).map { TopicPartition(configuration.deadLetterTopic, $0) }
    }

    init(_ offsets: [Int64]) {
        self.offsets = offsets
        var bytes: [UInt8] = []
        for offset in offsets { Varint.put(UInt64(bitPattern: offset), &bytes) }
        text = Base64.text(bytes)
    }

    /// What a text holds; nil where it is none of ours.
    init?(_ text: String) {
        guard let bytes = Base64.bytes(text), let values = Varint.values(bytes) else { return nil }
        offsets = values.map { Int64(bitPattern: $0) }
        self.text = text
    }

    /// That of a partition by its place; 0 where it is not known.
    subscript(place: Int) -> Int64 { offsets.indices.contains(place) ? offsets[place] : 0 }
}

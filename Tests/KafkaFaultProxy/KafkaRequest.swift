/// A request as it came, and its header.
struct KafkaRequest {
    /// Without the size before it.
    let bytes: [UInt8]
    let key: Int16
    let version: Int16
    let correlation: Int32

    /// Reads the header.
    ///
    /// - Parameter bytes: The frame without its size.
    /// - Throws: When it is too short for a header.
    init(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        var reader = WireReader(bytes)
        key = try reader.integer(Int16.self)
        version = try reader.integer(Int16.self)
        correlation = try reader.integer(Int32.self)
    }

    /// What it asks, where faults can be aimed at it.
    var api: KafkaAPI? { KafkaAPI(rawValue: key) }

    /// Strings are compact, and there are tagged fields.
    var isFlexible: Bool { api.map { version >= $0.firstFlexibleVersion } ?? false }

    /// A reader behind the header.
    func body() throws -> WireReader {
        var reader = WireReader(bytes, at: 8)
        // The client's name keeps its old form in flexible versions.
        _ = try reader.string(isCompact: false)
        if isFlexible { try reader.skipTags() }
        return reader
    }
}

/// A topic's name and some of its partitions.
struct TopicPartitions {
    let topic: [UInt8]
    var partitions: [Int32] = []
}

extension KafkaRequest {
    /// The partitions it is about, in order, for requests that are answered for each partition.
    func topicPartitions() throws -> [TopicPartitions] {
        var reader = try body()
        let isCompact = isFlexible
        // The transactional id.
        _ = try reader.string(isCompact: isCompact)
        switch api {
        case .produce: try reader.skip(2 + 4)  // acks, timeout
        case .addPartitionsToTxn: try reader.skip(8 + 2)  // producer id, epoch
        case .txnOffsetCommit:
            _ = try reader.string(isCompact: isCompact)  // group
            try reader.skip(8 + 2)
            if version >= 3 {
                try reader.skip(4)  // generation
                _ = try reader.string(isCompact: isCompact)  // member
                _ = try reader.string(isCompact: isCompact)  // instance
            }
        default: throw WireReader.Malformed()
        }
        var found: [TopicPartitions] = []
        for _ in 0..<(try reader.count(isCompact: isCompact)) {
            guard let name = try reader.string(isCompact: isCompact) else {
                throw WireReader.Malformed()
            }
            var topic = TopicPartitions(topic: name)
            for _ in 0..<(try reader.count(isCompact: isCompact)) {
                topic.partitions.append(try reader.integer(Int32.self))
                try skipPartition(&reader)
            }
            if isFlexible { try reader.skipTags() }
            found.append(topic)
        }
        return found
    }

    /// Passes over what stands behind a partition's number.
    private func skipPartition(_ reader: inout WireReader) throws {
        switch api {
        case .produce: try reader.skip(Int(try reader.integer(Int32.self)))
        case .txnOffsetCommit:
            try reader.skip(version >= 2 ? 8 + 4 : 8)  // offset, leader epoch
            _ = try reader.string(isCompact: isFlexible)  // metadata
            if isFlexible { try reader.skipTags() }
        default: break
        }
    }
}

/// Answers with an error: made up, or put into the broker's own.
///
/// Only layouts are known that librdkafka asks for; an answer in another one can't be had.
enum ErrorAnswer {
    /// Error answers to this request can be made.
    static func isKnown(_ request: KafkaRequest) -> Bool {
        switch request.api {
        case .endTxn, .addOffsetsToTxn, .initProducerId: (0...4).contains(request.version)
        case .txnOffsetCommit: (0...4).contains(request.version)
        case .addPartitionsToTxn: (0...3).contains(request.version)
        case .produce: (3...7).contains(request.version)
        case .heartbeat: (1...4).contains(request.version)
        case .findCoordinator: (1...2).contains(request.version)
        case .joinGroup: (2...5).contains(request.version)
        case .syncGroup: (1...3).contains(request.version)
        case .fetch, .offsetFetch, nil: false
        }
    }

    /// An answer that no broker has given.
    ///
    /// - Parameters:
    ///   - request: What is answered.
    ///   - code: The error, for every partition of the request.
    /// - Returns: A frame without its size.
    /// - Throws: When the request is not what its version says.
    static func made(for request: KafkaRequest, _ code: KafkaErrorCode) throws -> [UInt8] {
        var writer = WireWriter()
        writer.integer(request.correlation)
        if request.isFlexible { writer.noTags() }
        if request.api == .produce {
            try partitions(of: request, code, &writer)
            writer.integer(Int32(0))  // throttle
            return writer.bytes
        }
        writer.integer(Int32(0))  // throttle
        switch request.api {
        case .txnOffsetCommit, .addPartitionsToTxn: try partitions(of: request, code, &writer)
        case .initProducerId:
            writer.integer(code.rawValue)
            writer.integer(Int64(-1))  // producer id
            writer.integer(Int16(-1))  // epoch
        case .findCoordinator:
            writer.integer(code.rawValue)
            writer.string(nil, isCompact: false)  // message
            writer.integer(Int32(-1))  // node
            writer.string([], isCompact: false)  // host
            writer.integer(Int32(-1))  // port
        case .joinGroup:
            writer.integer(code.rawValue)
            writer.integer(Int32(-1))  // generation
            for _ in 0..<3 { writer.string([], isCompact: false) }  // protocol, leader, member
            writer.integer(Int32(0))  // members
        case .syncGroup:
            writer.integer(code.rawValue)
            writer.integer(Int32(0))  // assignment
        default: writer.integer(code.rawValue)
        }
        if request.isFlexible { writer.noTags() }
        return writer.bytes
    }

    private static func partitions(
        of request: KafkaRequest,
        _ code: KafkaErrorCode,
        _ writer: inout WireWriter
    ) throws {
        let topics = try request.topicPartitions()
        writer.count(topics.count, isCompact: request.isFlexible)
        for topic in topics {
            writer.string(topic.topic, isCompact: request.isFlexible)
            writer.count(topic.partitions.count, isCompact: request.isFlexible)
            for partition in topic.partitions {
                writer.integer(partition)
                writer.integer(code.rawValue)
                if request.api == .produce {
                    // Offset, time, and from 5 on the log's start.
                    for _ in 0..<(request.version >= 5 ? 3 : 2) { writer.integer(Int64(-1)) }
                }
                if request.isFlexible { writer.noTags() }
            }
            if request.isFlexible { writer.noTags() }
        }
    }

    /// The broker's answer with an error put into it: the request was carried out, and the client is told that it was not.
    ///
    /// - Parameters:
    ///   - answer: The broker's frame without its size.
    ///   - request: What was asked.
    ///   - code: The error, for every partition of the answer.
    /// - Returns: The changed frame.
    /// - Throws: When the answer is not what the version says.
    static func patched(
        _ answer: [UInt8],
        for request: KafkaRequest,
        _ code: KafkaErrorCode
    ) throws -> [UInt8] {
        var answer = answer
        var reader = WireReader(answer, at: 4)
        if request.isFlexible { try reader.skipTags() }
        var places: [Int] = []
        switch request.api {
        case .produce, .txnOffsetCommit, .addPartitionsToTxn:
            if request.api != .produce { try reader.skip(4) }  // throttle
            places = try partitionErrors(&reader, request)
        default:
            try reader.skip(4)
            places = [reader.place]
        }
        for place in places {
            guard place + 2 <= answer.count else { throw WireReader.Malformed() }
            let bits = UInt16(bitPattern: code.rawValue)
            answer[place] = UInt8(bits >> 8)
            answer[place + 1] = UInt8(bits & 0xFF)
        }
        return answer
    }

    private static func partitionErrors(
        _ reader: inout WireReader,
        _ request: KafkaRequest
    ) throws -> [Int] {
        var places: [Int] = []
        for _ in 0..<(try reader.count(isCompact: request.isFlexible)) {
            _ = try reader.string(isCompact: request.isFlexible)
            for _ in 0..<(try reader.count(isCompact: request.isFlexible)) {
                try reader.skip(4)
                places.append(reader.place)
                try reader.skip(2)
                if request.api == .produce { try reader.skip(request.version >= 5 ? 24 : 16) }
                if request.isFlexible { try reader.skipTags() }
            }
            if request.isFlexible { try reader.skipTags() }
        }
        return places
    }
}

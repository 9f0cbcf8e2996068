internal import Engine
internal import Glibc
internal import Kafka

/// Some output records, one behind the other.
struct LineChunk {
    var bytes: [UInt8] = []
    /// Where each record begins and ends in the bytes.
    var lines: [Range<Int>] = []

    /// Empties it; its memory stays.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
    }

    /// Where the next line ends, at or behind a place; nil where it has no end yet.
    func lineFeed(from place: Int) -> Int? {
        unsafe bytes.withUnsafeBytes { bytes in
            guard place < bytes.count, let base = bytes.baseAddress,
                // So many bytes are left.
                let found = unsafe memchr(base + place, 10, bytes.count - place)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }
}

/// The published records of one output topic, as far as they concern one journal partition, in order.
protocol PublishedLines: AnyObject {
    /// Begins to read, with this `sequence` or before it.
    func begin(at sequence: Int64) throws(ReplayFailure)
    /// Fills a chunk with the next records; none at the end.
    func next(into chunk: inout LineChunk) throws(ReplayFailure)
    /// The offset at which the topic begins, because retention has taken what was before; 0 where nothing is gone.
    var low: Int64 { get }
}

/// Where published outputs are.
protocol PublishedOutputs: Sendable {
    /// What it is, for people.
    var name: String { get }
    /// The journal offset below which everything of a partition was published; nil where nobody says.
    func committed(_ partition: Int32) throws(ReplayFailure) -> Int64?
    /// The bounds of an output topic's partition; nil where only reading would tell.
    func bounds(_ topic: OutputTopic, _ partition: Int32) throws(ReplayFailure) -> PartitionOffsets?
    /// The records of a topic that concern a journal partition.
    func lines(_ topic: OutputTopic, _ partition: Int32) throws(ReplayFailure) -> any PublishedLines
}

/// Outputs in a folder of NDJSON files, one a topic, as `score` writes them.
struct PublishedFolder: PublishedOutputs {
    let folder: String
    var name: String { folder }

    func committed(_ partition: Int32) throws(ReplayFailure) -> Int64? { nil }
    func bounds(
        _ topic: OutputTopic,
        _ partition: Int32
    ) throws(ReplayFailure) -> PartitionOffsets? { nil }

    func lines(
        _ topic: OutputTopic,
        _ partition: Int32
    ) throws(ReplayFailure) -> any PublishedLines {
        do throws(FileFailure) {
            return PublishedFile(try InputFile(direct: folder + "/" + topic.name + ".ndjson"))
        } catch {
            throw ReplayFailure(error)
        }
    }
}

/// One file of outputs: the records of all journal partitions, told apart by those who read it.
@safe
final class PublishedFile: PublishedLines {
    private var file: InputFile
    private let room: UnsafeMutableRawBufferPointer
    /// The beginning of a line whose end was not read yet.
    private var rest: [UInt8] = []
    private var isAtEnd = false
    let low: Int64 = 0

    init(_ file: consuming InputFile) {
        self.file = file
        // Ours until `deinit`; whole blocks.
        unsafe room = .allocate(byteCount: 1 << 20, alignment: 4096)
    }

    deinit { unsafe room.deallocate() }

    func begin(at sequence: Int64) throws(ReplayFailure) {}

    func next(into chunk: inout LineChunk) throws(ReplayFailure) {
        chunk.removeAll()
        chunk.bytes += rest
        rest.removeAll(keepingCapacity: true)
        var first = 0
        while chunk.lines.isEmpty, !isAtEnd {
            let count: Int
            do throws(FileFailure) { count = try unsafe file.read(into: room) } catch {
                throw ReplayFailure(error)
            }
            isAtEnd = count == 0
            var place = chunk.bytes.count
            // So many bytes were read.
            unsafe chunk.bytes.append(contentsOf: room[..<count])
            while let end = chunk.lineFeed(from: place) {
                if end > first { chunk.lines.append(first..<end) }
                first = end + 1
                place = first
            }
        }
        if isAtEnd, first < chunk.bytes.count {
            // A last line without its end is a line all the same: it differs from what it should be, or it does not.
            chunk.lines.append(first..<chunk.bytes.count)
            first = chunk.bytes.count
        }
        rest += chunk.bytes[first...]
    }
}

/// Outputs on a cluster, read committed, without a group.
struct PublishedTopics: PublishedOutputs {
    private let settings: ClientSettings
    private let topics: [String]
    private let journal: String
    private let group: String
    private let committed: FetchConsumer
    private let all: FetchConsumer
    var name: String { "topics \(topics.joined(separator: ", "))" }

    init(_ configuration: ServiceConfiguration) throws(ReplayFailure) {
        settings = configuration.consumerSettings
        topics = configuration.outputTopics
        journal = configuration.journalTopic
        group = configuration.scoreGroup
        do throws(KafkaError) {
            committed = try FetchConsumer(settings)
            all = try FetchConsumer(settings, isolation: .readUncommitted)
        } catch {
            throw ReplayFailure(error)
        }
    }

    private func name(_ topic: OutputTopic, _ partition: Int32) -> TopicPartition {
        TopicPartition(topics[Int(topic.rawValue)], partition)
    }

    func committed(_ partition: Int32) throws(ReplayFailure) -> Int64? {
        do throws(KafkaError) {
            let found = try GroupOffsets(of: group, settings).committed(
                [TopicPartition(journal, partition)],
                within: .seconds(20)
            )
            if let error = found.first?.error { throw error }
            return found.first?.offset ?? 0
        } catch {
            throw ReplayFailure(error)
        }
    }

    func bounds(
        _ topic: OutputTopic,
        _ partition: Int32
    ) throws(ReplayFailure) -> PartitionOffsets? {
        do throws(KafkaError) {
            let name = name(topic, partition)
            return try all.offsets(of: [name], within: .seconds(20))[0].get()
        } catch {
            throw ReplayFailure(error)
        }
    }

    func lines(
        _ topic: OutputTopic,
        _ partition: Int32
    ) throws(ReplayFailure) -> any PublishedLines {
        guard let bounds = try bounds(topic, partition) else {
            preconditionFailure("a topic has bounds")
        }
        return PublishedPartition(committed, name(topic, partition), bounds)
    }
}

/// One partition of an output topic, up to its end at the beginning of the replay.
final class PublishedPartition: PublishedLines {
    private let name: TopicPartition
    private let bounds: PartitionOffsets
    private var queue: FetchQueue
    private var source = -1
    private var kept: LineChunk?
    var low: Int64 { bounds.low }

    init(_ consumer: FetchConsumer, _ name: TopicPartition, _ bounds: PartitionOffsets) {
        self.name = name
        self.bounds = bounds
        queue = consumer.queue()
    }

    /// A record's offset is at least its `sequence`: each takes one, and markers take more.
    func begin(at sequence: Int64) throws(ReplayFailure) {
        let guess = max(bounds.low, min(sequence, bounds.end))
        try start(at: guess)
        guard guess > bounds.low else { return }
        var chunk = LineChunk()
        try next(into: &chunk)
        let first = chunk.lines.first.flatMap { line in
            unsafe chunk.bytes.withUnsafeBytes { bytes in
                unsafe OutputLine(UnsafeRawBufferPointer(rebasing: bytes[line])).sequence
            }
        }
        if let first, first <= sequence {
            kept = chunk
        } else {
            // The topic was made anew since, or holds what we did not write.
            queue.stop(source)
            try start(at: bounds.low)
        }
    }

    private func start(at offset: Int64) throws(ReplayFailure) {
        do throws(KafkaError) { source = try queue.start(name, at: .offset(offset)) } catch {
            throw ReplayFailure(error)
        }
    }

    func next(into chunk: inout LineChunk) throws(ReplayFailure) {
        if let kept {
            self.kept = nil
            chunk = kept
            return
        }
        chunk.removeAll()
        try Self.read(&queue, source, name, below: bounds.end, into: &chunk)
    }

    private static func read(
        _ queue: inout FetchQueue,
        _ source: Int,
        _ name: TopicPartition,
        below end: Int64,
        into chunk: inout LineChunk
    ) throws(ReplayFailure) {
        let deadline = Ticker.now + 60_000
        do {
            while chunk.lines.isEmpty, queue.position(of: source) < end {
                let batch = try queue.next(limit: 1024, waiting: .milliseconds(100))
                for index in 0..<batch.count where batch[index].offset < end {
                    let start = chunk.bytes.count
                    // The bytes are copied while the batch stands.
                    unsafe batch[index].value.withUnsafeBytes {
                        unsafe chunk.bytes.append(contentsOf: $0)
                    }
                    chunk.lines.append(start..<chunk.bytes.count)
                }
                for event in queue.takeEvents() {
                    if case .failed(_, let error) = event, error.isOffsetLost { throw error }
                }
                guard Ticker.now < deadline else {
                    throw ReplayFailure.silence(name, before: end)
                }
            }
        } catch {
            throw ReplayFailure.caught(error, "read \(name)")
        }
    }
}

internal import Engine
internal import Journal
internal import Kafka

/// Why a replay could not be done: reads after "could not ".
public struct ReplayFailure: Error, Sendable, CustomStringConvertible {
    /// Who must do something about it.
    public enum Kind: Sendable {
        /// What was asked for can't be had.
        case failed
        /// The cluster is away: it may be there in a moment.
        case temporary
        /// The settings or a policy must be mended.
        case configuration
        /// The command line asks for what makes no sense.
        case usage
    }

    /// Who must do something about it.
    public let kind: Kind
    /// What could not be done, why, and what to do.
    public let description: String

    init(_ description: String, _ kind: Kind = .failed) {
        self.kind = kind
        self.description = description
    }
    init(_ failure: FileFailure) { self.init(failure.description) }
    init(_ error: KafkaError) {
        let text = "\(error)"
        let isTemporary = error.isUnreachable || error.isTimeout || error.isRetriable
        self.init(
            String(text.hasPrefix("could not ") ? text.dropFirst(10) : text[...])
                + ". \"diversion-monitor doctor\" looks at the connection.",
            isTemporary ? .temporary : .failed
        )
    }
}

extension ReplayFailure {
    /// Nothing comes from a partition that should have more.
    static func silence(_ name: TopicPartition, before end: Int64) -> ReplayFailure {
        ReplayFailure(
            "read \(name): nothing came for 60 s before offset \(end); is a transaction open on it? Try it again.",
            .temporary
        )
    }

    /// What an attempt threw that may throw several kinds of errors.
    static func caught(_ error: any Error, _ attempt: String) -> ReplayFailure {
        if let failure = error as? ReplayFailure { return failure }
        if let error = error as? KafkaError { return ReplayFailure(error) }
        if let failure = error as? FileFailure { return ReplayFailure(failure) }
        if let end = error as? ServiceEnd {
            return ReplayFailure(end.message, end.kind == .temporary ? .temporary : .failed)
        }
        return ReplayFailure("\(attempt): \(error)")
    }
}

/// Where a journal partition begins and ends.
public struct JournalExtent: Sendable, Hashable {
    /// The partition.
    public var partition: Int32
    /// How many the journal has.
    public var partitionCount: Int32
    /// Offset of the oldest record that is still there.
    public var low: Int64
    /// Everything committed below this offset is there.
    public var end: Int64
    /// Records; nil where only reading would tell.
    public var records: Int64?
    /// Bytes; nil where only reading would tell.
    public var bytes: Int64?
}

/// A journal that can be read again, as often as wanted and by anybody: reading it leaves no trace.
protocol JournalSource: Sendable {
    /// What it is, for people.
    var name: String { get }

    /// All partitions there are, by number.
    func extents() throws(ReplayFailure) -> [JournalExtent]

    /// Reads the records of a partition with offsets of at least `start` and below `end`.
    ///
    /// `body` takes up to `Machine.groupSize` records, checked and good for the call alone, with their offsets; it says
    /// whether it wants more.
    func read(
        _ partition: Int32,
        from start: Int64,
        below end: Int64,
        _ body: (_ records: [RecordView], _ offsets: [Int64]) throws(ReplayFailure) -> Bool
    ) throws(ReplayFailure)
}

/// A journal in files that "journal dump" wrote.
struct DumpedJournal: JournalSource {
    private let paths: [Int32: String]
    private let found: [JournalExtent]
    let name: String

    /// Opens each file and looks at its beginning and its end.
    init(_ paths: [String]) throws(ReplayFailure) {
        var byPartition: [Int32: String] = [:]
        var found: [JournalExtent] = []
        var topics: Set<String> = []
        for path in paths {
            do throws(FileFailure) {
                let header = try JournalFileReader(path).header
                let end = try JournalFileReader.end(of: path)
                if let other = byPartition.updateValue(path, forKey: header.partition) {
                    throw FileFailure(
                        "replay \(other) and \(path): both hold partition \(header.partition). Name one of them."
                    )
                }
                topics.insert(header.topic)
                found.append(
                    JournalExtent(
                        partition: header.partition,
                        partitionCount: header.partitionCount,
                        low: 0,
                        end: end.highWatermark,
                        records: end.records,
                        bytes: end.bytes
                    )
                )
            } catch {
                throw ReplayFailure(error)
            }
        }
        self.paths = byPartition
        self.found = found.sorted { $0.partition < $1.partition }
        name =
            "\(topics.sorted().joined(separator: " and ")) in \(paths.count) file\(paths.count == 1 ? "" : "s")"
    }

    func extents() throws(ReplayFailure) -> [JournalExtent] { found }

    func read(
        _ partition: Int32,
        from start: Int64,
        below end: Int64,
        _ body: (_ records: [RecordView], _ offsets: [Int64]) throws(ReplayFailure) -> Bool
    ) throws(ReplayFailure) {
        guard let path = paths[partition] else {
            preconditionFailure("only partitions of the extents are read")
        }
        var records: [RecordView] = []
        var offsets: [Int64] = []
        var reader: JournalFileReader
        do throws(FileFailure) { reader = try JournalFileReader(path) } catch {
            throw ReplayFailure(error)
        }
        while true {
            do throws(FileFailure) {
                try reader.next(upTo: Machine.groupSize, &records, offsets: &offsets)
            } catch {
                throw ReplayFailure(error)
            }
            guard let first = offsets.first, let last = offsets.last, first < end else { return }
            if first < start || last >= end {
                let kept = offsets.indices.filter { offsets[$0] >= start && offsets[$0] < end }
                records = kept.map { records[$0] }
                offsets = kept.map { offsets[$0] }
                if records.isEmpty { continue }
            }
            guard try body(records, offsets) else { return }
        }
    }
}

/// The journal of a cluster, read without a group and without a commit.
struct TopicJournal: JournalSource {
    private let topic: String
    private let committed: FetchConsumer
    private let all: FetchConsumer
    var name: String { "topic \(topic)" }

    init(_ settings: ClientSettings, topic: String) throws(ReplayFailure) {
        self.topic = topic
        do throws(KafkaError) {
            committed = try FetchConsumer(settings)
            all = try FetchConsumer(settings, isolation: .readUncommitted)
        } catch {
            throw ReplayFailure(error)
        }
    }

    func extents() throws(ReplayFailure) -> [JournalExtent] {
        do throws(KafkaError) {
            let count = try committed.partitionCount(of: topic, within: .seconds(20))
            let partitions = (0..<count).map { TopicPartition(topic, $0) }
            var extents: [JournalExtent] = []
            for (place, bounds) in all.offsets(of: partitions, within: .seconds(20)).enumerated() {
                let bounds = try bounds.get()
                extents.append(
                    JournalExtent(
                        partition: Int32(place),
                        partitionCount: count,
                        low: bounds.low,
                        end: bounds.end
                    )
                )
            }
            return extents
        } catch {
            throw ReplayFailure(error)
        }
    }

    func read(
        _ partition: Int32,
        from start: Int64,
        below end: Int64,
        _ body: (_ records: [RecordView], _ offsets: [Int64]) throws(ReplayFailure) -> Bool
    ) throws(ReplayFailure) {
        let name = TopicPartition(topic, partition)
        var group = RecordGroup()
        var deadline = Ticker.now + 60_000
        do {
            var queue = committed.queue()
            let source = try queue.start(name, at: .offset(start))
            while queue.position(of: source) < end {
                let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
                if batch.count > 0 { deadline = Ticker.now + 60_000 }
                var index = 0
                while index < batch.count {
                    try group.fill(batch, from: &index, below: end)
                    guard !group.records.isEmpty, try body(group.records, group.offsets) else {
                        return
                    }
                }
                for event in queue.takeEvents() {
                    if case .failed(_, let error) = event, error.isOffsetLost {
                        throw ReplayFailure(error)
                    }
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

public import Kafka

/// Reads stretches of partitions for tools, as one who reads committed records only and joins no group.
///
/// Ends are high watermarks and not last stable offsets: a transaction that is open somewhere before would otherwise
/// hide committed records behind it. Where it stays open, reading does not get on, and the failure says so.
public struct TopicScan: Sendable {
    /// A stretch of one partition.
    public struct Range: Sendable, Hashable {
        public var partition: TopicPartition
        /// First offset.
        public var from: Int64
        /// Behind the last offset.
        public var end: Int64

        public init(_ partition: TopicPartition, from: Int64, end: Int64) {
            self.partition = partition
            self.from = from
            self.end = end
        }
    }

    /// Why a scan did not come to its end.
    public enum Failure: Error, Sendable {
        /// Kafka refused something.
        case kafka(KafkaError)
        /// Nothing came for a minute.
        case stuck(String)
        /// It was asked to stop.
        case stopped
    }

    private let committed: FetchConsumer
    private let all: FetchConsumer
    private let stop: StopFlag

    /// A scan with these settings, until somebody wants to stop.
    public init(_ settings: ClientSettings, until stop: StopFlag) throws(Failure) {
        self.stop = stop
        do {
            committed = try FetchConsumer(settings)
            all = try FetchConsumer(settings, isolation: .readUncommitted)
        } catch {
            throw .kafka(error)
        }
    }

    /// All partitions of a topic.
    public func partitions(of topic: String) throws(Failure) -> [TopicPartition] {
        do {
            let count = try committed.partitionCount(of: topic, within: .seconds(20))
            return (0..<count).map { TopicPartition(topic, $0) }
        } catch {
            throw .kafka(error)
        }
    }

    /// What there is now: lowest offset and high watermark of each partition, in the order given.
    public func bounds(of partitions: [TopicPartition]) throws(Failure) -> [PartitionOffsets] {
        var found: [PartitionOffsets] = []
        for result in all.offsets(of: partitions, within: .seconds(30)) {
            switch result {
            case .failure(let error): throw .kafka(error)
            case .success(let bounds): found.append(bounds)
            }
        }
        return found
    }

    /// Reads stretches.
    ///
    /// - Parameters:
    ///   - ranges: of different partitions; `body` is told the place in this list.
    ///   - body: takes a record, and says whether it wants more of this stretch.
    /// - Throws: ``Failure`` where the stretches were not read to their ends.
    public func read(
        _ ranges: [Range],
        _ body: (_ place: Int, borrowing Message) -> Bool
    ) throws(Failure) {
        var queue = committed.queue()
        var isOpen = ranges.map { $0.from < $0.end }
        // Places in the list by the queue's numbers.
        var places: [Int] = []
        do throws(KafkaError) {
            for (place, range) in ranges.enumerated() where isOpen[place] {
                _ = try queue.start(range.partition, at: .offset(range.from))
                places.append(place)
            }
            var deadline = Ticker.now + 60_000
            while isOpen.contains(true), !stop.isStopped {
                let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
                if batch.count > 0 { deadline = Ticker.now + 60_000 }
                for index in 0..<batch.count {
                    let place = places[batch[index].source]
                    guard isOpen[place], batch[index].offset < ranges[place].end else { continue }
                    if !body(place, batch[index]) { isOpen[place] = false }
                }
                for event in queue.takeEvents() {
                    if case .failed(_, let error) = event, error.isOffsetLost || error.isDenied {
                        throw error
                    }
                }
                for (number, place) in places.enumerated() where isOpen[place] {
                    if queue.position(of: number) >= ranges[place].end { isOpen[place] = false }
                }
                for (number, place) in places.enumerated() where !isOpen[place] {
                    queue.stop(number)
                }
                if Ticker.now > deadline { break }
            }
        } catch {
            throw .kafka(error)
        }
        if stop.isStopped { throw .stopped }
        if let place = isOpen.firstIndex(of: true) {
            throw .stuck(
                "read \(ranges[place].partition) to offset \(ranges[place].end): nothing came for 60 s; a"
                    + " transaction may still be open on it"
            )
        }
    }
}

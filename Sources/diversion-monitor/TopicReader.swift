internal import CommandLineKit
internal import Kafka

/// Reads whole topics from their beginning, for people; transactions that were aborted are not seen.
struct TopicReader: ~Copyable {
    /// One record, copied.
    struct Record {
        /// Place of the topic among the names asked for.
        let topic: Int
        let partition: Int32
        let offset: Int64
        let key: [UInt8]
        /// Nil withdraws what the key names.
        let value: [UInt8]?
    }

    private var queue: FetchQueue
    /// Place of a source's topic among the names.
    private let topics: [Int]
    private var ended: Set<Int> = []

    /// Whether all partitions were read to their ends, at some time.
    var isAtEnd: Bool { ended.count == queue.sourceCount }

    /// Begins to read all partitions of some topics.
    init(_ names: [String], _ settings: ClientSettings) throws(CommandFailure) {
        var topics: [Int] = []
        queue = try Self.open(names, settings, &topics)
        self.topics = topics
    }

    private static func open(
        _ names: [String],
        _ settings: ClientSettings,
        _ topics: inout [Int]
    ) throws(CommandFailure) -> FetchQueue {
        do throws(KafkaError) {
            let consumer = try FetchConsumer(settings)
            var queue = consumer.queue()
            for (place, name) in names.enumerated() {
                for partition in 0..<(try consumer.partitionCount(of: name, within: .seconds(10))) {
                    _ = try queue.start(TopicPartition(name, partition), at: .beginning)
                    topics.append(place)
                }
            }
            return queue
        } catch {
            throw CommandFailure(kafka: error)
        }
    }

    /// What is there, waiting a moment for it.
    mutating func next() throws(CommandFailure) -> [Record] {
        var records: [Record] = []
        let topics = topics
        do throws(KafkaError) {
            let batch = try queue.next(limit: 1000, waiting: .milliseconds(200))
            records.reserveCapacity(batch.count)
            for index in 0..<batch.count {
                let message = batch[index]
                // Safe: the bytes are copied before the batch goes.
                let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
                let value = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                records.append(
                    Record(
                        topic: topics[message.source],
                        partition: message.partition,
                        offset: message.offset,
                        key: key,
                        value: message.isTombstone ? nil : value
                    )
                )
            }
        } catch {
            throw CommandFailure(kafka: error)
        }
        for event in queue.takeEvents() {
            switch event {
            case .endOfPartition(let source, _): ended.insert(source)
            case .failed(_, let error):
                if error.isRetriable || error.isUnreachable { continue }
                throw CommandFailure(kafka: error)
            }
        }
        return records
    }

    /// All there is by now, in the order of each partition.
    mutating func readToEnd() throws(CommandFailure) -> [Record] {
        var records: [Record] = []
        let end = ContinuousClock.now + .seconds(600)
        while !isAtEnd, !Interruption.isSet, ContinuousClock.now < end { records += try next() }
        return records
    }
}

extension CommandFailure {
    /// What Kafka refused, and what to do about it.
    init(kafka error: KafkaError) {
        let advice =
            if error.isUnreachable || error.isTimeout {
                "Check kafka.bootstrap.servers; \"diversion-monitor doctor\" tells what is wrong."
            } else if error.isUnknownTopicOrPartition {
                "Make it with \"diversion-monitor topics apply\", or correct the topics settings."
            } else if error.isDenied {
                "\"diversion-monitor doctor\" tells which right is missing."
            } else {
                "\"diversion-monitor doctor\" looks at the connection."
            }
        let isTemporary = error.isUnreachable || error.isTimeout || error.isRetriable
        self.init("\(error). \(advice)", status: isTemporary ? .tryAgain : .failure)
    }
}

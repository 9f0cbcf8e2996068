internal import CommandLineKit
internal import Kafka

/// Reads a whole topic from its beginning, for people; transactions that were aborted are not seen.
struct TopicReader: ~Copyable {
    private var queue: FetchQueue
    private var ended: Set<Int> = []

    /// Whether all partitions were read to their ends.
    var isAtEnd: Bool { ended.count == queue.sourceCount }

    init(
        _ name: String,
        partitions wanted: [Int32]? = nil,
        _ settings: ClientSettings
    ) throws(CommandFailure) {
        queue = try Self.open(name, wanted, settings)
    }

    private static func open(
        _ name: String,
        _ wanted: [Int32]?,
        _ settings: ClientSettings
    ) throws(CommandFailure) -> FetchQueue {
        do throws(KafkaError) {
            let consumer = try FetchConsumer(settings)
            let count = try consumer.partitionCount(of: name, within: .seconds(10))
            var queue = consumer.queue()
            for partition in wanted ?? Array(0..<count) {
                _ = try queue.start(TopicPartition(name, partition), at: .beginning)
            }
            return queue
        } catch {
            throw CommandFailure(kafka: error)
        }
    }

    /// Hands over what is there, waiting a moment for it: partition, offset, key, value.
    mutating func next(
        _ body: (Int32, Int64, [UInt8], [UInt8]) throws(CommandFailure) -> Void
    ) throws(CommandFailure) {
        var records: [(Int32, Int64, [UInt8], [UInt8])] = []
        do throws(KafkaError) {
            let batch = try queue.next(limit: 1000, waiting: .milliseconds(200))
            for index in 0..<batch.count {
                let message = batch[index]
                // Safe: the bytes are copied before the batch goes.
                let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
                let value = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                records.append((message.partition, message.offset, key, value))
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
        for (partition, offset, key, value) in records { try body(partition, offset, key, value) }
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

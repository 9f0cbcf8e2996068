import Kafka
import TestKit

/// Bytes of a text, as records have them.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension RawSpan {
    /// The bytes as text.
    var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

/// A record as a value that outlives its batch.
struct Seen: Equatable {
    var source: Int
    var offset: Int64
    var key: String?
    var value: String
}

extension FetchQueue {
    /// Reads until each source is at its target, or the time is over.
    mutating func read(
        to targets: [Int: Int64],
        limit: Int = 100,
        within time: Duration = .seconds(20)
    ) throws -> [Seen] {
        var seen: [Seen] = []
        let end = ContinuousClock.now + time
        while targets.contains(where: { position(of: $0.key) < $0.value }) {
            guard ContinuousClock.now < end else { throw Timeout(what: "\(targets)") }
            let batch = try next(limit: limit, waiting: .milliseconds(200))
            for index in 0..<batch.count {
                let message = batch[index]
                seen.append(
                    Seen(
                        source: message.source,
                        offset: message.offset,
                        key: message.hasKey ? message.key.text : nil,
                        value: message.value.text
                    )
                )
            }
        }
        return seen
    }

    /// Waits for an event, dropping records.
    mutating func waitForEvent(within time: Duration = .seconds(20)) throws -> FetchEvent {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            do { _ = try next(limit: 100, waiting: .milliseconds(100)) }
            if let event = takeEvents().first { return event }
        }
        throw Timeout(what: "an event")
    }
}

/// Something did not happen in time.
struct Timeout: Error {
    let what: String
}

extension TransactionalProducer {
    /// Writes texts to a partition.
    mutating func write(_ texts: [String], to topic: ProducerTopic, _ partition: Int32 = 0) throws {
        for text in texts {
            try produce(bytes(text).span.bytes, to: topic, partition: partition)
        }
    }
}

extension MemberConsumer {
    /// Polls until there is an assignment; a revoke on the way is acknowledged.
    mutating func waitForAssignment(
        within time: Duration = .seconds(30),
        where wanted: ([TopicPartition]) -> Bool = { _ in true }
    ) throws -> ([TopicPartition], GroupMetadata) {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            for event in try poll(waiting: .milliseconds(50)) {
                if case .assigned(let partitions, let metadata) = event, wanted(partitions) {
                    return (partitions, metadata)
                }
            }
            try acknowledgeRevoke()
        }
        throw Timeout(what: "an assignment")
    }
}

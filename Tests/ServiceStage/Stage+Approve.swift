import Glibc
import Journal
import Kafka
import Pipeline

// Somebody who answers what the service publishes.

extension Stage {
    /// Approves whatever is proposed, as a buyer does, until it is told to end; so that no proposal is remembered for long.
    func approve() throws {
        signal(SIGTERM) { _ in stop.stop() }
        var producer = try Producer(configuration.kafka)
        let dispositions = try producer.topic(
            name("dispositions"),
            within: .seconds(20)
        )
        let consumer = try FetchConsumer(configuration.kafka)
        let topic = name(configuration.topics.replenishments)
        var queue = consumer.queue()
        for partition in 0..<(try consumer.partitionCount(of: topic, within: .seconds(20))) {
            _ = try queue.start(TopicPartition(topic, partition), at: .offset(0))
        }
        var count = 0
        while !stop.isStopped {
            let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
            for index in 0..<batch.count {
                let proposal = batch[index].value.withUnsafeBytes { Array($0) }
                guard Self.get("state", proposal) == "proposed",
                    let id = Self.get("replenishment_id", proposal),
                    let entity = Self.get("covered_entity_id", proposal),
                    let time = Self.get("event_time", proposal),
                    let moment = Instant(text: time)
                else { continue }
                let line = """
                    {"event_type":"disposition","event_id":"ok-\(id)","covered_entity_id":"\(entity)",\
                    "occurred_at":"\(time)","subject_id":"\(id)","decision":"approved","actor":"buyer"}
                    """
                try producer.produce(
                    Array(line.utf8).span.bytes,
                    headers: [],
                    timestampMilliseconds: moment.microseconds / 1000,
                    to: dispositions,
                    partition: Int32(count) % dispositions.partitionCount
                )
                count += 1
            }
            try producer.poll()
        }
        try producer.flush(within: .seconds(60))
        say("approved \(count)")
    }
}

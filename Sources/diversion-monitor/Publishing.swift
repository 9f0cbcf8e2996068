internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka

/// Writes reference tables and policies to their topics.
enum Publishing {
    /// The reference rows that are in effect on a cluster, by key.
    static func referenceRows(
        _ name: String,
        _ settings: ClientSettings
    ) throws(CommandFailure) -> (rows: [ReferenceRow], isComplete: Bool) {
        var rows: [String: ReferenceRow] = [:]
        var isComplete = false
        var reader = try TopicReader([name], settings)
        for record in try reader.readToEnd() {
            do throws(ReferenceLineFault) {
                switch try ReferenceTopic.read(key: record.key, value: record.value) {
                case .put(let row):
                    rows[row.key] = row
                    isComplete = false
                case .withdraw(let key):
                    rows[key] = nil
                    isComplete = false
                case .complete: isComplete = true
                }
            } catch {
                throw CommandFailure(
                    "could not use the record of \(name) at offset \(record.offset): \(error.message)"
                        + " Somebody else has written there; delete it with kafka-delete-records."
                )
            }
        }
        return (rows.values.sorted { $0.key < $1.key }, isComplete)
    }

    /// Sends records to the one partition of a topic, and waits until all are there.
    static func send(
        _ records: [(key: [UInt8], value: [UInt8]?)],
        to name: String,
        _ settings: ClientSettings
    ) throws(CommandFailure) {
        do throws(KafkaError) {
            var producer = try Producer(settings)
            let topic = try producer.topic(name, within: .seconds(10))
            for record in records {
                let key = record.key
                let value = record.value ?? []
                // Safe: the arrays outlive the calls, which copy.
                if record.value == nil {
                    try unsafe producer.withdraw(key.span.bytes, from: topic, partition: 0)
                } else {
                    try unsafe producer.produce(
                        value.span.bytes,
                        key: key.span.bytes,
                        to: topic,
                        partition: 0
                    )
                }
            }
            try producer.flush(within: .seconds(60))
        } catch {
            throw CommandFailure(kafka: error)
        }
    }

    /// The versions of the policy on a cluster: of those with one name the last.
    static func policies(
        _ name: String,
        _ settings: ClientSettings
    ) throws(CommandFailure) -> [Policy] {
        var policies: [Policy] = []
        var reader = try TopicReader([name], settings)
        for record in try reader.readToEnd() {
            guard let value = record.value else { continue }
            let place = "\(name)[0] offset \(record.offset)"
            do {
                for policy in try PolicyReader.read(value, file: place) {
                    policies.removeAll { $0.version == policy.version }
                    policies.append(policy)
                }
            } catch {
                throw CommandFailure(
                    "could not use the record of \(place): \(error)\nSomebody else has written there;"
                        + " delete it with kafka-delete-records."
                )
            }
        }
        return policies
    }
}

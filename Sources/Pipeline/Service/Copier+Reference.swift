internal import Ingest
internal import Journal
internal import Kafka

// Reference rows and policies: each publication becomes records of the journal partitions that need it.
extension Copier {
    mutating func copyReference(
        _ message: borrowing Message,
        _ source: Int,
        _ out: inout IngestProducer
    ) throws(Setback) {
        let offset = message.offset
        // The spans are used up while the message is there.
        let key = unsafe message.key.withUnsafeBytes { unsafe Array($0) }
        let value =
            message.isTombstone ? nil : unsafe message.value.withUnsafeBytes { unsafe Array($0) }
        let publication = reference.apply(key: key, value: value, offset: offset)
        complaint = reference.mismatch.map {
            (source, "read the reference topic: \($0). Publish again.")
        }
        guard let publication else { return }
        let time = Instant(milliseconds: max(0, message.timestamp.milliseconds))
        let topic = sources[source].partition.topic
        for row in publication.rows {
            if let column = row.table.entityColumn {
                let entity = Array(row.values[column].utf8)
                let partition = unsafe entity.withUnsafeBytes {
                    unsafe Partitioner.partition(of: $0, count: partitionCount)
                }
                append(source, offset, to: partition) { records, place in
                    records.append(row, at: time, source: place, sourceName: topic)
                }
            } else {
                for partition in 0..<partitionCount {
                    append(source, offset, to: partition) { records, place in
                        records.append(row, at: time, source: place, sourceName: topic)
                    }
                }
            }
            if batch.byteCount >= 2 << 20 { try out.send(&batch) }
        }
        for partition in 0..<partitionCount {
            append(source, offset, to: partition) { records, place in
                records.appendReferenceComplete(
                    rowCount: publication.rowCount,
                    digest: publication.digest,
                    at: time,
                    source: place,
                    sourceName: topic
                )
            }
        }
        sources[source].next = offset + 1
        sources[source].isTouched = true
    }

    mutating func copyPolicy(
        _ message: borrowing Message,
        _ source: Int,
        _ out: inout IngestProducer
    ) throws(Setback) {
        let offset = message.offset
        let time = Instant(milliseconds: max(0, message.timestamp.milliseconds))
        let topic = sources[source].partition.topic
        complaint = nil
        do {
            for policy in try PolicyTopic.read(message, topic) ?? [] {
                for partition in 0..<partitionCount {
                    append(source, offset, to: partition) { records, place in
                        records.appendPolicy(
                            policy.canonicalBytes,
                            at: time,
                            source: place,
                            sourceName: topic
                        )
                    }
                }
            }
        } catch {
            // A later version that can be used replaces it; at the end of the topic it stops the service.
            complaint = (source, error.message)
        }
        sources[source].next = offset + 1
        sources[source].isTouched = complaint == nil
    }

    /// Adds one counted record to a journal partition.
    mutating func append(
        _ source: Int,
        _ offset: Int64,
        to partition: Int32,
        _ write: (RecordBatch, RecordSource) -> Void
    ) {
        let counter = sources[source].metadata.counters[Int(partition)]
        sources[source].metadata.counters[Int(partition)] = counter + 1
        if sources[source].isSeen(counter, partition) { return }
        records.removeAll()
        write(
            records,
            RecordSource(
                partition: sources[source].partition.partition,
                offset: offset,
                counter: counter
            )
        )
        appendRecords(to: partition)
    }
}

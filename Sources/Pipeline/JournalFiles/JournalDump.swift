internal import Engine
internal import Glibc
internal import Journal
public import Kafka

/// Copies a journal from Kafka to files, one a partition, as ``JournalScore`` folds them.
public struct JournalDump: Sendable {
    /// What one file got.
    public struct Part: Sendable, Hashable {
        public var path: String
        public var partition: Int32
        public var records: Int64
        /// The partition's high watermark at the beginning of the dump: everything below is in the file.
        public var highWatermark: Int64
    }

    let settings: ClientSettings
    let topic: String

    /// A dump of a topic.
    public init(_ settings: ClientSettings, topic: String) {
        self.settings = settings
        self.topic = topic
    }

    /// The name of a partition's file: `journal-003.dmj`.
    public static func fileName(topic: String, partition: Int32) -> String {
        let digits = String(partition)
        return topic + "-" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
            + ".dmj"
    }

    /// Writes all partitions, or some, into a folder that exists: everything committed below the high watermark.
    ///
    /// - Throws: `FileFailure` or `KafkaError`; also where a transaction stays open below the high watermark.
    public func write(to folder: String, partitions: [Int32]? = nil) throws -> [Part] {
        let committed = try FetchConsumer(settings)
        let all = try FetchConsumer(settings, isolation: .readUncommitted)
        let count = try committed.partitionCount(of: topic, within: .seconds(20))
        var parts: [Part] = []
        for partition in partitions ?? Array(0..<count) {
            let name = TopicPartition(topic, partition)
            let bounds = try all.offsets(of: [name], within: .seconds(20))[0].get()
            guard bounds.low == 0 else {
                throw FileFailure(
                    "dump \(name): it begins at offset \(bounds.low), records were deleted"
                )
            }
            let path = folder + "/" + Self.fileName(topic: topic, partition: partition)
            var writer = try JournalFileWriter(
                path,
                JournalFileHeader(topic: topic, partition: partition, partitionCount: count)
            )
            var queue = committed.queue()
            let source = try queue.start(name, at: .offset(0))
            var deadline = Ticker.now + 60_000
            while queue.position(of: source) < bounds.end {
                let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
                if batch.count > 0 { deadline = Ticker.now + 60_000 }
                for index in 0..<batch.count where batch[index].offset < bounds.end {
                    let (offset, timestamp) = (
                        batch[index].offset, batch[index].timestamp.milliseconds
                    )
                    // The closure's error is handed out of it, as it has only one kind.
                    let failure: FileFailure? = unsafe batch[index].value.withUnsafeBytes { bytes in
                        do throws(FileFailure) {
                            try unsafe writer.append(offset: offset, timestamp: timestamp, bytes)
                            return nil
                        } catch {
                            return error
                        }
                    }
                    if let failure { throw failure }
                }
                guard Ticker.now < deadline else {
                    throw FileFailure(
                        "dump \(name): nothing came for 60 s before offset \(bounds.end); is a transaction open?"
                    )
                }
            }
            let records = try writer.finish(highWatermark: bounds.end)
            parts.append(
                Part(path: path, partition: partition, records: records, highWatermark: bounds.end)
            )
        }
        return parts
    }
}

import CKafka

/// What the linked librdkafka is and can do.
public enum LibraryVersion {
    /// The version as text, such as `2.0.2`.
    public static var text: String {
        unsafe Kafka.text(rd_kafka_version_str())  // A static string of librdkafka.
    }

    /// The version as `0xMMmmrrpp`: major, minor, revision, pre-release (0xff is the release).
    public static var number: Int32 { rd_kafka_version() }

    /// Version 2.2 came with `fetch.queue.backoff.ms`: a full queue needs no waker any more.
    static var hasQueueBackoff: Bool { number >= 0x0202_0000 }

    /// What was compiled in, such as `ssl` and `sasl_scram`.
    public static var features: [String] {
        // Safe: a configuration made and destroyed here; the buffer is local and its size is told.
        let settings = unsafe rd_kafka_conf_new()
        defer { unsafe rd_kafka_conf_destroy(settings) }
        var size = 512
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
            let result = unsafe rd_kafka_conf_get(
                settings,
                "builtin.features",
                buffer.baseAddress,
                &size
            )
            guard result == RD_KAFKA_CONF_OK else { return [] }
            return unsafe Kafka.text(UnsafePointer(buffer.baseAddress)).split(separator: ",").map {
                String($0.drop { $0 == " " })
            }
        }
    }
}

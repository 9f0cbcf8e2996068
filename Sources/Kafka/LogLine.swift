/// One line of librdkafka's log.
public struct LogLine: Sendable {
    /// How serious it is: syslog's levels, 0 (emergency) to 7 (debug); 3 is an error.
    public let level: Int
    /// librdkafka's short name of what it is about, such as `FAIL` or `COMPRESSION`.
    public let facility: String
    /// The text.
    public let message: String
    /// The client's name, such as `rdkafka#producer-1`.
    public let client: String
}

/// Takes log lines.
///
/// It is called from librdkafka's own threads, several at once, also while a client is created or
/// destroyed: it must be quick and must not call back into the client.
public typealias LogSink = @Sendable (LogLine) -> Void

/// Takes librdkafka's statistics, one JSON object each `statistics.interval.ms`.
///
/// It is called from within the calls of the client's owner (polls, commits, flushes).
public typealias StatisticsSink = @Sendable (String) -> Void

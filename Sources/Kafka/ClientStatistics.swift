/// What is of use in the statistics that librdkafka gives each `statistics.interval.ms` as a JSON object.
///
/// Everything else is skipped without being looked at: of a client with two hundred partitions the object has a
/// megabyte. Names and meanings: librdkafka's STATISTICS.md.
public struct ClientStatistics: Sendable, Equatable {
    /// One connection to a broker, or an address to begin with.
    public struct Broker: Sendable, Equatable {
        /// `host:port`; empty for what librdkafka keeps for itself.
        public var address = ""
        /// The broker's number; -1 for an address that was not asked yet.
        public var id: Int64 = -1
        /// `UP`, `DOWN`, `CONNECT` …
        public var state = ""
        /// Errors of sending.
        public var sendErrors: Int64 = 0
        /// Requests whose time was over.
        public var requestTimeouts: Int64 = 0
        /// Average time to an answer since the statistics before, in microseconds.
        public var averageRoundTrip: Int64 = 0

        /// It is connected and answers.
        public var isUp: Bool { state == "UP" }
    }

    /// One partition that is fetched.
    public struct Partition: Sendable, Equatable {
        public var topic = ""
        public var id: Int64 = -1
        /// The last stable offset; -1001 where it is not known.
        public var stableEnd: Int64 = -1001
        /// Records, and bytes, that wait in the client's queue.
        public var queuedRecords: Int64 = 0
        public var queuedBytes: Int64 = 0
        /// Records dropped since they were fetched before the partition was stopped.
        public var outdatedDrops: Int64 = 0
    }

    /// The client's name, such as `rdkafka#producer-3`: no other in the process has it.
    public private(set) var client = ""
    /// Known brokers.
    public private(set) var brokers: [Broker] = []
    /// Partitions that have been fetched; none of a producer.
    public private(set) var partitions: [Partition] = []
    /// `InTransaction`, `Ready` …; empty without transactions. Since when is not read: `txn_stateage` of librdkafka 2.0.2
    /// was seen to be the time since the machine started.
    public private(set) var transactionState = ""
    /// How often the producer got a new epoch.
    public private(set) var epochCount: Int64 = 0

    /// Reads the statistics; nil where the text is no such object.
    public init?(_ json: String) {
        var reader = StatisticsReader(Array(json.utf8))
        var found = ClientStatistics(empty: ())
        let isRead = reader.members { reader, key in
            switch key {
            case "name": found.client = reader.text()
            case "brokers":
                reader.members { reader, _ in
                    var broker = Broker()
                    reader.members { reader, key in broker.take(key, &reader) }
                    found.brokers.append(broker)
                }
            case "topics":
                reader.members { reader, topic in
                    reader.members { reader, key in
                        guard key == "partitions" else { return reader.skip() }
                        reader.members { reader, _ in
                            var partition = Partition()
                            partition.topic = topic
                            reader.members { reader, key in partition.take(key, &reader) }
                            if partition.id >= 0, partition.stableEnd >= 0 {
                                found.partitions.append(partition)
                            }
                        }
                    }
                }
            case "eos":
                reader.members { reader, key in
                    switch key {
                    case "txn_state": found.transactionState = reader.text()
                    case "epoch_cnt": found.epochCount = reader.number()
                    default: reader.skip()
                    }
                }
            default: reader.skip()
            }
        }
        guard isRead, !reader.hasFailed, !found.client.isEmpty else { return nil }
        self = found
    }

    private init(empty: Void) {}
}

extension ClientStatistics.Broker {
    fileprivate mutating func take(_ key: String, _ reader: inout StatisticsReader) {
        switch key {
        case "nodename": address = reader.text()
        case "nodeid": id = reader.number()
        case "state": state = reader.text()
        case "txerrs": sendErrors = reader.number()
        case "req_timeouts": requestTimeouts = reader.number()
        case "rtt":
            var average: Int64 = 0
            reader.members { reader, key in
                if key == "avg" { average = reader.number() } else { reader.skip() }
            }
            averageRoundTrip = average
        default: reader.skip()
        }
    }
}

extension ClientStatistics.Partition {
    fileprivate mutating func take(_ key: String, _ reader: inout StatisticsReader) {
        switch key {
        case "partition": id = reader.number()
        case "ls_offset": stableEnd = reader.number()
        case "fetchq_cnt": queuedRecords = reader.number()
        case "fetchq_size": queuedBytes = reader.number()
        case "rx_ver_drops": outdatedDrops = reader.number()
        default: reader.skip()
        }
    }
}

/// Goes through JSON that librdkafka wrote, one value ahead; what it does not expect ends the reading.
private struct StatisticsReader {
    private let bytes: [UInt8]
    private var place = 0
    private(set) var hasFailed = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next byte that is no white space; 0 at the end.
    private mutating func next() -> UInt8 {
        while place < bytes.count, bytes[place] <= 0x20 { place += 1 }
        return place < bytes.count ? bytes[place] : 0
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next() == byte else { return false }
        place += 1
        return true
    }

    /// Goes through the members of an object; `member` reads or skips each value. False where there is none.
    @discardableResult
    mutating func members(_ member: (inout StatisticsReader, String) -> Void) -> Bool {
        guard take(UInt8(ascii: "{")) else {
            hasFailed = true
            return false
        }
        if take(UInt8(ascii: "}")) { return true }
        repeat {
            let key = text()
            guard take(UInt8(ascii: ":")), !hasFailed else {
                hasFailed = true
                return false
            }
            member(&self, key)
        } while !hasFailed && take(UInt8(ascii: ","))
        if !take(UInt8(ascii: "}")) { hasFailed = true }
        return !hasFailed
    }

    /// A text. Names of topics and states have no escapes; the bytes of others are kept as they stand.
    mutating func text() -> String {
        guard take(UInt8(ascii: "\"")) else {
            hasFailed = true
            return ""
        }
        let start = place
        endText()
        return String(decoding: bytes[start..<max(start, place - 1)], as: UTF8.self)
    }

    /// Goes behind the quote that ends a text.
    private mutating func endText() {
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte == UInt8(ascii: "\"") { return }
            if byte == UInt8(ascii: "\\") { place += 1 }
        }
        hasFailed = true
    }

    /// A whole number.
    mutating func number() -> Int64 {
        let isNegative = take(UInt8(ascii: "-"))
        var value: Int64 = 0
        guard next() &- 48 < 10 else {
            hasFailed = true
            return 0
        }
        while place < bytes.count, bytes[place] &- 48 < 10 {
            value = value &* 10 &+ Int64(bytes[place] - 48)
            place += 1
        }
        return isNegative ? -value : value
    }

    /// Goes behind a value of any kind.
    mutating func skip() {
        var depth = 0
        repeat {
            let byte = next()
            place += 1
            switch byte {
            case 0: hasFailed = true
            case UInt8(ascii: "\""): endText()
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","), UInt8(ascii: ":"): break
            default:
                // A number or a word.
                while place < bytes.count,
                    ![UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]")].contains(
                        bytes[place]
                    ),
                    bytes[place] > 0x20
                { place += 1 }
            }
        } while depth > 0 && !hasFailed
    }
}

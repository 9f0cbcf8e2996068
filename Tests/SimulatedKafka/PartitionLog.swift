import CKafka
import Simulator

/// A record as it stands in a partition, or on its way there.
public struct LogRecord {
    public internal(set) var offset: Int64 = -1
    /// Where the value lies; nothing for a tombstone.
    public internal(set) var value: UnsafeRawPointer?
    public internal(set) var valueCount = 0
    public internal(set) var key: UnsafeRawPointer?
    public internal(set) var keyCount = 0
    /// Milliseconds since 1970.
    public internal(set) var timestamp: Int64 = 0
    /// Number in the cluster's list of headers; -1 for none.
    var headers = -1
    /// Number in the partition's list of transactions; -1 outside of transactions.
    var transaction = -1

    /// The value's bytes.
    public var valueBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueCount)
    }
    /// The key's bytes.
    public var keyBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: key, count: key == nil ? 0 : keyCount)
    }
}

/// One partition: records, transactions on them, what each kind of reader sees.
public final class PartitionLog {
    enum Outcome { case open, committed, aborted }

    struct Transaction {
        var producer: Int64
        var first: Int64
        var outcome: Outcome
    }

    enum Refusal: Error {
        /// The producer's epoch has gone by.
        case fenced
        /// The coordinator knows no open transaction of it on this partition (KIP-890).
        case notInTransaction
    }

    public let name: TopicPartition
    /// In the order of offsets; markers take offsets and stand nowhere.
    public private(set) var records: [LogRecord] = []
    /// The oldest offset that is still there.
    public private(set) var low: Int64 = 0
    /// The high watermark.
    public private(set) var end: Int64 = 0
    private(set) var transactions: [Transaction] = []
    private var open: [(producer: Int64, transaction: Int)] = []
    private var epochs: [Int64: Int32] = [:]
    var waiting = WaitList()

    /// Its topic is compacted: a record must have a key.
    let isCompacted: Bool

    init(_ name: TopicPartition, isCompacted: Bool = false) {
        self.name = name
        self.isCompacted = isCompacted
    }

    /// The last stable offset: behind it a transaction may be open.
    public var lastStable: Int64 {
        var first = end
        for one in open { first = min(first, transactions[one.transaction].first) }
        return first
    }

    func end(for isolation: FetchConsumer.Isolation) -> Int64 {
        isolation == .readCommitted ? lastStable : end
    }

    /// Whether a record is shown to those who read committed ones only, below the last stable offset.
    public func isVisible(_ record: LogRecord) -> Bool {
        record.transaction < 0 || transactions[record.transaction].outcome == .committed
    }

    /// The place of the first record at or behind an offset.
    public func index(of offset: Int64) -> Int {
        var low = 0
        var high = records.count
        while low < high {
            let middle = (low + high) / 2
            if records[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: writing

    /// Appends outside of transactions.
    func append(_ record: LogRecord) {
        var record = record
        record.offset = end
        records.append(record)
        end += 1
        waiting.wakeAll()
    }

    /// Appends within a transaction of a producer. `verify` asks the coordinator whether it knows of this partition in an
    /// open transaction: asked once a transaction, as brokers do.
    func append(
        _ record: LogRecord,
        _ producer: Int64,
        _ epoch: Int32,
        verify: () -> Bool
    ) throws(Refusal) {
        if epoch < epochs[producer] ?? -1 { throw .fenced }
        var transaction = open.first { $0.producer == producer }?.transaction
        if transaction == nil {
            guard verify() else { throw .notInTransaction }
            transaction = transactions.count
            transactions.append(Transaction(producer: producer, first: end, outcome: .open))
            open.append((producer, transactions.count - 1))
        }
        epochs[producer] = epoch
        var record = record
        record.offset = end
        record.transaction = transaction ?? -1
        records.append(record)
        end += 1
    }

    /// Writes the marker that ends a producer's transaction.
    func mark(_ producer: Int64, _ epoch: Int32, isCommit: Bool) {
        epochs[producer] = max(epochs[producer] ?? -1, epoch)
        if let place = open.firstIndex(where: { $0.producer == producer }) {
            transactions[open[place].transaction].outcome = isCommit ? .committed : .aborted
            open.remove(at: place)
        }
        end += 1
        waiting.wakeAll()
    }

    // MARK: what time does to it

    /// Takes away what lies below an offset.
    public func trim(below offset: Int64) {
        low = max(low, min(offset, end))
        records.removeSubrange(..<index(of: low))
    }

    /// Keeps of each key the newest committed record, as far as nothing is open.
    public func compact() {
        let stable = lastStable
        var newest: [[UInt8]: Int64] = [:]
        for record in records where record.offset < stable && isVisible(record) {
            newest[Array(record.keyBytes)] = record.offset
        }
        records.removeAll { record in
            guard record.offset < stable else { return false }
            return !isVisible(record) || newest[Array(record.keyBytes)] != record.offset
        }
    }

    /// Has other bytes stand where a value stood.
    public func damage(_ index: Int, _ change: ([UInt8]) -> [UInt8], _ cluster: Cluster) {
        let bytes = change(Array(records[index].valueBytes))
        records[index].value = bytes.withUnsafeBytes { cluster.arena.copy($0) }
        records[index].valueCount = bytes.count
    }

    /// Takes one record away, as if it had never been.
    public func lose(_ index: Int) { records.remove(at: index) }
}

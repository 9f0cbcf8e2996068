internal import Ingest
internal import Journal

/// Holds one journal partition to all that ingest promises of it, record by record, and goes on behind what is wrong.
///
/// Score stops at the first fault; this names them all. It knows no entity's state, so it costs a fraction of a fold.
struct JournalPartitionCheck {
    /// The topic or file in messages.
    let name: String
    let partition: Int32
    /// Whether the first record that comes is the journal's first.
    let isFromBeginning: Bool
    private(set) var problems: JournalProblems

    /// Records taken, the unreadable ones too.
    private(set) var recordCount: Int64 = 0
    private(set) var kindCounts: [RecordKind: Int64] = [:]
    private(set) var genesis: Genesis?
    private(set) var lastTimestamp: Int64 = .min
    /// Registrations and retirements with Kafka's time of each: every partition must have the same ones.
    private(set) var announcements: [String: Int64] = [:]
    /// Ticks by the minute in which they were written: how many, and the sum of their hashes, whatever their order.
    private(set) var ticks: [Int64: Sum] = [:]
    /// Rows in effect or staged, by key, for the digest of a publication; of tables that all partitions have only
    /// where ``keepsCommonRows``.
    private(set) var rows: [String: ReferenceRow] = [:]
    /// Hashes of the rows of tables that all partitions have, by the key's hash.
    private var commonRows: [UInt64: UInt64] = [:]
    /// One partition's common rows are kept whole: a product table has hundred thousands, in every partition.
    private let keepsCommonRows: Bool
    /// The last completed publication: offset in its topic, rows, digest.
    private(set) var completion: (offset: Int64, rowCount: Int64, digest: [UInt8])?
    private(set) var hasRowsBehindCompletion = false

    /// Some records, whatever their order: how many, and the sum of their hashes.
    struct Sum: Equatable {
        var count: Int64 = 0
        var hash: UInt64 = 0
    }

    private struct Source {
        var next: UInt64?
        var offset: Int64 = -1
        var firstOffset: Int64?
        var isRegistered = false
        var reached: Instant?
        var isToldUnregistered = false
    }
    private var sources: [String: [Int32: Source]] = [:]
    private var lastOffset: Int64 = -1
    private var isToldNotReady = false

    /// A check of a partition; `limit` problems of each kind are kept.
    init(
        name: String,
        partition: Int32,
        isFromBeginning: Bool,
        keeping limit: Int,
        keepsCommonRows: Bool
    ) {
        self.keepsCommonRows = keepsCommonRows
        self.name = name
        self.partition = partition
        self.isFromBeginning = isFromBeginning
        problems = JournalProblems(keeping: limit)
    }

    /// How many source partitions have given something, or were registered.
    var sourceCount: Int { sources.values.reduce(0) { $0 + $1.count } }

    /// Notes a problem at an offset.
    mutating func tell(
        _ kind: JournalProblem.Kind,
        _ message: String,
        at offset: Int64?,
        byte: Int64? = nil
    ) {
        problems.add(
            JournalProblem(
                kind: kind,
                message: message,
                name: name,
                partition: partition,
                offset: offset,
                byte: byte
            )
        )
    }

    /// Takes the next record.
    ///
    /// - Parameters:
    ///   - bytes: the record's bytes.
    ///   - offset: its offset on Kafka.
    ///   - timestamp: its time on Kafka, milliseconds since 1970.
    /// - Returns: the record where it can be read; good as long as `bytes` are.
    mutating func take(
        _ bytes: UnsafeRawBufferPointer,
        offset: Int64,
        timestamp: Int64
    ) -> RecordView? {
        if offset <= lastOffset {
            tell(.order, "it stands behind the record of offset \(lastOffset)", at: offset)
        }
        lastOffset = max(lastOffset, offset)
        lastTimestamp = max(lastTimestamp, timestamp)
        defer { recordCount += 1 }
        guard let base = bytes.baseAddress else {
            tell(.undecodable, "the record is empty", at: offset)
            return nil
        }
        // The caller keeps the bytes as long as the view is used.
        let record = unsafe RecordView(base, count: bytes.count)
        do throws(RecordFault) { try record.check() } catch {
            tell(
                .undecodable,
                "it can't be read: \(error.reason.rawValue) (byte \(error.offset))",
                at: offset
            )
            return nil
        }
        guard let kind = record.kind else { return nil }
        kindCounts[kind, default: 0] += 1
        if isFromBeginning, recordCount == 0, kind != .genesis {
            tell(.genesis, "the first record is a \(kind.name)", at: offset)
        }
        checkTime(record, kind, offset, timestamp)
        for fault in record.implausibilities { tell(.values, fault, at: offset) }
        if kind.isCounted { checkSource(record, kind, offset) }
        switch kind {
        case .genesis: takeGenesis(record.genesis, offset)
        case .sourceRegistered: register(record.sourceRegistration, offset, timestamp)
        case .sourceRetired:
            let source = record.retiredSource
            announcements["\(source.topic)[\(source.partition)] retired"] = timestamp
        case .tick:
            takeTick(record.progress, offset)
            // The bytes stand as long as the record.
            let hash = unsafe SHA256.prefix(record.allBytes).0
            let minute = record.recordedAt.microseconds / 60_000_000
            ticks[minute, default: Sum()].count += 1
            ticks[minute, default: Sum()].hash &+= hash
        case .referenceRow: takeRow(record, offset)
        case .referenceComplete: complete(record, offset)
        case .policy:
            if Policy(canonicalBytes: record.policyBytes) == nil {
                tell(.policy, "its bytes are no policy of this version", at: offset)
            }
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment:
            takeEvent(record, offset)
        }
        return record
    }

    // MARK: beginning and partition

    private mutating func takeGenesis(_ found: Genesis, _ offset: Int64) {
        if genesis != nil || recordCount > 0 {
            tell(.genesis, "a genesis record that is not the first", at: offset)
        }
        if found.partition != partition {
            tell(
                .genesis,
                "it opens partition \(found.partition), and stands in \(partition)",
                at: offset
            )
        }
        if found.partitionCount <= found.partition || found.partition < 0 {
            tell(
                .genesis,
                "it names partition \(found.partition) of \(found.partitionCount)",
                at: offset
            )
        }
        if genesis == nil { genesis = found }
    }

    /// How many partitions entities are spread over; set where the genesis record is not read.
    var partitionCount: Int32?

    private mutating func checkPlace(_ entity: String, _ offset: Int64) {
        guard let count = genesis?.partitionCount ?? partitionCount, count > 0 else { return }
        let bytes = Array(entity.utf8)
        let right = unsafe bytes.withUnsafeBytes {
            // The bytes are used during the call only.
            unsafe Partitioner.partition(of: $0, count: count)
        }
        if right != partition {
            tell(.placement, "records of \(entity) belong into partition \(right)", at: offset)
        }
    }

    // MARK: sources

    private mutating func with(
        _ topic: String,
        _ partition: Int32,
        _ body: (inout Source) -> (JournalProblem.Kind, String)?
    ) -> (JournalProblem.Kind, String)? {
        body(&sources[topic, default: [:]][partition, default: Source()])
    }

    private mutating func checkSource(_ record: RecordView, _ kind: RecordKind, _ offset: Int64) {
        let topic = record.sourceName
        // The shipped policy of a journal's opening came from nowhere.
        guard !topic.isEmpty else { return }
        let (place, isWhole) = (record.source, isFromBeginning)
        let isTopic = kind.isEvent && !record.isFromFile
        let one = "\(topic)[\(place.partition)]"
        let count = with(topic, place.partition) { source in
            defer { source.next = place.counter &+ 1 }
            guard let due = source.next ?? (isWhole ? 0 : nil), due != place.counter else {
                return nil
            }
            if place.counter > due {
                let missing = place.counter - due
                return (
                    .gap,
                    "\(one) gave record \(place.counter) where \(due) was due: \(missing) missing"
                )
            }
            return (.repeated, "\(one) gave record \(place.counter) where \(due) was due")
        }
        if let count { tell(count.0, count.1, at: offset) }
        let order = with(topic, place.partition) { source in
            defer { source.offset = max(source.offset, place.offset) }
            guard place.offset < source.offset || kind.isEvent && place.offset == source.offset
            else { return nil }
            return (.repeated, "\(one) gave offset \(place.offset) after \(source.offset)")
        }
        if let order { tell(order.0, order.1, at: offset) }
        guard isWhole, isTopic else { return }
        let known = with(topic, place.partition) { source in
            if let first = source.firstOffset, place.offset < first {
                return (
                    .source, "\(one) is copied from offset \(first) on, and gave \(place.offset)"
                )
            }
            guard !source.isRegistered, !source.isToldUnregistered else { return nil }
            source.isToldUnregistered = true
            return (.source, "\(one) gave a record and is not registered")
        }
        if let known { tell(known.0, known.1, at: offset) }
    }

    private mutating func register(
        _ registration: SourceRegistration,
        _ offset: Int64,
        _ timestamp: Int64
    ) {
        let one = "\(registration.topic)[\(registration.partition)]"
        announcements["\(one) registered"] = timestamp
        _ = with(registration.topic, registration.partition) { source in
            source.isRegistered = true
            source.firstOffset = source.firstOffset ?? registration.firstOffset
            return nil
        }
    }

    private mutating func takeTick(_ progress: [SourceProgress], _ offset: Int64) {
        let isWhole = isFromBeginning
        for one in progress {
            let name = "\(one.topic)[\(one.partition)]"
            let problem = with(one.topic, one.partition) { source in
                defer { source.reached = max(source.reached ?? one.reached, one.reached) }
                if let before = source.reached, one.reached < before {
                    return (
                        .timeBack,
                        "\(name) had reached \(before.text) and is told to be at \(one.reached.text)"
                    )
                }
                guard isWhole, !source.isRegistered, !source.isToldUnregistered else { return nil }
                source.isToldUnregistered = true
                return (.source, "a tick names \(name), which is not registered")
            }
            if let problem { tell(problem.0, problem.1, at: offset) }
        }
    }

    // MARK: tables, policy, events

    private mutating func takeRow(_ record: RecordView, _ offset: Int64) {
        guard let row = record.referenceRow else {
            tell(.reference, "a reference row has other columns than its table", at: offset)
            return
        }
        hasRowsBehindCompletion = true
        let kept = row.isWithdrawn ? nil : row
        if let column = row.table.entityColumn {
            rows[row.key] = kept
            checkPlace(row.values[column], offset)
            return
        }
        if keepsCommonRows { rows[row.key] = kept }
        commonRows[Self.hash(Array(row.key.utf8))] = kept.map { Self.hash($0.canonicalLine) }
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        // The bytes are used during the call only.
        unsafe bytes.withUnsafeBytes { unsafe SHA256.prefix($0).0 }
    }

    /// The rows of tables that all partitions have: how many, and the sum of their hashes.
    var commonRowSum: Sum {
        Sum(
            count: Int64(commonRows.count),
            hash: commonRows.values.reduce(0) { $0 &+ $1 }
        )
    }

    private mutating func complete(_ record: RecordView, _ offset: Int64) {
        let found = record.referenceCompletion
        if found.rowCount < 0 || found.digest.count != 32 {
            tell(.reference, "a publication ends without the digest of its rows", at: offset)
        }
        if found.rowCount < Int64(rows.count), isFromBeginning {
            tell(
                .reference,
                "a publication of \(found.rowCount) rows has \(rows.count) in this partition alone",
                at: offset
            )
        }
        completion = (record.source.offset, found.rowCount, found.digest)
        hasRowsBehindCompletion = false
    }

    private mutating func takeEvent(_ record: RecordView, _ offset: Int64) {
        if isFromBeginning, !isToldNotReady, completion == nil || kindCounts[.policy] == nil {
            isToldNotReady = true
            tell(.notReady, "an event before reference rows and a policy", at: offset)
        }
        if !record.isFromFile, record.digest == nil {
            tell(.hashMissing, "an event of a topic without the hash of its source", at: offset)
        }
        checkPlace(record.string(record.eventHeader.entity), offset)
        checkHorizon(record, offset)
    }

    /// What comes later than the horizon is a dead letter (SEMANTICS 35).
    private mutating func checkHorizon(_ record: RecordView, _ offset: Int64) {
        guard let days = genesis?.horizonDays, let kind = record.kind, kind != .encounter,
            kind != .adjustment
        else { return }
        let header = record.eventHeader
        let age = header.recordedAt.microseconds.subtractingReportingOverflow(
            header.occurredAt.instant.microseconds
        )
        if age.overflow || age.partialValue > Int64(days) * Self.day {
            tell(.values, "it was recorded more than \(days) days after it happened", at: offset)
        }
    }

    // MARK: time

    private static let day: Int64 = 86_400_000_000
    /// 2000-01-01: before, no record of this program was recorded.
    private static let earliest: Int64 = 946_684_800_000_000

    private mutating func checkTime(
        _ record: RecordView,
        _ kind: RecordKind,
        _ offset: Int64,
        _ timestamp: Int64
    ) {
        let time = record.recordedAt.microseconds
        if time < Self.earliest {
            tell(.implausibleTime, "recorded at \(record.recordedAt.text)", at: offset)
        } else if timestamp > 0, (time - Self.day) / 1000 > timestamp {
            tell(
                kind.isEvent ? .values : .implausibleTime,
                "recorded at \(record.recordedAt.text), a day or more after it was copied",
                at: offset
            )
        }
    }
}

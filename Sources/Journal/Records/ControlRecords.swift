// The records that are no events: what else can change a decision (ARCHITECTURE, "The journal").

/// How monitor time is made (SEMANTICS 1).
public enum MonitorClock: UInt8, Sendable {
    /// Each first-seen event moves it: files.
    case records = 0
    /// Ticks alone move it: Kafka.
    case ticks = 1
}

/// The first record of a journal: what is fixed for its life.
public struct Genesis: Sendable, Hashable {
    /// Number of journal partitions, and so of every output topic's.
    public var partitionCount: Int32
    /// The journal partition that this record opens.
    public var partition: Int32
    /// `horizon_days` (SEMANTICS 35).
    public var horizonDays: UInt16
    /// How monitor time is made.
    public var clock: MonitorClock
    /// The application's name: the prefix of its groups and transactional ids.
    public var application: String

    public init(
        partitionCount: Int32,
        partition: Int32,
        horizonDays: UInt16,
        clock: MonitorClock,
        application: String
    ) {
        self.partitionCount = partitionCount
        self.partition = partition
        self.horizonDays = horizonDays
        self.clock = clock
        self.application = application
    }
}

/// A source partition enters the journal.
public struct SourceRegistration: Sendable, Hashable {
    public var topic: String
    public var partition: Int32
    /// The first offset that is copied from it.
    public var firstOffset: Int64

    public init(topic: String, partition: Int32, firstOffset: Int64) {
        self.topic = topic
        self.partition = partition
        self.firstOffset = firstOffset
    }
}

/// How far one source partition has been copied.
public struct SourceProgress: Sendable, Hashable {
    public var topic: String
    public var partition: Int32
    /// The largest record timestamp copied, or the clock once it was read to its end.
    public var reached: Instant

    public init(topic: String, partition: Int32, reached: Instant) {
        self.topic = topic
        self.partition = partition
        self.reached = reached
    }
}

/// The reference tables of EVENTS. The code is in the journal's bytes.
public enum ReferenceTable: UInt8, Sendable, CaseIterable {
    case coveredEntities = 0
    case sites = 1
    case providers = 2
    case pharmacies = 3
    case products = 4
    case payers = 5
    case restrictions = 6
    case designations = 7

    /// Name of the table, which is that of its file without `.csv`.
    public var name: String {
        switch self {
        case .coveredEntities: "covered_entities"
        case .sites: "sites"
        case .providers: "providers"
        case .pharmacies: "pharmacies"
        case .products: "products"
        case .payers: "payers"
        case .restrictions: "restrictions"
        case .designations: "designations"
        }
    }

    /// Columns in the contract's order: the order of a row's texts in the journal.
    public var columns: [String] {
        switch self {
        case .coveredEntities:
            [
                "covered_entity_id", "entity_type", "name", "state", "medicaid_ffs", "medicaid_mco",
                "effective_from", "effective_to",
            ]
        case .sites: ["site_id", "covered_entity_id", "name", "effective_from", "effective_to"]
        case .providers:
            ["npi", "covered_entity_id", "relationship", "effective_from", "effective_to"]
        case .pharmacies:
            [
                "npi", "covered_entity_id", "name", "arrangement", "effective_from", "effective_to",
                "medicaid_ffs", "medicaid_mco",
            ]
        case .products:
            [
                "ndc11", "description", "billing_unit", "package_size", "labeler", "orphan",
                "mfp_from",
            ]
        case .payers: ["bin", "pcn", "group", "payer_type", "state"]
        case .restrictions: ["labeler", "entity_type", "rule", "effective_from", "effective_to"]
        case .designations:
            ["covered_entity_id", "labeler", "pharmacy_npi", "effective_from", "effective_to"]
        }
    }

    /// Places in ``columns`` of the row's key (EVENTS, "Keys").
    public var keyColumns: [Int] {
        switch self {
        case .coveredEntities: [0, 6]
        case .sites: [0, 1, 3]
        case .providers: [0, 1, 2, 3]
        case .pharmacies: [0, 1, 4]
        case .products: [0]
        case .payers: [0, 1, 2]
        case .restrictions: [0, 1, 2, 3]
        case .designations: [0, 1, 2, 3]
        }
    }

    /// Place in ``columns`` of the covered entity that a row belongs to; nil where the table is everybody's, so that
    /// its rows go to every journal partition.
    public var entityColumn: Int? {
        switch self {
        case .coveredEntities, .designations: 0
        case .sites, .providers, .pharmacies: 1
        case .products, .payers, .restrictions: nil
        }
    }
}

/// One row of a reference table, validated, as texts in the order of the table's columns.
public struct ReferenceRow: Sendable, Hashable {
    public var table: ReferenceTable
    /// One text per column; of a withdrawn row only the key columns are filled.
    public var values: [String]
    /// Whether the row is taken away.
    public var isWithdrawn: Bool

    public init(table: ReferenceTable, values: [String], isWithdrawn: Bool = false) {
        self.table = table
        self.values = values
        self.isWithdrawn = isWithdrawn
    }

    /// The key's texts, joined by the byte 0x1F, behind the table's name.
    public var key: String {
        table.name + "\u{1F}" + table.keyColumns.map { values[$0] }.joined(separator: "\u{1F}")
    }
}

extension RecordBatch {
    /// Adds a record that is no event: fixed fields are given as bytes, texts as strings' bytes.
    private func append(
        _ kind: RecordKind,
        recordedAt: Instant,
        source: RecordSource,
        isFile: Bool,
        fixed: [UInt8],
        texts: [[UInt8]]
    ) {
        let bytes = texts.reduce(0) { $0 + $1.count }
        reserve(40 + fixed.count + 4 * texts.count + bytes)
        var record = begin(
            kind,
            recordedAt: recordedAt,
            source: source,
            isFile: isFile,
            hasDigest: false,
            fixedSize: fixed.count,
            textCount: texts.count
        )
        for byte in fixed { record.put(byte) }
        var end: UInt32 = 0
        for text in texts {
            end += UInt32(text.count)
            record.put(end)
        }
        for text in texts { for byte in text { record.put(byte) } }
        finish(record)
    }

    private func littleEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    /// Adds the record that opens a journal partition.
    public func append(_ genesis: Genesis, at time: Instant, source: RecordSource) {
        append(
            .genesis,
            recordedAt: time,
            source: source,
            isFile: false,
            fixed: littleEndian(genesis.partitionCount) + littleEndian(genesis.partition)
                + littleEndian(genesis.horizonDays) + [genesis.clock.rawValue, 0],
            texts: [Array(genesis.application.utf8)]
        )
    }

    /// Adds the registration of a source partition.
    public func append(_ registration: SourceRegistration, at time: Instant, source: RecordSource) {
        append(
            .sourceRegistered,
            recordedAt: time,
            source: source,
            isFile: false,
            fixed: littleEndian(registration.partition) + littleEndian(registration.firstOffset),
            texts: [[], Array(registration.topic.utf8)]
        )
    }

    /// Adds the record that a source partition is gone for good.
    public func appendRetirement(
        topic: String,
        partition: Int32,
        at time: Instant,
        source: RecordSource
    ) {
        append(
            .sourceRetired,
            recordedAt: time,
            source: source,
            isFile: false,
            fixed: littleEndian(partition),
            texts: [[], Array(topic.utf8)]
        )
    }

    /// Adds a tick: how far each of a worker's source partitions has been copied.
    public func append(_ progress: [SourceProgress], at time: Instant, source: RecordSource) {
        var texts: [[UInt8]] = [[]]
        for one in progress {
            texts.append(Array(one.topic.utf8))
            texts.append(littleEndian(one.partition) + littleEndian(one.reached.microseconds))
        }
        append(
            .tick,
            recordedAt: time,
            source: source,
            isFile: false,
            fixed: littleEndian(UInt32(progress.count)),
            texts: texts
        )
    }

    /// Adds a reference row; `sourceName` is the topic or file it came from.
    public func append(
        _ row: ReferenceRow,
        at time: Instant,
        source: RecordSource,
        sourceName: String = "",
        isFile: Bool = false
    ) {
        append(
            .referenceRow,
            recordedAt: time,
            source: source,
            isFile: isFile,
            fixed: [row.table.rawValue, row.isWithdrawn ? 1 : 0],
            texts: [Array(sourceName.utf8)] + row.values.map { Array($0.utf8) }
        )
    }

    /// Adds the end of a publication: `rowCount` rows with this SHA-256; `sourceName` is the topic it came from.
    public func appendReferenceComplete(
        rowCount: Int64,
        digest: [UInt8],
        at time: Instant,
        source: RecordSource,
        sourceName: String = ""
    ) {
        append(
            .referenceComplete,
            recordedAt: time,
            source: source,
            isFile: false,
            fixed: littleEndian(rowCount),
            texts: [Array(sourceName.utf8), digest]
        )
    }

    /// Adds a version of the policy in its canonical bytes (``Policy/canonicalBytes``).
    public func appendPolicy(
        _ canonicalBytes: [UInt8],
        at time: Instant,
        source: RecordSource,
        sourceName: String = "",
        isFile: Bool = false
    ) {
        append(
            .policy,
            recordedAt: time,
            source: source,
            isFile: isFile,
            fixed: [],
            texts: [Array(sourceName.utf8), canonicalBytes]
        )
    }
}

extension RecordView {
    /// What a genesis record fixes; the kind must be `genesis`.
    public var genesis: Genesis {
        Genesis(
            partitionCount: load(40),
            partition: load(44),
            horizonDays: load(48),
            clock: MonitorClock(rawValue: load(50)) ?? .records,
            application: string(text(0))
        )
    }

    /// The source partition that a `sourceRegistered` record names.
    public var sourceRegistration: SourceRegistration {
        SourceRegistration(
            topic: string(text(1)),
            partition: load(40),
            firstOffset: load(44)
        )
    }

    /// The source partition that a `sourceRetired` record names.
    public var retiredSource: (topic: String, partition: Int32) { (string(text(1)), load(40)) }

    /// The progress that a `tick` record carries.
    public var progress: [SourceProgress] {
        (0..<Int(load(40, as: UInt32.self))).map { index in
            let place = Int(text(2 + 2 * index).offset)
            return SourceProgress(
                topic: string(text(1 + 2 * index)),
                partition: load(place),
                reached: Instant(microseconds: load(place + 4))
            )
        }
    }

    /// The row of a `referenceRow` record.
    public var referenceRow: ReferenceRow? {
        guard let table = ReferenceTable(rawValue: load(40)), textCount == 1 + table.columns.count
        else { return nil }
        return ReferenceRow(
            table: table,
            values: (1..<textCount).map { string(text($0)) },
            isWithdrawn: load(41, as: UInt8.self) != 0
        )
    }

    /// Rows and SHA-256 of the publication that a `referenceComplete` record ends.
    public var referenceCompletion: (rowCount: Int64, digest: [UInt8]) {
        (load(40), unsafe Array(bytes(text(1))))
    }

    /// The canonical bytes of the policy that a `policy` record holds.
    public var policyBytes: [UInt8] { unsafe Array(bytes(text(1))) }
}

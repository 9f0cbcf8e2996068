internal import Engine
public import Journal

/// Why an output of the monitor is as it is: what was published, what the engine knew, and what came before and after.
public struct JournalExplanation: Sendable {
    /// What was asked for.
    public var id: ExplainedID
    /// The journal: a file's path, or the topic's name.
    public var name: String
    public var partition: Int32
    /// Number and offset of the record that wrote the output; of an alert, of the record that spoke of it last.
    public var record: Int64
    public var offset: Int64
    /// The output as it was published, a JSON object.
    public var published: [UInt8]
    /// What the engine knew of the fill, a JSON object; nil where it is about none.
    public var fill: [UInt8]?
    /// The decision that the engine's facts belong to; another than the published one's where the same record decided the
    /// fill again.
    public var factsOf: String?
    /// What the engine knew of the accumulator, a JSON object; nil where it is about none.
    public var accumulator: [UInt8]?
    /// The records that matter, in the journal's order, with what each caused.
    public var records: [ExplainedRecord]
    /// Movements of the accumulator that lie further away and were left out.
    public var movementsLeftOut: Int64
}

/// A journal record that matters for an explanation.
public struct ExplainedRecord: Sendable {
    /// Where it stands, beside the record that is explained.
    public enum Position: String, Sendable { case before, at, after }
    public var position: Position
    /// The record.
    public var record: JournalRecordCopy
    /// Its outputs about the subject: the topic's name, and a JSON object.
    public var outputs: [(topic: String, json: [UInt8])]
    /// Whether it only moved the accumulator.
    var isMovement: Bool
}

/// A journal record with its place and its fields, to be kept.
public struct JournalRecordCopy: Sendable {
    public var partition: Int32
    public var offset: Int64
    /// Number in the partition; nil where reading did not begin with the journal.
    public var number: Int64?
    public var kind: RecordKind
    /// When it was recorded at its source; nil where it says none.
    public var recordedAt: Instant?
    /// When it was written to the journal.
    public var written: Instant
    /// Topic or file, with its place there; nil where the monitor wrote it by itself.
    public var source: (name: String, place: RecordSource, isFile: Bool)?
    /// SHA-256 of the source record's bytes in hexadecimal digits, where the journal has it.
    public var digest: String?
    public var coveredEntity: String?
    public var fields: [RecordField]

    /// A copy of a record; nil where this version does not know its kind.
    public init?(_ entry: JournalEntry) {
        guard let kind = entry.record.kind else { return nil }
        let record = entry.record
        partition = entry.partition
        offset = entry.offset
        number = entry.number
        self.kind = kind
        recordedAt = record.recordedAt == .distantPast ? nil : record.recordedAt
        written = entry.written
        if kind.isCounted, !record.sourceName.isEmpty {
            source = (record.sourceName, record.source, record.isFromFile)
        }
        digest = record.digest.map { SHA256.hex($0) }
        coveredEntity = record.coveredEntity
        fields = record.fields
    }
}

/// Why something could not be explained.
public enum ExplainFailure: Error, Sendable {
    case file(FileFailure)
    case scan(TopicScan.Failure)
    /// The journal can't be folded: where, and why.
    case fault(name: String, String)
    /// So many pieces of a journal could not be read.
    case unreadable(name: String, count: Int64)
    /// The journal's beginning was deleted: its lowest offset.
    case beginsLate(name: String, offset: Int64)
    /// The partition is not among those that there are.
    case noPartition(Int32, has: [Int32])
    /// The partition does not reach so far: how many records it has.
    case tooShort(name: String, records: Int64)
    /// The record wrote fewer such outputs: its kind, and how many.
    case noOutput(name: String, kind: String, count: Int)
    /// No alert of this id was ever written: the partitions that were looked through, and their records.
    case noAlert(partitions: [Int32], records: Int64)
    /// Somebody stopped it.
    case stopped
}

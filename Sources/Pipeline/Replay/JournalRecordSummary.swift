public import Journal

/// What a journal record is and where it comes from, for people.
public struct JournalRecordSummary: Sendable {
    /// `dispense`, `tick` …
    public var kind: String
    public var partition: Int32
    public var offset: Int64
    public var recordedAt: Instant?
    /// Topic or file; empty where the record was copied from nowhere.
    public var sourceName: String
    /// Offset in the topic's partition, or the file's line.
    public var source: RecordSource
    public var isFromFile: Bool
    /// Of an event.
    public var entity: String?
    public var eventID: String?

    init(_ record: RecordView, partition: Int32, offset: Int64) {
        self.partition = partition
        self.offset = offset
        recordedAt = record.recordedAt == .distantPast ? nil : record.recordedAt
        source = record.source
        isFromFile = record.isFromFile
        sourceName = ""
        kind = "record"
        guard let code = record.kind else { return }
        switch code {
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment:
            let header = record.eventHeader
            kind = EventType(rawValue: code.rawValue)?.name ?? kind
            sourceName = record.string(header.sourceName)
            entity = record.string(header.entity)
            eventID = record.string(header.eventID)
        case .genesis: kind = "genesis"
        case .tick: kind = "tick"
        case .sourceRegistered: kind = "registration of a source"
        case .sourceRetired: kind = "retirement of a source"
        case .referenceRow:
            kind = "reference row"
            sourceName = record.string(record.text(0))
        case .referenceComplete:
            kind = "end of a publication of reference rows"
            sourceName = record.string(record.text(0))
        case .policy:
            kind = "policy"
            sourceName = record.string(record.text(0))
        }
    }
}

extension Replay {
    /// What stands at an offset of a journal partition; nil where nothing does.
    public func record(
        partition: Int32,
        offset: Int64
    ) throws(ReplayFailure) -> JournalRecordSummary? {
        var found: JournalRecordSummary?
        try source.read(partition, from: offset, below: offset + 1) {
            (records, offsets) throws(ReplayFailure) in
            for (place, record) in records.enumerated() where offsets[place] == offset {
                found = JournalRecordSummary(record, partition: partition, offset: offset)
            }
            return false
        }
        return found
    }
}

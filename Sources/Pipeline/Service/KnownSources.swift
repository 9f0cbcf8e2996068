internal import Journal
internal import Kafka

/// The source partitions that the journal knows: registered ones, and those that records were copied from.
///
/// Whoever begins with a partition that has no committed offset must know whether it was ever copied, and only the
/// journal tells. It is read in turns of some milliseconds, between which the group is served and other sources are
/// copied: read at one go, a journal of some ten million records would outlast `max.poll.interval.ms`, the member would
/// be expelled, and begin again for ever. What was read stays known, so that each turn gets on, whatever fails between.
///
/// Safe to send: it has one owner, the worker's thread.
final class KnownSources: @unchecked Sendable {
    private let configuration: ServiceConfiguration
    private let control: ServiceControl
    private let journal: TopicPartition
    private var scan: JournalScan?
    private var reading: StretchReading?
    private var found: Set<TopicPartition> = []
    /// Up to where it was read.
    private var position: Int64 = 0
    /// The topic that a record named last.
    private var name: [UInt8] = []
    private var topic = ""

    /// Everything that counts for time stands in every journal partition, rows and policies of the reference topics too,
    /// so one partition is enough.
    init(_ configuration: ServiceConfiguration, _ control: ServiceControl) {
        self.configuration = configuration
        self.control = control
        journal = TopicPartition(configuration.journalTopic, 0)
    }

    /// Whether the journal knows a partition, as far as it was read.
    func contains(_ partition: TopicPartition) -> Bool { found.contains(partition) }

    /// Begins to read on, to an end that is asked for now.
    ///
    /// - Parameter isStable: read no further than the last stable offset, that is, what is visible now. Else to the
    ///   high watermark: a transaction that is open before it would hide committed records behind it.
    /// - Throws: `ServiceEnd` where Kafka does not answer or the journal was trimmed.
    func begin(toLastStable isStable: Bool = false) throws(ServiceEnd) {
        let scan: JournalScan
        do { scan = try JournalScan(configuration, control) } catch {
            throw .temporary(error.description)
        }
        reading = try scan.begin([journal], from: position, toLastStable: isStable)
        self.scan = scan
    }

    /// Reads on.
    ///
    /// - Parameter milliseconds: how long at most.
    /// - Returns: whether the end is reached.
    /// - Throws: `ServiceEnd` where the journal can't be read or reading does not get on.
    func advance(milliseconds: Int64) throws(ServiceEnd) -> Bool {
        guard let scan, var reading = reading.take() else { return true }
        control.operations.watchdog.begin(.scan)
        defer { control.operations.watchdog.begin(.offsets) }
        let isOver = try scan.advance(&reading, milliseconds: milliseconds) {
            (_, message) throws(ServiceEnd) in
            try learn(message)
            position = message.offset + 1
            return true
        }
        if isOver { self.scan = nil } else { self.reading = consume reading }
        return isOver
    }

    private func learn(_ message: borrowing Message) throws(ServiceEnd) {
        let record = try JournalScan.record(message)
        switch record.kind {
        case .sourceRegistered:
            let source = record.sourceRegistration
            found.insert(TopicPartition(source.topic, source.partition))
        case .referenceRow, .referenceComplete, .policy:
            let bytes = unsafe Array(record.bytes(record.text(0)))
            if bytes.isEmpty { break }
            if bytes != name {
                name = bytes
                topic = String(decoding: bytes, as: UTF8.self)
            }
            found.insert(TopicPartition(topic, record.source.partition))
        case .genesis, .tick, .sourceRetired, .encounter, .dispense, .claim, .purchase,
            .disposition, .adjustment, nil:
            break
        }
    }
}

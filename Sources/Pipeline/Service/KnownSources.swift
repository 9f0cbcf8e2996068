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
    private let journal: TopicPartition
    private let settings: ClientSettings
    private let watchdog: Watchdog
    private var reading: Reading?
    private var found: Set<TopicPartition> = []
    /// Up to where it was read.
    private var position: Int64 = 0
    /// The topic that a record named last.
    private var name: [UInt8] = []
    private var topic = ""

    /// Everything that counts for time stands in every journal partition, rows and policies of the reference topics too,
    /// so one partition is enough.
    init(_ configuration: ServiceConfiguration, _ watchdog: Watchdog) {
        journal = TopicPartition(configuration.journalTopic, 0)
        settings = configuration.consumerSettings
        self.watchdog = watchdog
    }

    /// Whether the journal knows a partition, as far as it was read.
    func contains(_ partition: TopicPartition) -> Bool { found.contains(partition) }

    /// Begins to read on, to an end that is asked for now.
    ///
    /// - Parameter isStable: read no further than the last stable offset, that is, what is visible now. Else to the
    ///   high watermark: a transaction that is open before it would hide committed records behind it.
    /// - Throws: `ServiceEnd` where Kafka does not answer or the journal was trimmed.
    func begin(toLastStable isStable: Bool = false) throws(ServiceEnd) {
        watchdog.begin(.offsets)
        do {
            let consumer = try FetchConsumer(settings)
            let asked =
                isStable ? consumer : try FetchConsumer(settings, isolation: .readUncommitted)
            let bounds = try asked.offsets(of: [journal], within: .seconds(20))[0].get()
            guard bounds.low == 0 else { throw JournalScan.trimmed(journal, bounds.low) }
            var queue = consumer.queue()
            _ = try queue.start(journal, at: .offset(position))
            reading = Reading(queue: queue, end: bounds.end)
        } catch let error as ServiceEnd {
            throw error
        } catch {
            throw .temporary("\(error)")
        }
    }

    /// Reads on.
    ///
    /// - Parameter milliseconds: how long at most.
    /// - Returns: whether the end is reached.
    /// - Throws: `ServiceEnd` where the journal can't be read or reading does not get on.
    func advance(milliseconds: Int64) throws(ServiceEnd) -> Bool {
        let limit = Ticker.now + milliseconds
        while let end = reading?.end, position < end {
            let left = limit - Ticker.now
            if left <= 0 { return false }
            watchdog.begin(.scan)
            try readOn(waiting: left)
        }
        reading = nil
        return true
    }

    /// Takes the records that are there, or waits for one.
    private func readOn(waiting milliseconds: Int64) throws(ServiceEnd) {
        guard var reading = reading.take() else { return }
        do {
            let batch = try reading.queue.next(limit: 4096, waiting: .milliseconds(milliseconds))
            for index in 0..<batch.count { try learn(batch[index]) }
        } catch let error as ServiceEnd {
            throw error
        } catch {
            throw .temporary("\(error)")
        }
        for event in reading.queue.takeEvents() {
            if case .failed(_, let error) = event, error.isOffsetLost {
                throw .configuration(error.description)
            }
        }
        if reading.queue.position(of: 0) > position {
            position = reading.queue.position(of: 0)
            reading.deadline = Ticker.now + Reading.patience
        }
        if Ticker.now > reading.deadline {
            throw JournalScan.stuck(journal, position, reading.end)
        }
        self.reading = consume reading
    }

    /// The journal as it is read to an end.
    private struct Reading: ~Copyable {
        var queue: FetchQueue
        /// Up to where it is read.
        let end: Int64
        /// When nothing has come for too long.
        var deadline = Ticker.now + patience

        /// How long nothing may come, in milliseconds.
        static let patience: Int64 = 60_000
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

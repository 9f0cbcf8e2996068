internal import Journal
internal import Kafka

/// Reads journal partitions up to their high watermarks.
///
/// The end is the high watermark and not the last stable offset: a transaction that is still open somewhere before it
/// would otherwise hide committed records behind it. Where it stays open, reading does not get on, and the error says so.
struct JournalScan {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    private let committed: FetchConsumer
    private let all: FetchConsumer

    init(_ configuration: ServiceConfiguration, _ control: ServiceControl) throws(KafkaError) {
        self.configuration = configuration
        self.control = control
        committed = try FetchConsumer(configuration.consumerSettings)
        all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
    }

    /// Reads some partitions; `body` gets each record and says whether it wants more of this partition.
    ///
    /// - Parameters:
    ///   - partitions: the partitions, in any order; `body` is told the place in this list.
    ///   - isUncommitted: read what is uncommitted or was aborted, too.
    ///   - body: takes a record.
    /// - Returns: up to where each was to be read.
    /// - Throws: `ServiceEnd` where the partition was trimmed, where Kafka does not answer or reading does not get on.
    @discardableResult func read(
        _ partitions: [TopicPartition],
        uncommitted isUncommitted: Bool = false,
        _ body: (_ place: Int, borrowing Message) throws(ServiceEnd) -> Bool
    ) throws(ServiceEnd) -> [Int64] {
        defer { control.operations.watchdog.begin(.offsets) }
        var reading = try begin(partitions, uncommitted: isUncommitted)
        while true {
            if control.shouldStop { throw .stopped }
            control.operations.watchdog.begin(.scan)
            if try advance(&reading, milliseconds: 100, body) {
                return reading.stretches.map(\.end)
            }
        }
    }

    /// Begins to read some partitions in turns, to ends that are asked for now.
    ///
    /// - Parameters:
    ///   - partitions: the partitions.
    ///   - start: where to begin with each; nil for its beginning.
    ///   - isStable: read no further than the last stable offset, that is, what is visible now.
    ///   - isUncommitted: read what is uncommitted or was aborted, too.
    /// - Returns: the reading; nothing was read yet.
    /// - Throws: `ServiceEnd` where the journal was trimmed or Kafka does not answer.
    func begin(
        _ partitions: [TopicPartition],
        from start: Int64? = nil,
        toLastStable isStable: Bool = false,
        uncommitted isUncommitted: Bool = false
    ) throws(ServiceEnd) -> StretchReading {
        control.operations.watchdog.begin(.offsets)
        var stretches: [Stretch] = []
        let asked = isStable ? committed : all
        for (place, bounds) in asked.offsets(of: partitions, within: .seconds(20)).enumerated() {
            let partition = partitions[place]
            switch bounds {
            case .failure(let error): throw .temporary(error.description)
            case .success(let bounds):
                guard bounds.low == 0 || partition.topic != configuration.journalTopic else {
                    throw .configuration(
                        "read the journal: \(partition) begins at offset \(bounds.low), so records were "
                            + "deleted. A journal is kept for ever (retention.ms=-1): restore it, or begin anew with "
                            + "another application name and other topics."
                    )
                }
                stretches.append(
                    Stretch(partition: partition, start: start ?? bounds.low, end: bounds.end)
                )
            }
        }
        do {
            return try StretchReading(stretches, (isUncommitted ? all : committed).queue())
        } catch {
            throw .temporary(error.description)
        }
    }

    /// Reads on.
    ///
    /// - Parameters:
    ///   - reading: what was begun.
    ///   - milliseconds: for how long at most.
    ///   - body: takes a record; returns whether it wants more of this partition.
    /// - Returns: whether the ends are reached.
    /// - Throws: `ServiceEnd` where records are gone, or nothing comes for a minute, and what `body` throws.
    func advance(
        _ reading: inout StretchReading,
        milliseconds: Int64,
        _ body: (_ place: Int, borrowing Message) throws(ServiceEnd) -> Bool
    ) throws(ServiceEnd) -> Bool {
        do {
            if try reading.advance(milliseconds: milliseconds, body) { return true }
        } catch let end as ServiceEnd {
            throw end
        } catch {
            throw .temporary("\(error)")
        }
        if let failure = reading.failure, failure.isOffsetLost {
            throw .configuration(failure.description)
        }
        if Ticker.now - reading.heardAt > 60_000, let slowest = reading.slowest {
            throw .temporary(
                "read \(slowest.stretch.partition) to its end: nothing came for 60 s at offset "
                    + "\(slowest.position) of \(slowest.stretch.end); a transaction may still be open on it"
            )
        }
        return false
    }

    /// A message of the journal as a record that can be read.
    static func record(_ message: borrowing Message) throws(ServiceEnd) -> RecordView {
        // The view is used while the message is there.
        let view = unsafe message.value.withUnsafeBytes { bytes in
            unsafe bytes.baseAddress.map { unsafe RecordView($0, count: bytes.count) }
        }
        guard let view else {
            throw .configuration(
                "read the journal at offset \(message.offset): the record is empty"
            )
        }
        do { try view.check() } catch {
            throw .configuration(
                "read the journal at offset \(message.offset): the record can't be used, \(error.reason.rawValue) "
                    + "(byte \(error.offset)). Nothing but this program may write to the journal."
            )
        }
        return view
    }

    /// The source partition that a record was copied from; nil for what ingest writes of its own.
    static func source(of record: RecordView) -> TopicPartition? {
        switch record.kind {
        case .genesis, .sourceRegistered, .sourceRetired, .tick, nil: nil
        case .referenceRow, .referenceComplete, .policy, .encounter, .dispense, .claim, .purchase,
            .disposition, .adjustment:
            TopicPartition(record.string(record.text(0)), record.source.partition)
        }
    }
}

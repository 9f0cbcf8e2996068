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
    ///   - isStable: read no further than the last stable offset, that is, what is visible now.
    ///   - isUncommitted: read what is uncommitted or was aborted, too.
    ///   - body: takes a record.
    /// - Returns: up to where each was to be read.
    /// - Throws: `ServiceEnd` where the partition was trimmed, where Kafka does not answer or reading does not get on.
    @discardableResult func read(
        _ partitions: [TopicPartition],
        toLastStable isStable: Bool = false,
        uncommitted isUncommitted: Bool = false,
        _ body: (_ place: Int, borrowing Message) throws(ServiceEnd) -> Bool
    ) throws(ServiceEnd) -> [Int64] {
        control.operations.watchdog.begin(.offsets)
        defer { control.operations.watchdog.begin(.offsets) }
        var queue = (isUncommitted ? all : committed).queue()
        var targets: [Int64] = []
        let asked = isStable ? committed : all
        for (place, bounds) in asked.offsets(of: partitions, within: .seconds(20)).enumerated() {
            switch bounds {
            case .failure(let error): throw .temporary(error.description)
            case .success(let bounds):
                let isJournal = partitions[place].topic == configuration.journalTopic
                guard bounds.low == 0 || !isJournal else {
                    throw Self.trimmed(partitions[place], bounds.low)
                }
                targets.append(bounds.end)
                do {
                    let source = try queue.start(partitions[place], at: .offset(bounds.low))
                    precondition(
                        source == place,
                        "sources are numbered in the order of their starts"
                    )
                } catch {
                    throw .temporary(error.description)
                }
            }
        }
        var isOpen = partitions.indices.map { queue.position(of: $0) < targets[$0] }
        for place in partitions.indices where !isOpen[place] { queue.stop(place) }
        var deadline = Ticker.now + 60_000
        while isOpen.contains(true) {
            if control.shouldStop { throw .stopped }
            control.operations.watchdog.begin(.scan)
            var seen = 0
            do {
                let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
                seen = batch.count
                for index in 0..<batch.count {
                    let place = batch[index].source
                    guard isOpen[place], batch[index].offset < targets[place] else { continue }
                    if !(try body(place, batch[index])) { isOpen[place] = false }
                }
            } catch let error as KafkaError {
                throw .temporary(error.description)
            } catch let error as ServiceEnd {
                throw error
            } catch {
                throw .temporary("\(error)")
            }
            for event in queue.takeEvents() {
                if case .failed(_, let error) = event, error.isOffsetLost {
                    throw .configuration(error.description)
                }
            }
            for place in partitions.indices
            where isOpen[place] && queue.position(of: place) >= targets[place] {
                isOpen[place] = false
            }
            for place in partitions.indices where !isOpen[place] { queue.stop(place) }
            if seen > 0 { deadline = Ticker.now + 60_000 }
            if Ticker.now > deadline {
                let place = isOpen.firstIndex(of: true) ?? 0
                throw Self.stuck(partitions[place], queue.position(of: place), targets[place])
            }
        }
        return targets
    }

    /// The journal was cut at its beginning.
    static func trimmed(_ partition: TopicPartition, _ low: Int64) -> ServiceEnd {
        .configuration(
            "read the journal: \(partition) begins at offset \(low), so records were "
                + "deleted. A journal is kept for ever (retention.ms=-1): restore it, or begin anew with "
                + "another application name and other topics."
        )
    }

    /// Nothing more comes of a partition.
    static func stuck(_ partition: TopicPartition, _ position: Int64, _ end: Int64) -> ServiceEnd {
        .temporary(
            "read \(partition) to its end: nothing came for 60 s at offset \(position) of \(end); "
                + "a transaction may still be open on it"
        )
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

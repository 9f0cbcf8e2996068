internal import Ingest
internal import Journal
internal import Kafka
internal import YAML

/// Writes the first record of every journal partition, once, whoever comes first.
///
/// All partitions get their genesis record in one transaction of one transactional identifier. Who finds no beginning
/// makes that producer, which ends what another was about to write, looks again, and writes only if there is still
/// none: so of any number of processes that start together one opens the journal. Where no policy was ever published,
/// the shipped one stands in the same transaction.
struct JournalOpening {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partitionCount: Int32

    /// Makes sure that the journal has its beginning.
    ///
    /// - Returns: what the first record of partition 0 fixes.
    func open() throws(ServiceEnd) -> Genesis {
        let deadline = Ticker.now + Int64(configuration.patienceSeconds) * 1000
        while true {
            do { return try attempt() } catch {
                guard error.kind == .temporary, Ticker.now < deadline, !control.shouldStop else {
                    throw error
                }
                log.warning("opening-failed", ("reason", error.message))
                control.pause(.seconds(1))
                if control.shouldStop { throw .stopped }
            }
        }
    }

    private func attempt() throws(ServiceEnd) -> Genesis {
        let scan: JournalScan
        do { scan = try JournalScan(configuration, control) } catch {
            throw .configuration(error.description)
        }
        if let genesis = try look(scan) { return genesis }
        do {
            control.operations.watchdog.begin(.transactions)
            var producer = try TransactionalProducer(
                id: configuration.application + ".genesis",
                configuration.producerSettings
            )
            try producer.initialize()
            // Fenced: from here on nobody else opens the journal without our noticing.
            if let genesis = try look(scan) { return genesis }
            let policies = try publishedPolicies(scan)
            control.operations.watchdog.begin(.transactions)
            let journal = try producer.topic(configuration.journalTopic, within: .seconds(10))
            let records = RecordBatch()
            let time = Instant(milliseconds: WallClock.milliseconds)
            let nowhere = RecordSource(partition: -1, offset: 0, counter: 0)
            let horizon = policies?.map(\.horizonDays).max() ?? Policy().horizonDays
            try producer.begin()
            for partition in 0..<partitionCount {
                records.removeAll()
                records.append(
                    Genesis(
                        partitionCount: partitionCount,
                        partition: partition,
                        horizonDays: UInt16(clamping: horizon),
                        clock: .ticks,
                        application: configuration.application
                    ),
                    at: time,
                    source: nowhere
                )
                if policies == nil {
                    records.appendPolicy(Policy().canonicalBytes, at: time, source: nowhere)
                }
                for index in 0..<records.count {
                    // The span is used up while the batch stands.
                    let value = unsafe RawSpan(_unsafeBytes: records.record(at: index).allBytes)
                    try producer.produce(value, to: journal, partition: partition)
                }
            }
            _ = try producer.commit()
            log.info(
                "journal-opened",
                ("partitions", "\(partitionCount)"),
                ("horizon_days", "\(horizon)"),
                ("policy", policies == nil ? "shipped" : "published")
            )
        } catch let error as ServiceEnd {
            throw error
        } catch {
            throw .temporary("\(error)")
        }
        guard let genesis = try look(scan) else {
            throw .temporary("open the journal: its beginning was written and can't be read yet")
        }
        return genesis
    }

    /// The genesis record of partition 0, after all partitions were looked at; nil where none has one.
    private func look(_ scan: JournalScan) throws(ServiceEnd) -> Genesis? {
        var found = try beginnings(scan)
        guard found.contains(where: { $0 != nil }) else { return nil }
        if found.contains(where: { $0 == nil }) {
            // They are written in one transaction, partition by partition: who looks while it is written may see its end
            // in some partitions and the time before it in others. Now all of it is there.
            found = try beginnings(scan)
        }
        let known = found.compactMap { $0 }
        guard let first = known.first else { return nil }
        guard known.count == found.count else {
            throw .configuration(
                "read the journal: \(found.count - known.count) of its \(found.count) partitions have no beginning. "
                    + "Partitions were added, which would move entities between them; a journal keeps the number of "
                    + "partitions it was opened with."
            )
        }
        for (place, genesis) in known.enumerated() {
            guard genesis.partitionCount == partitionCount, genesis.partition == Int32(place) else {
                throw .configuration(
                    "read the journal: it was opened with \(genesis.partitionCount) partitions and has "
                        + "\(partitionCount) now; a journal keeps the number it was opened with."
                )
            }
            guard genesis.application == configuration.application else {
                throw .configuration(
                    "read the journal: it belongs to the application \"\(genesis.application)\", not to "
                        + "\"\(configuration.application)\". Set the name, or give each application its own topics."
                )
            }
        }
        return first
    }

    /// What stands at the beginning of each partition.
    private func beginnings(_ scan: JournalScan) throws(ServiceEnd) -> [Genesis?] {
        var found: [Genesis?] = Array(repeating: nil, count: Int(partitionCount))
        let partitions = (0..<partitionCount).map { TopicPartition(configuration.journalTopic, $0) }
        try scan.read(partitions) { (place, message) throws(ServiceEnd) in
            let record = try JournalScan.record(message)
            guard record.kind == .genesis else {
                throw .configuration(
                    "read the journal: \(partitions[place]) does not begin with a genesis record. "
                        + "Is \(configuration.journalTopic) the right topic?"
                )
            }
            found[place] = record.genesis
            return false
        }
        return found
    }

    /// The versions that stand in the policy topic; nil where none was ever published.
    private func publishedPolicies(_ scan: JournalScan) throws(ServiceEnd) -> [Policy]? {
        var policies: [Policy]?
        try scan.read([TopicPartition(configuration.policyTopic, 0)]) {
            (_, message) throws(ServiceEnd) in
            if let read = try PolicyTopic.read(message, configuration.policyTopic) {
                policies = (policies ?? []) + read
            }
            return true
        }
        return policies
    }
}

/// The records of the `policy` topic, which has one partition: each holds a policy file, YAML of one or more versions
/// (`PolicyReader`), or nothing. The key says what the publisher likes.
enum PolicyTopic {
    /// The versions that a record holds; nil where it has no value.
    static func read(_ message: borrowing Message, _ topic: String) throws(ServiceEnd) -> [Policy]?
    {
        if message.isTombstone { return nil }
        // The span is used up while the message is there.
        let bytes = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
        do {
            return try PolicyReader.read(bytes, file: "\(topic)[0] offset \(message.offset)")
        } catch {
            var reason = "\(error)"
            if reason.hasSuffix(".") { reason.removeLast() }
            throw .configuration(
                "read the policy: \(reason). Stop the service, delete the wrong record (kafka-delete-records), "
                    + "publish the policy again, then run \"sources resume\"."
            )
        }
    }
}

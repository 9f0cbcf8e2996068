internal import Engine
internal import Journal
internal import Kafka

/// Explains outputs from the journal that they were made of.
///
/// It folds twice: up to what is asked for, to ask the engine there; then all of that partition, to gather what came
/// before and after. Nothing is written.
public struct JournalExplainer: Sendable {
    /// Where the journal is.
    public enum Source: Sendable {
        /// Dump files, one a partition.
        case files([String])
        /// A topic.
        case topic(TopicScan, String)
    }

    /// One partition of the journal.
    struct Part: Sendable {
        var name: String
        var partition: Int32
        /// How many partitions the journal has.
        var count: Int32
    }

    let source: Source
    let stop: StopFlag
    /// Is told now and then how many records of how many folds are done: records, fold, folds.
    let progress: @Sendable (Int64, Int, Int) -> Void

    /// An explainer of a journal, until somebody wants to stop.
    public init(
        _ source: Source,
        until stop: StopFlag,
        progress: @escaping @Sendable (Int64, Int, Int) -> Void = { (_, _, _) in }
    ) {
        self.source = source
        self.stop = stop
        self.progress = progress
    }

    /// Explains an output.
    ///
    /// - Parameters:
    ///   - id: what is asked for.
    ///   - partition: where an alert is looked for; nil is everywhere.
    ///   - entity: the covered entity that an alert is about, which says where to look; nil is everywhere.
    /// - Returns: what was published, what the engine knew, and the records that matter.
    /// - Throws: ``ExplainFailure`` where it is not there, or the journal can't be folded.
    public func explain(
        _ id: ExplainedID,
        partition: Int32? = nil,
        entity: String? = nil
    ) throws(ExplainFailure) -> JournalExplanation {
        let parts = try parts()
        let found = try find(id, in: try wanted(id, partition, entity, among: parts))
        guard let subject = ExplainedSubject(id, found.line) else {
            throw .fault(name: found.part.name, "the output of \(id.text) names no entity")
        }
        return try gather(found, subject)
    }

    // MARK: partitions

    private func parts() throws(ExplainFailure) -> [Part] {
        switch source {
        case .files(let paths):
            var parts: [Part] = []
            for path in paths {
                do throws(FileFailure) {
                    let header = try JournalFileReader(path).header
                    if let other = parts.first(where: { $0.partition == header.partition }) {
                        throw FileFailure(
                            "explain from \(other.name) and \(path): both hold partition"
                                + " \(header.partition). Give one of them."
                        )
                    }
                    parts.append(
                        Part(name: path, partition: header.partition, count: header.partitionCount)
                    )
                } catch {
                    throw .file(error)
                }
            }
            return parts.sorted { $0.partition < $1.partition }
        case .topic(let scan, let topic):
            do throws(TopicScan.Failure) {
                let all = try scan.partitions(of: topic)
                return all.map {
                    Part(name: topic, partition: $0.partition, count: Int32(all.count))
                }
            } catch {
                throw .scan(error)
            }
        }
    }

    /// The partitions in which an id can be.
    private func wanted(
        _ id: ExplainedID,
        _ partition: Int32?,
        _ entity: String?,
        among parts: [Part]
    ) throws(ExplainFailure) -> [Part] {
        var number = id.place?.partition ?? partition
        if number == nil, let entity, let count = parts.first?.count {
            let key = Array(entity.utf8)
            number = unsafe key.withUnsafeBytes {
                unsafe Partitioner.partition(of: $0, count: count)
            }
        }
        guard let number else { return parts }
        guard let part = parts.first(where: { $0.partition == number }) else {
            throw .noPartition(number, has: parts.map(\.partition))
        }
        return [part]
    }

    // MARK: folding

    /// Folds a partition from its beginning, until one of the bodies wants no more.
    ///
    /// - Parameters:
    ///   - part: the partition.
    ///   - fold: which fold of how many it is, for the progress.
    ///   - before: sees each record before it is folded.
    ///   - after: sees each record, and its outputs, afterwards; these are then let go.
    /// - Returns: how many records were folded.
    /// - Throws: ``ExplainFailure`` where the partition can't be read, or folded, as far as that.
    func fold(
        _ part: Part,
        _ fold: (number: Int, of: Int),
        before: (inout Machine, JournalEntry) -> Bool = { (_, _) in true },
        after: (inout Machine, JournalEntry) -> Bool
    ) throws(ExplainFailure) -> Int64 {
        var machine = Machine()
        var reading = JournalReading()
        var fault: MachineFault?
        var count: Int64 = 0
        func take(_ entry: JournalEntry) -> Bool {
            if count & 0x3FF == 0 {
                progress(count, fold.number, fold.of)
                if stop.isStopped { return false }
            }
            guard before(&machine, entry) else { return false }
            do throws(MachineFault) {
                try machine.apply(entry.record, offset: entry.offset)
            } catch {
                fault = error
                return false
            }
            count += 1
            defer { machine.removeOutputs() }
            return after(&machine, entry)
        }
        switch source {
        case .files:
            do { try reading.read(file: part.name, take) } catch { throw .file(error) }
        case .topic(let scan, let topic):
            let partition = TopicPartition(topic, part.partition)
            let low: Int64
            do { low = try scan.bounds(of: [partition])[0].low } catch { throw .scan(error) }
            guard low == 0 else { throw .beginsLate(name: "\(partition)", offset: low) }
            do { try reading.read(scan, partition, JournalStretch(), take) } catch {
                if case .stopped = error { throw .stopped }
                throw .scan(error)
            }
        }
        if stop.isStopped { throw .stopped }
        if reading.unreadable > 0 {
            throw .unreadable(name: part.name, count: reading.unreadable)
        }
        if let fault { throw .fault(name: part.name, fault.description) }
        return count
    }
}

internal import Engine
internal import Kafka

/// What a partition's outputs show, held against the receipt of its committed offset.
///
/// Kafka may call a transaction complete whose markers it lost (``HangingTransaction``): the offset counts outputs that
/// nobody sees, or outputs are seen that no offset counts, and the next transaction's end would decide what becomes of
/// what is open. Outputs are a function of the journal, so the answer is the same for all of it: what is open is dropped,
/// what is missing is written again, the same bytes, and what is seen too early is left out.
struct OutputTails {
    let configuration: ServiceConfiguration
    let control: ServiceControl
    let log: ServiceLog
    let partition: Int32
    let fetcher: FetchConsumer
    let offsets: GroupOffsets

    private var journal: TopicPartition { TopicPartition(configuration.journalTopic, partition) }
    private var outputs: [TopicPartition] {
        configuration.outputTopics.map { TopicPartition($0, partition) }
    }

    /// Finds what differs, after our transactional id was fenced: nobody else writes here.
    ///
    /// - Parameters:
    ///   - committed: the receipt beside the committed offset.
    ///   - id: our transactional id.
    /// - Returns: the outputs to be written again, and those that are seen without being counted.
    /// - Throws: `Setback` where something open had to be ended first, or where much more is seen than was counted.
    func difference(
        from committed: String?,
        _ id: String
    ) throws(Setback) -> OutputDifference {
        var difference = OutputDifference()
        guard let committed, let counted = Receipt.sequences(in: committed) else {
            return difference
        }
        do {
            try endOpen(id)
            for (topic, bounds) in fetcher.offsets(of: outputs, within: .seconds(10)).enumerated() {
                guard let seen = try tail(outputs[topic], try bounds.get()) else { continue }
                if seen > counted[topic] {
                    // Frozen between the two looks, we may have been followed by another owner, who went on.
                    let now = try offsets.committed([journal], within: .seconds(5)).first
                    guard now?.metadata == committed else {
                        throw Setback.again("another owner has gone on")
                    }
                    difference.seen.values[topic] = try values(
                        outputs[topic],
                        try bounds.get(),
                        counted[topic]..<seen
                    )
                    log.warning(
                        "outputs-seen",
                        ("partition", "\(outputs[topic])"),
                        ("from", "\(counted[topic])"),
                        ("count", "\(seen - counted[topic])")
                    )
                    continue
                }
                guard seen < counted[topic] else { continue }
                log.warning(
                    "outputs-missing",
                    ("partition", "\(outputs[topic])"),
                    ("from", "\(seen)"),
                    ("count", "\(counted[topic] - seen)")
                )
                difference.missing.first[topic] = seen
            }
        } catch {
            throw Setback.caught(error)
        }
        return difference
    }

    /// Ends what stays open in the outputs, though its transaction is over: it is dropped.
    private func endOpen(_ id: String) throws {
        let all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
        let written =
            configuration.hasSnapshots
            ? outputs + [TopicPartition(configuration.snapshotTopic, partition)] : outputs
        _ = try OpenStretches(control: control).close(written, all, fetcher) { (stuck, _) in
            try HangingTransaction(configuration: configuration, log: log).drop(
                id,
                configuration.scoreGroup,
                stuck.map(\.partition)
            )
            throw Setback.again("a transaction hung; it was ended")
        }
    }

    /// How many records an output has ever had, by the `sequence` of the last one that is seen; nil where that can't be
    /// told, since all of them were deleted or the last is none of ours.
    private func tail(_ output: TopicPartition, _ bounds: PartitionOffsets) throws -> Int64? {
        var width: Int64 = 16
        while true {
            let start = max(bounds.low, bounds.end - width)
            let stretch = Stretch(partition: output, start: start, end: bounds.end)
            var last: [UInt8]?
            try fetcher.read([stretch], control) { (_, message) in
                // The value is copied while the message is there.
                last = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                return true
            }
            if let last {
                // The line is read while the bytes stand.
                return unsafe last.withUnsafeBytes { unsafe OutputLine($0).sequence }.map { $0 + 1 }
            }
            if start == bounds.low { return bounds.low == 0 ? 0 : nil }
            // Markers and what was dropped take offsets, too.
            width *= 16
        }
    }

    /// Most records that are held against the journal: one transaction has far fewer.
    private static let mostSeen: Int64 = 1_000_000

    /// The records of some sequences at the end of an output.
    private func values(
        _ output: TopicPartition,
        _ bounds: PartitionOffsets,
        _ sequences: Range<Int64>
    ) throws -> [[UInt8]] {
        let count = sequences.upperBound - sequences.lowerBound
        var found: [Int64: [UInt8]] = [:]
        var start = bounds.end
        while count <= Self.mostSeen, start > bounds.low, Int64(found.count) < count {
            let width = max(2 * count, 4 * (bounds.end - start))
            let end = start
            start = max(bounds.low, bounds.end - width)
            let stretch = Stretch(partition: output, start: start, end: end)
            try fetcher.read([stretch], control) { (_, message) in
                // The value is copied while the message is there.
                let value = unsafe message.value.withUnsafeBytes { unsafe Array($0) }
                let sequence = unsafe value.withUnsafeBytes { unsafe OutputLine($0).sequence }
                if let sequence, sequences.contains(sequence) { found[sequence] = value }
                return true
            }
        }
        guard Int64(found.count) == count else {
            throw Setback.end(
                .configuration(
                    "score \(output): it holds \(sequences.upperBound) records, and the committed offset counts "
                        + "\(sequences.lowerBound). Somebody else has written to it, or the offset was set back; "
                        + "outputs would be doubled, so nothing is written."
                )
            )
        }
        return sequences.compactMap { found[$0] }
    }
}

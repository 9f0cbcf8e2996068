internal import Engine
internal import Kafka

/// What a partition's outputs show, held against the receipt of its committed offset.
///
/// Kafka may call a transaction complete whose markers it lost (``HangingTransaction``): the offset counts outputs that
/// nobody sees, and the next transaction's end would decide what becomes of them. Outputs are a function of the journal,
/// so the answer is the same for all of it: what is open is dropped, and what is missing is written again, the same bytes.
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

    /// Finds what is missing, after our transactional id was fenced: nobody else writes here.
    ///
    /// - Parameters:
    ///   - committed: the receipt beside the committed offset.
    ///   - id: our transactional id.
    /// - Returns: the outputs to be written again, and those that are seen without being counted.
    /// - Throws: `Setback` where something open had to be ended first, or where much more is seen than was counted.
    func missing(_ committed: String?, _ id: String) throws(Setback) -> MissingOutputs {
        var missing = MissingOutputs()
        guard let committed, let counted = Receipt.sequences(in: committed) else { return missing }
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
                    missing.seen.values[topic] = try values(
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
                missing.first[topic] = seen
            }
        } catch {
            throw Setback.caught(error)
        }
        return missing
    }

    /// Ends what stays open in the outputs, though its transaction is over: it is dropped.
    private func endOpen(_ id: String) throws {
        let all = try FetchConsumer(configuration.consumerSettings, isolation: .readUncommitted)
        let written =
            configuration.hasSnapshots
            ? outputs + [TopicPartition(configuration.snapshotTopic, partition)] : outputs
        let deadline = Ticker.now + 3000
        // Where each began to be open. The markers of our last transaction may still be on their way, and what moves on is
        // another owner's.
        var open: [(partition: TopicPartition, start: Int64)] = written.map { ($0, -1) }
        while true {
            let names = open.map(\.partition)
            let ends = all.offsets(of: names, within: .seconds(10))
            let stable = fetcher.offsets(of: names, within: .seconds(10))
            var still: [(partition: TopicPartition, start: Int64)] = []
            for (place, one) in open.enumerated() {
                let start = try stable[place].get().end
                guard try start < ends[place].get().end, one.start < 0 || one.start == start else {
                    continue
                }
                still.append((one.partition, start))
            }
            open = still
            if open.isEmpty { return }
            if control.shouldStop { throw Setback.end(.stopped) }
            if Ticker.now >= deadline {
                try HangingTransaction(configuration: configuration, log: log).drop(
                    id,
                    configuration.scoreGroup,
                    open.map(\.partition)
                )
                throw Setback.again("a transaction hung; it was ended")
            }
            Ticker.sleep(milliseconds: 100)
        }
    }

    /// How many records an output has ever had, by the `sequence` of the last one that is seen; nil where that can't be
    /// told, since all of them were deleted or the last is none of ours.
    private func tail(_ output: TopicPartition, _ bounds: PartitionOffsets) throws -> Int64? {
        var width: Int64 = 16
        while true {
            let start = max(bounds.low, bounds.end - width)
            var queue = fetcher.queue()
            let source = try queue.start(output, at: .offset(start))
            var last: [UInt8]?
            let deadline = Ticker.now + 10_000
            while queue.position(of: source) < bounds.end {
                guard Ticker.now < deadline else {
                    throw Setback.again("read the end of \(output): nothing came for 10 s")
                }
                try Self.take(&queue, below: bounds.end, &last)
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

    private static func take(
        _ queue: inout FetchQueue,
        below end: Int64,
        _ last: inout [UInt8]?
    ) throws {
        let batch = try queue.next(limit: 4096, waiting: .milliseconds(100))
        for index in 0..<batch.count where batch[index].offset < end {
            // The span is copied while the message is there.
            last = unsafe batch[index].value.withUnsafeBytes { unsafe Array($0) }
        }
        _ = queue.takeEvents()
    }
}

/// Outputs that were counted and are not seen: kept while the journal is folded silently, and sent with the first
/// transaction.
struct MissingOutputs {
    /// Outputs that are seen and not counted.
    var seen = SeenOutputs()
    /// By topic, the first `sequence` that is missing; nil where nothing is.
    var first: [Int64?] = OutputTopic.allCases.map { _ in nil }
    private var kept: [[(key: [UInt8], value: [UInt8])]] = OutputTopic.allCases.map { _ in [] }

    var isEmpty: Bool { first.allSatisfy { $0 == nil } }

    /// Whether a fold that goes on from a receipt comes by all of them.
    func lieBehind(_ receipt: Receipt) -> Bool {
        zip(first, receipt.sequences).allSatisfy { first, next in first.map { next <= $0 } ?? true }
    }

    /// Keeps those among what a machine has written since a receipt.
    mutating func keep(_ machine: borrowing Machine, since receipt: Receipt) {
        for topic in first.indices {
            guard let first = first[topic] else { continue }
            let buffer = machine.outputs[topic]
            let entities = buffer.entities
            for index in 0..<buffer.count
            where receipt.sequences[topic] + Int64(index) >= first {
                // The value is copied while the buffer stands.
                let value = unsafe Array(buffer.value(at: index))
                kept[topic].append((machine.entityKey(entities[index]), value))
            }
        }
    }

    /// Sends all of them in the open transaction; there are none from then on.
    mutating func send(
        _ producer: inout TransactionalProducer,
        _ topics: [ProducerTopic],
        _ partition: Int32
    ) throws(Setback) {
        for topic in kept.indices {
            for (key, value) in kept[topic] {
                do {
                    // The spans are used up while the arrays stand.
                    try unsafe producer.produce(
                        value.span.bytes,
                        key: key.span.bytes,
                        to: topics[topic],
                        partition: partition
                    )
                } catch {
                    throw Setback(error)
                }
            }
        }
        self = MissingOutputs()
    }
}

/// Outputs that are seen though the committed offset does not count them: left out when the fold comes by them, if they
/// are what it gives.
struct SeenOutputs {
    /// By topic, in order of their sequence.
    var values: [[[UInt8]]] = OutputTopic.allCases.map { _ in [] }
    /// By topic, how many of them the fold has come by.
    private var passed: [Int] = OutputTopic.allCases.map { _ in 0 }

    var isEmpty: Bool { zip(values, passed).allSatisfy { $0.count == $1 } }

    /// How many of the next outputs of each topic stand there already.
    ///
    /// - Parameters:
    ///   - machine: what it has written goes on where the last call ended.
    ///   - partition: the journal partition, for the fault.
    /// - Returns: by topic, how many of what it has written since are to be left out.
    /// - Throws: `Setback` where another record stands there.
    mutating func pass(
        _ machine: borrowing Machine,
        _ partition: Int32
    ) throws(Setback) -> [Int] {
        var counts = passed.map { _ in 0 }
        for topic in values.indices {
            let buffer = machine.outputs[topic]
            while counts[topic] < buffer.count, passed[topic] < values[topic].count {
                // The value is compared while the buffer stands.
                guard
                    unsafe values[topic][passed[topic]].elementsEqual(
                        buffer.value(at: counts[topic])
                    )
                else {
                    throw .end(
                        .configuration(
                            "score partition \(partition): an output that the committed offset does not count is not "
                                + "what the journal gives. Somebody else has written to it; nothing more is written."
                        )
                    )
                }
                counts[topic] += 1
                passed[topic] += 1
            }
        }
        return counts
    }
}

internal import Engine
internal import Kafka

/// What is seen of a partition's outputs against what the committed offset counts.
struct OutputDifference {
    var missing = MissingOutputs()
    var seen = SeenOutputs()
}

/// Outputs that were counted and are not seen: kept while the journal is folded silently, and sent with the first
/// transaction.
struct MissingOutputs {
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

internal import Engine
internal import Kafka

/// Sends a machine's outputs, keyed by covered entity, to the partition with the journal's number.
struct OutputSender: ~Copyable {
    private let topics: [ProducerTopic]
    private let partition: Int32
    private var batch = ProduceBatch(records: 4096, bytes: 2 << 20)
    /// 340B IDs by the machine's number.
    private var keys: [[UInt8]] = []
    /// What stands in the topics already and is left out.
    var seen = SeenOutputs()
    /// By topic: whether something was sent to it since that was asked last.
    private var isTouched: [Bool]

    init(_ topics: [ProducerTopic], _ partition: Int32) {
        self.topics = topics
        self.partition = partition
        isTouched = topics.map { _ in false }
    }

    /// Takes it that something was sent to each topic.
    mutating func touchAll() { for topic in isTouched.indices { isTouched[topic] = true } }

    /// Numbers of the topics to which something was sent since this was asked last.
    mutating func takeTouched() -> [Int] {
        let touched = isTouched.indices.filter { isTouched[$0] }
        for topic in touched { isTouched[topic] = false }
        return touched
    }

    /// Sends all outputs and empties the buffers.
    mutating func send(
        _ machine: inout Machine,
        _ producer: inout TransactionalProducer
    ) throws(Setback) {
        let passed = seen.isEmpty ? [] : try seen.pass(machine, partition)
        do throws(KafkaError) {
            try send(&machine, after: passed) { (batch, topic) throws(KafkaError) in
                try producer.produce(&batch, to: topic)
            }
        } catch {
            throw Setback(error)
        }
    }

    /// Hands all outputs to `produce`, a topic at a time and without the first so many of each, and empties the buffers.
    mutating func send(
        _ machine: inout Machine,
        after passed: [Int] = [],
        _ produce: (inout ProduceBatch, ProducerTopic) throws(KafkaError) -> Void
    ) throws(KafkaError) {
        for topic in OutputTopic.allCases {
            let buffer = machine.outputs[Int(topic.rawValue)]
            guard buffer.count > 0 else { continue }
            isTouched[Int(topic.rawValue)] = true
            let entities = buffer.entities
            for index in (passed.isEmpty ? 0 : passed[Int(topic.rawValue)])..<buffer.count {
                let entity = Int(entities[index])
                while keys.count <= entity { keys.append([]) }
                if keys[entity].isEmpty { keys[entity] = machine.entityKey(UInt32(entity)) }
                // The spans are used up while buffer and key stand.
                let value = unsafe RawSpan(_unsafeBytes: buffer.value(at: index))
                unsafe keys[entity].withUnsafeBytes { key in
                    batch.append(
                        value,
                        key: unsafe RawSpan(_unsafeBytes: key),
                        partition: partition
                    )
                }
            }
            try produce(&batch, topics[Int(topic.rawValue)])
        }
        machine.removeOutputs()
    }
}

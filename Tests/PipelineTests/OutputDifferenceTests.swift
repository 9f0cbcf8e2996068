import Engine
import Testing

@testable import Pipeline

/// What is seen of outputs and not counted is left out of the next ones, if it is what the journal gives.
struct OutputDifferenceTests {
    /// The outputs of the sample's first records, still in the machine's buffers.
    private static func folded() throws -> Machine {
        var machine = Machine()
        let batch = try SampleJournal.batch(lines: 1500)
        var offset: Int64 = 0
        try machine.apply(batch, from: &offset)
        return machine
    }

    /// The first so many records of a topic.
    private static func values(
        _ machine: borrowing Machine,
        _ topic: OutputTopic,
        _ count: Int
    ) -> [[UInt8]] {
        (0..<count).map { Array(machine.outputs[Int(topic.rawValue)].value(at: $0)) }
    }

    @Test func `what stands there is passed once, topic by topic`() throws {
        let machine = try Self.folded()
        var seen = SeenOutputs()
        #expect(seen.isEmpty)
        seen.values[Int(OutputTopic.decisions.rawValue)] = Self.values(machine, .decisions, 3)
        seen.values[Int(OutputTopic.accumulators.rawValue)] = Self.values(machine, .accumulators, 1)
        let counts = try seen.pass(machine, 0)
        #expect(counts[Int(OutputTopic.decisions.rawValue)] == 3)
        #expect(counts[Int(OutputTopic.accumulators.rawValue)] == 1)
        #expect(counts[Int(OutputTopic.alerts.rawValue)] == 0)
        #expect(seen.isEmpty)
        machine.removeOutputs()
        #expect(try seen.pass(machine, 0).allSatisfy { $0 == 0 })
    }

    @Test func `more may stand there than one transaction gives`() throws {
        let machine = try Self.folded()
        let topic = Int(OutputTopic.decisions.rawValue)
        let all = machine.outputs[topic].count
        var seen = SeenOutputs()
        seen.values[topic] =
            Self.values(machine, .decisions, all) + Self.values(machine, .decisions, 1)
        #expect(try seen.pass(machine, 0)[topic] == all)
        #expect(!seen.isEmpty)
        machine.removeOutputs()
        #expect(try seen.pass(machine, 0)[topic] == 0)
        #expect(!seen.isEmpty)
    }

    @Test func `another record than the journal gives ends it with 78`() throws {
        let machine = try Self.folded()
        let topic = Int(OutputTopic.decisions.rawValue)
        var seen = SeenOutputs()
        seen.values[topic] = Self.values(machine, .decisions, 2)
        seen.values[topic][1][20] ^= 1
        var status: Int32?
        do { _ = try seen.pass(machine, 0) } catch {
            if case .end(let end) = error { status = end.kind.rawValue }
        }
        #expect(status == 78)
    }
}

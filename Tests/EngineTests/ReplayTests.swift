import Engine
import Journal
import Testing

/// What a replay asks of a machine.
struct ReplayTests {
    @Test func `a silent machine counts what it does not write, and goes on with the same bytes`()
        throws
    {
        let journal = try SameBytesTests.journal()
        for turn in [1, journal.count / 3, journal.count / 2, journal.count - 40] {
            var loud = Machine()
            var silent = Machine()
            silent.isSilent = true
            for index in 0..<journal.count {
                if index == turn {
                    #expect(silent.outputs.allSatisfy { $0.count == 0 })
                    #expect(silent.nextSequences == loud.nextSequences)
                    #expect(silent.counts == loud.counts)
                    loud.removeOutputs()
                    silent.isSilent = false
                }
                try loud.apply(journal.record(at: index), offset: Int64(index))
                try silent.apply(journal.record(at: index), offset: Int64(index))
            }
            #expect(silent.texts == loud.texts, "loud from record \(turn)")
            #expect(silent.texts["decisions"]?.isEmpty == false)
        }
    }

    @Test func `buffers keep the records of some entities, or the first ones`() throws {
        let journal = try SameBytesTests.journal()
        var machine = Machine()
        var offset: Int64 = 0
        try machine.apply(journal, from: &offset)
        for topic in OutputTopic.allCases {
            let buffer = machine.outputs[Int(topic.rawValue)]
            let lines = machine.lines(topic)
            let wanted = lines.filter { $0.hasPrefix("{\"covered_entity_id\":\"RRC1\"") }
            let keys = buffer.entities.map { machine.entityKey($0) }
            let entities = Dictionary(zip(buffer.entities, keys)) { one, _ in one }
            buffer.keep { entities[$0] == Array("RRC1".utf8) }
            #expect(machine.lines(topic) == wanted)
            #expect(wanted.count < lines.count)
            buffer.truncate(to: wanted.count / 2)
            #expect(machine.lines(topic) == Array(wanted.prefix(wanted.count / 2)))
        }
    }

    @Test func `other versions stand in a policy record's place, and nothing else changes`() throws
    {
        let journal = try SameBytesTests.journal()
        var other = Policy()
        other.version = "other"
        other.lookBackDays = 3
        // The journal that was written with the other policy from its beginning.
        let written = RecordBatch()
        for index in 0..<journal.count {
            let record = journal.record(at: index)
            if record.kind == .policy {
                written.appendPolicy(
                    other.canonicalBytes,
                    at: .distantPast,
                    source: .init(partition: -1, offset: 0, counter: 0)
                )
            } else {
                let bytes = Array(record.allBytes)
                written.append(copying: bytes.span.bytes)
            }
        }
        var machine = Machine()
        var hasPolicy = false
        for index in 0..<journal.count {
            let record = journal.record(at: index)
            guard record.kind == .policy else {
                try machine.apply(record, offset: Int64(index))
                continue
            }
            try machine.apply(
                policies: hasPolicy ? [] : [other],
                insteadOf: record,
                offset: Int64(index)
            )
            hasPolicy = true
        }
        #expect(machine.texts == (try SameBytesTests.outputs(written, batchSize: 0)))
        #expect(machine.texts != (try SameBytesTests.outputs(journal, batchSize: 0)))
    }

    @Test func `where time stands it may be reached, and a record that cannot move it says so`()
        throws
    {
        let journal = try SameBytesTests.journal()
        var machine = Machine()
        for index in 0..<journal.count {
            let record = journal.record(at: index)
            let before = machine.monitorTime
            var couldReach: [Bool] = []
            let ahead: [Int64] = [1, 1_000_000, 86_400_000_000]
            let start = before ?? Instant(microseconds: 0)
            for step in ahead {
                let moment = Instant(microseconds: start.microseconds + step)
                couldReach.append(machine.mayReach(moment, with: record))
            }
            try machine.apply(record, offset: Int64(index))
            guard let after = machine.monitorTime else { continue }
            for (step, could) in zip(ahead, couldReach)
            where after.microseconds >= start.microseconds + step {
                #expect(could, "record \(index)")
            }
        }
    }
}

internal import Engine
internal import Journal

// The second fold: all of the partition, for the records that matter and what they caused.

extension JournalExplainer {
    /// How many movements of an accumulator are kept on either side of what is explained.
    private static var movementsKept: Int { 5 }

    /// Gathers the records that matter for what was found.
    func gather(
        _ found: Found,
        _ subject: ExplainedSubject
    ) throws(ExplainFailure) -> JournalExplanation {
        let wanted = Set(found.fill?.offsets ?? [])
        var records: [ExplainedRecord] = []
        _ = try fold(found.part, (2, 2)) { machine, entry in
            let number = machine.nextRecordNumber - 1
            var outputs: [(topic: String, json: [UInt8])] = []
            var isEssential =
                wanted.contains(entry.offset) || number == found.record
                || entry.record.kind.map { subject.isNamed(by: entry.record, $0) } ?? false
            for topic in OutputTopic.allCases {
                let buffer = machine.outputs[Int(topic.rawValue)]
                for index in 0..<buffer.count {
                    // Copied at once.
                    let line = ExplainedLine(unsafe Array(buffer.value(at: index)))
                    switch subject.relation(topic, line) {
                    case .none: continue
                    case .movement: break
                    case .essential: isEssential = true
                    }
                    outputs.append((topic.name, line.bytes))
                }
            }
            guard isEssential || !outputs.isEmpty, let copy = JournalRecordCopy(entry) else {
                return true
            }
            records.append(
                ExplainedRecord(
                    position: number < found.record
                        ? .before : number == found.record ? .at : .after,
                    record: copy,
                    outputs: outputs,
                    isMovement: !isEssential
                )
            )
            return true
        }
        let count = records.count
        Self.leaveOut(&records)
        return JournalExplanation(
            id: subject.id,
            name: found.part.name,
            partition: found.part.partition,
            record: found.record,
            offset: found.offset,
            published: found.line.bytes,
            fill: found.fill?.json,
            factsOf: found.fill?.decisionID,
            accumulator: found.accumulator,
            records: records,
            movementsLeftOut: Int64(count - records.count)
        )
    }

    /// Leaves out the mere movements that lie further away.
    private static func leaveOut(_ records: inout [ExplainedRecord]) {
        let before = records.count { $0.isMovement && $0.position == .before }
        var passed = 0
        var after = 0
        records.removeAll { one in
            guard one.isMovement else { return false }
            switch one.position {
            case .before:
                passed += 1
                return passed <= before - movementsKept
            case .at: return false
            case .after:
                after += 1
                return after > movementsKept
            }
        }
    }
}

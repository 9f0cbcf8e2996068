internal import Engine
internal import Journal

// The first fold: to the output that is asked for, and what the engine knows there.

extension JournalExplainer {
    /// An output that was found, with what the engine knew behind its record.
    struct Found {
        var part: Part
        var record: Int64
        var offset: Int64
        var line: ExplainedLine
        var fill: FillExplanation?
        var accumulator: [UInt8]?

        /// The decision that the output belongs to; nil where it belongs to none.
        var decisionID: String? {
            line.between("\"decision_id\":\"", "\"").map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Folds to where an output was written.
    func find(_ id: ExplainedID, in parts: [Part]) throws(ExplainFailure) -> Found {
        var found =
            if let place = id.place, let part = parts.first {
                try find(id, place, in: part)
            } else {
                try findAlert(id, in: parts)
            }
        if let fill = found.fill, let decision = found.decisionID, fill.decisionID != decision {
            // A deadline decided it when the record brought the time, and the record itself did again.
            let earlier = try ask(id, found) ?? fill
            if earlier.decisionID == decision { found.fill = earlier }
        }
        return found
    }

    private func find(
        _ id: ExplainedID,
        _ place: ExplainedID.OutputPlace,
        in part: Part
    ) throws(ExplainFailure) -> Found {
        let topic: OutputTopic =
            switch id {
            case .decision, .alert: .decisions
            case .increment: .accumulators
            case .replenishment: .replenishments
            }
        var found: Found?
        var outputs: Int?
        let count = try fold(part, (1, 2)) { machine, entry in
            guard machine.nextRecordNumber > place.record else { return true }
            let buffer = machine.outputs[Int(topic.rawValue)]
            outputs = buffer.count
            guard place.index < buffer.count else { return false }
            // Copied at once.
            let bytes = unsafe Array(buffer.value(at: Int(place.index)))
            found = Self.ask(&machine, id, entry, ExplainedLine(bytes), part)
            return false
        }
        if let found { return found }
        guard let outputs else { throw .tooShort(name: part.name, records: count) }
        throw .noOutput(name: part.name, kind: id.kind, count: outputs)
    }

    /// Folds until an alert's partition is found, and that to its end: its last record counts.
    private func findAlert(
        _ id: ExplainedID,
        in parts: [Part]
    ) throws(ExplainFailure) -> Found {
        let needle = Array("\"alert_id\":\"\(id.text)\"".utf8)
        var records: Int64 = 0
        for part in parts {
            var found: Found?
            records += try fold(part, (1, 2)) { machine, entry in
                let buffer = machine.outputs[Int(OutputTopic.alerts.rawValue)]
                for index in 0..<buffer.count {
                    // Copied at once.
                    let line = ExplainedLine(unsafe Array(buffer.value(at: index)))
                    guard line.contains(needle) else { continue }
                    found = Self.ask(&machine, id, entry, line, part)
                }
                return true
            }
            if let found { return found }
        }
        throw .noAlert(partitions: parts.map(\.partition), records: records)
    }

    /// Asks the engine about what an output is about.
    private static func ask(
        _ machine: inout Machine,
        _ id: ExplainedID,
        _ entry: JournalEntry,
        _ line: ExplainedLine,
        _ part: Part
    ) -> Found? {
        guard let subject = ExplainedSubject(id, line) else { return nil }
        return Found(
            part: part,
            record: machine.nextRecordNumber - 1,
            offset: entry.offset,
            line: line,
            fill: subject.fillKey.flatMap {
                machine.explainFill(entity: subject.entity, key: $0)
            },
            accumulator: subject.accumulatorKey.flatMap {
                machine.explainAccumulator(entity: subject.entity, key: $0)
            }
        )
    }

    /// Asks about the fill when the time that its record brings has passed, and the record is not yet applied.
    private func ask(_ id: ExplainedID, _ found: Found) throws(ExplainFailure) -> FillExplanation? {
        guard let subject = ExplainedSubject(id, found.line), let key = subject.fillKey else {
            return nil
        }
        var earlier: FillExplanation?
        _ = try fold(
            found.part,
            (2, 3),
            before: { machine, entry in
                guard machine.nextRecordNumber == found.record else { return true }
                machine.letTimePass(to: entry.record, offset: entry.offset)
                earlier = machine.explainFill(entity: subject.entity, key: key)
                return false
            },
            after: { (_, _) in true }
        )
        return earlier
    }
}

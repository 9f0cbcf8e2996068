package import Engine
internal import Ingest
package import Journal

/// The product's own decoder, reference reader and state machine, in memory: what judges the stories.
///
/// A story is a run on a file: genesis with the records' clock, the tables, the policy, then line by line. Lines that
/// can't be used become dead letters as `score` writes them.
package struct MachineScenarioEngine: ScenarioEngine {
    package init() {}

    package func score(
        reference: [String: String],
        policy: [PolicyOverride],
        steps: [ScenarioStep.Action]
    ) throws -> [[ScenarioOutput]] {
        let shipped = try Policy(overrides: policy)
        var run = try MachineRun(tables: reference, policies: [shipped])
        return try steps.map { step in
            switch step {
            case .record(let line): try run.record(line)
            case .reference(let tables): try run.publish(tables)
            case .policy(let version, let effectiveFrom, let overrides):
                try run.publish(
                    Policy(overrides: overrides, version: version, effectiveFrom: effectiveFrom)
                )
            }
            return try run.takeOutputs()
        }
    }
}

/// A test that can't be run: its table, policy or record is none.
package struct MachineRunError: Error, CustomStringConvertible {
    package var description: String
}

/// One machine fed with lines of JSON, tables and policies, as `score` would feed it.
package struct MachineRun: ~Copyable {
    /// The machine; its outputs stay in it until they are taken.
    package var machine = Machine()
    private var decoder: EventDecoder
    private let source: SourceName
    private let batch = RecordBatch()
    private var published: [ReferenceRow] = []
    private var offset: Int64 = 0
    private var line: Int64 = 0
    private var counter: UInt64 = 0
    /// Lines that could not be used, as the dead letters they became.
    package private(set) var letters: [[UInt8]] = []

    /// A machine at the beginning of its journal: genesis, one publication of `tables` (file name → CSV), policies.
    ///
    /// - Parameters:
    ///   - tables: file name → CSV.
    ///   - policies: versions, in the order in which they are published.
    ///   - horizonDays: in the place of what the policies say.
    /// - Throws: what makes a table unreadable.
    package init(
        tables: [String: String],
        policies: [Policy],
        horizonDays: Int32? = nil
    ) throws {
        let horizon = horizonDays ?? policies.map(\.horizonDays).max() ?? 400
        decoder = EventDecoder(tokenizer: Tokenizer(.published), horizonDays: horizon)
        source = decoder.addSource("events.ndjson", isFile: true)
        batch.append(
            Genesis(
                partitionCount: 1,
                partition: 0,
                horizonDays: UInt16(horizon),
                clock: .records,
                application: "test"
            ),
            at: .distantPast,
            source: .none
        )
        try fold()
        try publish(tables)
        for policy in policies { try publish(policy) }
    }

    /// Feeds one line of a file.
    package mutating func record(_ text: String) throws {
        line += 1
        let bytes = Array(text.utf8)
        do throws(Rejection) {
            try decoder.decode(bytes.span.bytes, from: source, recordedAt: nil)
        } catch {
            var letter: [UInt8] = []
            DeadLetterWriter.write(
                error,
                at: .file("events.ndjson", line: line),
                value: bytes.span.bytes,
                to: &letter
            )
            letters.append(letter)
            return
        }
        decoder.append(
            to: batch,
            source: RecordSource(partition: -1, offset: line, counter: counter)
        )
        counter += 1
        try fold()
    }

    /// Publishes all tables; rows that were published before and are not among them are withdrawn.
    package mutating func publish(_ tables: [String: String]) throws {
        let rows = try ReferenceRow.rows(of: tables)
        let keys = Set(rows.map(\.key))
        for row in published where !keys.contains(row.key) {
            var withdrawn = ReferenceRow(
                table: row.table,
                values: row.values.map { _ in "" },
                isWithdrawn: true
            )
            for column in row.table.keyColumns { withdrawn.values[column] = row.values[column] }
            batch.append(withdrawn, at: .distantPast, source: .none)
        }
        for row in rows { batch.append(row, at: .distantPast, source: .none) }
        published = rows
        batch.appendReferenceComplete(
            rowCount: Int64(rows.count),
            digest: [],
            at: .distantPast,
            source: .none
        )
        try fold()
    }

    /// Publishes a version of the policy.
    package mutating func publish(_ policy: Policy) throws {
        batch.appendPolicy(policy.canonicalBytes, at: .distantPast, source: .none)
        try fold()
    }

    private mutating func fold() throws {
        for index in 0..<batch.count { try batch.record(at: index).check() }
        try machine.apply(batch, from: &offset)
        batch.removeAll()
    }

    /// What was written since the last call, dead letters last.
    package mutating func takeOutputs() throws -> [ScenarioOutput] {
        var outputs: [ScenarioOutput] = []
        for topic in OutputTopic.allCases {
            guard let name = ScenarioOutput.Topic(rawValue: topic.name) else {
                throw MachineRunError(description: "the topic \(topic.name) is new to the stories")
            }
            let buffer = machine.outputs[Int(topic.rawValue)]
            for index in 0..<buffer.count {
                let line = String(decoding: buffer.value(at: index), as: UTF8.self)
                outputs.append(try ScenarioOutput(topic: name, line: line))
            }
        }
        machine.removeOutputs()
        for letter in letters {
            let line = String(decoding: letter, as: UTF8.self)
            outputs.append(try ScenarioOutput(topic: .deadLetters, line: line))
        }
        letters.removeAll()
        return outputs
    }
}

extension RecordSource {
    /// The source of records that are copied from nowhere.
    package static var none: RecordSource { RecordSource(partition: -1, offset: 0, counter: 0) }
}

extension ReferenceRow {
    /// All rows of some tables, in the contract's order; a column or row that can't be used is an error.
    package static func rows(of tables: [String: String]) throws -> [ReferenceRow] {
        var rows: [ReferenceRow] = []
        for (file, text) in tables.sorted(by: { $0.key < $1.key }) {
            guard let table = ReferenceReader.table(fileName: file) else {
                throw MachineRunError(description: "\(file) is no reference table")
            }
            let reading = ReferenceReader.read(table, Array(text.utf8), file: file)
            if let error = reading.errors.first {
                throw MachineRunError(description: error.description)
            }
            rows += reading.rows
        }
        return ReferencePublication(rows).rows
    }
}

extension Policy {
    /// The shipped policy with some values set by their paths: `look_back_days`, `rules.usage_spike.enabled`.
    package init(
        overrides: [PolicyOverride],
        version: String? = nil,
        effectiveFrom: String? = nil
    ) throws {
        self.init()
        var all = overrides
        if let version { all.append(PolicyOverride(path: "version", value: version)) }
        if let effectiveFrom {
            all.append(PolicyOverride(path: "effective_from", value: effectiveFrom))
        }
        for one in all where !set(one.path, one.value) {
            throw MachineRunError(
                description: "the policy has no \(one.path), or \(one.value) is no value of it"
            )
        }
    }

    private mutating func set(_ path: String, _ value: String) -> Bool {
        let parts = path.split(separator: ".").map(String.init)
        if parts.count == 1 {
            guard let field = PolicyField.all.first(where: { $0.name == path }) else {
                return false
            }
            if case .list = field.shape {
                return field.write(&self, value.split(separator: "+").map(String.init))
            }
            return field.write(&self, [value])
        }
        guard parts.count == 3, parts[0] == "rules", let rule = Rule(utf8: Array(parts[1].utf8))
        else { return false }
        switch parts[2] {
        case "enabled":
            guard value == "true" || value == "false" else { return false }
            self[rule].isEnabled = value == "true"
        case "severity":
            guard let severity = Severity(utf8: Array(value.utf8)) else { return false }
            self[rule].severity = severity
        case "owner": self[rule].owner = value
        case "root_cause":
            guard let cause = RootCause(utf8: Array(value.utf8)) else { return false }
            self[rule].rootCause = cause
        default: return false
        }
        return true
    }
}

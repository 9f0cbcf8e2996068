import Foundation

/// Reads the files of `fixtures/scenarios`.
package struct ScenarioLibrary: Sendable {
    private let folder: URL
    private let aliases: ScenarioAliases
    private let world: [String: String]

    /// `folder` holds the scenarios, and the base world in `world/`.
    package init(folder: String) throws {
        self.folder = URL(fileURLWithPath: folder, isDirectory: true)
        let tables = self.folder.appending(path: "world")
        let files = try FileManager.default.contentsOfDirectory(atPath: tables.path)
        let texts = try files.filter { $0.hasSuffix(".csv") }.map { file in
            (file, try String(contentsOf: tables.appending(path: file), encoding: .utf8))
        }
        let all = Dictionary(uniqueKeysWithValues: texts)
        let aliases = ScenarioAliases(csv: all["aliases.csv"] ?? "")
        self.aliases = aliases
        world = all.filter { $0.key != "aliases.csv" }.mapValues { aliases.resolve(csv: $0) }
    }

    /// All scenarios below the folder, by name, in order.
    package func names() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".txt") }
            .map { String($0.dropLast(".txt".count)) }
            .sorted()
    }

    package func scenario(_ name: String) throws -> Scenario {
        let text = try String(contentsOf: file(name), encoding: .utf8)
        var parser = ScenarioParser(name: name, text: text, aliases: aliases, world: world)
        return try parser.parse()
    }

    func write(_ lines: [String], to name: String) throws {
        try lines.joined(separator: "\n").write(to: file(name), atomically: true, encoding: .utf8)
    }

    private func file(_ name: String) -> URL { folder.appending(path: name + ".txt") }
}

/// Text → scenario: a title, a paragraph, then blocks of given lines, dashes and expectations.
struct ScenarioParser {
    private enum Part { case head, given, expected }

    private let lines: [String]
    private var scenario: Scenario
    private var writer: ScenarioRecordWriter
    private var part = Part.head
    private var tables: [String: String]
    private var versions = 1
    private var block: ExpectationBlock?

    init(name: String, text: String, aliases: ScenarioAliases, world: [String: String]) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        scenario = Scenario(
            name: name,
            title: lines[0],
            reason: "",
            reference: world,
            policy: [],
            steps: [],
            blocks: [],
            text: lines,
            aliases: aliases
        )
        writer = ScenarioRecordWriter(aliases: aliases)
        tables = world
    }

    mutating func parse() throws -> Scenario {
        for (index, line) in lines.enumerated().dropFirst() {
            do {
                try read(line.trimmingCharacters(in: .whitespaces), at: index)
            } catch let error as ScenarioLineError {
                throw ScenarioError(file: scenario.name, line: index + 1, message: error.message)
            }
        }
        close()
        guard !scenario.title.isEmpty, !scenario.reason.isEmpty, !scenario.blocks.isEmpty else {
            throw ScenarioError(
                file: scenario.name,
                line: 1,
                message: "a title, a paragraph, `given` and a block under dashes are needed"
            )
        }
        return scenario
    }

    private mutating func read(_ line: String, at index: Int) throws {
        if line.isEmpty { return }
        if line == "given" || line.hasPrefix("given ") {
            close()
            part = .given
        } else if line.wholeMatch(of: #/-{4,}/#) != nil {
            part = .expected
            block = ExpectationBlock(
                stepCount: scenario.steps.count,
                lines: (index + 1)..<(index + 1),
                expectations: []
            )
        } else {
            switch part {
            case .head: scenario.reason += line + " "
            case .given: try readGiven(line, at: index + 1)
            case .expected: try readExpected(line, at: index)
            }
        }
    }

    private mutating func close() {
        guard let block else { return }
        scenario.blocks.append(block)
        self.block = nil
    }

    private mutating func readExpected(_ line: String, at index: Int) throws(ScenarioLineError) {
        var reader = ExpectationReader(aliases: scenario.aliases, entity: writer.entity)
        let meaning = try reader.read(line)
        guard var block else { return }
        block.expectations.append((line: index + 1, text: line, meaning: meaning))
        block.lines = block.lines.lowerBound..<(index + 1)
        self.block = block
    }

    private mutating func readGiven(_ line: String, at number: Int) throws(ScenarioLineError) {
        if line.hasPrefix("raw ") {
            append(.record(String(line.dropFirst("raw ".count))), at: number)
            return
        }
        var words = line.split(separator: " ")[...]
        let first = words.removeFirst()
        switch first {
        case "entity": writer.entity = words.first.map(String.init) ?? writer.entity
        case "policy": scenario.policy += try overrides(words)
        case "reference":
            try change(words)
            scenario.reference = tables
        default:
            guard let clock = words.popFirst(), let verb = words.popFirst(),
                clock.wholeMatch(of: #/\d\d:\d\d(:\d\d(\.\d+)?)?/#) != nil
            else { throw ScenarioLineError("write a day, a time and what was recorded then") }
            let recorded = ScenarioRecordWriter.time("\(first)T\(clock)")
            try readTimed(String(verb), words, recorded: recorded, at: number)
        }
    }

    private mutating func readTimed(
        _ verb: String,
        _ words: ArraySlice<Substring>,
        recorded: String,
        at number: Int
    ) throws(ScenarioLineError) {
        switch verb {
        case "tick": append(.record(writer.tick(recorded: recorded, line: number)), at: number)
        case "reference-publish":
            try change(words)
            publish(.reference(tables), recorded: recorded, at: number)
        case "policy-publish":
            var changes = try overrides(words)
            guard let date = changes.firstIndex(where: { $0.path == "effective_from" }) else {
                throw ScenarioLineError("say effective_from=DATE")
            }
            let from = ScenarioRecordWriter.time(changes.remove(at: date).value)
            versions += 1
            publish(
                .policy(
                    version: "version-\(versions)",
                    effectiveFrom: from,
                    overrides: scenario.policy + changes
                ),
                recorded: recorded,
                at: number
            )
        case _ where ScenarioRecordWriter.isEvent(verb):
            let record = try writer.record(verb, Array(words), recorded: recorded, line: number)
            append(.record(record), at: number)
        default: throw ScenarioLineError("“\(verb)” is nothing that can be recorded")
        }
    }

    /// Time passes up to the publication; publications on consecutive lines are one.
    private mutating func publish(
        _ action: ScenarioStep.Action,
        recorded: String,
        at number: Int
    ) {
        if case .reference = action, case .reference = scenario.steps.last?.action,
            scenario.steps.last?.line == number - 1
        {
            scenario.steps.removeLast()
        } else {
            append(.record(writer.tick(recorded: recorded, line: number)), at: number)
        }
        append(action, at: number)
    }

    private mutating func append(_ action: ScenarioStep.Action, at line: Int) {
        scenario.steps.append(ScenarioStep(line: line, action: action))
    }

    /// `FILE put|withdraw ROW`: a row with the key of another replaces it.
    private mutating func change(_ words: ArraySlice<Substring>) throws(ScenarioLineError) {
        let words = Array(words)
        guard words.count >= 3, let table = tables["\(words[0]).csv"] else {
            throw ScenarioLineError("write reference FILE add|replace|withdraw ROW")
        }
        let file = "\(words[0]).csv"
        let row = scenario.aliases.resolve(row: words[2...].joined(separator: " "))
        let changed =
            words[1] == "withdraw"
            ? ReferenceTable.withdraw(row: row, in: table, named: file)
            : ReferenceTable.publish(row: row, in: table, named: file)
        guard ["add", "replace", "withdraw"].contains(words[1]), let changed else {
            throw ScenarioLineError("“\(words[1]) \(row)” is no change of \(file)")
        }
        tables[file] = changed
    }

    private func overrides(
        _ words: ArraySlice<Substring>
    ) throws(ScenarioLineError) -> [PolicyOverride] {
        var overrides: [PolicyOverride] = []
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw ScenarioLineError("write policy values as path=value, not “\(word)”")
            }
            overrides.append(PolicyOverride(path: parts[0], value: parts[1]))
        }
        return overrides
    }
}

/// Gives a scenario to an engine and compares what came with what must follow.
package struct ScenarioRunner {
    package let library: ScenarioLibrary
    package let engine: any ScenarioEngine

    package init(library: ScenarioLibrary, engine: any ScenarioEngine) {
        self.library = library
        self.engine = engine
    }

    /// All that did not follow, in the order of the file.
    package func run(_ scenario: Scenario) throws -> [ScenarioFailure] {
        let outputs = try score(scenario)
        var view = ScenarioView(aliases: scenario.aliases)
        var failures: [ScenarioFailure] = []
        var steps = 0
        for block in scenario.blocks {
            view.begin(with: outputs[steps..<block.stepCount].joined())
            steps = block.stepCount
            failures += view.failures(of: block, in: scenario.name)
        }
        return failures
    }

    /// Rewrites the expectations of the file from what came. A line about the state of a fill or a
    /// balance stays where it stands; new outputs follow.
    package func update(_ scenario: Scenario) throws {
        let outputs = try score(scenario)
        var view = ScenarioView(aliases: scenario.aliases)
        var lines: [String] = []
        var copied = 0
        var steps = 0
        for block in scenario.blocks {
            view.begin(with: outputs[steps..<block.stepCount].joined())
            steps = block.stepCount
            lines += scenario.text[copied..<block.lines.lowerBound]
            lines += view.description(replacing: block).map { "    " + $0 }
            copied = block.lines.upperBound
        }
        lines += scenario.text[copied...]
        try library.write(lines, to: scenario.name)
    }

    private func score(_ scenario: Scenario) throws -> [[ScenarioOutput]] {
        var actions = scenario.steps.map(\.action)
        while let index = actions.firstIndex(where: ScenarioReference.isUnresolved) {
            let known = try outputs(scenario, Array(actions[..<index])).joined()
            guard let action = ScenarioReference.resolve(actions[index], among: Array(known)) else {
                throw ScenarioError(
                    file: scenario.name,
                    line: scenario.steps[index].line,
                    message: "the alert or replenishment it decides about never came"
                )
            }
            actions[index] = action
        }
        return try outputs(scenario, actions)
    }

    private func outputs(
        _ scenario: Scenario,
        _ actions: [ScenarioStep.Action]
    ) throws -> [[ScenarioOutput]] {
        let outputs = try engine.score(
            reference: scenario.reference,
            policy: scenario.policy,
            steps: actions
        )
        precondition(outputs.count == actions.count, "the engine answers each step with one list")
        return outputs
    }
}

/// `replenishment-2`, `alert-1` as a disposition's subject: the second proposed, the first opened.
enum ScenarioReference {
    static func isUnresolved(_ action: ScenarioStep.Action) -> Bool {
        guard case .record(let line) = action else { return false }
        return line.firstMatch(of: #/"subject_id":"(?:alert|replenishment)-\d+"/#) != nil
    }

    static func resolve(
        _ action: ScenarioStep.Action,
        among outputs: [ScenarioOutput]
    ) -> ScenarioStep.Action? {
        guard case .record(let line) = action,
            let match = line.firstMatch(of: #/"subject_id":"(alert|replenishment)-(\d+)"/#),
            let number = Int(match.2)
        else { return nil }
        let topic = match.1 == "alert" ? ScenarioOutput.Topic.alerts : .replenishments
        var identifiers: [String] = []
        for output in outputs where output.topic == topic {
            guard let identifier = output.value["\(match.1)_id"].text else { continue }
            if !identifiers.contains(identifier) { identifiers.append(identifier) }
        }
        guard number > 0, number <= identifiers.count else { return nil }
        return .record(
            line.replacing(match.0, with: "\"subject_id\":\"\(identifiers[number - 1])\"")
        )
    }
}

/// One expectation that did not come true, as a reader would like to have it told.
package struct ScenarioFailure: CustomStringConvertible, Sendable {
    package var file: String
    package var line: Int
    package var expected: String
    package var came: [String]

    package var description: String {
        let lines = came.isEmpty ? ["nothing of the kind"] : came
        return
            (["\(file).txt:\(line)", "    expected  \(expected)"]
            + lines.enumerated().map { ($0 == 0 ? "    came      " : "              ") + $1 })
            .joined(separator: "\n")
    }
}

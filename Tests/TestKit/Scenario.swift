/// One text story: given lines, a rule of dashes, what must follow.
///
/// A file is one run of the monitor from an empty state. Each block of expectations speaks about the
/// outputs since the block before it; lines that name a fill or a balance speak about its latest state.
/// The format is described in `fixtures/scenarios/README.md`.
package struct Scenario: Sendable {
    /// Below `fixtures/scenarios`, without the extension: `rules/encounter_missing`.
    package var name: String
    package var title: String
    package var reason: String
    /// Published before the first step, with the policy: file name → CSV text.
    package var reference: [String: String]
    package var policy: [PolicyOverride]
    package var steps: [ScenarioStep]
    package var blocks: [ExpectationBlock]
    /// The file, line by line, so that an update can rewrite the blocks and nothing else.
    var text: [String]
    var aliases: ScenarioAliases
}

/// One value of the policy, by its dotted path, that differs from the shipped policy.
package struct PolicyOverride: Sendable, Equatable {
    package var path: String
    package var value: String
}

/// What the monitor is given next.
package struct ScenarioStep: Sendable {
    package enum Action: Sendable, Equatable {
        /// One line of NDJSON, as it stands in the contract.
        case record(String)
        /// A complete publication of all reference tables: file name → CSV text.
        case reference([String: String])
        /// A later version of the policy: all overrides against the shipped one.
        case policy(version: String, effectiveFrom: String, overrides: [PolicyOverride])
    }

    /// Line of the scenario's file, from 1.
    package var line: Int
    package var action: Action
}

/// The expectations between one rule of dashes and the next `given`.
package struct ExpectationBlock: Sendable {
    /// The block speaks after this many steps.
    package var stepCount: Int
    /// Lines of the file that hold the block, from 0: what an update replaces.
    package var lines: Range<Int>
    package var expectations: [(line: Int, text: String, meaning: Expectation)]
}

/// A scenario's file that does not follow the format: where, and what to do.
package struct ScenarioError: Error, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var message: String

    package var description: String { "\(file).txt:\(line): \(message)" }
}

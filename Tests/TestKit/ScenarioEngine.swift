import Foundation

/// The seam between the stories and the monitor they judge.
///
/// A conforming type starts from nothing, publishes `reference` and the shipped policy with the
/// overrides, applies the steps in order and returns what each caused, in the order written: the same
/// number of lists as steps. Times come from the records alone (offline rules). The runner may call
/// it several times with a growing prefix of the same steps: a disposition names an identifier that
/// only an earlier output gives.
package protocol ScenarioEngine: Sendable {
    func score(
        reference: [String: String],
        policy: [PolicyOverride],
        steps: [ScenarioStep.Action]
    ) throws -> [[ScenarioOutput]]
}

/// One line of an output topic.
package struct ScenarioOutput: Sendable {
    package enum Topic: String, Sendable, CaseIterable {
        case alerts, decisions, accumulators, replenishments
        case deadLetters = "dead-letters"
    }

    package var topic: Topic
    package var value: JSONValue

    package init(topic: Topic, line: String) throws {
        self.topic = topic
        value = try JSONDecoder().decode(JSONValue.self, from: Data(line.utf8))
    }
}

/// A parsed JSON value; numbers that matter in outputs are integers, decimals are strings.
package enum JSONValue: Sendable, Equatable, Decodable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package subscript(_ key: String) -> JSONValue {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    package var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// Strings and integers as text; nil for all else.
    package var text: String? {
        switch self {
        case .string(let value): value
        case .integer(let value): String(value)
        case .null, .bool, .number, .array, .object: nil
        }
    }
}

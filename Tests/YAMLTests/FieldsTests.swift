import Testing
import YAML

private struct Rule: Equatable {
    let id: String
    let limit: Int
    let price: String?
}

private struct Policy: Equatable {
    let name: String
    let effective: String
    let isActive: Bool
    let window: Duration
    let mode: String
    let rules: [Rule]
    let sites: [String]
    let quotas: [String: Int]
}

private func policy(_ text: String) throws(Diagnostics) -> Policy {
    let rule = Shape<Rule>.fields { fields in
        Rule(
            id: fields.required("id", .string, or: ""),
            limit: fields.required("limit", .integer(in: 1...100), or: 1),
            price: fields.optional("price", .decimal)
        )
    }
    return try read(Array(text.utf8), file: "policy.yaml") { fields in
        let policy = Policy(
            name: fields.required("name", .string, or: ""),
            effective: fields.required("effective", .date, or: ""),
            isActive: fields.optional("active", .bool) ?? true,
            window: fields.optional("window", .duration) ?? .seconds(86_400),
            mode: fields.optional("mode", .choice(["warn", "block"])) ?? "warn",
            rules: fields.required("rules", .list(of: rule), or: []),
            sites: fields.optional("sites", .list(of: .string)) ?? [],
            quotas: Dictionary(
                uniqueKeysWithValues: (fields.optional("quotas", .dictionary(of: .integer())) ?? [])
                    .map { ($0, $1) }
            )
        )
        if policy.mode == "block", policy.rules.isEmpty {
            fields.report("it cannot be block without rules.", at: "mode")
        }
        return policy
    }
}

private func told(_ text: String) -> String {
    do {
        _ = try policy(text)
        return "nothing"
    } catch {
        return error.description
    }
}

@Suite struct `A policy` {
    @Test func `that is right becomes a value`() throws {
        let read = try policy(
            """
            name: no
            effective: 2028-02-29
            active: false
            window: 1h30m
            rules:
              - { id: 007, limit: 100, price: 12.50 }
              - id: "yes"
                limit: 1
            sites: [on, off, 12:30, 1e3]
            quotas:
              north: -4
              true: 0
            """
        )
        #expect(
            read
                == Policy(
                    name: "no",
                    effective: "2028-02-29",
                    isActive: false,
                    window: .seconds(5_400),
                    mode: "warn",
                    rules: [
                        Rule(id: "007", limit: 100, price: "12.50"),
                        Rule(id: "yes", limit: 1, price: nil),
                    ],
                    sites: ["on", "off", "12:30", "1e3"],
                    quotas: ["north": -4, "true": 0]
                )
        )
    }

    @Test func `that is wrong has all of it told at once, each with its place`() {
        #expect(
            told(
                """
                nmae: St. Mary's
                effective: 2027-02-29
                active: yes
                window: 30
                mode: blok
                rules:
                  - id: [1]
                    limit: 0
                    prise: 3
                  - limit: 010
                    price: 1,50
                  - just text
                  - id:
                    limit: "5"
                sites: north
                quotas:
                  north: ~
                colour: red
                """
            ) == """
                policy.yaml:1:1: "name" is missing.
                policy.yaml:1:1: "nmae" is not known here. Did you mean name?
                policy.yaml:2:12: effective: "2027-02-29" is not a date. \
                Write year, month and day, for example 2026-03-31.
                policy.yaml:3:9: active: "yes" is not a boolean. Write true or false.
                policy.yaml:4:9: window: "30" is not a duration. \
                Write a number and its unit, for example 5s or 30d.
                policy.yaml:5:7: mode: "blok" is not known here. Did you mean block? Write warn or block.
                policy.yaml:7:9: rules[0].id: a list stands where one value is expected.
                policy.yaml:8:12: rules[0].limit: "0" is too small. The least is 1.
                policy.yaml:9:5: rules[0]: "prise" is not known here. Did you mean price?
                policy.yaml:10:5: rules[1]: "id" is missing.
                policy.yaml:10:12: rules[1].limit: "010" is not a whole number. Write one, for example 10.
                policy.yaml:11:12: rules[1].price: "1,50" is not a decimal number. \
                Write one, for example 12.50.
                policy.yaml:12:5: rules[2]: "just text" stands where keys with values are expected.
                policy.yaml:13:5: rules[3].id: no value is given. Write one or delete the key.
                policy.yaml:14:12: rules[3].limit: "5" is text in quotes. Take them away.
                policy.yaml:15:8: sites: "north" stands where a list is expected.
                policy.yaml:17:10: quotas.north: nothing stands where one value is expected.
                policy.yaml:18:1: "colour" is not known here. \
                Known are name, effective, active, window, mode, rules, sites and quotas.
                """
        )
    }

    @Test(arguments: [
        ("True", "is not a boolean. Write true or false."),
        ("yes", "is not a boolean. Write true or false."),
        ("on", "is not a boolean. Write true or false."),
        ("1", "is not a boolean. Write true or false."),
        ("'true'", "is text in quotes. Take them away."),
    ])
    func `takes for a boolean only true and false`(text: String, reason: String) {
        let bare = text.replacing("'", with: "")
        #expect(
            told("name: x\neffective: 2026-01-01\nrules: []\nactive: \(text)")
                == "policy.yaml:4:9: active: \"\(bare)\" \(reason)"
        )
    }

    @Test(arguments: ["0x1F", "0o17", "017", "1_000", "+1", "1.0", "1e3", "12:30", ".inf", "１"])
    func `takes for a number only plain digits`(text: String) {
        #expect(
            told("name: x\neffective: 2026-01-01\nrules: [{id: a, limit: \(text)}]")
                == "policy.yaml:3:24: rules[0].limit: \"\(text)\" is not a whole number."
                + " Write one, for example 10."
        )
    }

    @Test(arguments: [
        "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "26-01-01", "2026/01/01",
        "2026-04-31", "1900-02-29", "2026-01-01T00:00:00Z",
    ])
    func `takes for a date only a day of the calendar`(text: String) {
        #expect(
            told("name: x\neffective: \(text)\nrules: []")
                == "policy.yaml:2:12: effective: \"\(text)\" is not a date."
                + " Write year, month and day, for example 2026-03-31."
        )
    }

    @Test(arguments: ["1,5", "1.", ".5", "01.5", "1e3", "1.5.0", "+1", "--1", "1_0", "NaN"])
    func `takes for a decimal only digits and one point`(text: String) {
        let told = told(
            "name: x\neffective: 2026-01-01\nrules: [{id: a, limit: 1, price: \"\(text)\"}]"
        )
        #expect(
            told.hasSuffix("\"\(text)\" is not a decimal number. Write one, for example 12.50.")
        )
    }

    @Test(arguments: ["0", "-0", "-0.5", "12.50", "340", "0.000000000000000000001"])
    func `keeps a decimal exactly as it is written`(text: String) throws {
        let read = try policy(
            "name: x\neffective: 2026-01-01\nrules: [{id: a, limit: 1, price: \(text)}]"
        )
        #expect(read.rules[0].price == text)
    }

    @Test func `that contradicts itself has the contradiction told at the key`() {
        #expect(
            told("name: x\neffective: 2026-01-01\nmode: block\nrules: []")
                == "policy.yaml:3:1: mode: it cannot be block without rules."
        )
    }

    @Test func `that is no mapping, empty or doubled is refused`() {
        #expect(
            told("- a\n")
                == "policy.yaml:1:1: a list stands where keys with values are expected."
        )
        #expect(told("# nothing\n") == "policy.yaml:1:1: the file is empty.")
        #expect(
            told("a: 1\n---\nb: 2\n")
                == "policy.yaml:3:1: a second document begins. Keep one to a file."
        )
    }
}

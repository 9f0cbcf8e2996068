/// The sample data of the demo: a pure function of nothing.
package enum Sample {
    /// Every file below `fixtures/sample`, by its path there.
    package static func files() -> [(path: String, text: String)] {
        var scribe = Scribe()
        Stories.tell(to: &scribe)
        let subjects = scribe.expectations
        var routine = Routine()
        routine.write(to: &scribe)
        scribe.repeatRecords(every: 283, after: 90)
        return World.tables.map { ("reference/" + $0.file, $0.text) }
            + [
                ("events.ndjson", scribe.events),
                ("expected.txt", (subjects + scribe.deadLetters).joined(separator: "\n") + "\n"),
                ("README.md", readme(scribe)),
            ]
    }

    private static func readme(_ scribe: Scribe) -> String {
        let entities = World.clinics.map { "| `\($0.id)` | \($0.name), \($0.state) |\n" }.joined()
        let stories = scribe.stories.map { story in
            "| `\(story.rule)` | \(story.fires ? "fires" : "does not") | \(story.happens) |\n"
        }.joined()
        let letters = scribe.deadLetters.count
        return """
            # Sample data

            What the demo plays: \(scribe.count) records of five covered entities over 120 days that end on
            30 October 2026, in the order of their recording. Everything is invented but the drugs' names and
            packages; the numbers are no one's. `swift run sample-data fixtures/sample` writes this folder anew,
            always the same bytes; a test holds that it does.

            | file | what |
            | --- | --- |
            | `reference/` | the eight tables |
            | `events.ndjson` | the records, one a line |
            | `expected.txt` | what must and must not be alerted, and which lines are dead letters |

            | entity | |
            | --- | --- |
            \(entities)
            The routine is visits, prescriptions from those visits with refills, claims within minutes, ward doses,
            purchases of the packages that fell due, some visits charted late and \
            some records sent twice. In between,
            \(scribe.stories.count) stories, each function of `Sources/sample-data/Stories*.swift` one rule:

            | rule | | what happens |
            | --- | --- | --- |
            \(stories)
            A line of `expected.txt` is `RULE SUBJECT alert|no_alert`: whether such an alert opens at any time. Subjects are
            `fill ENTITY PHARMACY RX FILL`, `accumulator ENTITY PHARMACY NDC ACCOUNT` and
            `invoice ENTITY PHARMACY NDC ACCOUNT INVOICE`. `dead_letter LINE CODE FIELD` is a line no monitor can use.

            Besides: returns, reversals before and after their claims, rebills, corrections of quantity, number and
            patient, partial fills, people's decisions, an adjustment nobody approved, and \(letters) lines no monitor
            can use. Visits charted after two days, and corrections that reach one system before the other, open
            alerts that resolve by themselves.

            """
    }
}

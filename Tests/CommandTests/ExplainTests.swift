import Foundation
import Testing

/// `explain`, on the sample's journal: what it says is what was published, and more.
@Suite struct ExplainTests {
    /// The sample's journal in a dump file, and what a fold of it publishes.
    private struct Place {
        let folder: Folder
        let journal: SampleJournal

        init(then more: [String] = []) throws {
            folder = try Folder()
            journal = try SampleJournal(in: folder, then: more)
            let run = try Monitor.run(
                "score",
                "--journal",
                "-q",
                "-o",
                folder.path("out"),
                journal.path
            )
            #expect(run.status == 0, "\(run.errors)")
        }

        /// The published records of a topic, as text and read.
        func published(_ topic: String) throws -> [(text: String, record: [String: Any])] {
            try folder.lines("out/\(topic).ndjson").map { line in
                let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
                return (String(line), try #require(value as? [String: Any]))
            }
        }

        func words(_ id: String) throws -> String {
            let run = try Monitor.run("explain", id, journal.path)
            #expect(run.status == 0 && run.errors.isEmpty, "\(id): \(run.errors)")
            return run.output
        }

        func object(_ id: String) throws -> (text: String, value: [String: Any]) {
            let run = try Monitor.run("explain", id, journal.path, "--json")
            #expect(run.status == 0 && run.errors.isEmpty, "\(id): \(run.errors)")
            let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
            return (run.output, try #require(value as? [String: Any]))
        }
    }

    /// The rules of an explanation by verdict.
    private static func rules(_ explanation: [String: Any]) throws -> [String: [String]] {
        let fill = try #require(explanation["fill"] as? [String: Any])
        let rules = try #require(fill["rules"] as? [[String: Any]])
        var names: [String: [String]] = [:]
        for rule in rules {
            names[try #require(rule["verdict"] as? String), default: []]
                .append(try #require(rule["rule"] as? String))
        }
        return names
    }

    private static func id(_ record: [String: Any], _ name: String) throws -> String {
        try #require(record[name] as? String)
    }

    /// A dispense of a patient with visits, and its claim, which comes when its grace is over.
    private static let late = [
        """
        {"event_type":"dispense","event_id":"late-1","covered_entity_id":"DSH220914",\
        "occurred_at":"2026-11-01T17:00:00-04:00","recorded_at":"2026-11-01T17:02:00-04:00",\
        "dispense_id":"DLATE","rx_number":"LATE","fill_number":1,"patient_id":"P000041",\
        "pharmacy_npi":"2000010019","prescriber_npi":"1000010052","site_id":"DSH220914B",\
        "ndc":"65862005290","quantity":30,"unit":"EA","written_on":"2026-07-06","status":"completed"}
        """,
        """
        {"event_type":"claim","event_id":"late-2","covered_entity_id":"DSH220914",\
        "occurred_at":"2026-11-06T17:00:00-05:00","recorded_at":"2026-11-06T17:02:00-05:00",\
        "claim_id":"CLATE","rx_number":"LATE","fill_number":1,"pharmacy_npi":"2000010019",\
        "ndc":"65862005290","quantity":"30","transaction":"B1","status":"paid","bin":"610591",\
        "pcn":"ADV","group":"RXMCD","submission_clarification_codes":["20"],"claimed_340b":true}
        """,
        """
        {"event_type":"claim","event_id":"late-3","covered_entity_id":"DSH220914",\
        "occurred_at":"2026-11-07T17:00:00-05:00","recorded_at":"2026-11-07T17:02:00-05:00",\
        "claim_id":"CLATE","rx_number":"LATE","fill_number":1,"pharmacy_npi":"2000010019",\
        "ndc":"65862005290","quantity":"30","transaction":"B2","status":"paid"}
        """,
    ]

    @Test("An alert's evidence is explained in the bytes in which it was published")
    func alerts() throws {
        let place = try Place()
        var last: [String: String] = [:]
        for (text, record) in try place.published("alerts") {
            last[try Self.id(record, "alert_id")] = text
        }
        #expect(last.count > 40)
        for (id, text) in last {
            let explanation = try place.object(id)
            #expect(explanation.text.contains("\"published\":\(text),\"fill\":"), "\(id)")
            guard text.contains("\"subject\":{\"kind\":\"fill\"") else {
                #expect(explanation.value["accumulator"] is [String: Any], "\(id)")
                continue
            }
            let start = try #require(text.range(of: "\"evidence\":"))
            let end = try #require(text.range(of: ",\"dispositions\":"))
            let evidence = text[start.lowerBound..<end.lowerBound] + "},\"compared\":{"
            #expect(explanation.text.contains(evidence), "\(id): \(evidence)")
        }
    }

    @Test("Every source record that is named has the hash of the bytes that were sent")
    func hashes() throws {
        let place = try Place()
        let decisions = try place.published("decisions")
        let id = try Self.id(decisions[2000].record, "decision_id")
        let explanation = try place.object(id).value
        let records = try #require(explanation["records"] as? [[String: Any]])
        #expect(records.count > 2)
        for record in records {
            let source = try #require(record["source"] as? [String: Any])
            let line = try #require(source["offset"] as? Int)
            #expect(source["topic"] as? String == "events")
            #expect(record["source_sha256"] as? String == place.journal.digests[line])
            #expect(record["offset"] as? Int == (record["number"] as? Int).map { $0 * 2 })
        }
        let text = try place.words(id)
        for record in records {
            #expect(text.contains("SHA-256 " + (record["source_sha256"] as? String ?? "none")))
        }
    }

    @Test("Fills that pass, fail and wait are explained with the verdicts that were published")
    func verdicts() throws {
        let place = try Place()
        let decisions = try place.published("decisions").map(\.record)
        var wanted = stride(from: 0, to: decisions.count, by: 60).map { decisions[$0] }
        for outcome in ["qualified", "not_qualified", "pending", "reversed", "missed_opportunity"] {
            let one = decisions.first { $0["outcome"] as? String == outcome }
            wanted.append(try #require(one, "\(outcome)"))
        }
        for decision in wanted {
            let id = try Self.id(decision, "decision_id")
            let explanation = try place.object(id).value
            #expect(explanation["facts_of"] as? String == id)
            let fill = try #require(explanation["fill"] as? [String: Any])
            #expect(fill["outcome"] as? String == decision["outcome"] as? String, "\(id)")
            #expect(
                fill["pending_until"] as? String == decision["pending_until"] as? String,
                "\(id)"
            )
            let rules = try Self.rules(explanation)
            let published = try #require(decision["rules"] as? [[String: String]])
            for result in ["fail", "pending"] {
                let names = published.filter { $0["result"] == result }.compactMap { $0["rule"] }
                #expect(rules[result, default: []] == names, "\(id)")
            }
            let count = rules.values.reduce(0) { $0 + $1.count }
            #expect(count == 20, "every rule about a fill speaks once")
        }
    }

    @Test("A passing rule shows what it rests on: the visit, the rows with their dates, the payer")
    func passes() throws {
        let place = try Place()
        let decisions = try place.published("decisions").map(\.record)
        let decision = try #require(
            decisions.first {
                $0["outcome"] as? String == "qualified"
                    && ($0["fill"] as? [String: Any])?["rx_number"] as? String == "0000438"
            }
        )
        let text = try place.words(try Self.id(decision, "decision_id"))
        #expect(text.contains("pass           encounter_missing\n"))
        #expect(text.contains("matched_encounter_id E000377, matched_from 2026-07-23"))
        #expect(text.contains("row of sites: site_id RRC140233, covered_entity_id RRC140233"))
        #expect(text.contains("row of payers: bin 015581, pcn -, group -, payer_type medicare_d"))
        #expect(text.contains("effective_from 2018-01-01, effective_to -, covers_written_on yes"))
        #expect(text.contains("not applicable orphan_drug_excluded: it is no orphan drug"))
        #expect(text.contains("\nWhat came later\n  nothing, up to the end of this journal\n"))
        #expect(text.contains("revision 1: pending"))

        let restricted = try #require(
            try place.published("alerts").first {
                $0.record["rule"] as? String == "manufacturer_restriction"
            }
        )
        let alert = try place.words(try Self.id(restricted.record, "alert_id"))
        #expect(alert.contains("row of restrictions: labeler "))
        #expect(alert.contains("is_restricted yes"))
    }

    @Test(
        "Where a record's time ends a grace and the record itself says more, each decision has its own facts"
    )
    func superseded() throws {
        let place = try Place(then: Self.late)
        let decisions = try place.published("decisions").map(\.record).filter {
            ($0["fill"] as? [String: Any])?["rx_number"] as? String == "LATE"
        }
        #expect(
            decisions.map { $0["change"] as? String } == ["dispense", "deadline", "claim", "claim"]
        )
        let ids = try decisions.map { try Self.id($0, "decision_id") }
        #expect(ids[1].dropLast() == ids[2].dropLast(), "one record wrote both: \(ids)")

        let deadline = try place.object(ids[1]).value
        #expect(deadline["facts_of"] as? String == ids[1])
        #expect(try Self.rules(deadline)["fail"] == ["dispense_without_claim"])
        let claim = try place.object(ids[2]).value
        #expect(claim["facts_of"] as? String == ids[2])
        #expect(try Self.rules(claim)["fail"] == nil)

        // What came later: the claim, and its reversal, which takes the increment back.
        let first = try place.words(ids[0])
        let later = try #require(first.components(separatedBy: "\nWhat came later\n").last)
        #expect(later.contains("claim late-2 from events[0]@"))
        #expect(later.contains("decision \(ids[2]), revision 3: qualified, account 340B"))
        #expect(later.contains("decision \(ids[3]), revision 4: reversed"))
        #expect(later.contains("-30 EA (reversal), account 340B"))
        #expect(
            try place.words(ids[3]).contains(
                "not applicable encounter_missing: the fill is reversed"
            )
        )
    }

    @Test("An increment is explained by its decision, a replenishment by the increments it covers")
    func ledger() throws {
        let place = try Place()
        let movements = try place.published("accumulators").map(\.record)
        let increment = try #require(
            movements.first {
                $0["reason"] as? String == "dispense" && $0["key_sequence"] as? Int == 2
            }
        )
        let id = try Self.id(increment, "increment_id")
        let explanation = try place.object(id).value
        let cause = try #require(increment["cause"] as? [String: Any])
        #expect(explanation["facts_of"] as? String == cause["decision_id"] as? String)
        let words = try place.words(id)
        #expect(words.contains("\n  balance 0 → "))
        #expect(
            words.contains("\nRules\n") && words.contains("\nThe accumulator behind this record\n")
        )

        let proposal = try #require(
            try place.published("replenishments").map(\.record).first {
                let covered = $0["increments"] as? [String: Int]
                return covered?["first"] != covered?["last"]
            }
        )
        let replenishment = try place.object(try Self.id(proposal, "replenishment_id"))
        let covered = try #require(proposal["increments"] as? [String: Int])
        let (first, last) = (try #require(covered["first"]), try #require(covered["last"]))
        for number in first...last {
            #expect(replenishment.text.contains("\"key_sequence\":\(number),"))
        }
        let others = movements.filter {
            $0["pharmacy_npi"] as? String == proposal["pharmacy_npi"] as? String
                && $0["ndc11"] as? String == proposal["ndc11"] as? String
                && first...last ~= $0["key_sequence"] as? Int ?? -1
        }
        for one in others {
            #expect(replenishment.text.contains(try Self.id(one, "increment_id")))
        }
    }

    @Test("What a person said about an alert is told with the record in which it was said")
    func dispositions() throws {
        let alert = try #require(
            try Place().published("alerts").first { $0.record["rule"] as? String == "mfp_unmarked" }
        )
        let id = try Self.id(alert.record, "alert_id")
        let entity = try Self.id(alert.record, "covered_entity_id")
        let place = try Place(then: [
            """
            {"event_type":"disposition","event_id":"said-1","covered_entity_id":"\(entity)",\
            "occurred_at":"2026-11-02T16:20:00-04:00","subject_id":"\(id)",\
            "decision":"false_positive","actor":"r.bauer","note":"marker sent by phone"}
            """
        ])
        let text = try place.words(id)
        #expect(text.contains("a person said: offset "))
        #expect(text.contains("disposition said-1 from events[0]@"))
        #expect(text.contains("note marker sent by phone"))
    }

    @Test("An id that is not there is told with where it was looked for, and what to check")
    func unknown() throws {
        let place = try Place()
        let path = place.journal.path
        for (id, message) in [
            ("d_0_1_0", "that record of \(path) wrote no decision. Check the id"),
            ("d_0_99999_0", "\(path) has 4,660 records, and it would be of a later one."),
            ("i_3_1_1", "it belongs into journal partition 3, and there is only 0."),
            (
                "a_00000000000000000000000000000000",
                "no alert of this id was written by the 4,660 records of journal partition 0."
            ),
        ] {
            let run = try Monitor.run("explain", id, path)
            #expect(run.status == 1 && run.output.isEmpty)
            #expect(run.errors.contains("could not explain \(id): \(message)"), "\(run.errors)")
        }
        let wrong = try Monitor.run("explain", "d_1", path)
        #expect(wrong.status == 64 && wrong.errors.contains("it is no id of an output"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let damaged = try Monitor.run("explain", "a_00000000000000000000000000000000", path)
        #expect(damaged.status == 1)
        #expect(damaged.errors.contains("\"journal verify\" tells"), "\(damaged.errors)")
    }
}

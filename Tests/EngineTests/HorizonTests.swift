import Engine
import Foundation
import Journal
import TestKit
import Testing

/// What is forgotten was past changing, and what is remembered stops growing (SEMANTICS 35).
struct HorizonTests {
    /// Years of records of one entity: fills with visits up to a year before their prescriptions, prescriptions up to a
    /// year old, and reversals, rebills and returns as late as a record of a remembered fill may come.
    static func stream(days: Int, fillsPerDay: Int) -> [[String]] {
        var chance = Chance(seed: 35)
        var byDay = [[String]](repeating: [], count: days)
        var events = 0
        func add(_ day: Int, _ minute: Int, _ type: String, _ fields: String) {
            guard day < days else { return }
            events += 1
            let time = SmallWorld.time(day * 1440 + minute)
            byDay[day].append(
                "{\"event_type\":\"\(type)\",\"event_id\":\"e\(events)\","
                    + "\"covered_entity_id\":\"DSH1\",\"occurred_at\":\"\(time)\",\(fields)}"
            )
        }
        for day in 0..<days {
            for number in 0..<fillsPerDay {
                let id = "\(day)-\(number)"
                let product = chance.pick(Array(Tables.products.prefix(2)))
                let quantity = chance.pick(product.quantities)
                let patient = "P\(chance.happens(60) ? id : "\(chance.number(1...20))")"
                let minute = chance.number(0...1439)
                let written = day - chance.pick([0, 0, 1, 30, 365])
                let seen = written - chance.pick([0, 0, 1, 100, 365])
                let doctor = Tables.providers[0]
                let pharmacy = Tables.pharmacies[0]
                if seen >= 0 {
                    let visit = SmallWorld.time(seen * 1440 + 1)
                    add(
                        seen,
                        1,
                        "encounter",
                        "\"encounter_id\":\"E\(id)\",\"patient_id\":\"\(patient)\",\"class\":\"AMB\","
                            + "\"status\":\"finished\",\"site_id\":\"DSH1\","
                            + "\"provider_npi\":\"\(doctor)\",\"start\":\"\(visit)\",\"end\":\"\(visit)\""
                    )
                }
                func dispense(_ day: Int, _ status: String) {
                    add(
                        day,
                        minute,
                        "dispense",
                        "\"dispense_id\":\"D\(id)\",\"rx_number\":\"R\(id)\",\"fill_number\":0,"
                            + "\"patient_id\":\"\(patient)\",\"pharmacy_npi\":\"\(pharmacy)\","
                            + "\"prescriber_npi\":\"\(doctor)\",\"site_id\":\"DSH1\","
                            + "\"ndc\":\"\(product.code)\",\"quantity\":\"\(quantity)\","
                            + "\"unit\":\"EA\",\"written_on\":\"\(SmallWorld.date(written))\","
                            + "\"status\":\"\(status)\""
                    )
                }
                func claim(_ day: Int, _ transaction: String, _ number: Int) {
                    add(
                        day,
                        minute + 1,
                        "claim",
                        "\"claim_id\":\"C\(id)-\(number)\",\"rx_number\":\"R\(id)\","
                            + "\"fill_number\":0,\"pharmacy_npi\":\"\(pharmacy)\","
                            + "\"ndc\":\"\(product.code)\",\"quantity\":\"\(quantity)\","
                            + "\"transaction\":\"\(transaction)\",\"status\":\"paid\","
                            + "\"bin\":\"100\",\"claimed_340b\":true"
                    )
                }
                dispense(day, "completed")
                claim(day, "B1", 1)
                switch chance.number(1...12) {
                case 1: claim(day + 390, "B2", 1)
                case 2:
                    claim(day + 300, "B2", 1)
                    claim(day + 301, "B1", 2)
                case 3:
                    // Billed again and again: the fill is remembered for longer than the visit by itself.
                    for again in 1...2 { claim(day + 390 * again, "B3", again + 1) }
                case 4: dispense(day + 200, "returned")
                default: break
                }
            }
        }
        return byDay
    }

    /// What a buyer says about a proposal at the end of a day.
    private static func answer(_ id: String, on day: Int, _ decision: String) -> String {
        "{\"event_type\":\"disposition\",\"event_id\":\"\(id)-\(day)\",\"covered_entity_id\":\"DSH1\","
            + "\"occurred_at\":\"\(SmallWorld.time(day * 1440 + 1439))\",\"subject_id\":\"\(id)\","
            + "\"decision\":\"\(decision)\",\"actor\":\"kim\"}"
    }

    @Test func `a short memory decides as a long one, and stays small`() throws {
        let days = 2300
        let stream = Self.stream(days: days, fillsPerDay: 3)
        var short = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 400)
        var long = try MachineRun(tables: Tables.csv, policies: [Policy()], horizonDays: 14_600)
        var sizes: [MachineSize] = []
        // Proposals are decided soon, after years, twice or never: they are remembered as long as nobody has (35).
        var chance = Chance(seed: 27)
        var answers = [[String]](repeating: [], count: days)
        for (day, lines) in stream.enumerated() {
            for line in lines + answers[day] {
                try short.record(line)
                try long.record(line)
            }
            for line in short.machine.lines(.replenishments) where line.contains("proposed") {
                let id = line.split(separator: "\"").first { $0.hasPrefix("r_") } ?? ""
                for wait in chance.pick([[], [1], [30, 31], [450], [900, 1000]])
                where day + wait < days {
                    answers[day + wait].append(
                        Self.answer(
                            String(id),
                            on: day + wait,
                            chance.pick(["approved", "rejected"])
                        )
                    )
                }
            }
            sizes.append(short.machine.size)
            for topic in OutputTopic.allCases {
                let one = short.machine.lines(topic)
                let other = long.machine.lines(topic)
                guard one != other else { continue }
                let place = zip(one, other).prefix { $0 == $1 }.count
                Issue.record(
                    """
                    \(topic.name), on day \(sizes.count)
                    remembering 400 days: \(place < one.count ? one[place] : "nothing")
                    remembering all: \(place < other.count ? other[place] : "nothing")
                    """
                )
                return
            }
            short.machine.removeOutputs()
            long.machine.removeOutputs()
        }
        #expect(short.letters.isEmpty && long.letters.isEmpty)
        let early = sizes[1500...1700]
        let late = sizes[(days - 200)...]
        for (name, path) in [
            ("fills", \MachineSize.fills), ("dispenses", \.dispenses), ("claims", \.claims),
            ("encounters", \.encounters), ("patients", \.patients), ("alerts", \.alerts),
            ("accumulators", \.accumulators), ("eventIDs", \.eventIDs),
        ] as [(String, KeyPath<MachineSize, Int>)] {
            let before = early.map { $0[keyPath: path] }.max() ?? 0
            let after = late.map { $0[keyPath: path] }.max() ?? 0
            #expect(after <= before + before / 5 + 10, "\(name) grew from \(before) to \(after)")
        }
        #expect(long.machine.size.fills > 2 * short.machine.size.fills)
    }
}

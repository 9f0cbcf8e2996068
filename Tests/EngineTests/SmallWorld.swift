import Foundation

/// The records of a few fills and patients, made from a seed: everything that the contract lets happen to them, close
/// together, so that it meets.
///
/// No two records of one thing have the same `occurred_at`, and no two events the same id unless they are equal: what
/// remains must not depend on the order of arrival (SEMANTICS 2).
struct SmallWorld {
    let seed: UInt64
    private(set) var records: [String] = []

    private var chance: Chance
    private var events = 0
    private var usedTimes: Set<Int> = []
    private var fills: [Fill] = []
    private let entity: String

    /// What a fill starts from; its records may say something else.
    private struct Fill {
        var pharmacy: String
        var rx: String
        var number: Int
        var patient: String
        var product: Tables.Product
        var quantity: String
        var prescriber: String
        /// Minutes since the first of March.
        var filledAt: Int
        var writtenDaysBefore: Int
    }

    init(seed: UInt64) {
        self.seed = seed
        chance = Chance(seed: seed)
        entity = chance.pick(["DSH1", "DSH1", "RRC1"])
        let patients = Array(["P1", "P2", "P3"].prefix(chance.number(1...3)))
        // Now and then all fills are alike, so that patterns and accumulators meet.
        let focus = chance.happens(50) ? Tables.products.randomElement(using: &chance) : nil
        for number in 0..<chance.number(1...6) { addFill(number, patients, focus) }
        for fill in fills { addRecords(of: fill) }
        for patient in patients { addEncounters(of: patient, patients) }
        if chance.happens(30) { addAdjustment() }
        if chance.happens(20) { addPurchase() }
        for record in records where chance.happens(5) { records.append(record) }
    }

    /// The records in the order in which they were recorded.
    var inTime: [String] {
        records.sorted { Self.recordedAt($0) < Self.recordedAt($1) }
    }

    static func recordedAt(_ line: String) -> Substring {
        guard let field = line.range(of: "\"recorded_at\":\"") else { return "" }
        return line[field.upperBound...].prefix(20)
    }

    /// Many worlds of the same names one after another: what a long journal holds.
    static func journal(of seeds: [UInt64]) -> [String] {
        seeds.flatMap { SmallWorld(seed: $0).inTime } + [last]
    }

    private mutating func addFill(_ number: Int, _ patients: [String], _ focus: Tables.Product?) {
        let product = focus ?? chance.pick(Tables.products)
        fills.append(
            Fill(
                pharmacy: chance.pick(Tables.pharmacies),
                rx: chance.happens(15) ? "1" : "\(number + 1)",
                number: chance.happens(15) ? 1 : 0,
                patient: chance.pick(patients),
                product: product,
                quantity: chance.pick(product.quantities),
                prescriber: chance.pick(Tables.providers),
                filledAt: chance.number(0...(20 * 1440)),
                writtenDaysBefore: chance.pick([0, 0, 0, 1, 2, 5, 364, 365, 366])
            )
        )
    }

    // MARK: times

    /// A minute that no other record has, near the one wanted.
    private mutating func free(_ minute: Int) -> Int {
        var one = minute
        while !usedTimes.insert(one).inserted { one += 1 }
        return one
    }

    /// Minutes since the first of March 2025 as the contract writes times.
    static func time(_ minute: Int, offset: String = "Z") -> String {
        var whole = minute
        if offset == "-05:00" { whole -= 300 }
        let day = Int((Double(whole) / 1440).rounded(.down))
        let rest = whole - day * 1440
        return date(day) + "T" + pad(rest / 60) + ":" + pad(rest % 60) + ":00" + offset
    }

    /// A day since the first of March 2025.
    static func date(_ day: Int) -> String {
        let first = DateComponents(
            calendar: Calendar(identifier: .gregorian),
            timeZone: .gmt,
            year: 2025,
            month: 3,
            day: 1
        )
        let start = first.date?.timeIntervalSince1970 ?? 0
        let days = Int(start) / 86_400 + day
        // Civil from days (Howard Hinnant's algorithm).
        let z = days + 719_468
        let era = z / 146_097
        let doe = z - era * 146_097
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        let month = mp < 10 ? mp + 3 : mp - 9
        let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        return "\(year)-" + pad(month) + "-" + pad(doy - (153 * mp + 2) / 5 + 1)
    }

    private static func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private mutating func someTime(_ minute: Int) -> String {
        Self.time(minute, offset: chance.happens(10) ? "-05:00" : "Z")
    }

    // MARK: records

    private mutating func add(_ type: String, at minute: Int, _ fields: String) {
        events += 1
        let recorded = minute + chance.pick([0, 1, 60, 1440, 3 * 1440, 10 * 1440])
        records.append(
            "{\"event_type\":\"\(type)\",\"event_id\":\"w\(seed)-\(events)\","
                + "\"covered_entity_id\":\"\(entity)\",\"occurred_at\":\"\(someTime(minute))\","
                + "\"recorded_at\":\"\(Self.time(recorded))\",\(fields)}"
        )
    }

    private mutating func addRecords(of fill: Fill) {
        let kind = chance.number(1...100)
        if kind <= 55 {
            addDispense(fill, versions: chance.pick([1, 1, 1, 2, 3]), part: nil)
        } else if kind <= 70 {
            addDispense(fill, versions: chance.pick([1, 1, 2]), part: "P")
            if chance.happens(70) { addDispense(fill, versions: 1, part: "C") }
        } else if kind <= 90 {
            for _ in 0..<chance.number(2...3) {
                addDispense(fill, versions: chance.pick([1, 2]), part: nil)
            }
        }
        addClaims(of: fill)
    }

    private mutating func addDispense(_ fill: Fill, versions: Int, part: String?) {
        events += 1
        let id = "D\(events)" + (chance.happens(5) ? "-with-a-long-name" : "")
        var now = fill
        var administered = chance.happens(12)
        var cash = chance.happens(40)
        var unit = fill.product.unit
        var part = part
        var minute = fill.filledAt + chance.number(0...2880)
        for version in 0..<versions {
            if version > 0 {
                // A correction repeats the time, nearly: the order of versions must be known.
                minute += chance.pick([1, 1, 1, 700])
                switch chance.number(1...14) {
                case 1: now.quantity = chance.pick(fill.product.quantities)
                case 2: now.product = chance.pick(Tables.products)
                case 3: now.patient = chance.pick(["P1", "P2", "P3"])
                case 4: now.prescriber = chance.pick(Tables.providers)
                case 5, 6: now.rx = chance.pick(["1", "2", "9"])
                case 7: now.number = 1 - now.number
                case 8: now.pharmacy = chance.pick(Tables.pharmacies)
                case 9: administered.toggle()
                case 10: cash.toggle()
                case 11: now.writtenDaysBefore = chance.pick([0, 1, 365, 366])
                case 12: unit = chance.pick(["EA", "ML"])
                case 13: part = part == nil ? "P" : nil
                default: break
                }
            }
            let isReturned = version > 0 && chance.happens(35)
            minute = free(minute)
            let written = Self.date(now.filledAt / 1440 - now.writtenDaysBefore)
            add(
                "dispense",
                at: minute,
                "\"dispense_id\":\"\(id)\",\"rx_number\":\"\(now.rx)\",\"fill_number\":\(now.number),"
                    + "\"patient_id\":\"\(now.patient)\",\"pharmacy_npi\":\"\(now.pharmacy)\","
                    + "\"prescriber_npi\":\"\(now.prescriber)\","
                    + "\"site_id\":\"\(chance.pick(Tables.sites(of: entity)))\","
                    + "\"ndc\":\"\(chance.pick(now.product.spellings))\","
                    + "\"quantity\":\(now.quantity),\"unit\":\"\(unit)\",\"written_on\":\"\(written)\","
                    + "\"status\":\"\(isReturned ? "returned" : "completed")\""
                    + (administered
                        ? ",\"setting\":\"administered\",\"encounter_id\":\"E1\"" : "")
                    + (cash ? ",\"payment\":\"cash\"" : "")
                    + (part.map { ",\"dispensing_status\":\"\($0)\"" } ?? "")
            )
        }
    }

    private mutating func addClaims(of fill: Fill) {
        var minute = fill.filledAt + chance.number(0...60)
        let isTreated = chance.happens(60)
        let isPartial = chance.happens(10)
        for _ in 0..<chance.pick([0, 1, 1, 1, 2, 3, 4]) {
            minute = free(minute + chance.number(0...600))
            let product = chance.happens(90) ? fill.product : chance.pick(Tables.products)
            let isMarked = isTreated && chance.happens(70)
            add(
                "claim",
                at: minute,
                "\"claim_id\":\"C\(chance.number(1...3))\",\"rx_number\":\"\(fill.rx)\","
                    + "\"fill_number\":\(fill.number),\"pharmacy_npi\":\"\(fill.pharmacy)\","
                    + "\"ndc\":\"\(chance.pick(product.spellings))\","
                    + "\"quantity\":\"\(chance.happens(85) ? fill.quantity : chance.pick(product.quantities))\","
                    + "\"transaction\":\"\(chance.pick(["B1", "B1", "B1", "B2", "B3"]))\","
                    + "\"status\":\"\(chance.happens(90) ? "paid" : "rejected")\","
                    + "\"coverage_order\":\(chance.pick([1, 1, 1, 2])),"
                    + "\"bin\":\"\(chance.pick(["100", "100", "100", "200", "300", "400", "999"]))\","
                    + "\"pcn\":\"\(chance.pick(["", "", "A"]))\",\"group\":\"\(chance.pick(["", "G"]))\","
                    + "\"claimed_340b\":\(isTreated && chance.happens(80))"
                    + (isMarked ? ",\"submission_clarification_codes\":[\"8\",\"20\"]" : "")
                    + (isPartial
                        ? ",\"dispensing_status\":\"\(chance.pick(["P", "C"]))\"" : "")
            )
        }
    }

    private mutating func addEncounters(of patient: String, _ patients: [String]) {
        for _ in 0..<chance.pick([0, 1, 1, 2, 3]) {
            events += 1
            let id = "E\(events)"
            let fill = chance.pick(fills)
            let days = chance.pick([0, 0, 0, -1, 1, 2, 300, 364, 365, 366])
            var start = fill.filledAt - days * 1440 + chance.number(-600...600)
            var end = start + chance.pick([20, 60, 1440, 3 * 1440, 7 * 1440])
            var owner = patient
            var status = chance.pick(["planned", "in-progress", "finished", "finished"])
            var kind = chance.pick(["AMB", "AMB", "EMER", "IMP", "ACUTE", "OBSENC", "PRENC"])
            var provider = chance.pick([fill.prescriber, fill.prescriber] + Tables.providers)
            var hasEnd = status == "finished" || chance.happens(20)
            var minute = start
            for version in 0..<chance.pick([1, 1, 2, 3]) {
                if version > 0 {
                    minute += chance.pick([5, 60, 1440])
                    switch chance.number(1...9) {
                    case 1: status = "cancelled"
                    case 2: status = "finished"
                    case 3: kind = chance.pick(["AMB", "IMP", "EMER", "PRENC"])
                    case 4: provider = chance.pick(Tables.providers)
                    case 5: owner = chance.pick(["P1", "P2", "P3"])
                    case 6: hasEnd.toggle()
                    case 7: end += 1440
                    case 8: start -= 1440
                    default: status = "in-progress"
                    }
                }
                minute = free(minute)
                add(
                    "encounter",
                    at: minute,
                    "\"encounter_id\":\"\(id)\",\"patient_id\":\"\(owner)\",\"class\":\"\(kind)\","
                        + "\"status\":\"\(status)\",\"site_id\":\"\(entity)\","
                        + "\"provider_npi\":\"\(provider)\",\"start\":\"\(someTime(start))\","
                        + "\"end\":" + (hasEnd ? "\"\(someTime(end))\"" : "null")
                )
            }
        }
    }

    private mutating func addAdjustment() {
        let fill = chance.pick(fills)
        add(
            "adjustment",
            at: free(fill.filledAt),
            "\"adjustment_id\":\"A\(events)\",\"pharmacy_npi\":\"\(fill.pharmacy)\","
                + "\"ndc\":\"\(fill.product.code)\",\"account\":\"\(chance.pick(["340B", "GPO"]))\","
                + "\"quantity\":\"\(chance.pick(["-40", "-7.5", "0", "12", "250"]))\","
                + "\"packages_outstanding\":\(chance.number(0...2)),\"reason\":\"count\","
                + "\"actor\":\"kim\""
                + (chance.happens(80) ? ",\"approved_by\":\"ada\"" : "")
        )
    }

    private mutating func addPurchase() {
        let fill = chance.pick(fills)
        add(
            "purchase",
            at: free(fill.filledAt),
            "\"invoice_id\":\"I\(events)\",\"line\":1,\"pharmacy_npi\":\"\(fill.pharmacy)\","
                + "\"ndc\":\"\(fill.product.code)\","
                + "\"account\":\"\(chance.pick(["340B", "GPO", "WAC"]))\","
                + "\"packages\":\(chance.pick([-1, 1, 3]))"
        )
    }

    /// A record long after everything: all graces have passed.
    static var last: String {
        "{\"event_type\":\"encounter\",\"event_id\":\"last\",\"covered_entity_id\":\"NONE1\","
            + "\"occurred_at\":\"2025-06-01T00:00:00Z\",\"encounter_id\":\"E\",\"patient_id\":\"P\","
            + "\"class\":\"AMB\",\"status\":\"planned\",\"site_id\":\"NONE1\","
            + "\"provider_npi\":\"1000000012\",\"start\":\"2025-06-01T00:00:00Z\"}"
    }
}

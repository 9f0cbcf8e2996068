import Journal

/// Steady traffic of one covered entity, made as it is needed: equal days, without an end.
///
/// A visit is five events: the encounter, two dispenses, the claim of each. A patient comes again after about 90 days,
/// at most four times; then another takes the place, so that the number of living patients is the same on all days.
/// One visit in 50 is not recorded, one claim in 50 never comes and one in 50 is reversed, so there are alerts,
/// deadlines and corrections, too.
struct Traffic {
    private static let siteCount = 4
    private static let providers = (0..<40).map { npi(100_000_000 + $0 * 7) }
    private static let pharmacies = (0..<6).map { npi(200_000_000 + $0 * 7) }
    private static let products = (0..<200).map { left(zeros: 11, 50_000_000_100 + $0 * 1000) }
    private static let entity = "DSH000001"

    /// Events of a day.
    let perDay: Int
    /// First day, as days since 1970.
    let firstDay: Int32
    private var line: [UInt8] = []

    /// Traffic from a day on.
    init(perDay: Int, from firstDay: CivilDate) {
        self.perDay = perDay
        self.firstDay = firstDay.day
        line.reserveCapacity(1024)
    }

    /// The reference tables that fit it.
    static var rows: [ReferenceRow] {
        var rows = [
            ReferenceRow(
                table: .coveredEntities,
                values: [
                    entity, "DSH", "Hospital", "IL", "carve_out", "carve_out", "2015-01-01", "",
                ]
            )
        ]
        for site in 0..<siteCount {
            rows.append(
                ReferenceRow(
                    table: .sites,
                    values: [name(ofSite: site), entity, "Site", "2015-01-01", ""]
                )
            )
        }
        for provider in providers {
            rows.append(
                ReferenceRow(
                    table: .providers,
                    values: [provider, entity, "employed", "2015-01-01", ""]
                )
            )
        }
        for pharmacy in pharmacies {
            rows.append(
                ReferenceRow(
                    table: .pharmacies,
                    values: [pharmacy, entity, "Pharmacy", "contract", "2015-01-01", "", "", ""]
                )
            )
        }
        for product in products {
            rows.append(
                ReferenceRow(
                    table: .products,
                    values: [product, "Product", "EA", "100", String(product.prefix(5)), "0", ""]
                )
            )
        }
        rows.append(
            ReferenceRow(table: .payers, values: ["004336", "ADV", "", "commercial", ""])
        )
        return rows
    }

    private static func name(ofSite site: Int) -> String {
        site == 0 ? entity : "\(entity)-\(site)"
    }

    /// Hands out the lines of a day, in the order in which they were recorded.
    mutating func visitDay(_ day: Int, _ body: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        let visits = max(1, perDay / 5)
        let date = CivilDate(day: firstDay + Int32(day)).text
        for visit in 0..<visits {
            let number = day * visits + visit
            for step in 0..<5 {
                let second = (visit * 5 + step) * 86_400 / (visits * 5)
                guard write(number, step, visits: visits, date, second) else { continue }
                try body(line)
            }
        }
    }

    /// What a buyer says, at the end of a day, of what was proposed on it.
    mutating func approval(of proposal: String, _ day: Int) -> [UInt8] {
        let date = CivilDate(day: firstDay + Int32(day)).text
        line.removeAll(keepingCapacity: true)
        begin("disposition", "ok-\(proposal)", date + "T23:59:59Z")
        add("subject_id", proposal)
        add("decision", "approved")
        add("actor", "buyer")
        line.append(UInt8(ascii: "}"))
        return line
    }

    /// Writes one event of a visit; false where it is one that never comes.
    private mutating func write(
        _ visit: Int,
        _ step: Int,
        visits: Int,
        _ date: String,
        _ second: Int
    ) -> Bool {
        // Fates are spread by a fixed mixture of the visit's number.
        let fate = Int(truncatingIfNeeded: UInt64(visit) &* 0x9E37_79B9_7F4A_7C15 >> 40)
        let pool = visits * 90
        let place = visit % pool
        let generation = (visit / pool + place % 4) / 4
        let patient = "P\(generation)-\(place)"
        let provider = Self.providers[fate % Self.providers.count]
        let site = Self.name(ofSite: fate % Self.siteCount)
        let time = date + "T" + Self.clock(second) + "Z"
        line.removeAll(keepingCapacity: true)
        switch step {
        case 0:
            if fate % 50 == 1 { return false }
            begin("encounter", "e\(visit)", time)
            add("encounter_id", "E\(visit)")
            add("patient_id", patient)
            add("class", "AMB")
            add("status", "finished")
            add("site_id", site)
            add("provider_npi", provider)
            add("start", time)
            add("end", time)
        case 1, 3:
            begin("dispense", "d\(visit)-\(step)", time)
            fill(visit, step, fate)
            add("dispense_id", "D\(visit)-\(step)")
            add("patient_id", patient)
            add("prescriber_npi", provider)
            add("site_id", site)
            add("unit", "EA")
            add("days_supply", number: "30")
            add("written_on", date)
            add("status", "completed")
        default:
            if fate % 50 == 2 { return false }
            // The second claim of some visits takes back the first.
            let isReversal = step == 4 && fate % 50 == 3
            begin("claim", "c\(visit)-\(step)", time)
            fill(visit, isReversal ? 1 : step - 1, fate)
            add("claim_id", "C\(visit)-\(step)")
            add("transaction", isReversal ? "B2" : "B1")
            add("status", "paid")
            add("bin", "004336")
            add("pcn", "ADV")
            add("group", "G1")
            add("claimed_340b", number: "true")
        }
        line.append(UInt8(ascii: "}"))
        return true
    }

    private mutating func fill(_ visit: Int, _ step: Int, _ fate: Int) {
        add("rx_number", "\(visit * 2 + step / 2)")
        add("fill_number", number: "0")
        add("pharmacy_npi", Self.pharmacies[(fate + step) % Self.pharmacies.count])
        add("ndc", Self.products[(fate / 8 + step) % Self.products.count])
        add("quantity", number: "30")
    }

    private mutating func begin(_ type: String, _ id: String, _ time: String) {
        line.append(UInt8(ascii: "{"))
        add("event_type", type)
        add("event_id", id)
        add("covered_entity_id", Self.entity)
        add("occurred_at", time)
        add("recorded_at", time)
    }

    private mutating func add(_ name: String, _ text: String) {
        add(name, number: "\"" + text + "\"")
    }

    private mutating func add(_ name: String, number: String) {
        if line.count > 1 { line.append(UInt8(ascii: ",")) }
        line.append(UInt8(ascii: "\""))
        line.append(contentsOf: name.utf8)
        line.append(UInt8(ascii: "\""))
        line.append(UInt8(ascii: ":"))
        line.append(contentsOf: number.utf8)
    }

    private static func clock(_ second: Int) -> String {
        let parts = [second / 3600, second / 60 % 60, second % 60]
        return parts.map { left(zeros: 2, $0) }.joined(separator: ":")
    }

    private static func left(zeros width: Int, _ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Nine digits and the check digit of an NPI: Luhn over 80840 and them.
    private static func npi(_ nine: Int) -> String {
        var sum = 24
        var rest = nine
        for place in 0..<9 {
            let digit = rest % 10 * (place % 2 == 0 ? 2 : 1)
            sum += digit > 9 ? digit - 9 : digit
            rest /= 10
        }
        return "\(nine)\((10 - sum % 10) % 10)"
    }
}

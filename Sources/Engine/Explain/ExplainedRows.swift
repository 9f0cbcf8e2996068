internal import Journal

/// The rows of the reference tables that a fill's rules looked at, whole and with their dates.
struct ExplainedRows {
    private let rows: [ReferenceRow]
    private let dates: [(name: StaticString, date: CivilDate)]

    /// The rows that name what a fill names.
    init(_ machine: inout Machine, _ facts: Facts) {
        let pharmacy = machine.reference.pharmacies.rows[machine.fills[facts.fill].pharmacy]
        func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let entity = string(machine.text(of: machine.reference.entities.rows[facts.entity]))
        var site: String?
        var prescriber: String?
        if facts.shown != 0 {
            let number = machine.dispenses[facts.shown].site
            site = string(machine.text(of: machine.reference.sites.rows[number]))
            let provider = machine.reference.providers.rows[facts.prescriber]
            prescriber = string(machine.npiText(provider))
        }
        let npi = string(machine.npiText(pharmacy))
        var products = facts.product == 0 ? [] : [string(machine.text(ofProduct: facts.product))]
        var payers: [PayerRow] = []
        for claim in machine.live {
            products.append(string(machine.text(ofProduct: machine.claims[claim].product)))
            payers.append(machine.reference.payers[machine.claims[claim].payer])
        }
        let texts = payers.map { payer in
            [payer.bin, payer.pcn, payer.group].map { machine.reference.texts.string($0) }
        }
        let labeler =
            facts.product == 0
            ? "" : machine.reference.texts.string(machine.reference.products[facts.product].labeler)
        rows = machine.reference.rowsInOrder().filter { row in
            let values = row.values
            switch row.table {
            case .coveredEntities: return values[0] == entity
            case .sites: return values[0] == site && values[1] == entity
            case .providers: return values[0] == prescriber && values[1] == entity
            case .pharmacies: return values[0] == npi && values[1] == entity
            case .products: return products.contains(values[0])
            case .payers:
                return texts.contains { text in
                    text[0] == values[0] && (values[1].isEmpty || values[1] == text[1])
                        && (values[2].isEmpty || values[2] == text[2])
                }
            case .restrictions: return !labeler.isEmpty && values[0] == labeler
            case .designations:
                return !labeler.isEmpty && values[0] == entity && values[1] == labeler
            }
        }
        var dates: [(name: StaticString, date: CivilDate)] = []
        if facts.shown != 0 { dates.append(("covers_written_on", facts.writtenOn)) }
        dates.append(("covers_fill_date", facts.date))
        self.dates = dates
    }

    /// The rows that name an accumulator's entity, pharmacy and product.
    init(_ machine: inout Machine, accumulator number: UInt32) {
        let row = machine.accumulators[number]
        func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let pharmacy = machine.reference.pharmacies.rows[row.pharmacy]
        let entity = string(machine.text(of: machine.reference.entities.rows[pharmacy.entity]))
        let npi = string(machine.npiText(pharmacy))
        let product = string(machine.text(ofProduct: row.product))
        rows = machine.reference.rowsInOrder().filter { row in
            switch row.table {
            case .coveredEntities: row.values[0] == entity
            case .pharmacies: row.values[0] == npi && row.values[1] == entity
            case .products: row.values[0] == product
            case .sites, .providers, .payers, .restrictions, .designations: false
            }
        }
        dates = [("covers_today", CivilDate(day: machine.today))]
    }

    /// The tables that a rule looks at.
    private static func tables(of rule: Rule) -> [ReferenceTable] {
        switch rule {
        case .siteUnregistered: [.coveredEntities, .sites]
        case .providerMismatch, .providerIneligible: [.providers]
        case .pharmacyUnregistered: [.pharmacies]
        case .duplicateDiscount: [.coveredEntities, .pharmacies, .payers]
        case .manufacturerRestriction:
            [.coveredEntities, .pharmacies, .products, .restrictions, .designations]
        case .orphanDrugExcluded: [.coveredEntities, .products]
        case .mfpUnmarked: [.products, .payers]
        case .ndcUnknown, .ndcMismatch, .quantityMismatch: [.products]
        case .gpoProhibitedPurchase: [.coveredEntities, .products]
        case .overAccumulation, .overReplenished: [.products]
        case .encounterMissing, .encounterInpatient, .claimWithoutDispense, .dispenseWithoutClaim,
            .writtenDateInvalid, .fillDuplicate, .patientVelocity, .missedClaim, .usageSpike,
            .usageNewPair, .ineligibleRateShift, .captureRateDrop, .quantityOutlier,
            .accumulatorNegative, .accumulatorStale, .feedSilent:
            []
        }
    }

    /// Writes the rows that a rule looked at, each with its columns and whether it covers the dates that count.
    func put(_ out: inout Pen, of rule: Rule) {
        let tables = Self.tables(of: rule)
        out.put(",\"rows\":[")
        var isFirst = true
        for row in rows where tables.contains(row.table) {
            out.reserve(4096)
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            put(&out, row)
        }
        out.put("]")
    }

    private func put(_ out: inout Pen, _ row: ReferenceRow) {
        out.put("{\"table\":")
        out.put(string: row.table.name)
        let columns = row.table.columns
        for (column, value) in zip(columns, row.values) {
            out.put(",")
            out.put(string: column)
            out.put(":")
            if value.isEmpty { out.put("null") } else { out.put(string: value) }
        }
        if let from = columns.firstIndex(of: "effective_from"),
            let to = columns.firstIndex(of: "effective_to")
        {
            let first = CivilDate(text: row.values[from]) ?? .distantPast
            let last = CivilDate(text: row.values[to]) ?? .distantFuture
            for (name, date) in dates {
                out.put(",\"")
                out.put(name)
                out.put("\":")
                out.put(first <= date && date <= last)
            }
        }
        out.put("}")
    }
}

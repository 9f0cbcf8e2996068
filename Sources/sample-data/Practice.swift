/// A prescription, from which its fills and claims follow.
struct Prescription {
    var clinic: Clinic
    var pharmacy: String
    var number: String
    var patient: String
    var prescriber: String
    var site: String
    var product: Product
    var quantity: String
    var written: Day

    /// The subject of its alerts, as the expectations name it.
    func fill(_ number: Int = 0) -> String {
        "fill \(clinic.id) \(pharmacy) \(self.number) \(number)"
    }
}

/// What a source says apart from what follows from the prescription.
typealias Changes = [String: Value]

// How visits, fills, claims and purchases come to be recorded.
extension Scribe {
    /// A visit that is over; `recorded` is when it was charted, by default five minutes later.
    @discardableResult
    mutating func visit(
        _ clinic: Clinic,
        _ patient: String,
        doctor: String,
        site: String? = nil,
        at start: Moment,
        minutes: Int = 30,
        recorded: Moment? = nil,
        changing changes: Changes = [:]
    ) -> String {
        let end = start.plus(minutes: minutes)
        let identifier = identifier("E")
        let charted = recorded ?? end.plus(minutes: 5)
        write(
            [
                ("event_type", "encounter"), ("event_id", .string("V-\(identifier)-2")),
                ("covered_entity_id", .string(clinic.id)), ("occurred_at", .string(end.text)),
                ("recorded_at", .string(charted.text)), ("encounter_id", .string(identifier)),
                ("patient_id", .string(patient)), ("class", "AMB"), ("status", "finished"),
                ("site_id", .string(site ?? clinic.id)), ("provider_npi", .string(doctor)),
                ("start", .string(start.text)), ("end", .string(end.text)),
            ],
            changes,
            at: charted
        )
        return identifier
    }

    /// The patient's arrival: the first version of a visit that is over later.
    mutating func arrival(
        _ visit: String,
        _ clinic: Clinic,
        _ patient: String,
        doctor: String,
        site: String,
        at start: Moment
    ) {
        let seen = start.plus(minutes: 1)
        record(
            [
                ("event_type", "encounter"), ("event_id", .string("V-\(visit)-1")),
                ("covered_entity_id", .string(clinic.id)), ("occurred_at", .string(start.text)),
                ("recorded_at", .string(seen.text)), ("encounter_id", .string(visit)),
                ("patient_id", .string(patient)), ("class", "AMB"), ("status", "in-progress"),
                ("site_id", .string(site)), ("provider_npi", .string(doctor)),
                ("start", .string(start.text)), ("end", .null),
            ],
            at: seen
        )
    }

    /// Written, and recorded nowhere until it is filled.
    mutating func prescription(
        _ clinic: Clinic,
        _ patient: String,
        _ product: Product,
        by doctor: String,
        on written: Day,
        at pharmacy: String? = nil,
        site: String? = nil,
        quantity: String? = nil
    ) -> Prescription {
        Prescription(
            clinic: clinic,
            pharmacy: pharmacy ?? clinic.inHouse,
            number: identifier("", digits: 7),
            patient: patient,
            prescriber: doctor,
            site: site ?? clinic.id,
            product: product,
            quantity: quantity ?? product.fillQuantity,
            written: written
        )
    }

    @discardableResult
    mutating func dispense(
        _ rx: Prescription,
        fill: Int = 0,
        at moment: Moment,
        id: String? = nil,
        recorded: Moment? = nil,
        changing changes: Changes = [:]
    ) -> String {
        let identifier = id ?? identifier("D")
        let told = recorded ?? moment.plus(minutes: 2)
        write(
            [
                ("event_type", "dispense"), ("event_id", .string(self.identifier("dsp-"))),
                ("covered_entity_id", .string(rx.clinic.id)), ("occurred_at", .string(moment.text)),
                ("recorded_at", .string(told.text)), ("dispense_id", .string(identifier)),
                ("rx_number", .string(rx.number)), ("fill_number", .number("\(fill)")),
                ("patient_id", .string(rx.patient)), ("pharmacy_npi", .string(rx.pharmacy)),
                ("prescriber_npi", .string(rx.prescriber)), ("site_id", .string(rx.site)),
                ("ndc", .string(rx.product.ndc)), ("quantity", .number(rx.quantity)),
                ("unit", .string(rx.product.unit)), ("days_supply", 30),
                ("written_on", .string(rx.written.text)), ("status", "completed"),
            ],
            changes,
            at: told
        )
        return identifier
    }

    @discardableResult
    mutating func claim(
        _ rx: Prescription,
        fill: Int = 0,
        at moment: Moment,
        id: String? = nil,
        payer: Payer = .commercial,
        marked: Bool = true,
        recorded: Moment? = nil,
        changing changes: Changes = [:]
    ) -> String {
        let identifier = id ?? identifier("C")
        let told = recorded ?? moment.plus(minutes: 1)
        write(
            [
                ("event_type", "claim"), ("event_id", .string(self.identifier("clm-"))),
                ("covered_entity_id", .string(rx.clinic.id)), ("occurred_at", .string(moment.text)),
                ("recorded_at", .string(told.text)), ("claim_id", .string(identifier)),
                ("rx_number", .string(rx.number)), ("fill_number", .number("\(fill)")),
                ("pharmacy_npi", .string(rx.pharmacy)), ("ndc", .string(rx.product.ndc)),
                ("quantity", .string(rx.quantity)), ("transaction", "B1"), ("status", "paid"),
                ("bin", .string(payer.bin)), ("pcn", .string(payer.pcn)),
                ("group", .string(payer.group)),
                ("submission_clarification_codes", .strings(marked ? ["20"] : [])),
                ("claimed_340b", .bool(marked)),
            ],
            changes,
            at: told
        )
        return identifier
    }

    /// A fill and its claim four minutes later.
    mutating func sell(
        _ rx: Prescription,
        fill: Int = 0,
        at moment: Moment,
        payer: Payer = .commercial,
        marked: Bool = true
    ) {
        dispense(rx, fill: fill, at: moment)
        claim(rx, fill: fill, at: moment.plus(minutes: 4), payer: payer, marked: marked)
    }

    mutating func sellForCash(_ rx: Prescription, fill: Int = 0, at moment: Moment) {
        dispense(rx, fill: fill, at: moment, changing: ["payment": "cash"])
    }

    @discardableResult
    mutating func buy(
        _ clinic: Clinic,
        _ product: Product,
        at pharmacy: String? = nil,
        packages: Int,
        account: String = "340B",
        on moment: Moment
    ) -> String {
        let invoice = identifier("INV")
        let told = moment.plus(hours: 1)
        record(
            [
                ("event_type", "purchase"), ("event_id", .string(identifier("pur-"))),
                ("covered_entity_id", .string(clinic.id)), ("occurred_at", .string(moment.text)),
                ("recorded_at", .string(told.text)), ("invoice_id", .string(invoice)), ("line", 1),
                ("account", .string(account)),
                ("pharmacy_npi", .string(pharmacy ?? clinic.inHouse)),
                ("ndc", .string(product.dashed)), ("packages", .number("\(packages)")),
            ],
            at: told
        )
        return invoice
    }

    mutating func adjust(
        _ clinic: Clinic,
        _ product: Product,
        by quantity: String,
        reason: String,
        at moment: Moment,
        approvedBy: String?
    ) {
        var fields: [(String, Value)] = [
            ("event_type", "adjustment"), ("event_id", .string(identifier("adj-"))),
            ("covered_entity_id", .string(clinic.id)), ("occurred_at", .string(moment.text)),
            ("recorded_at", .string(moment.text)), ("adjustment_id", .string(identifier("A"))),
            ("pharmacy_npi", .string(clinic.inHouse)), ("ndc", .string(product.ndc)),
            ("account", "340B"), ("quantity", .string(quantity)), ("reason", .string(reason)),
            ("actor", "m.keller"),
        ]
        if let approvedBy { fields.append(("approved_by", .string(approvedBy))) }
        record(fields, at: moment)
    }

    private mutating func write(
        _ fields: [(String, Value)],
        _ changes: Changes,
        at recorded: Moment
    ) {
        let known = Set(fields.map(\.0))
        let added = changes.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
        record(
            fields.map { ($0.0, changes[$0.0] ?? $0.1) } + added.map { ($0.key, $0.value) },
            at: recorded
        )
    }
}

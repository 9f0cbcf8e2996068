/// A hundred and twenty days of ordinary practice: nothing in it is worth an alert that stays open.
///
/// Patients see a doctor, fill what he prescribes and come back for refills; pharmacies bill within
/// minutes; some visits are charted late; wards give doses; buyers order the packages that are due.
struct Routine {
    private static let patientsPerClinic = 56
    private static let firstDay = Day(year: 2026, month: 7, day: 6)
    private static let lastDay = Day(year: 2026, month: 10, day: 30)

    private var chance = Chance(seed: 340)
    private var due: [Stock: [(at: Moment, thousandths: Int)]] = [:]

    /// Where packages become due.
    private struct Stock: Hashable {
        var clinic: Int
        var pharmacy: String
        var product: Int
        var account: String
    }

    mutating func write(to scribe: inout Scribe) {
        for clinic in World.clinics.indices {
            for _ in 0..<Self.patientsPerClinic {
                if chance.happens(percent: 7) {
                    outsidePatient(of: World.clinics[clinic], &scribe)
                } else {
                    patient(of: clinic, &scribe)
                }
            }
            if ["DSH", "CAN", "SCH"].contains(World.clinics[clinic].type) {
                for _ in 0..<8 { stay(in: clinic, &scribe) }
            }
        }
        purchases(&scribe)
    }

    /// A patient with one or two lasting conditions, seen twice, with refills in between.
    private mutating func patient(of number: Int, _ scribe: inout Scribe) {
        let clinic = World.clinics[number]
        let patient = scribe.identifier("P")
        let doctor = chance.one(of: clinic.doctors)
        let site = chance.one(of: clinic.sites)
        let pharmacy =
            chance.happens(percent: 60) ? clinic.inHouse : chance.one(of: clinic.contracts)
        let payer = payer(at: clinic, pharmacy)
        let first = workday(Self.firstDay.plus(chance.number(in: 0...70)))
        let known = visit(clinic, patient, doctor, site, on: first, &scribe)
        var products = Array(Product.routine.indices)
        for _ in 0..<chance.number(in: 1...2) {
            let product = products.remove(at: chance.number(in: 0...(products.count - 1)))
            let rx = scribe.prescription(
                clinic,
                patient,
                Product.routine[product],
                by: doctor,
                on: first,
                at: pharmacy,
                site: site
            )
            var day = first
            var fill = 0
            while day.number <= Self.lastDay.number, fill <= 5 {
                let at = moment(
                    clinic,
                    day,
                    hour: fill == 0 ? 17 : chance.number(in: 9...17)
                )
                scribe.sell(rx, fill: fill, at: at, payer: payer.payer, marked: payer.marked)
                if payer.marked {
                    let stock = Stock(
                        clinic: number,
                        pharmacy: pharmacy,
                        product: product,
                        account: "340B"
                    )
                    due[stock, default: []].append(
                        (max(at.plus(minutes: 6), known), thousandths(rx.quantity))
                    )
                }
                fill += 1
                day = day.plus(chance.number(in: 28...33))
            }
        }
        let second = workday(first.plus(chance.number(in: 55...90)))
        if second.number <= Self.lastDay.number {
            _ = visit(clinic, patient, doctor, site, on: second, &scribe)
        }
    }

    /// When the visit is known: most are charted at once, some on the next day, a few later.
    private mutating func visit(
        _ clinic: Clinic,
        _ patient: String,
        _ doctor: String,
        _ site: String,
        on day: Day,
        _ scribe: inout Scribe
    ) -> Moment {
        let start = moment(clinic, day, hour: chance.number(in: 8...15))
        let length = chance.number(in: 15...45)
        let delay =
            switch chance.number(in: 1...100) {
            case 1...2 where day.number < Self.lastDay.number - 2: 50 * 60
            case 3...8: 20 * 60
            default: 5
            }
        let charted = start.plus(minutes: length + delay)
        let identifier = scribe.visit(
            clinic,
            patient,
            doctor: doctor,
            site: site,
            at: start,
            minutes: length,
            recorded: charted
        )
        if delay == 5, chance.happens(percent: 50) {
            scribe.arrival(identifier, clinic, patient, doctor: doctor, site: site, at: start)
        }
        return charted
    }

    /// A stranger with a stranger's prescription, billed as what it is: no 340B, no alert.
    private mutating func outsidePatient(of clinic: Clinic, _ scribe: inout Scribe) {
        let day = workday(Self.firstDay.plus(chance.number(in: 0...100)))
        let rx = scribe.prescription(
            clinic,
            scribe.identifier("P"),
            chance.one(of: Product.routine),
            by: World.otherOutsideDoctor,
            on: day
        )
        scribe.sell(rx, at: moment(clinic, day, hour: 12), marked: false)
    }

    /// Three days on a ward, a dose every twelve hours.
    private mutating func stay(in number: Int, _ scribe: inout Scribe) {
        let clinic = World.clinics[number]
        let patient = scribe.identifier("P")
        let doctor = chance.one(of: clinic.doctors)
        let product = chance.number(in: 0...(Product.ward.count - 1))
        let admitted = moment(
            clinic,
            Self.firstDay.plus(chance.number(in: 0...105)),
            hour: chance.number(in: 6...20)
        )
        let identifier = scribe.stay(clinic, patient, doctor: doctor, from: admitted, hours: 72)
        for dose in 0..<5 {
            let at = admitted.plus(hours: 6 + dose * 12)
            let rx = scribe.prescription(
                clinic,
                patient,
                Product.ward[product],
                by: doctor,
                on: at.day
            )
            scribe.dispense(
                rx,
                at: at,
                changing: ["setting": "administered", "encounter_id": .string(identifier)]
            )
            let stock = Stock(
                clinic: number,
                pharmacy: clinic.inHouse,
                product: Product.routine.count + product,
                account: "GPO"
            )
            due[stock, default: []].append((at.plus(minutes: 3), thousandths(rx.quantity)))
        }
    }

    /// The buyer orders each morning what fell due the day before.
    private func purchases(_ scribe: inout Scribe) {
        let stocks = due.keys.sorted {
            ($0.clinic, $0.pharmacy, $0.product, $0.account)
                < ($1.clinic, $1.pharmacy, $1.product, $1.account)
        }
        for stock in stocks {
            let clinic = World.clinics[stock.clinic]
            let product = (Product.routine + Product.ward)[stock.product]
            let size = thousandths(product.packageSize)
            var total = 0
            var bought = 0
            for (at, quantity) in (due[stock] ?? []).sorted(by: { $0.at < $1.at }) {
                total += quantity
                let packages = total / size - bought
                guard packages > 0, at.day.number < Self.lastDay.number else { continue }
                bought += packages
                scribe.buy(
                    clinic,
                    product,
                    at: stock.pharmacy,
                    packages: packages,
                    account: stock.account,
                    on: moment(clinic, at.day.plus(1), hour: 6)
                )
            }
        }
    }

    /// Who pays, and whether the claim is treated as 340B: never where Medicaid is carved out.
    private mutating func payer(at clinic: Clinic, _ pharmacy: String) -> (
        payer: Payer, marked: Bool
    ) {
        switch chance.number(in: 1...100) {
        case 1...55: return (.commercial, true)
        case 56...80: return (.medicare, true)
        case 81...90: return (.managedCare, clinic.managedCare == "carve_in")
        default:
            let elected = clinic.id == World.ch.id && pharmacy == clinic.contracts[1]
            let carvedIn =
                elected || clinic.feeForService == "carve_in" && pharmacy == clinic.inHouse
            return (.feeForService, carvedIn)
        }
    }

    private func workday(_ day: Day) -> Day {
        var day = day
        while day.isWeekend { day = day.plus(1) }
        return day
    }

    /// Some minute of the hour, on the place's clock.
    private func moment(_ clinic: Clinic, _ day: Day, hour: Int) -> Moment {
        // Minutes follow from the day, so that two calls agree.
        var moment = clinic.time(1, 1, hour, day.number * 7 % 60, year: 1970)
        moment.seconds += day.number * 86_400
        return moment
    }
}

/// A decimal of at most three places, exactly.
func thousandths(_ decimal: String) -> Int {
    let parts = decimal.split(separator: ".")
    let fraction = parts.count > 1 ? String(parts[1]) : ""
    let padded = fraction + String(repeating: "0", count: 3 - fraction.count)
    return (Int(parts[0]) ?? 0) * 1_000 + (Int(padded) ?? 0)
}

extension Scribe {
    /// An inpatient stay: its admission, and its discharge when it is over.
    mutating func stay(
        _ clinic: Clinic,
        _ patient: String,
        doctor: String,
        from start: Moment,
        hours: Int
    ) -> String {
        let identifier = visit(
            clinic,
            patient,
            doctor: doctor,
            at: start,
            minutes: hours * 60,
            changing: ["class": "IMP"]
        )
        let seen = start.plus(minutes: 1)
        record(
            [
                ("event_type", "encounter"), ("event_id", .string("V-\(identifier)-1")),
                ("covered_entity_id", .string(clinic.id)), ("occurred_at", .string(start.text)),
                ("recorded_at", .string(seen.text)), ("encounter_id", .string(identifier)),
                ("patient_id", .string(patient)), ("class", "IMP"), ("status", "in-progress"),
                ("site_id", .string(clinic.id)), ("provider_npi", .string(doctor)),
                ("start", .string(start.text)), ("end", .null),
            ],
            at: seen
        )
        return identifier
    }
}

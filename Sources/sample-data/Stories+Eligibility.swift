/// The stories of the sample, one function for each rule: what happens, and beside it what looks
/// alike and is right.
enum Stories {
    static func tell(to scribe: inout Scribe) {
        encounterMissing(&scribe)
        encounterInpatient(&scribe)
        providerMismatch(&scribe)
        siteUnregistered(&scribe)
        providerIneligible(&scribe)
        pharmacyUnregistered(&scribe)
        duplicateDiscount(&scribe)
        manufacturerRestriction(&scribe)
        orphanDrugExcluded(&scribe)
        mfpUnmarked(&scribe)
        ndcUnknown(&scribe)
        ndcMismatch(&scribe)
        quantityMismatch(&scribe)
        claimWithoutDispense(&scribe)
        dispenseWithoutClaim(&scribe)
        writtenDateInvalid(&scribe)
        fillDuplicate(&scribe)
        missedClaim(&scribe)
        patientVelocity(&scribe)
        accumulatorNegative(&scribe)
        overAccumulation(&scribe)
        overReplenished(&scribe)
        gpoProhibitedPurchase(&scribe)
        accumulatorStale(&scribe)
        everydayCorrections(&scribe)
        deadLetters(&scribe)
    }

    static let dsh = World.dsh
    static let can = World.can
    static let ch = World.ch
    static let rrc = World.rrc
    static let sch = World.sch

    /// A patient seen at nine in the morning, and the prescription from that visit.
    static func prescribed(
        _ scribe: inout Scribe,
        _ clinic: Clinic,
        _ product: String,
        _ month: Int,
        _ day: Int,
        at pharmacy: String? = nil,
        quantity: String? = nil
    ) -> Prescription {
        let patient = scribe.identifier("S")
        let start = clinic.time(month, day, 9, 0)
        scribe.visit(clinic, patient, doctor: clinic.doctors[0], at: start)
        return scribe.prescription(
            clinic,
            patient,
            .named(product),
            by: clinic.doctors[0],
            on: start.day,
            at: pharmacy,
            quantity: quantity
        )
    }
}

// Who is a patient, who prescribed, where: the rules of eligibility.
extension Stories {
    /// Nobody of this name was ever seen, or too long ago: the look-back is 365 days from the visit's
    /// last day. A visit charted within 24 hours is in time.
    private static func encounterMissing(_ scribe: inout Scribe) {
        let start = dsh.time(8, 12, 9, 0)
        func filled(
            by patient: String,
            _ scribe: inout Scribe,
            alert: Bool,
            _ happens: String
        ) {
            let rx = scribe.prescription(
                dsh,
                patient,
                .named("lisinopril"),
                by: dsh.doctors[1],
                on: start.day
            )
            scribe.sell(rx, at: dsh.time(8, 12, 11, 0))
            scribe.expect("encounter_missing", rx.fill(), alert: alert, happens)
        }
        filled(by: scribe.identifier("S"), &scribe, alert: true, "billed as 340B, never seen")
        for (day, alert) in [(11, true), (12, false)] {
            let patient = scribe.identifier("S")
            scribe.visit(
                dsh,
                patient,
                doctor: dsh.doctors[1],
                at: dsh.time(8, day, 14, 0, year: 2025),
                recorded: dsh.time(8, 10, 5, day)
            )
            filled(
                by: patient,
                &scribe,
                alert: alert,
                "last seen \(alert ? 366 : 365) days before the prescription"
            )
        }
        let late = scribe.identifier("S")
        scribe.visit(
            dsh,
            late,
            doctor: dsh.doctors[1],
            at: start,
            recorded: dsh.time(8, 13, 10, 30)
        )
        filled(by: late, &scribe, alert: false, "visit charted after 23 and a half hours")
    }

    /// Inpatient drugs are no 340B drugs: a ward order was filled by the outpatient pharmacy. What is
    /// filled in the last 24 hours of the stay is the discharge prescription; a ward dose is GPO's.
    private static func encounterInpatient(_ scribe: inout Scribe) {
        let patient = scribe.identifier("S")
        let doctor = dsh.doctors[2]
        let admitted = dsh.time(8, 18, 14, 0)
        let stay = scribe.stay(dsh, patient, doctor: doctor, from: admitted, hours: 96)
        let order = scribe.prescription(
            dsh,
            patient,
            .named("metformin"),
            by: doctor,
            on: dsh.time(8, 20, 8, 0).day
        )
        scribe.sell(order, at: dsh.time(8, 20, 12, 0))
        scribe.expect(
            "encounter_inpatient",
            order.fill(),
            alert: true,
            "ward order filled by the outpatient pharmacy in mid-stay"
        )

        let discharge = scribe.prescription(
            dsh,
            patient,
            .named("amlodipine"),
            by: doctor,
            on: dsh.time(8, 21, 8, 0).day
        )
        let filled = dsh.time(8, 21, 14, 0)
        let told = dsh.time(8, 22, 18, 0)
        scribe.dispense(discharge, at: filled, recorded: told)
        scribe.claim(discharge, at: filled.plus(minutes: 4), recorded: told.plus(minutes: 1))
        scribe.expect(
            "encounter_inpatient",
            discharge.fill(),
            alert: false,
            "discharge prescription, exactly 24 hours before the end of the stay"
        )

        let dose = scribe.prescription(
            dsh,
            patient,
            .named("ondansetron"),
            by: doctor,
            on: dsh.time(8, 19, 8, 0).day
        )
        scribe.dispense(
            dose,
            at: dsh.time(8, 19, 8, 30),
            changing: ["setting": "administered", "encounter_id": .string(stay)]
        )
        scribe.expect(
            "encounter_inpatient",
            dose.fill(),
            alert: false,
            "dose given on the ward: GPO"
        )
    }

    /// The prescriber saw the patient at none of the visits; a referral provider need not have.
    private static func providerMismatch(_ scribe: inout Scribe) {
        for (doctor, alert, happens) in [
            (dsh.doctors[5], true, "prescriber never saw the patient"),
            (World.referralDoctor, false, "prescriber is a referral provider"),
        ] {
            var rx = prescribed(&scribe, dsh, "losartan", 8, 25)
            rx.prescriber = doctor
            scribe.sell(rx, at: dsh.time(8, 25, 11, 0))
            scribe.expect("provider_mismatch", rx.fill(), alert: alert, happens)
        }
    }

    /// The harbor clinic was registered on 1 October; it began to prescribe a day early.
    private static func siteUnregistered(_ scribe: inout Scribe) {
        for (month, day, alert, happens) in [
            (
                9, 30, true,
                "prescription of the new clinic, written the day before it was registered"
            ),
            (10, 1, false, "written on its first day"),
        ] {
            var rx = prescribed(&scribe, dsh, "simvastatin", month, day)
            rx.site = World.newSite
            scribe.sell(rx, at: dsh.time(10, 2, 11, 0))
            scribe.expect("site_unregistered", rx.fill(), alert: alert, happens)
        }
    }

    /// The contracted doctor's contract ended on 31 August; when the patient fills does not matter.
    private static func providerIneligible(_ scribe: inout Scribe) {
        for (month, day, alert, happens) in [
            (9, 1, true, "written the day after the doctor's contract ended"),
            (8, 31, false, "written on its last day, filled three weeks later"),
        ] {
            let patient = scribe.identifier("S")
            let start = dsh.time(month, day, 10, 0)
            scribe.visit(dsh, patient, doctor: World.contractedDoctor, at: start)
            let rx = scribe.prescription(
                dsh,
                patient,
                .named("omeprazole"),
                by: World.contractedDoctor,
                on: start.day
            )
            scribe.sell(rx, at: dsh.time(9, 21, 11, 0))
            scribe.expect("provider_ineligible", rx.fill(), alert: alert, happens)
        }
        let outside = scribe.prescription(
            dsh,
            scribe.identifier("S"),
            .named("omeprazole"),
            by: World.outsideDoctor,
            on: dsh.time(9, 1, 8, 0).day
        )
        scribe.sell(outside, at: dsh.time(9, 1, 15, 0), marked: false)
        scribe.expect(
            "provider_ineligible",
            outside.fill(),
            alert: false,
            "an outside doctor's prescription that nobody bills as 340B"
        )
    }

    /// The arrangement with Bridge drugstore ended on 15 September, by the clock on its wall.
    private static func pharmacyUnregistered(_ scribe: inout Scribe) {
        for (day, hour, minute, alert, happens) in [
            (16, 0, 10, true, "filled ten minutes after the contract pharmacy's last day"),
            (15, 23, 40, false, "filled at 23:40 of its last day, already the next day in UTC"),
        ] {
            let rx = prescribed(&scribe, dsh, "atorvastatin", 9, 14, at: World.endedPharmacy)
            scribe.sell(rx, at: dsh.time(9, day, hour, minute))
            scribe.expect("pharmacy_unregistered", rx.fill(), alert: alert, happens)
        }
        let strange = prescribed(&scribe, sch, "atorvastatin", 9, 14, at: World.strangePharmacy)
        scribe.sell(strange, at: sch.time(9, 14, 12, 0))
        scribe.expect(
            "pharmacy_unregistered",
            strange.fill(),
            alert: true,
            "a pharmacy without any arrangement"
        )
    }

    /// A maker that supplies no contract pharmacy of a DSH from 1 September, and one that supplies
    /// only the contract pharmacy the entity designated.
    private static func manufacturerRestriction(_ scribe: inout Scribe) {
        for (product, pharmacy, month, day, alert, happens) in [
            ("otezla", dsh.contracts[0], 9, 1, true, "contract pharmacy, first day of the policy"),
            ("otezla", dsh.contracts[0], 8, 31, false, "contract pharmacy, the day before"),
            ("otezla", dsh.inHouse, 9, 1, false, "in-house pharmacy"),
            ("biktarvy", dsh.contracts[1], 9, 2, true, "not the designated contract pharmacy"),
            ("biktarvy", dsh.contracts[0], 9, 2, false, "the designated contract pharmacy"),
        ] {
            let rx = prescribed(&scribe, dsh, product, month, day, at: pharmacy)
            scribe.sell(rx, at: dsh.time(month, day, 11, 0))
            scribe.expect("manufacturer_restriction", rx.fill(), alert: alert, happens)
        }
    }

    /// The same orphan drug: excluded for a rural referral center, not for a DSH.
    private static func orphanDrugExcluded(_ scribe: inout Scribe) {
        for (clinic, alert, happens) in [
            (rrc, true, "orphan drug at a rural referral center"),
            (dsh, false, "the same drug at a disproportionate share hospital"),
        ] {
            let rx = prescribed(&scribe, clinic, "revlimid", 9, 9)
            scribe.sell(rx, at: clinic.time(9, 9, 11, 0))
            scribe.expect("orphan_drug_excluded", rx.fill(), alert: alert, happens)
        }
    }

    /// A prescription lives 365 days; refills after that need a new one.
    private static func writtenDateInvalid(_ scribe: inout Scribe) {
        for (day, alert, happens) in [
            (19, true, "refilled 366 days after it was written"),
            (20, false, "refilled 365 days after it was written"),
        ] {
            let patient = scribe.identifier("S")
            let start = ch.time(8, day, 9, 0, year: 2025)
            scribe.visit(
                ch,
                patient,
                doctor: ch.doctors[0],
                at: start,
                recorded: ch.time(8, 10, 6, day)
            )
            let rx = scribe.prescription(
                ch,
                patient,
                .named("metoprolol"),
                by: ch.doctors[0],
                on: start.day
            )
            scribe.sell(rx, fill: 11, at: ch.time(8, 20, 11, 0))
            scribe.expect("written_date_invalid", rx.fill(11), alert: alert, happens)
        }
    }

    /// One patient, one opioid, three pharmacies in eight days; another takes eleven days.
    private static func patientVelocity(_ scribe: inout Scribe) {
        for (last, alert, happens) in [
            (14, true, "an opioid from three pharmacies within eight days"),
            (17, false, "the third pharmacy after eleven days"),
        ] {
            var rx = prescribed(&scribe, dsh, "oxycodone", 9, 3)
            for (pharmacy, day) in zip([dsh.inHouse] + dsh.contracts, [6, 10, last]) {
                rx.pharmacy = pharmacy
                rx.number = scribe.identifier("", digits: 7)
                scribe.sell(rx, at: dsh.time(9, day, 11, 0))
            }
            scribe.expect("patient_velocity", rx.fill(), alert: alert, happens)
        }
    }
}

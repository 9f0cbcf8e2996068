// What was earned, ordered and bought.
extension Stories {
    /// `accumulator ENTITY PHARMACY NDC ACCOUNT`, as the expectations name it.
    private static func accumulator(
        _ clinic: Clinic,
        _ product: String,
        account: String = "340B"
    ) -> String {
        "accumulator \(clinic.id) \(clinic.inHouse) \(Product.named(product).ndc) \(account)"
    }

    private static func invoice(
        _ id: String,
        _ clinic: Clinic,
        _ product: String,
        account: String = "340B"
    ) -> String {
        "invoice \(clinic.id) \(clinic.inHouse) \(Product.named(product).ndc) \(account) \(id)"
    }

    /// A package was ordered for a fill whose claim is then reversed: the entity owes it. Where only
    /// part of a package had been earned, the balance returns to zero and nothing is owed.
    static func accumulatorNegative(_ scribe: inout Scribe) {
        for (clinic, quantity, alert, happens) in [
            (dsh, "30", true, "a fill is reversed after its package was ordered"),
            (ch, "20", false, "a fill of less than a package is reversed"),
        ] {
            let rx = prescribed(&scribe, clinic, "imatinib", 9, 15, quantity: quantity)
            scribe.dispense(rx, at: clinic.time(9, 15, 11, 0))
            let claim = scribe.claim(rx, at: clinic.time(9, 15, 11, 4))
            scribe.claim(
                rx,
                at: clinic.time(9, 21, 9, 0),
                id: claim,
                changing: ["transaction": "B2"]
            )
            scribe.expect(
                "accumulator_negative",
                accumulator(clinic, "imatinib"),
                alert: alert,
                happens
            )
        }
    }

    /// Two packages earned in July and not bought by mid-September: 68 days of use wait. The other
    /// entity bought them on the next day.
    static func overAccumulation(_ scribe: inout Scribe) {
        for (clinic, alert, happens) in [
            (rrc, true, "two packages wait since July, and more is earned"),
            (sch, false, "the packages were bought in July"),
        ] {
            for (month, day, quantity) in [(7, 9, "50"), (7, 9, "50"), (9, 15, "10")] {
                let rx = prescribed(
                    &scribe,
                    clinic,
                    "doxycycline",
                    month,
                    day,
                    quantity: quantity
                )
                scribe.sell(rx, at: clinic.time(month, day, 11, 0))
            }
            if !alert {
                scribe.buy(clinic, .named("doxycycline"), packages: 2, on: clinic.time(7, 10, 6, 0))
            }
            scribe.expect(
                "over_accumulation",
                accumulator(clinic, "doxycycline"),
                alert: alert,
                happens
            )
        }
    }

    /// One package due, one bought, and one bought again.
    static func overReplenished(_ scribe: inout Scribe) {
        let rx = prescribed(&scribe, dsh, "sumatriptan", 9, 16)
        scribe.sell(rx, at: dsh.time(9, 16, 11, 0))
        for (day, alert, happens) in [
            (17, false, "the package that is due is bought"),
            (18, true, "the same package is bought again"),
        ] {
            let id = scribe.buy(
                dsh,
                .named("sumatriptan"),
                packages: 1,
                on: dsh.time(9, day, 6, 0)
            )
            scribe.expect(
                "over_replenished",
                invoice(id, dsh, "sumatriptan"),
                alert: alert,
                happens
            )
        }
    }

    /// The cancer hospital may buy at GPO prices what its inpatients used, and no more; a rural
    /// referral center is not bound.
    static func gpoProhibitedPurchase(_ scribe: inout Scribe) {
        let patient = scribe.identifier("S")
        let doctor = can.doctors[3]
        let stay = scribe.stay(
            can,
            patient,
            doctor: doctor,
            from: can.time(9, 21, 8, 0),
            hours: 72
        )
        for day in 21...23 {
            let rx = scribe.prescription(
                can,
                patient,
                .named("methotrexate"),
                by: doctor,
                on: can.time(9, day, 8, 0).day
            )
            scribe.dispense(
                rx,
                at: can.time(9, day, 18, 0),
                changing: ["setting": "administered", "encounter_id": .string(stay)]
            )
        }
        for (clinic, day, alert, happens) in [
            (can, 24, false, "GPO package that inpatient doses made due"),
            (can, 25, true, "one GPO package more"),
            (rrc, 25, false, "GPO purchase by an entity the prohibition does not bind"),
        ] {
            let id = scribe.buy(
                clinic,
                .named("methotrexate"),
                packages: 1,
                account: "GPO",
                on: clinic.time(9, day, 6, 0)
            )
            scribe.expect(
                "gpo_prohibited_purchase",
                invoice(id, clinic, "methotrexate", account: "GPO"),
                alert: alert,
                happens
            )
        }
    }

    /// Opening balances of 1 May: one was never touched again and is stale after 180 days, on
    /// 28 October; the other moved in August.
    static func accumulatorStale(_ scribe: inout Scribe) {
        let dayOne = sch.time(5, 1, 8, 0)
        for (product, quantity) in [("harvoni", "10"), ("clobetasol", "20")] {
            scribe.adjust(
                sch,
                .named(product),
                by: quantity,
                reason: "opening_balance",
                at: dayOne,
                approvedBy: "j.ortiz"
            )
        }
        let rx = prescribed(&scribe, sch, "clobetasol", 8, 14, quantity: "30")
        scribe.sell(rx, at: sch.time(8, 14, 11, 0))
        scribe.expect(
            "accumulator_stale",
            accumulator(sch, "harvoni"),
            alert: true,
            "an opening balance nothing was added to for 180 days"
        )
        scribe.expect(
            "accumulator_stale",
            accumulator(sch, "clobetasol"),
            alert: false,
            "an opening balance that moved in August"
        )
        // Nobody approved this one: it is kept without effect.
        scribe.adjust(
            sch,
            .named("nitrofurantoin"),
            by: "14",
            reason: "count",
            at: sch.time(8, 14, 18, 0),
            approvedBy: nil
        )
    }
}

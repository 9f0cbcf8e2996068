// What goes wrong in every pharmacy on every day, and is put right.
extension Stories {
    /// Returns, reversals and rebills, a corrected quantity, a fill keyed under the wrong number, a
    /// visit of the wrong patient, a delivery a week late, and what people decide. None of it leaves
    /// an open alert behind.
    static func everydayCorrections(_ scribe: inout Scribe) {
        returnToStock(&scribe)
        reversedAndRebilled(&scribe)
        correctedQuantity(&scribe)
        wrongNumber(&scribe)
        wrongPatient(&scribe)
        decisions(&scribe)
    }

    /// Never picked up: back to the shelf after ten days, the claim reversed the same hour.
    private static func returnToStock(_ scribe: inout Scribe) {
        for clinic in World.clinics {
            let rx = prescribed(&scribe, clinic, "penicillin", 8, 17)
            let sold = clinic.time(8, 17, 11, 0)
            let back = clinic.time(8, 27, 9, 0)
            let dispense = scribe.dispense(rx, at: sold)
            let claim = scribe.claim(rx, at: sold.plus(minutes: 4))
            scribe.dispense(rx, at: back, id: dispense, changing: ["status": "returned"])
            scribe.claim(
                rx,
                at: back.plus(minutes: 10),
                id: claim,
                changing: ["transaction": "B2"]
            )
        }
    }

    /// Billed to the old insurer, reversed and billed to the new one; at another entity in one
    /// transaction. The reversal of the third arrives a day before the claim it reverses.
    private static func reversedAndRebilled(_ scribe: inout Scribe) {
        let switched = prescribed(&scribe, dsh, "azithromycin", 8, 19)
        scribe.dispense(switched, at: dsh.time(8, 19, 11, 0))
        let old = scribe.claim(switched, at: dsh.time(8, 19, 11, 4))
        scribe.claim(
            switched,
            at: dsh.time(8, 20, 10, 0),
            id: old,
            changing: ["transaction": "B2"]
        )
        scribe.claim(switched, at: dsh.time(8, 20, 10, 5), payer: .secondCommercial)

        let rebilled = prescribed(&scribe, rrc, "azithromycin", 8, 19)
        scribe.sell(rebilled, at: rrc.time(8, 19, 11, 0))
        scribe.claim(
            rebilled,
            at: rrc.time(8, 21, 10, 0),
            payer: .secondCommercial,
            changing: ["transaction": "B3"]
        )

        let crossed = prescribed(&scribe, sch, "azithromycin", 8, 19)
        scribe.dispense(crossed, at: sch.time(8, 19, 11, 0))
        let late = scribe.claim(
            crossed,
            at: sch.time(8, 19, 11, 4),
            recorded: sch.time(8, 20, 23, 0)
        )
        scribe.claim(
            crossed,
            at: sch.time(8, 19, 15, 0),
            id: late,
            changing: ["transaction": "B2"]
        )
    }

    /// Sixty tablets were dispensed, thirty keyed; both records are corrected within the hour.
    private static func correctedQuantity(_ scribe: inout Scribe) {
        var rx = prescribed(&scribe, can, "naproxen", 8, 24, quantity: "30")
        let sold = can.time(8, 24, 11, 0)
        let dispense = scribe.dispense(rx, at: sold)
        let claim = scribe.claim(rx, at: sold.plus(minutes: 4))
        rx.quantity = "60"
        scribe.claim(rx, at: sold.plus(minutes: 40), id: claim)
        scribe.dispense(rx, at: sold, id: dispense, recorded: sold.plus(minutes: 45))
    }

    /// A cash sale keyed under the wrong prescription number.
    private static func wrongNumber(_ scribe: inout Scribe) {
        var rx = prescribed(&scribe, ch, "prednisone", 8, 24)
        let sold = ch.time(8, 24, 12, 0)
        let cash: Changes = ["payment": "cash"]
        let dispense = scribe.dispense(rx, at: sold, changing: cash)
        rx.number = scribe.identifier("", digits: 7)
        scribe.dispense(
            rx,
            at: sold,
            id: dispense,
            recorded: sold.plus(hours: 3),
            changing: cash
        )
    }

    /// A visit registered for one patient and moved to the other, whose prescription waits for it.
    private static func wrongPatient(_ scribe: inout Scribe) {
        let (wrong, right) = (scribe.identifier("S"), scribe.identifier("S"))
        let start = rrc.time(8, 25, 9, 0)
        let visit = scribe.visit(rrc, wrong, doctor: rrc.doctors[1], at: start)
        let rx = scribe.prescription(
            rrc,
            right,
            .named("prednisone"),
            by: rrc.doctors[1],
            on: start.day
        )
        scribe.sell(rx, at: rrc.time(8, 25, 11, 0))
        scribe.visit(
            rrc,
            right,
            doctor: rrc.doctors[1],
            at: start,
            recorded: rrc.time(8, 25, 16, 0),
            changing: [
                "encounter_id": .string(visit), "event_id": .string("V-\(visit)-3"),
                "occurred_at": .string(rrc.time(8, 25, 15, 0).text),
            ]
        )
    }

    /// Decisions about alerts of the system used before: kept, without effect.
    private static func decisions(_ scribe: inout Scribe) {
        for (clinic, decision) in [
            (dsh, "acknowledged"), (dsh, "confirmed"), (can, "false_positive"), (ch, "rejected"),
        ] {
            let at = clinic.time(9, 2, 16, 20)
            let identifier = scribe.identifier("dec-")
            scribe.record(
                [
                    ("event_type", "disposition"), ("event_id", .string(identifier)),
                    ("covered_entity_id", .string(clinic.id)), ("occurred_at", .string(at.text)),
                    ("recorded_at", .string(at.text)), ("subject_id", .string("old-\(identifier)")),
                    ("decision", .string(decision)), ("actor", "r.bauer"),
                    ("role", "340B coordinator"), ("note", "carried over"),
                ],
                at: at
            )
        }
    }

    /// Lines no monitor can use, each with what is wrong with it.
    static func deadLetters(_ scribe: inout Scribe) {
        let at = dsh.time(8, 5, 10, 0)
        func visit(_ scribe: Scribe, _ changes: Changes) -> String {
            let fields: [(String, Value)] = [
                ("event_type", "encounter"), ("event_id", "bad-1"),
                ("covered_entity_id", .string(dsh.id)), ("occurred_at", .string(at.text)),
                ("recorded_at", .string(at.text)), ("encounter_id", "E-BAD"),
                ("patient_id", "P-BAD"), ("class", "AMB"), ("status", "finished"),
                ("site_id", .string(dsh.id)), ("provider_npi", .string(dsh.doctors[0])),
                ("start", .string(at.text)),
            ]
            return scribe.object(fields.map { ($0.0, changes[$0.0] ?? $0.1) })
        }
        let whole = visit(scribe, [:])
        let lines: [(text: String, code: String, field: String)] = [
            (String(whole.prefix(170)), "not_json", "-"),
            ("[\"encounter\",1]", "not_an_object", "-"),
            (visit(scribe, ["patient_id": .null]), "missing_field", "patient_id"),
            (
                visit(scribe, ["start": "2026-02-30T10:00:00-05:00"]), "invalid_field", "start"
            ),
            (visit(scribe, ["event_type": "admission"]), "unknown_event_type", "event_type"),
            (visit(scribe, ["class": "DAYCARE"]), "invalid_field", "class"),
            (
                visit(scribe, ["covered_entity_id": "dsh_220914"]), "invalid_field",
                "covered_entity_id"
            ),
            (
                visit(scribe, ["occurred_at": "2026-08-05T10:00:00"]), "invalid_field",
                "occurred_at"
            ),
        ]
        for (index, line) in lines.enumerated() {
            scribe.spoil(
                line.text,
                at: at.plus(days: index * 9, minutes: index),
                code: line.code,
                field: line.field
            )
        }
        let old = prescribed(&scribe, dsh, "hydrochlorothiazide", 9, 2)
        let happened = dsh.time(7, 28, 10, 0, year: 2025)
        let told = dsh.time(9, 2, 12, 0)
        let late: [(String, Value)] = [
            ("event_type", "dispense"), ("event_id", "bad-9"),
            ("covered_entity_id", .string(dsh.id)), ("occurred_at", .string(happened.text)),
            ("recorded_at", .string(told.text)), ("dispense_id", "D-BAD"),
            ("rx_number", .string(old.number)), ("fill_number", 0),
            ("patient_id", .string(old.patient)), ("pharmacy_npi", .string(old.pharmacy)),
            ("prescriber_npi", .string(old.prescriber)), ("site_id", .string(old.site)),
            ("ndc", .string(old.product.ndc)), ("quantity", 30), ("unit", "EA"),
            ("written_on", .string(happened.day.text)), ("status", "completed"),
        ]
        scribe.spoil(scribe.object(late), at: told, code: "beyond_horizon", field: "-")
    }
}

// What was billed, to whom, and whether it is what was dispensed.
extension Stories {
    /// No drug may carry both the 340B price and a Medicaid rebate. The hospital carves fee-for-service
    /// out; Mesa carves Medicaid in and must mark; at a contract pharmacy fee-for-service is carved
    /// out unless that pharmacy's own election was reported.
    static func duplicateDiscount(_ scribe: inout Scribe) {
        let cases: [(Clinic, String, Payer, Changes, Bool, String)] = [
            (dsh, dsh.inHouse, .feeForService, [:], true, "carved-out Medicaid billed as 340B"),
            (
                dsh, dsh.inHouse, .feeForService,
                ["submission_clarification_codes": .strings([]), "claimed_340b": .bool(false)],
                false, "carved-out Medicaid billed without 340B"
            ),
            (
                sch, sch.inHouse, .managedCare,
                ["submission_clarification_codes": .strings(["8"])], true,
                "carved-in Medicaid treated as 340B without code 20"
            ),
            (sch, sch.inHouse, .managedCare, [:], false, "carved-in Medicaid with code 20"),
            (
                ch, ch.contracts[0], .feeForService, [:], true,
                "fee-for-service at a contract pharmacy"
            ),
            (
                ch, ch.contracts[1], .feeForService, [:], false,
                "fee-for-service at a contract pharmacy that reported its own election"
            ),
            (dsh, dsh.inHouse, .unknown, [:], false, "a payer in no table is not Medicaid"),
        ]
        for (clinic, pharmacy, payer, changes, alert, happens) in cases {
            let rx = prescribed(&scribe, clinic, "gabapentin", 8, 26, at: pharmacy)
            scribe.dispense(rx, at: clinic.time(8, 26, 11, 0))
            scribe.claim(rx, at: clinic.time(8, 26, 11, 4), payer: payer, changing: changes)
            scribe.expect("duplicate_discount", rx.fill(), alert: alert, happens)
        }
        let second = prescribed(&scribe, dsh, "gabapentin", 8, 27)
        scribe.sell(second, at: dsh.time(8, 27, 11, 0))
        scribe.claim(
            second,
            at: dsh.time(8, 27, 11, 6),
            payer: .feeForService,
            changing: ["coverage_order": 2]
        )
        scribe.expect(
            "duplicate_discount",
            second.fill(),
            alert: true,
            "carved-out Medicaid as second payer of a 340B claim"
        )
    }

    /// A selected drug billed to Medicare without the marker; next year's drug needs none yet.
    static func mfpUnmarked(_ scribe: inout Scribe) {
        for (product, codes, alert, happens) in [
            ("xarelto", [], true, "selected drug billed to Medicare without the 340B marker"),
            ("xarelto", ["20"], false, "the same with the marker"),
            ("ozempic", [], false, "a drug whose fair price begins in 2027"),
        ] as [(String, [String], Bool, String)] {
            let rx = prescribed(&scribe, dsh, product, 8, 27)
            scribe.dispense(rx, at: dsh.time(8, 27, 11, 0))
            scribe.claim(
                rx,
                at: dsh.time(8, 27, 11, 4),
                payer: .medicare,
                changing: ["submission_clarification_codes": .strings(codes)]
            )
            scribe.expect("mfp_unmarked", rx.fill(), alert: alert, happens)
        }
    }

    /// A code in no table, and one of ten digits without dashes, which could mean three products.
    static func ndcUnknown(_ scribe: inout Scribe) {
        let known = Product.named("prednisone")
        for (ndc, alert, happens) in [
            ("99999-1234-01", true, "a code that is in no table"),
            (String(known.ndc.dropFirst()), true, "ten digits without dashes"),
            (known.dashed, false, "the code with dashes"),
        ] {
            let rx = prescribed(&scribe, sch, "prednisone", 8, 28)
            scribe.dispense(rx, at: sch.time(8, 28, 11, 0), changing: ["ndc": .string(ndc)])
            scribe.claim(rx, at: sch.time(8, 28, 11, 4), changing: ["ndc": .string(ndc)])
            scribe.expect("ndc_unknown", rx.fill(), alert: alert, happens)
        }
    }

    /// Another product taken from the shelf than the one billed.
    static func ndcMismatch(_ scribe: inout Scribe) {
        for (ndc, alert, happens) in [
            (Product.named("entecavir").ndc, true, "the claim names another product"),
            (Product.named("tenofovir").dashed, false, "the claim names the same code with dashes"),
        ] {
            let rx = prescribed(&scribe, can, "tenofovir", 8, 31)
            scribe.dispense(rx, at: can.time(8, 31, 11, 0))
            scribe.claim(rx, at: can.time(8, 31, 11, 4), changing: ["ndc": .string(ndc)])
            scribe.expect("ndc_mismatch", rx.fill(), alert: alert, happens)
        }
    }

    /// Billed for ninety, dispensed thirty; 30 and "30.000" are the same number.
    static func quantityMismatch(_ scribe: inout Scribe) {
        for (billed, unit, alert, happens) in [
            ("90", "EA", true, "billed for ninety, dispensed thirty"),
            ("30.000", "EA", false, "30 against \u{201C}30.000\u{201D}"),
            ("30", "ML", true, "tablets dispensed in millilitres"),
        ] {
            let rx = prescribed(&scribe, rrc, "amoxicillin", 9, 1)
            scribe.dispense(rx, at: rrc.time(9, 1, 11, 0), changing: ["unit": .string(unit)])
            scribe.claim(rx, at: rrc.time(9, 1, 11, 4), changing: ["quantity": .string(billed)])
            scribe.expect("quantity_mismatch", rx.fill(), alert: alert, happens)
        }
    }

    /// A claim whose drug never left the shelf; another's dispense comes after 71 hours.
    static func claimWithoutDispense(_ scribe: inout Scribe) {
        let never = prescribed(&scribe, can, "famotidine", 9, 7)
        scribe.claim(never, at: can.time(9, 7, 11, 0))
        scribe.expect(
            "claim_without_dispense",
            never.fill(),
            alert: true,
            "billed and never dispensed"
        )
        let late = prescribed(&scribe, can, "famotidine", 9, 7)
        scribe.claim(late, at: can.time(9, 7, 11, 0))
        scribe.dispense(late, at: can.time(9, 7, 10, 58), recorded: can.time(9, 10, 10, 0))
        scribe.expect(
            "claim_without_dispense",
            late.fill(),
            alert: false,
            "the dispense is told 71 hours after the claim"
        )
    }

    /// An insured prescription that nobody billed; a cash sale needs no claim.
    static func dispenseWithoutClaim(_ scribe: inout Scribe) {
        let lost = prescribed(&scribe, sch, "furosemide", 9, 8)
        scribe.dispense(lost, at: sch.time(9, 8, 11, 0))
        scribe.claim(lost, at: sch.time(9, 8, 11, 4), changing: ["status": "rejected"])
        scribe.expect(
            "dispense_without_claim",
            lost.fill(),
            alert: true,
            "the claim was rejected and never sent again"
        )
        let cash = prescribed(&scribe, sch, "furosemide", 9, 8)
        scribe.sellForCash(cash, at: sch.time(9, 8, 11, 0))
        scribe.expect("dispense_without_claim", cash.fill(), alert: false, "a cash sale")
    }

    /// One fill under two ids; the parts of a partial fill and a second payer are no duplicates.
    static func fillDuplicate(_ scribe: inout Scribe) {
        let twice = prescribed(&scribe, ch, "naproxen", 9, 9)
        scribe.sell(twice, at: ch.time(9, 9, 11, 0))
        scribe.dispense(twice, at: ch.time(9, 9, 16, 0))
        scribe.expect(
            "fill_duplicate",
            twice.fill(),
            alert: true,
            "the same fill dispensed under two ids"
        )

        let owed = prescribed(&scribe, ch, "naproxen", 9, 9)
        for (part, day, quantity) in [("P", 9, "20"), ("C", 11, "40")] {
            let at = ch.time(9, day, 12, 0)
            scribe.dispense(
                owed,
                at: at,
                changing: ["quantity": .number(quantity), "dispensing_status": .string(part)]
            )
            scribe.claim(
                owed,
                at: at.plus(minutes: 4),
                changing: ["quantity": .string(quantity), "dispensing_status": .string(part)]
            )
        }
        scribe.expect(
            "fill_duplicate",
            owed.fill(),
            alert: false,
            "a partial fill and its completion"
        )

        let shared = prescribed(&scribe, ch, "naproxen", 9, 9)
        scribe.sell(shared, at: ch.time(9, 9, 13, 0))
        scribe.claim(
            shared,
            at: ch.time(9, 9, 13, 6),
            payer: .secondCommercial,
            changing: ["coverage_order": 2]
        )
        scribe.expect(
            "fill_duplicate",
            shared.fill(),
            alert: false,
            "a first and a second payer"
        )
    }

    /// An eligible prescription billed without 340B; the administrator has 72 hours to mark it.
    static func missedClaim(_ scribe: inout Scribe) {
        let missed = prescribed(&scribe, rrc, "buspirone", 9, 14)
        scribe.sell(missed, at: rrc.time(9, 14, 11, 0), marked: false)
        scribe.expect(
            "missed_claim",
            missed.fill(),
            alert: true,
            "eligible, and never billed as 340B"
        )
        let marked = prescribed(&scribe, rrc, "buspirone", 9, 14)
        scribe.dispense(marked, at: rrc.time(9, 14, 11, 0))
        let claim = scribe.claim(marked, at: rrc.time(9, 14, 11, 4), marked: false)
        scribe.claim(marked, at: rrc.time(9, 16, 11, 4), id: claim)
        scribe.expect(
            "missed_claim",
            marked.fill(),
            alert: false,
            "marked as 340B after two days"
        )
        let carvedOut = prescribed(&scribe, rrc, "buspirone", 9, 14)
        scribe.sell(carvedOut, at: rrc.time(9, 14, 12, 0), payer: .managedCare, marked: false)
        scribe.expect(
            "missed_claim",
            carvedOut.fill(),
            alert: false,
            "carved-out Medicaid, properly left alone"
        )
    }
}

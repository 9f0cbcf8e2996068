internal import Journal

// One sentence for a person, as a JSON string.

extension Machine {
    func putSentence(_ out: inout Pen, _ rule: Rule, _ facts: Facts) {
        out.put("\"Prescription ")
        putBare(&out, fills[facts.fill].rx)
        out.put(", fill ")
        out.put(Int64(fills[facts.fill].fillNumber))
        out.put(", at pharmacy ")
        putBare(&out, reference.pharmacies, fills[facts.fill].pharmacy)
        out.put(": ")
        switch rule {
        case .encounterMissing:
            out.put("no visit of the patient with the entity supports it within the look-back.")
        case .encounterInpatient: out.put("the drug was given during an inpatient stay.")
        case .providerMismatch:
            out.put("the prescriber saw the patient in none of the matching visits.")
        case .siteUnregistered:
            if facts.isEntityRegistered {
                out.put("the prescribing site was not registered when it was written.")
            } else {
                out.put("the covered entity was not registered.")
            }
        case .providerIneligible:
            out.put("the prescriber was not on the entity's roster when it was written.")
        case .pharmacyUnregistered:
            out.put("the pharmacy had no arrangement with the entity on the fill date.")
        case .duplicateDiscount:
            if facts.forbiddenByCarveOut {
                out.put("a Medicaid claim was treated as 340B although Medicaid is carved out.")
            } else {
                out.put("a carved-in Medicaid claim lacks its 340B marker.")
            }
        case .manufacturerRestriction:
            out.put("the labeler does not offer 340B prices to this contract pharmacy.")
        case .orphanDrugExcluded: out.put("an orphan drug is excluded for this type of entity.")
        case .mfpUnmarked: out.put("a Medicare claim of a fair-price drug lacks its 340B marker.")
        case .ndcUnknown: out.put("the product code is unknown or can't be normalised.")
        case .ndcMismatch:
            if facts.claimWithOtherNdc == 0, facts.partOfOtherProduct != 0 {
                out.put("its parts are of different products.")
            } else {
                out.put("dispense and claim name different products.")
            }
        case .quantityMismatch:
            // One that has resolved says which of the two it was about most often.
            if facts.claimWithOtherQuantity == 0, QuantityMismatch.hasOtherUnit(facts) {
                out.put("the unit is not the product's billing unit.")
            } else {
                out.put("dispensed and billed quantity differ.")
            }
        case .claimWithoutDispense: out.put("it was billed, but no dispense came within the grace.")
        case .dispenseWithoutClaim: out.put("it was dispensed, but no claim came within the grace.")
        case .writtenDateInvalid:
            out.put("it was filled before it was written or after it had expired.")
        case .fillDuplicate: out.put("it was dispensed or billed twice under different ids.")
        case .patientVelocity:
            out.put(
                "one patient got this product from several pharmacies or prescribers within days."
            )
        case .missedClaim: out.put("it is eligible, but was not claimed as 340B.")
        case .gpoProhibitedPurchase, .usageSpike, .usageNewPair, .ineligibleRateShift,
            .captureRateDrop, .quantityOutlier, .accumulatorNegative, .overAccumulation,
            .overReplenished, .accumulatorStale, .feedSilent:
            break
        }
        out.put("\"")
    }

    func putSentence(_ out: inout Pen, _ rule: Rule, accumulator number: UInt32) {
        let row = accumulators[number]
        out.put("\"Product ")
        putBareProduct(&out, row.product)
        out.put(" at pharmacy ")
        putBare(&out, reference.pharmacies, row.pharmacy)
        out.put(", account ")
        out.put(row.account.text)
        out.put(": ")
        switch rule {
        case .accumulatorNegative: out.put("the balance is below zero.")
        case .overAccumulation: out.put("more was accumulated and not bought than use explains.")
        case .accumulatorStale: out.put("the balance has not moved for too long.")
        case .overReplenished: out.put("more packages were bought than were due.")
        case .gpoProhibitedPurchase:
            out.put(
                "a GPO purchase of a covered outpatient drug by an entity under the GPO prohibition."
            )
        default: break
        }
        out.put("\"")
    }

    func putSentence(_ out: inout Pen, feed: FeedKind) {
        out.put("\"No ")
        out.put(oneOf: feed.text)
        out.put(
            " record has come for so long that by this feed's own hours many were due, while others of the entity came.\""
        )
    }

    /// An identifier inside a JSON string.
    func putBare(_ out: inout Pen, _ identifier: Identifier) {
        if identifier.isLong {
            let text = identifiers.text(identifier.longNumber)
            unsafe text.withUnsafeBytes { unsafe out.put(escaping: $0) }
        } else {
            out.put(packed: identifier.word)
        }
    }

    /// A name of an entity or pharmacy inside a JSON string.
    @inline(__always)
    func putBare(_ out: inout Pen, _ names: borrowing Names, _ number: UInt32) {
        let written = unsafe names.written.address(number)
        if unsafe written.pointee.count > 0 {
            unsafe out.put(inside: written)
        } else {
            unsafe out.put(escaping: reference.texts.bytes(UInt32(names.rows[number].word)))
        }
    }

    /// A product inside a JSON string, as it came where it has no normalised code.
    func putBareProduct(_ out: inout Pen, _ product: UInt32) {
        let written = unsafe reference.writtenProducts.address(product)
        if unsafe written.pointee.count > 0 {
            unsafe out.put(inside: written)
        } else {
            unsafe out.put(
                escaping: reference.texts.bytes(UInt32(reference.products[product].word))
            )
        }
    }
}

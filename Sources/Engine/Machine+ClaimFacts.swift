internal import Journal

// What the claims of a fill say: which of them are live, what they name, who pays (SEMANTICS 10, 12, 15, 16, 17, 19).

extension Machine {
    /// The claims that are live (SEMANTICS 10), in `live`.
    mutating func collectLive(_ first: UInt32, _ facts: inout Facts) {
        live.empty()
        var number = first
        while number != 0 {
            facts.hasPaidClaim = true
            let id = claims[number].id
            switch claims[number].transaction {
            case .billing:
                if let place = live.firstIndex(where: { isSameClaim(claims[$0].id, id) }) {
                    live[place] = number
                } else {
                    live.append(number)
                }
            case .reversal:
                if let place = live.firstIndex(where: { isSameClaim(claims[$0].id, id) }) {
                    live.remove(at: place)
                } else if !wasBilled(id, from: first, before: number) {
                    live.removeAll(keepingCapacity: true)
                }
            case .rebill:
                live.removeAll(keepingCapacity: true)
                live.append(number)
            }
            number = claims[number].next
        }
        facts.liveCount = live.count
        facts.firstLive = live.first ?? 0
    }

    private func isSameClaim(_ left: Identifier, _ right: Identifier) -> Bool {
        if left.isLong, right.isLong {
            return identifiers.text(left.longNumber) == identifiers.text(right.longNumber)
        }
        return left == right
    }

    /// Whether an id was billed in this fill before: its second reversal takes nothing more.
    private func wasBilled(_ id: Identifier, from first: UInt32, before last: UInt32) -> Bool {
        var number = first
        while number != last {
            if claims[number].transaction != .reversal, isSameClaim(claims[number].id, id) {
                return true
            }
            number = claims[number].next
        }
        return false
    }

    func gatherClaims(_ facts: inout Facts) {
        if facts.isCash || facts.isAdministered { facts.isTreated = true }
        let policy = facts.policy
        for number in live
        where claims[number].isClaimed340B || isMarked[policy][Int(claims[number].codes)] {
            facts.isTreated = true
        }
        for (place, number) in live.enumerated() {
            let claim = claims[number]
            if facts.shown == 0
                ? !reference.products[claim.product].isKnown
                : (claim.product != facts.product || !facts.isProductKnown)
                    && reference.products[claim.product].isText
            {
                if facts.claimWithUnknownNdc == 0 { facts.claimWithUnknownNdc = number }
            } else if claim.product != facts.product, facts.shown != 0,
                !reference.products[facts.product].isText, facts.claimWithOtherNdc == 0
            {
                facts.claimWithOtherNdc = number
            }
            // One payer's bill: parts add up, else the first counts.
            var isFirstOfPayer = true
            for earlier in live[..<place]
            where claims[earlier].coverageOrder == claim.coverageOrder {
                isFirstOfPayer = false
                if claim.dispensingStatus == 0xFF || claims[earlier].dispensingStatus == 0xFF,
                    facts.duplicateClaim == 0
                {
                    facts.duplicateClaim = number
                }
            }
            if isFirstOfPayer, facts.shown != 0 {
                var parts: Quantity?
                for one in live[place...]
                where claims[one].coverageOrder == claim.coverageOrder
                    && claims[one].dispensingStatus != 0xFF
                {
                    let quantity = Quantity(millionths: claims[one].quantity)
                    parts = parts?.adding(quantity) ?? quantity
                }
                let billed = parts ?? Quantity(millionths: claim.quantity)
                if billed.millionths != facts.quantity, facts.claimWithOtherQuantity == 0 {
                    facts.claimWithOtherQuantity = number
                    facts.billedQuantity = billed.millionths
                }
            }
            let isMarked = isMarked[policy][Int(claim.codes)]
            switch reference.payers[claim.payer].type {
            case .medicaidFeeForService, .medicaidManagedCare:
                switch election(reference.payers[claim.payer].type, facts) {
                case .carveOut:
                    if facts.isTreated {
                        if facts.forbiddenMedicaidClaim == 0 {
                            facts.forbiddenMedicaidClaim = number
                            facts.forbiddenByCarveOut = true
                        }
                    } else {
                        facts.silentlyCarvedOut = true
                    }
                case .carveIn:
                    if facts.isTreated, !isMarked, facts.forbiddenMedicaidClaim == 0 {
                        facts.forbiddenMedicaidClaim = number
                    }
                case .none: break
                }
            case .medicareD:
                if !isMarked, facts.unmarkedMedicareClaim == 0 {
                    facts.unmarkedMedicareClaim = number
                }
            case .unknown:
                if facts.claimWithUnknownPayer == 0 { facts.claimWithUnknownPayer = number }
            case .commercial: break
            }
        }
    }

    /// The election in force for a Medicaid claim (SEMANTICS 19); `none` where nobody has one.
    func election(_ type: PayerType, _ facts: Facts) -> Election {
        let own =
            type == .medicaidFeeForService
            ? facts.pharmacyFeeForService : facts.pharmacyManagedCare
        if own != .none { return own }
        if type == .medicaidFeeForService, facts.isContractPharmacy,
            numbers[facts.policy].feeForServiceCarveOutAtContractPharmacies
        {
            return .carveOut
        }
        guard let period = reference.period(reference.entities.rows[facts.entity], on: facts.date)
        else { return .none }
        return type == .medicaidFeeForService ? period.feeForService : period.managedCare
    }
}

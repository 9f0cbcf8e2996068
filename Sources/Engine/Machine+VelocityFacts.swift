internal import Journal

// What one patient got of one product, from whom, in the days before a fill: `patient_velocity`.

extension Machine {
    /// Counts pharmacies and prescribers from which the patient got the product up to this fill (SEMANTICS 32).
    mutating func gatherVelocity(_ facts: inout Facts) {
        guard facts.patient != 0, !facts.isAdministered else { return }
        let values = numbers[facts.policy]
        // Almost nobody has another fill of the product within days: nothing is allocated before one is found.
        var pharmacies: [UInt32] = []
        var prescribers: [UInt32] = []
        let steps = forEachBefore(facts) { number in
            let pharmacy = fills[dispenses[number].fill].pharmacy
            let prescriber = dispenses[number].prescriber
            if !pharmacies.contains(pharmacy) { pharmacies.append(pharmacy) }
            if !prescribers.contains(prescriber) { prescribers.append(prescriber) }
        }
        noteWalk(steps, of: facts.patient)
        guard !pharmacies.isEmpty else { return }
        let pharmaciesBefore = pharmacies.count
        let prescribersBefore = prescribers.count
        if !pharmacies.contains(fills[facts.fill].pharmacy) {
            pharmacies.append(fills[facts.fill].pharmacy)
        }
        if !prescribers.contains(facts.prescriber) { prescribers.append(facts.prescriber) }
        facts.velocityPharmacies = pharmacies.count
        facts.velocityPrescribers = prescribers.count
        facts.completesVelocity =
            (pharmacies.count >= Int(values.velocityPharmacies)
                && pharmaciesBefore < Int(values.velocityPharmacies))
            || (prescribers.count >= Int(values.velocityPrescribers)
                && prescribersBefore < Int(values.velocityPrescribers))
    }

    /// Shows the dispenses of the patient and product in the days before this fill's, each the first of a fill that counts.
    ///
    /// - Returns: how many dispenses of the patient were walked along; 0 where they are kept by time.
    @inline(__always)
    private func forEachBefore(_ facts: Facts, _ body: (UInt32) -> Void) -> Int {
        let days = Int64(numbers[facts.policy].velocityDays)
        let first = facts.occurredAt &- days &* 86_400_000_000
        func counts(_ number: UInt32) -> Bool {
            let fill = dispenses[number].fill
            // Both hold before the other fill has been decided again, so the order of decisions is none's concern.
            return fill != facts.fill && primary(of: fill) == number && !fills[fill].isBillReversed
                && (dispenses[number].occurredAt < facts.occurredAt
                    || isBefore(fill: fill, facts.fill))
        }
        if let crowd = crowds[facts.patient] {
            if let others = crowd.dispensesOfProduct[facts.product] {
                for place in others.start(first)..<others.end(facts.occurredAt)
                where counts(others[place]) { body(others[place]) }
            }
            return 0
        }
        // The chain runs from the latest to the earliest, so it is left where the window is.
        var steps = 0
        var number = patients[facts.patient].firstDispense
        while number != 0, dispenses[number].occurredAt >= first {
            steps += 1
            if dispenses[number].product == facts.product,
                dispenses[number].occurredAt <= facts.occurredAt,
                dispenses[number].setting == .retail, counts(number)
            {
                body(number)
            }
            number = dispenses[number].nextOfPatient
        }
        return steps
    }

    /// An order among fills of one moment that does not depend on arrival.
    private func isBefore(fill left: UInt32, _ right: UInt32) -> Bool {
        let a = fills[left]
        let b = fills[right]
        if a.pharmacy != b.pharmacy {
            return npiText(reference.pharmacies.rows[a.pharmacy])
                .lexicographicallyPrecedes(npiText(reference.pharmacies.rows[b.pharmacy]))
        }
        let x = text(of: a.rx)
        let y = text(of: b.rx)
        return x == y ? a.fillNumber < b.fillNumber : x.lexicographicallyPrecedes(y)
    }

    /// The other dispenses that make up the pattern of `patient_velocity`: one for each pharmacy and each prescriber.
    func velocityDispenses(_ facts: Facts) -> [UInt32] {
        guard facts.patient != 0, !facts.isAdministered else { return [] }
        var pharmacies: Set = [fills[facts.fill].pharmacy]
        var prescribers: Set = [facts.prescriber]
        var others: [UInt32] = []
        _ = forEachBefore(facts) { others.append($0) }
        // The earliest of each, in whichever order they are kept.
        others.sort {
            (dispenses[$0].occurredAt, dispenses[$0].offset)
                < (dispenses[$1].occurredAt, dispenses[$1].offset)
        }
        return others.filter { number in
            let isNew = pharmacies.insert(fills[dispenses[number].fill].pharmacy).inserted
            return prescribers.insert(dispenses[number].prescriber).inserted || isNew
        }
    }
}

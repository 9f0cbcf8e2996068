internal import Journal

// Patients by token, and the chains of their encounters and dispenses.

extension Machine {
    /// The patient that a record's tokens name, which is made if it is new; 0 where the record has none.
    ///
    /// During a key rotation a record carries one token per key: whoever any of them named before is one patient.
    mutating func patient(_ tokens: UnsafeRawBufferPointer, _ entity: UInt32) -> UInt32 {
        var result: UInt32 = 0
        var place = 0
        while place < tokens.count {
            // The layout of `PatientToken`: a length, the key's name, sixteen bytes. Written by ingest, all inside.
            let length = Int(unsafe tokens[place])
            guard place + 1 + length + 16 <= tokens.count else { break }
            let key = unsafe UnsafeRawBufferPointer(
                rebasing: tokens[(place + 1)..<(place + 1 + length)]
            )
            let keyID = unsafe keyIDs.number(of: key)
            let high = unsafe UInt64(
                bigEndian: tokens.loadUnaligned(fromByteOffset: place + 1 + length, as: UInt64.self)
            )
            let low = unsafe UInt64(
                bigEndian: tokens.loadUnaligned(fromByteOffset: place + 9 + length, as: UInt64.self)
            )
            place += 17 + length
            let scope = scopes.number(entity: entity, word: UInt64(keyID), isText: false) {
                unsafe WrittenName(key)
            }
            let hash = Hash.words(high, low)
            var found = patientIndex.find(hash) {
                patients[$0].tokenLow == low && patients[$0].tokenHigh == high
                    && patients[$0].scope == scope
            }
            if found == 0 {
                found = patients.insert(
                    PatientRow(tokenHigh: high, tokenLow: low, scope: scope)
                )
                patientIndex.insert(hash, found)
                if result != 0 { alias(found, of: result) }
            } else {
                while patients[found].sameAs != 0 { found = patients[found].sameAs }
                if result != 0, found != result { merge(found, into: result) }
            }
            if result == 0 {
                result = found
                while patients[result].sameAs != 0 { result = patients[result].sameAs }
            }
        }
        return result
    }

    private mutating func alias(_ token: UInt32, of patient: UInt32) {
        patients[token].sameAs = patient
        patients[token].nextAlias = patients[patient].nextAlias
        patients[patient].nextAlias = token
    }

    /// Two tokens turn out to be one patient: the chains of the first go over to the second.
    private mutating func merge(_ other: UInt32, into patient: UInt32) {
        crowds.remove(other)
        crowds.remove(patient)
        var encounter = patients[other].firstEncounter
        while encounter != 0 {
            let next = encounters[encounter].nextOfPatient
            encounters[encounter].patient = patient
            encounters[encounter].nextOfPatient = patients[patient].firstEncounter
            patients[patient].firstEncounter = encounter
            encounter = next
        }
        var dispense = patients[other].firstDispense
        while dispense != 0 {
            let next = dispenses[dispense].nextOfPatient
            dispenses[dispense].patient = patient
            linkToPatient(dispense)
            dispense = next
        }
        patients[other].firstEncounter = 0
        patients[other].firstDispense = 0
        var token = patients[other].nextAlias
        patients[other].nextAlias = 0
        while token != 0 {
            let next = patients[token].nextAlias
            alias(token, of: patient)
            token = next
        }
        alias(other, of: patient)
        mergedPatient = patient
    }

    /// Takes a dispense out of its patient's chain; the patient goes too, if nothing of them is left and they are not
    /// the one to keep.
    mutating func unlinkFromPatient(_ dispense: UInt32, keeping kept: UInt32 = 0) {
        let patient = dispenses[dispense].patient
        let next = dispenses[dispense].nextOfPatient
        guard patient != 0 else { return }
        var steps = 0
        if let crowd = crowds[patient] {
            let previous = crowd.dispenses.row(behind: dispense, at: dispenses[dispense].occurredAt)
            remove(dispense: dispense, from: crowd)
            if previous == 0 {
                patients[patient].firstDispense = next
            } else {
                dispenses[previous].nextOfPatient = next
            }
        } else if patients[patient].firstDispense == dispense {
            patients[patient].firstDispense = next
        } else {
            var previous = patients[patient].firstDispense
            while previous != 0, dispenses[previous].nextOfPatient != dispense {
                previous = dispenses[previous].nextOfPatient
                steps += 1
            }
            if previous != 0 { dispenses[previous].nextOfPatient = next }
        }
        dispenses[dispense].patient = 0
        dispenses[dispense].nextOfPatient = 0
        noteWalk(steps, of: patient)
        if patient != kept { removePatientIfUnused(patient) }
    }

    mutating func unlinkEncounterFromPatient(_ encounter: UInt32) {
        let patient = encounters[encounter].patient
        let next = encounters[encounter].nextOfPatient
        guard patient != 0 else { return }
        if let crowd = crowds[patient] {
            remove(visit: encounter, from: crowd)
            let previous = crowd.unlink(encounter)
            if previous == 0 {
                patients[patient].firstEncounter = next
            } else {
                encounters[previous].nextOfPatient = next
            }
        } else if patients[patient].firstEncounter == encounter {
            patients[patient].firstEncounter = next
        } else {
            var previous = patients[patient].firstEncounter
            while previous != 0, encounters[previous].nextOfPatient != encounter {
                previous = encounters[previous].nextOfPatient
            }
            if previous != 0 { encounters[previous].nextOfPatient = next }
        }
    }

    /// Lets go of a patient of whom nothing is remembered, with all tokens.
    mutating func removePatientIfUnused(_ patient: UInt32) {
        guard patient != 0, patients[patient].firstEncounter == 0,
            patients[patient].firstDispense == 0
        else { return }
        crowds.remove(patient)
        var token = patient
        while token != 0 {
            let row = patients[token]
            patientIndex.remove(Hash.words(row.tokenHigh, row.tokenLow), token)
            patients.remove(token)
            token = row.nextAlias
        }
    }
}

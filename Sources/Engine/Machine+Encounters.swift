internal import Journal

// Encounters into rows: the last version counts, the ones before stay in a chain.

extension Machine {
    mutating func apply(
        _ encounter: Encounter,
        _ header: EventHeader,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        change = .encounter
        let last = encounter.end.isPresent ? encounter.end.date : encounter.start.date
        if header.recordedAt.utcDate.day &- last.day > encounterDays {
            counts.encountersTooOld += 1
            return
        }
        counts.applied += 1
        let patient = unsafe patient(record.bytes(header.tokens), entity)
        let provider = inHand.prescriber
        let id = unsafe IncomingIdentifier(
            record.bytes(encounter.encounterID),
            word: inHand.thingWord
        )
        let hash = inHand.thingHash
        let found = encounterIndex.find(hash) {
            isEqual(encounters[$0].id, id)
                && reference.providers.rows[encounters[$0].provider].entity == entity
        }
        let occurredAt = header.occurredAt.instant.microseconds
        let end = encounter.end.isPresent ? encounter.end.instant.microseconds : Int64.min
        affected.removeAll(keepingCapacity: true)
        var row = EncounterRow(
            id: .none,
            occurredAt: occurredAt,
            start: encounter.start.instant.microseconds,
            end: end,
            offset: offset,
            startOffset: encounter.start.offsetMinutes,
            endOffset: encounter.end.offsetMinutes,
            classCode: encounter.classCode,
            status: encounter.status,
            givesEnd: encounter.end.isPresent,
            patient: patient,
            provider: provider
        )
        if found == 0 {
            row.id = keep(id)
            let number = encounters.insert(row)
            encounterIndex.insert(hash, number)
            linkEncounterToPatient(number)
            encounters[number].nextInBucket = encounterBuckets.insert(
                number,
                due: last.day &+ encounterDays &+ 1,
                today: today
            )
            collectTouched(by: number)
        } else if occurredAt >= encounters[found].occurredAt {
            // A newer version: the one before goes into the chain.
            let before = encounters[found]
            collectTouched(by: found)
            row.id = before.id
            row.older = encounterVersions.insert(
                EncounterVersionRow(
                    occurredAt: before.occurredAt,
                    end: before.givesEnd ? before.end : .min,
                    offset: before.offset,
                    endOffset: before.endOffset,
                    classCode: before.classCode,
                    status: before.status,
                    provider: before.provider,
                    older: before.older
                )
            )
            row.nextInBucket = before.nextInBucket
            if !row.givesEnd {
                row.end = before.end
                row.endOffset = before.endOffset
            }
            if before.patient != patient {
                unlinkEncounterFromPatient(found)
                encounters[found] = row
                linkEncounterToPatient(found)
                removePatientIfUnused(before.patient)
            } else {
                row.nextOfPatient = before.nextOfPatient
                let crowd = crowds[patient]
                if let crowd { remove(visit: found, from: crowd) }
                encounters[found] = row
                if let crowd { add(visit: found, to: crowd) }
            }
            collectTouched(by: found)
        } else {
            let crowd = crowds[encounters[found].patient]
            if let crowd { remove(visit: found, from: crowd) }
            insertOlderVersion(
                of: found,
                EncounterVersionRow(
                    occurredAt: occurredAt,
                    end: end,
                    offset: offset,
                    endOffset: encounter.end.offsetMinutes,
                    classCode: encounter.classCode,
                    status: encounter.status,
                    provider: provider,
                    older: 0
                )
            )
            if let crowd { add(visit: found, to: crowd) }
            removePatientIfUnused(patient)
            collectTouched(by: found)
        }
        if mergedPatient != 0 { collectFills(ofPatient: mergedPatient) }
        if !affected.isEmpty { decideAffected() }
    }

    private mutating func linkEncounterToPatient(_ encounter: UInt32) {
        let patient = encounters[encounter].patient
        guard patient != 0 else { return }
        encounters[encounter].nextOfPatient = patients[patient].firstEncounter
        patients[patient].firstEncounter = encounter
        if let crowd = crowds[patient] {
            crowd.link(encounter)
            add(visit: encounter, to: crowd)
        }
    }

    private mutating func insertOlderVersion(of encounter: UInt32, _ version: EncounterVersionRow) {
        var previous: UInt32 = 0
        var next = encounters[encounter].older
        while next != 0, encounterVersions[next].occurredAt > version.occurredAt {
            previous = next
            next = encounterVersions[next].older
        }
        var row = version
        row.older = next
        let number = encounterVersions.insert(row)
        if previous == 0 {
            encounters[encounter].older = number
        } else {
            encounterVersions[previous].older = number
        }
        // The last non-null end counts, in the order of versions.
        guard !encounters[encounter].givesEnd else { return }
        var version = encounters[encounter].older
        encounters[encounter].end = .min
        while version != 0 {
            if encounterVersions[version].end != .min {
                encounters[encounter].end = encounterVersions[version].end
                encounters[encounter].endOffset = encounterVersions[version].endOffset
                return
            }
            version = encounterVersions[version].older
        }
    }

    /// Notes the fills of the encounter's patient that it can concern: not those filled before it began on
    /// prescriptions written more than a day before, which is most.
    private mutating func collectTouched(by encounter: UInt32) {
        let row = encounters[encounter]
        guard row.patient != 0 else { return }
        var ahead: Int32 = 0
        for policy in numbers { ahead = max(ahead, policy.encounterAheadDays) }
        let started = row.startDate.day
        if let crowd = crowds[row.patient] {
            // Those of both kinds come twice, and are decided once.
            let later = crowd.dispenses
            for place in later.start(row.start)..<later.places.upperBound {
                affected.append(dispenses[later[place]].fill)
            }
            let written = crowd.written
            for place in written.start(Int64(started &- ahead))..<written.places.upperBound {
                affected.append(dispenses[written[place]].fill)
            }
            return
        }
        var steps = 0
        var dispense = patients[row.patient].firstDispense
        while dispense != 0 {
            let candidate = dispenses[dispense]
            if candidate.occurredAt >= row.start || candidate.writtenOn &+ ahead >= started {
                affected.append(candidate.fill)
            }
            dispense = candidate.nextOfPatient
            steps += 1
        }
        noteWalk(steps, of: row.patient)
    }
}

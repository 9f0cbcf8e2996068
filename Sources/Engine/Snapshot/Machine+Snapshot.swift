internal import Journal

// What a machine remembers, listed once; and what follows from that list: images, restoring them, and the proof that two
// folds agree. What is not listed is scratch: a record's own, or made anew from what is.

extension Machine {
    /// Version of the list below and of what its values mean: of what alerts compare, for example. A state of another version
    /// is not restored: the journal makes it again.
    public static var stateVersion: Int { 4 }

    /// Lists everything that is remembered between two records.
    private mutating func visit(_ archive: inout StateArchive) {
        checkVersion(&archive)
        archive.value(&partition)
        archive.value(&recordNumber)
        archive.value(&offset)
        for topic in 0..<4 { archive.value(&sequence[topic]) }
        archive.value(&proof)
        visitCounts(&archive)

        archive.value(&now)
        var ticks: UInt8 = clock == .ticks ? 1 : 0
        archive.value(&ticks)
        clock = ticks == 1 ? .ticks : .records
        horizonDays = archive.number(horizonDays)
        sources.visit(&archive)
        deadlines.visit(&archive)
        archive.array(&undated, filler: 0)
        archive.value(&forgottenDay)
        fillBuckets.visit(&archive)
        encounterBuckets.visit(&archive)

        reference.visit(&archive)
        fragments.visit(&archive)
        pieces.visit(&archive)
        codeSets.visit(&archive)
        keyIDs.visit(&archive)
        scopes.visit(&archive)
        visitPolicies(&archive)

        eventIDs.visit(&archive)
        identifiers.visit(&archive)
        patients.visit(&archive)
        patientIndex.visit(&archive)
        encounters.visit(&archive)
        encounterIndex.visit(&archive)
        encounterVersions.visit(&archive)
        dispenses.visit(&archive)
        dispenseIndex.visit(&archive)
        claims.visit(&archive)
        fills.visit(&archive)
        pendingFills = archive.number(pendingFills)
        fillIndex.visit(&archive)
        visitAlerts(&archive)
        accumulators.visit(&archive)
        accumulatorIndex.visit(&archive)
        uses.visit(&archive)
        replenishments.visit(&archive)
        replenishmentIndex.visit(&archive)
        feeds.visit(&archive)
        feedProfiles.visit(&archive)
        feedChecks.visit(&archive)
        archive.value(&hasHolds)
    }

    /// The version, and the sizes of all rows: a build that lays one out otherwise makes another state.
    private func checkVersion(_ archive: inout StateArchive) {
        var fingerprint = Hash.first
        for size in [
            Self.stateVersion, MemoryLayout<PatientRow>.stride, MemoryLayout<EncounterRow>.stride,
            MemoryLayout<EncounterVersionRow>.stride, MemoryLayout<DispenseRow>.stride,
            MemoryLayout<ClaimRow>.stride, MemoryLayout<FillRow>.stride,
            MemoryLayout<AlertRow>.stride, MemoryLayout<AccumulatorRow>.stride,
            MemoryLayout<UseRow>.stride, MemoryLayout<ReplenishmentRow>.stride,
            MemoryLayout<NameRow>.stride, MemoryLayout<ProductRow>.stride,
            MemoryLayout<PayerRow>.stride, MemoryLayout<PieceRow>.stride,
            MemoryLayout<FeedRow>.stride, MemoryLayout<FeedProfile>.stride,
            MemoryLayout<WrittenName>.stride, MemoryLayout<Period>.stride, Rule.allCases.count,
        ] {
            fingerprint = Hash.mix(fingerprint ^ UInt64(size), Hash.second)
        }
        var found = fingerprint
        archive.value(&found)
        if archive.isReading, found != fingerprint {
            archive.fail("another version of this program has written it")
        }
    }

    private mutating func visitCounts(_ archive: inout StateArchive) {
        archive.value(&counts.records)
        archive.value(&counts.control)
        archive.value(&counts.applied)
        archive.value(&counts.duplicates)
        archive.value(&counts.encountersTooOld)
        archive.value(&counts.adjustmentsUnapproved)
        archive.value(&counts.dispositionsWithoutEffect)
        archive.value(&counts.reversalsOfUnknownFills)
        archive.value(&counts.claimsRejected)
        archive.value(&counts.superseded)
        for place in counts.decisions.indices { archive.value(&counts.decisions[place]) }
        for place in counts.alertsOpened.indices { archive.value(&counts.alertsOpened[place]) }
    }

    /// The policies by their canonical bytes, and the numbers under which their pieces of text stand; what is compiled is
    /// compiled again.
    private mutating func visitPolicies(_ archive: inout StateArchive) {
        let count = archive.count(policies.count, of: 1)
        if archive.isReading {
            policies = []
            numbers = []
            isMarked = []
        }
        for place in 0..<count {
            var bytes = archive.isReading ? [] : policies[place].policy.canonicalBytes
            archive.bytes(&bytes)
            var versionText = archive.isReading ? 0 : numbers[place].versionText
            var firstPiece = archive.isReading ? 0 : numbers[place].firstPiece
            archive.value(&versionText)
            archive.value(&firstPiece)
            guard archive.isReading else { continue }
            guard archive.fault == nil, let policy = Policy(canonicalBytes: bytes) else {
                return archive.fail("it holds a policy that this version does not read")
            }
            let compiled = CompiledPolicy(policy)
            var plain = plainNumbers(compiled)
            plain.versionText = versionText
            plain.firstPiece = firstPiece
            policies.append(compiled)
            numbers.append(plain)
            isMarked.append(marks(of: compiled))
        }
    }

    private mutating func visitAlerts(_ archive: inout StateArchive) {
        alerts.visit(&archive)
        archive.value(&hasAlertIndex)
        alertIndex.visit(&archive)
        archive.dictionary(&invoices, filler: InvoiceRow.none) { invoice, archive in
            archive.value(&invoice.id)
            archive.value(&invoice.date)
            archive.value(&invoice.bought)
            archive.value(&invoice.due)
            archive.value(&invoice.isSuspended)
        }
        invoiceIndex.visit(&archive)
        archive.dictionary(&dispositions, filler: []) { notes, archive in
            archive.list(&notes, filler: DispositionNote.none) { note, archive in
                archive.value(&note.offset)
                archive.value(&note.decision)
                archive.bytes(&note.actor)
                archive.bytes(&note.role)
                archive.bytes(&note.note)
            }
        }
    }

    // MARK: images

    /// How many bytes ``copyState(to:)`` writes.
    public var stateByteCount: Int {
        mutating get {
            var archive = StateArchive()
            visit(&archive)
            return archive.byteCount
        }
    }

    /// Copies the state between two records into memory of at least ``stateByteCount`` bytes.
    public mutating func copyState(to memory: UnsafeMutableRawBufferPointer) {
        var archive = unsafe StateArchive(writingTo: memory)
        visit(&archive)
    }

    /// A machine in the state that an image holds: it goes on with the record behind those the image was made of, and its
    /// outputs are those of the machine that the image was made of.
    ///
    /// - Throws: ``StateFault`` where the source gives no state of this version. What the source hands out must be
    ///   undamaged: it is checked for what no writer writes, not against every flipped bit.
    public init(
        restoringFrom source: @escaping (UnsafeMutableRawBufferPointer) throws(StateFault) -> Void
    ) throws(StateFault) {
        self.init()
        var archive = unsafe StateArchive(source)
        visit(&archive)
        if let fault = archive.fault { throw fault }
    }

    // MARK: proof

    /// How many records lie between two proofs.
    static var proofInterval: Int64 { 1 << 17 }

    /// A hash of all small values of the state and of one of 64 stripes of each large table, another one each time: two
    /// folds that differ anywhere show it after 64 proofs at the latest, mostly at once, since counts differ.
    mutating func prove() -> UInt64 {
        let stripe = Int(recordNumber / Self.proofInterval) % StateArchive.stripes
        var archive = StateArchive(proving: stripe)
        visit(&archive)
        return archive.proof
    }
}

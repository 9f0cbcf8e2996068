internal import Journal

// What people say about alerts: kept with them, and shown in their evidence (SEMANTICS 25).

extension Machine {
    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Records what a person said about an alert in its evidence (25): an `updated`, or one that is resolved once more.
    mutating func noteAlert(
        _ text: String,
        _ disposition: Disposition,
        _ entity: UInt32,
        _ record: RecordView
    ) {
        let digits = text.dropFirst(2)
        guard digits.utf8.count == 32, digits.utf8.allSatisfy(Self.isHexDigit),
            let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        indexAlerts()
        let alert = alertIndex.find(Hash.words(high, low)) { id(ofAlert: $0) == (high, low) }
        guard alert != 0, self.entity(ofAlert: alert) == entity else {
            counts.dispositionsWithoutEffect += 1
            return
        }
        dispositions[alert, default: []].append(
            DispositionNote(
                offset: offset,
                decision: disposition.decision,
                actor: unsafe Array(record.bytes(disposition.actor)),
                role: unsafe Array(record.bytes(disposition.role)),
                note: unsafe Array(record.bytes(disposition.note))
            )
        )
        // A resolved alert stays resolved, for the same reason: `updated` would read as if it were open (OUTPUTS).
        let state: AlertState =
            alerts[alert].isOpen ? .updated : .resolved(alerts[alert].resolution)
        if alerts[alert].isOfFill {
            let facts = facts(of: alerts[alert].subject)
            writeValues(of: alerts[alert].rule, facts)
            writeFillAlert(alert, state, facts)
        } else if alerts[alert].isOfFeed {
            let policy = policy(on: CivilDate(day: today))
            writeValues(ofFeed: alerts[alert].subject, policy)
            writeFeedAlert(alert, state, policy)
        } else {
            let policy = policy(on: invoices[alert]?.date ?? CivilDate(day: today))
            writeValues(ofAccumulatorAlert: alert, policy)
            writeAccumulatorAlert(alert, state, policy)
        }
    }

    /// Makes the index of alerts at the first disposition about one: where nobody answers alerts on this way, it would
    /// cost a cache miss per alert for nothing.
    private mutating func indexAlerts() {
        guard !hasAlertIndex else { return }
        hasAlertIndex = true
        for number in 1..<UInt32(alerts.used) where alerts[number].subject != 0 {
            let (high, low) = id(ofAlert: number)
            alertIndex.insert(Hash.words(high, low), number)
        }
    }

    private func entity(ofAlert alert: UInt32) -> UInt32 {
        if alerts[alert].isOfFeed { return whose(alerts[alert].subject).entity }
        let pharmacy =
            alerts[alert].isOfFill
            ? fills[alerts[alert].subject].pharmacy : accumulators[alerts[alert].subject].pharmacy
        return reference.pharmacies.rows[pharmacy].entity
    }

    func putDispositions(_ out: inout Pen, _ alert: UInt32) {
        guard !dispositions.isEmpty, let notes = dispositions[alert] else {
            return out.put(",\"dispositions\":[]")
        }
        out.put(",\"dispositions\":[")
        var isFirst = true
        for note in notes.suffix(Self.mostNotes) {
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"offset\":")
            out.put(note.offset)
            out.put(",\"decision\":")
            put(&out, note.decision)
            out.put(",\"actor\":")
            putShort(&out, note.actor)
            out.put(",\"role\":")
            putOptional(&out, note.role)
            out.put(",\"note\":")
            putOptional(&out, note.note)
            out.put(byte: UInt8(ascii: "}"))
        }
        out.put(byte: UInt8(ascii: "]"))
        if notes.count > Self.mostNotes {
            out.put(",\"dispositions_omitted\":")
            out.put(Int64(notes.count - Self.mostNotes))
        }
    }

    /// An output has to fit into a message: of many notes the last are shown, and of a long text its beginning; all of
    /// it stands in the journal, at the offset that is told.
    private static var mostNotes: Int { 20 }
    private static var mostBytes: Int { 1000 }

    private func putOptional(_ out: inout Pen, _ text: [UInt8]) {
        if text.isEmpty { out.put("null") } else { putShort(&out, text) }
    }

    private func putShort(_ out: inout Pen, _ text: [UInt8]) {
        guard text.count > Self.mostBytes else {
            return unsafe text.withUnsafeBytes { unsafe out.put(string: $0) }
        }
        // No character is cut in two.
        var end = Self.mostBytes
        while text[end] & 0xC0 == 0x80 { end -= 1 }
        let start = text[..<end] + Array("…".utf8)
        unsafe start.withUnsafeBytes { unsafe out.put(string: $0) }
    }
}

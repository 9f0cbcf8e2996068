internal import Journal

// The alerts about feeds: one for each feed, whose subject is a series of its entity.

extension Machine {
    /// The entity and kind of a feed.
    func whose(_ feed: UInt32) -> (entity: UInt32, kind: FeedKind) {
        let count = UInt32(FeedKind.allCases.count)
        let kind = FeedKind(rawValue: (feed - 1) % count) ?? .encounter
        return ((feed - 1) / count + 1, kind)
    }

    mutating func openFeedAlert(
        _ number: UInt32,
        _ entity: UInt32,
        _ kind: FeedKind,
        _ policy: Int
    ) {
        if feeds[number].alert == 0 { feeds[number].alert = insertAlert(ofFeed: number) }
        let alert = feeds[number].alert
        writeValues(ofFeed: number, policy)
        open(alert, contentHash(.feedSilent, policy))
        writeFeedAlert(alert, .opened, policy)
    }

    mutating func resolveFeedAlert(
        _ alert: UInt32,
        _ policy: Int,
        _ resolution: Resolution
    ) {
        guard alert != 0, alerts[alert].isOpen else { return }
        alerts[alert].isOpen = false
        alerts[alert].resolution = resolution
        writeValues(ofFeed: alerts[alert].subject, policy)
        writeFeedAlert(alert, .resolved(resolution), policy)
    }

    /// Writes what was compared of a feed into `scratch`.
    mutating func writeValues(ofFeed number: UInt32, _ policy: Int) {
        scratch.removeAll()
        var out = scratch.pen(16_384)
        defer { scratch.keep(out) }
        let feed = feeds[number]
        moment(&out, "last_record_at", feed.last)
        moment(&out, "silent_since", feed.isSilent ? feed.silentSince : .max)
        self.number(&out, "expected_records", Int64(numbers[policy].feedSilenceExpected))
        if whose(number).kind == .encounter {
            self.number(&out, "hold_hours", Int64(numbers[policy].feedHoldHours))
            moment(&out, "held_until", feed.holds[3].to)
        }
    }

    mutating func insertAlert(ofFeed feed: UInt32) -> UInt32 {
        insertAlert(AlertRow(subject: feed, next: 0, rule: .feedSilent, isOfFill: false))
    }

    mutating func writeFeedAlert(_ alert: UInt32, _ state: AlertState, _ policy: Int) {
        if isSilent { return count(.alerts) }
        var out = pen(.alerts)
        let feed = alerts[alert].subject
        let (entity, kind) = whose(feed)
        begin(&out, .alerts, entity, policy)
        putHead(&out, alert, state, policy)
        out.put("{\"kind\":\"series\",\"scope\":\"entity\",\"measure\":\"")
        out.put(oneOf: kind.text)
        out.put("\"}")
        putCause(&out, .feedSilent, policy)
        putSentence(&out, feed: kind)
        putOccurrence(&out, alert)
        out.put(",\"decision_id\":null,\"patient_token\":null")
        putResolution(&out, state)
        out.put(",\"evidence\":{\"records\":[{\"kind\":\"last\",\"offset\":")
        out.put(feeds[feed].lastOffset)
        out.put("},")
        putCauseAndEnd(&out, alert)
        finish(.alerts, entity, out)
    }
}

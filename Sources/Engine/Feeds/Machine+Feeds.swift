internal import Journal

// Feeds that fall silent (SEMANTICS 36). The alert opens before any visit is called missing, and the graces for visits stand
// still while it is open, for a bounded time.

extension Machine {
    /// The row of a feed. Rows stand in the order of entities, four each.
    private func feed(_ entity: UInt32, _ kind: FeedKind) -> UInt32 {
        (entity - 1) * UInt32(FeedKind.allCases.count) + kind.rawValue + 1
    }

    /// Whether a feed has a row.
    private func isKnown(_ feed: UInt32) -> Bool { Int(feed) < feeds.used }

    // MARK: records

    /// Notes that a feed has delivered, after monitor time was moved on: it is silent no longer, and whether the entity's
    /// others are is looked at.
    ///
    /// A record counts in its feed's row and in one hour of its profile, both asked for beforehand, and compares one moment of
    /// its entity; reading the rows of all four feeds and waiting for the profile took 5.2 % of a run of two million events
    /// (200 entities), now all of it takes 2.3 %.
    @inline(__always)
    mutating func hear(_ kind: RecordKind, _ entity: UInt32, at arrival: Int64) {
        guard let kind = FeedKind(kind) else { return }
        let own = feed(entity, kind)
        let isQuiet =
            isKnown(own) && feeds[own].profile != 0 && feedChecks[entity] > now.microseconds
        if !isQuiet { beginHearing(own, entity, kind, at: arrival) }
        feeds[own].count += 1
        feeds[own].last = max(feeds[own].last, arrival)
        feeds[own].lastOffset = offset
        feedProfiles[feeds[own].profile].add(at: arrival)
        if !isQuiet { judgeOthers(entity, kind) }
    }

    /// Makes the row and the profile of a feed that was never heard before, and ends its silence.
    @inline(never)
    private mutating func beginHearing(
        _ own: UInt32,
        _ entity: UInt32,
        _ kind: FeedKind,
        at arrival: Int64
    ) {
        while feedChecks.used <= Int(entity) {
            _ = feedChecks.insert(.min)
            for _ in FeedKind.allCases { _ = feeds.insert(FeedRow()) }
        }
        if feeds[own].isSilent { endSilence(own, entity, kind) }
        if feeds[own].profile == 0 {
            feeds[own].profile = feedProfiles.insert(FeedProfile())
            feeds[own].first = arrival
        }
    }

    /// Looks at the other feeds of an entity whose moment has come.
    @inline(never)
    private mutating func judgeOthers(_ entity: UInt32, _ kind: FeedKind) {
        for other in FeedKind.allCases where other != kind {
            if feeds[feed(entity, other)].checkAt <= now.microseconds {
                judgeFeed(entity, other)
            }
        }
        noteChecks(of: entity)
    }

    /// Notes from when on a record of an entity must look at its feeds: a silent one is looked at with each.
    private mutating func noteChecks(of entity: UInt32) {
        var next = Int64.max
        for kind in FeedKind.allCases {
            let number = feed(entity, kind)
            if feeds[number].isSilent {
                next = .min
            } else if feeds[number].profile != 0 {
                next = min(next, feeds[number].checkAt)
            }
        }
        feedChecks[entity] = next
    }

    /// Asks for a feed's row.
    @inline(__always)
    func prefetchFeed(_ kind: RecordKind, _ entity: UInt32) {
        guard let kind = FeedKind(kind), entity != 0 else { return }
        let number = feed(entity, kind)
        if isKnown(number) { feeds.prefetch(number) }
    }

    /// Asks for the hours of a feed, `offset` bytes behind the beginning of its profile.
    @inline(__always)
    func prefetchHours(_ kind: RecordKind, _ entity: UInt32, at offset: Int) {
        guard let kind = FeedKind(kind), entity != 0 else { return }
        let number = feed(entity, kind)
        guard isKnown(number), feeds[number].profile != 0 else { return }
        feedProfiles.prefetch(feeds[number].profile)
        feedProfiles.prefetch(feeds[number].profile, at: offset)
    }

    // MARK: silence

    /// Whether a feed is old and busy enough to be judged: 28 days and 200 records.
    private func isJudged(_ feed: FeedRow) -> Bool {
        feed.count >= 200 && judgedAt &- feed.first >= 28 * 86_400_000_000
    }

    /// Looks whether a feed is silent at this moment, and opens its alert if it has become so.
    private mutating func judgeFeed(_ entity: UInt32, _ kind: FeedKind) {
        let number = feed(entity, kind)
        guard isKnown(number), !feeds[number].isSilent else { return }
        let feed = feeds[number]
        guard feed.profile != 0 else { return }
        let date = CivilDate(day: judgedOn)
        let policy = policy(on: date)
        guard isJudged(feed), rulesInForce(policy, on: date).has(.feedSilent),
            date >= numbers[policy].alertsFrom
        else {
            // Soon enough: a feed is judged for weeks.
            feeds[number].checkAt = judgedAt &+ FeedProfile.hour
            return
        }
        let silentAt = feedProfiles[feed.profile].moment(
            of: numbers[policy].feedSilenceExpected,
            after: feed.last
        )
        // Later records only put that moment off.
        feeds[number].checkAt = silentAt
        guard silentAt <= judgedAt else { return }
        guard
            othersGoOn(entity, kind, since: feed.last, numbers[policy].feedSilenceExpected)
        else {
            feeds[number].checkAt = judgedAt &+ FeedProfile.hour
            return
        }
        feeds[number].silentSince = silentAt
        if kind == .encounter {
            hasHolds = true
            for place in 1..<4 { feeds[number].holds[place - 1] = feeds[number].holds[place] }
            let hold = Int64(numbers[policy].feedHoldHours) &* FeedProfile.hour
            feeds[number].holds[3] = Hold(from: silentAt, to: silentAt &+ hold)
        }
        openFeedAlert(number, entity, kind, policy)
    }

    /// Whether the entity's other feeds go on: since this one's last record they have delivered as many as it is missing,
    /// each that counts at least half of what its own profile expects. So a holiday is no silence, and neither is the first
    /// record after it, nor the trickle in which a history ends.
    private func othersGoOn(
        _ entity: UInt32,
        _ kind: FeedKind,
        since last: Int64,
        _ records: Int32
    ) -> Bool {
        var sum: Int64 = 0
        for other in FeedKind.allCases where other != kind {
            let row = feeds[feed(entity, other)]
            guard row.profile != 0, isJudged(row), row.last > last else { continue }
            let profile = feedProfiles[row.profile]
            let seen = profile.count(after: last)
            let expected = profile.expectedTimesFour(from: last, to: judgedAt)
            if seen * 8 >= expected { sum += seen }
        }
        return sum >= Int64(records)
    }

    private mutating func endSilence(_ number: UInt32, _ entity: UInt32, _ kind: FeedKind) {
        let policy = policy(on: CivilDate(day: today))
        feeds[number].silentSince = .min
        feeds[number].checkAt = .min
        let hold = feeds[number].holds[3]
        let isHeld = kind == .encounter && hold.to > now.microseconds
        if isHeld { feeds[number].holds[3].to = max(hold.from, now.microseconds) }
        resolveFeedAlert(feeds[number].alert, policy, .factsChanged)
        // Graces go on: what waits is noted under its new moment.
        if isHeld { reviewWaiting(of: entity) }
    }

    /// Decides the fills of an entity again whose graces for visits are running.
    private mutating func reviewWaiting(of entity: UInt32) {
        let before = change
        change = .deadline
        redecideAll { machine, fill in
            let waiting = machine.fills[fill].decided.waiting
            return (waiting.has(.encounterMissing) || waiting.has(.providerMismatch))
                && machine.entity(ofFill: fill) == entity
        }
        change = before
    }

    /// Before a grace for a visit ends: has the feed of visits fallen silent?
    mutating func judgeVisits(ofFill fill: UInt32) {
        let waiting = fills[fill].decided.waiting
        guard waiting.has(.encounterMissing) || waiting.has(.providerMismatch) else { return }
        let entity = entity(ofFill: fill)
        judgeFeed(entity, .encounter)
        if isKnown(feed(entity, .encounter)) { noteChecks(of: entity) }
    }

    /// How much longer than its hours a grace for a visit runs that began at a moment.
    func heldBack(_ entity: UInt32, since start: Int64, hours: Int32) -> Int64 {
        guard hasHolds else { return 0 }
        let number = feed(entity, .encounter)
        guard isKnown(number), feeds[number].holds[3].from != .max, start != .max else { return 0 }
        let due = start &+ Int64(hours) &* FeedProfile.hour
        var end = due
        for place in 0..<4 { end = feeds[number].holds[place].end(of: end, since: start) }
        return end &- due
    }

    /// Whether an entity's feed of visits is silent.
    func areVisitsSilent(_ entity: UInt32) -> Bool {
        let number = feed(entity, .encounter)
        return isKnown(number) && feeds[number].isSilent
    }

    /// After a change of policy, and on the days on which a version comes into force: the rule may have been switched off.
    mutating func settleFeeds() {
        let date = CivilDate(day: judgedOn)
        let policy = policy(on: date)
        guard !rulesInForce(policy, on: date).has(.feedSilent) else { return }
        for number in 1..<UInt32(max(1, feeds.used)) where feeds[number].isSilent {
            feeds[number].silentSince = .min
            feeds[number].checkAt = .min
            resolveFeedAlert(feeds[number].alert, policy, .ruleDisabled)
        }
    }
}

internal import Journal

// Whose turn it is. Source partitions with a backlog are merged by record time: what one of them brings long before its time
// would count as arrived then (graces, forgetting). A record waits until no other source can bring one that is more than a
// minute older. A source at its end, or one that gives nothing for some seconds, holds nobody back.

extension Copier {
    private static let patience: Int64 = 3000
    private static let minute: Int64 = 60_000_000

    private func holdsBack(_ source: SourcePartition, _ now: Int64) -> Bool {
        source.kind == .events && source.isStarted && !source.isAtEnd
            && (!source.held.isEmpty || now - source.activeAt < Self.patience)
    }

    /// The latest record time whose turn has come; `foreign` is what other workers allow.
    func timeLimit(_ now: Int64, foreign: Instant?) -> Instant {
        var slowest = Instant.distantFuture
        for source in sources where holdsBack(source, now) {
            slowest = min(slowest, source.reaches)
        }
        let others = foreign ?? .distantFuture
        guard slowest != .distantFuture, slowest != .distantPast else {
            return min(slowest, others)
        }
        return min(Instant(microseconds: slowest.microseconds + Self.minute), others)
    }

    /// Has the progress of all sources committed with the next transaction, for other workers that wait for it.
    mutating func publishProgress() {
        for index in sources.indices where sources[index].isOwned && sources[index].kind == .events
        {
            sources[index].metadata.reached = sources[index].reaches
            sources[index].metadata.isAtEnd = sources[index].isAtEnd
            sources[index].isTouched = true
        }
    }

    /// Whether a source may have something whose turn has come.
    func isReadable(_ source: Int, _ limit: Instant) -> Bool {
        guard sources[source].isStarted else { return false }
        return sources[source].kind != .events || sources[source].reaches <= limit
    }

    /// Records wait for their turn: there is a backlog.
    var hasHeld: Bool { sources.contains { !$0.held.isEmpty } }

    /// The source without a record in hand that the others wait for.
    func slowest(_ now: Int64) -> Int? {
        sources.indices.filter { sources[$0].held.isEmpty && holdsBack(sources[$0], now) }
            .min { sources[$0].reaches < sources[$1].reaches }
    }

    /// Copies the held records of a source whose turn has come; how many.
    mutating func copyHeld(_ source: Int, _ limit: Instant, _ out: inout IngestProducer)
        throws(Setback) -> Int
    {
        var count = 0
        while !sources[source].held.isEmpty, sources[source].held.time <= limit {
            let (offset, time) = (sources[source].held.offset, sources[source].held.time)
            let mark = sources[source].held.mark
            var held = HeldRecords()
            swap(&held, &sources[source].held)
            defer { swap(&held, &sources[source].held) }
            try unsafe held.takeFirst { (bytes) throws(Setback) in
                // The span is used up while the bytes stand.
                let value = unsafe RawSpan(_unsafeBytes: bytes)
                if let rejection = copyEvent(value, offset, time, source) {
                    try writeLetter(rejection, value, offset, source, mark, &out)
                }
            }
            count += 1
            try sendIfLarge(&out)
        }
        return count
    }

    /// Copies held records in their order, as long as each source that others wait for has one in hand; how many.
    ///
    /// Without fetches and clocks between them: a history has two or three records a minute.
    mutating func mergeHeld(
        _ now: Int64,
        foreign: Instant?,
        atMost most: Int,
        _ out: inout IngestProducer
    ) throws(Setback) -> Int {
        var count = 0
        while count < most,
            !sources.contains(where: { $0.held.isEmpty && holdsBack($0, now) })
        {
            let limit = timeLimit(now, foreign: foreign)
            let before = count
            for index in sources.indices
            where !sources[index].held.isEmpty && sources[index].held.time <= limit {
                count += try copyHeld(index, limit, &out)
            }
            if count == before { break }
        }
        return count
    }
}

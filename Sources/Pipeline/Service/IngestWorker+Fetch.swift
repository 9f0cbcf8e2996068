internal import Journal
internal import Kafka

// What keeps the fetch of source partitions alive: ends and failures, partitions that have fallen silent.
extension IngestWorker {
    /// Notes ends of partitions and failures of the fetch.
    mutating func take(_ events: [FetchEvent]) throws(Setback) {
        for event in events {
            switch event {
            case .endOfPartition(let source, _):
                copier.sources[source].isFetchedToEnd = true
                if let complaint = copier.complaint, complaint.source == source {
                    throw .end(.configuration(complaint.message))
                }
            case .failed(let source?, let error):
                let partition = copier.sources[source].partition
                if error.isOffsetLost {
                    if copier.sources[source].kind == .journal {
                        throw .end(.configuration("read the journal from its beginning: \(error)"))
                    }
                    throw .end(
                        .configuration(
                            "copy \(partition) from offset \(copier.sources[source].next): the records there are "
                                + "gone, Kafka deleted them before they were copied. To go on without them, stop "
                                + "the service and run \"sources resume\", which sets the offsets anew."
                        )
                    )
                }
                log.warning(
                    "ingest-fetch",
                    ("partition", "\(partition)"),
                    ("reason", error.description)
                )
                copier.sources[source].isFetchedToEnd = false
                copier.sources[source].restartAt = Ticker.now + 1000
            case .failed(nil, let error):
                log.warning("ingest-fetch", ("reason", error.description))
            }
        }
    }

    /// Asks for the end of one source that has been quiet for a while, each second another one.
    ///
    /// A consumer that has fallen silent (librdkafka #5153) is begun again, and a partition that does not answer is not
    /// taken for one that is at its end: its time would run while its records wait.
    mutating func lookAfter(_ number: Int) {
        guard !copier.sources.isEmpty else { return }
        let source = number % copier.sources.count
        let one = copier.sources[source]
        guard one.isOwned, one.isStarted, one.held.isEmpty, one.restartAt == nil,
            Ticker.now - one.activeAt > 10_000
        else { return }
        let bounds = fetcher.offsets(of: [one.partition], within: .seconds(1))[0]
        if case .success(let bounds) = bounds, bounds.end <= queue.position(of: source) { return }
        copier.sources[source].isFetchedToEnd = false
        copier.sources[source].restartAt = Ticker.now
        control.operations.restartedFetch(.ingest)
        log.warning(
            "ingest-silent",
            ("partition", "\(one.partition)"),
            ("position", "\(queue.position(of: source))")
        )
    }

    /// Whether what hides a stretch of the journal or the dead letters, which is its first record, is of a source of ours.
    func isOwn(_ stretch: Stretch) throws(Setback) -> Bool {
        let isLetter = stretch.partition.topic == configuration.deadLetterTopic
        var source: TopicPartition?
        do {
            try all.read([stretch], control) { (_, message) in
                switch SourceTrace(uncommitted: message, isLetter: isLetter) {
                case .copied(let from, _), .registered(let from): source = from
                case .progress, .none: break
                }
                return false
            }
        } catch {
            throw Setback.caught(error)
        }
        return copier.sources.contains { $0.isOwned && $0.partition == source }
    }

    /// Begins a failed fetch again, so that the end of the partition is told again too.
    mutating func restartFailed() throws(Setback) {
        for source in copier.sources.indices {
            guard let time = copier.sources[source].restartAt, time <= Ticker.now else { continue }
            copier.sources[source].restartAt = nil
            guard copier.sources[source].isOwned || copier.sources[source].kind == .journal else {
                continue
            }
            let position = queue.position(of: source)
            queue.stop(source)
            copier.sources[source].activeAt = Ticker.now
            do {
                _ = try queue.start(
                    copier.sources[source].partition,
                    at: .offset(position),
                    apart: true
                )
            } catch {
                throw Setback(error)
            }
        }
    }
}

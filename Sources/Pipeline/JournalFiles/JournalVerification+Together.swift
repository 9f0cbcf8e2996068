internal import Ingest
internal import Journal

// What the partitions of one journal must have in common.

extension JournalVerification {
    private mutating func tell(
        _ kind: JournalProblem.Kind,
        _ message: String,
        _ name: String,
        _ partition: Int32? = nil
    ) {
        problems.add(
            JournalProblem(kind: kind, message: message, name: name, partition: partition)
        )
    }

    mutating func checkPartitions() {
        if topics.count > 1 {
            tell(
                .partitions,
                "they are of \(topics.count) topics: \(topics.sorted().joined(separator: ", "))",
                "the journal"
            )
        }
        var seen: [Int32: String] = [:]
        for check in checks {
            if let other = seen[check.partition] {
                tell(
                    .partitions,
                    "\(other) holds partition \(check.partition), too",
                    check.name,
                    check.partition
                )
            }
            seen[check.partition] = check.name
            if check.isFromBeginning, check.genesis == nil {
                tell(.genesis, "there is no genesis record", check.name, check.partition)
            }
        }
        for (check, stated) in zip(checks, statedCounts) {
            guard let genesis = check.genesis, genesis.partitionCount != stated.count else {
                continue
            }
            tell(
                .partitions,
                "it has \(stated.count) partitions and was opened with \(genesis.partitionCount)",
                check.name,
                check.partition
            )
        }
        let known = checks.filter { $0.genesis != nil }
        guard let first = known.first, let opened = first.genesis else { return }
        for check in known.dropFirst() {
            guard let genesis = check.genesis else { continue }
            let isSame =
                genesis.application == opened.application && genesis.clock == opened.clock
                && genesis.horizonDays == opened.horizonDays
                && genesis.partitionCount == opened.partitionCount
            if !isSame {
                tell(
                    .partitions,
                    "its genesis record differs from that of \(first.name) partition \(first.partition)",
                    check.name,
                    check.partition
                )
            }
        }
    }

    /// Registrations and retirements stand in every partition, from one transaction.
    mutating func checkAnnouncements() {
        let whole = checks.filter(\.isFromBeginning)
        let all = whole.reduce(into: [:] as [String: Int64]) { all, check in
            all.merge(check.announcements) { min($0, $1) }
        }
        for (what, time) in all.sorted(by: { $0.key < $1.key }) {
            for check in whole where check.announcements[what] == nil {
                // One transaction takes seconds: what another partition has long had was not only read later.
                // Any number may stand there: damage must not end the search for damage.
                let isLater = check.recordCount == 0 || time > check.lastTimestamp &- 60_000
                tell(
                    isLater ? .uneven : .source,
                    "\(what) stands in other partitions and not in this one",
                    check.name,
                    check.partition
                )
            }
        }
    }

    /// Ticks stand in every partition, from one transaction, with equal bytes.
    mutating func checkTicks() {
        let whole = checks.filter(\.isFromBeginning)
        guard whole.count > 1, let last = whole.map(\.lastTimestamp).min() else { return }
        let minutes = Set(whole.flatMap(\.ticks.keys)).sorted()
        // Of the last minutes one partition may have been read before the others.
        for minute in minutes where (minute + 2) * 60_000 <= last {
            let sums = whole.map { $0.ticks[minute] ?? JournalPartitionCheck.Sum() }
            guard let most = sums.max(by: { $0.count < $1.count }) else { continue }
            for (check, sum) in zip(whole, sums) where sum != most {
                let time = Instant(microseconds: minute * 60_000_000).text
                tell(
                    .ticks,
                    "it has \(sum.count) ticks of the minute \(time), another partition \(most.count)"
                        + (sum.count == most.count ? " others" : ""),
                    check.name,
                    check.partition
                )
            }
        }
    }

    /// The rows of all partitions together are those of the last publication.
    mutating func checkPublication() {
        guard isWhole, let first = checks.first, let last = first.completion,
            let count = first.genesis?.partitionCount, checks.count == Int(count),
            Set(checks.map(\.partition)).count == checks.count
        else { return }
        guard checks.allSatisfy({ $0.completion?.offset == last.offset }) else {
            tell(.uneven, "not all partitions end with the same publication", "the journal")
            return
        }
        for check in checks.dropFirst() {
            guard let other = check.completion else { continue }
            if other.digest != last.digest || other.rowCount != last.rowCount {
                tell(
                    .reference,
                    "its last publication has another digest than that of \(first.name) partition"
                        + " \(first.partition)",
                    check.name,
                    check.partition
                )
            }
        }
        guard !checks.contains(where: \.hasRowsBehindCompletion) else { return }
        for check in checks.dropFirst() where check.commonRowSum != first.commonRowSum {
            tell(
                .reference,
                "its rows of products, payers and restrictions are not those of \(first.name) partition"
                    + " \(first.partition)",
                check.name,
                check.partition
            )
        }
        var rows: [String: ReferenceRow] = [:]
        for check in checks { rows.merge(check.rows) { $1 } }
        let found = ReferenceTopic.summary(of: Array(rows.values))
        if found.rowCount != last.rowCount || found.digest != last.digest {
            tell(
                .reference,
                "the publication names \(last.rowCount) rows with the SHA-256 \(SHA256.hex(last.digest)), all"
                    + " partitions together have \(found.rowCount) with \(SHA256.hex(found.digest))",
                "the journal"
            )
        }
    }
}

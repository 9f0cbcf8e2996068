internal import Engine
internal import Journal
internal import Kafka

extension Replay {
    /// Records that are folded to guess how long the whole takes.
    private static var sampleSize: Int { 5_000 }

    /// What the replay is going to do. It reads the bounds and the first records, and writes nothing.
    ///
    /// - Throws: ``ReplayFailure`` where it can't be done: a partition that is not there, records that retention has
    ///   taken, a policy that the journal can't have.
    public func plan() throws(ReplayFailure) -> ReplayPlan {
        var plan = ReplayPlan(journal: source.name, publishedName: published?.name)
        let extents = try source.extents()
        let wanted = options.partitions.isEmpty ? extents.map(\.partition) : options.partitions
        for partition in wanted.sorted() {
            guard let extent = extents.first(where: { $0.partition == partition }) else {
                let known = extents.map { "\($0.partition)" }.joined(separator: ", ")
                throw ReplayFailure(
                    "replay partition \(partition): \(source.name) has \(known).",
                    .usage
                )
            }
            plan.parts.append(try part(extent))
        }
        if wanted.count > 1 {
            for case .offset(let offset) in [options.from, options.to].compactMap(\.self) {
                throw ReplayFailure(
                    "take offset \(offset) as a bound of \(wanted.count) partitions: each has its own offsets. Add "
                        + "--partition N, or give a time.",
                    .usage
                )
            }
        }
        try look(&plan)
        try choosePolicies(&plan)
        return plan
    }

    private func part(_ extent: JournalExtent) throws(ReplayFailure) -> ReplayPlan.Part {
        guard extent.low == 0 else {
            throw ReplayFailure(
                "replay partition \(extent.partition) of \(source.name): it begins at offset \(extent.low), so "
                    + "retention has taken \(extent.low) records, and no state can be folded without them. A journal "
                    + "is kept for ever (retention.ms=-1): replay a dump that was made before."
            )
        }
        var part = ReplayPlan.Part(extent: extent, end: extent.end)
        if case .offset(let end) = options.to { part.end = min(part.end, end) }
        guard let published else { return part }
        if let offset = try published.committed(extent.partition) {
            part.published = offset
            // What is not decided yet was not published yet.
            part.end = min(part.end, offset)
        }
        for topic in OutputTopic.allCases {
            if let bounds = try published.bounds(topic, extent.partition), bounds.low > 0 {
                part.taken.append((topic.name, bounds.low))
            }
        }
        return part
    }

    /// Looks at the first records: how large they are, how long they take, what the genesis fixes.
    private func look(_ plan: inout ReplayPlan) throws(ReplayFailure) {
        guard let first = plan.parts.first(where: { $0.end > 0 }) else { return }
        var machine = Machine()
        var count = 0
        var bytes: Int64 = 0
        var horizon: Int32 = 0
        let start = ContinuousClock.now
        try source.read(first.extent.partition, from: 0, below: first.end) {
            (records, offsets) throws(ReplayFailure) in
            if count == 0, let record = records.first, record.kind == .genesis {
                horizon = Int32(record.genesis.horizonDays)
            }
            for record in records { bytes += Int64(record.count) }
            do throws(MachineFault) { try machine.apply(records, offsets: offsets) } catch {
                throw ReplayFailure("fold the journal: \(error.description)")
            }
            machine.removeOutputs()
            count += records.count
            return count < Self.sampleSize && !options.stop.isStopped
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        plan.horizonDays = horizon
        guard count > 0 else { return }
        for part in plan.parts {
            // What a file says is exact as long as all of it is folded.
            let isWhole = part.end >= part.extent.end
            let records = isWhole ? part.extent.records ?? part.end : part.end
            plan.records += records
            plan.bytes +=
                isWhole
                ? part.extent.bytes ?? records * bytes / Int64(count)
                : records * bytes / Int64(count)
        }
        let folds = options.policy == nil ? 1.0 : 2.0
        plan.seconds = Double(plan.records) * folds * seconds / Double(count)
    }

    // MARK: another policy

    private func choosePolicies(_ plan: inout ReplayPlan) throws(ReplayFailure) {
        switch options.policy {
        case nil: return
        case .versions(let policies): plan.policies = policies
        case .named(let name): plan.policies = [try find(name, plan)]
        }
        for policy in plan.policies ?? [] where policy.horizonDays != plan.horizonDays {
            throw ReplayFailure(
                "replay with version \(policy.version): its horizon_days is \(policy.horizonDays), and the journal's "
                    + "first record fixes \(plan.horizonDays). Records that lay further back were dead letters before "
                    + "they could come into the journal. Set horizon_days to \(plan.horizonDays).",
                .configuration
            )
        }
    }

    /// A version of the journal by its name: of several the last, as the journal itself has it.
    private func find(_ name: String, _ plan: ReplayPlan) throws(ReplayFailure) -> Policy {
        var found: Policy?
        var names: [String] = []
        // Policies stand in every partition.
        if let part = plan.parts.min(by: { $0.end < $1.end }) {
            try source.read(part.extent.partition, from: 0, below: part.extent.end) {
                (records, _) throws(ReplayFailure) in
                for record in records where record.kind == .policy {
                    guard let policy = Policy(canonicalBytes: record.policyBytes) else { continue }
                    if policy.version == name { found = policy }
                    if !names.contains(policy.version) { names.append(policy.version) }
                }
                return !options.stop.isStopped
            }
        }
        guard let policy = found else {
            throw ReplayFailure(
                "replay with version \(name): the journal has \(names.isEmpty ? "no policy" : names.joined(separator: ", ")). "
                    + "Name one of these, or give a file with --policy.",
                .usage
            )
        }
        return policy
    }
}

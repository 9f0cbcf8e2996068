public import Journal

// What a replay asks of a machine beside folding: where a range of time begins, and the same journal under another policy.

extension Machine {
    /// The `sequence` that the next record of each output topic will have, by topic.
    public var nextSequences: [Int64] {
        OutputTopic.allCases.map { sequence[Int($0.rawValue)] }
    }

    /// Whether folding a record may bring monitor time to a moment, or past it.
    ///
    /// Said without folding it, so it may be yes where folding then does not: of several source partitions the slowest
    /// counts, and only the fold knows which that is.
    public func mayReach(_ moment: Instant, with record: RecordView) -> Bool {
        if now >= moment { return true }
        switch record.kind {
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment:
            return clock == .records && record.recordedAt >= moment
        case .tick: return clock == .ticks && record.progress.contains { $0.reached >= moment }
        // Without the partition that held it time may go anywhere.
        case .sourceRetired: return true
        // A genesis says how time is made, so nothing is known before it.
        case .genesis, .sourceRegistered, .referenceRow, .referenceComplete, .policy, nil:
            return false
        }
    }

    /// Folds a policy record as if it held other versions: all of them, in their order, or none.
    ///
    /// Everything else about the record stays: its number, its place in its source.
    ///
    /// - Parameters:
    ///   - policies: the versions that come into force here.
    ///   - record: a record of the kind `policy` that has passed `RecordView.check()`.
    ///   - offset: its offset in the journal partition, larger than that of the one before.
    /// - Throws: ``MachineFault`` as for any record. The machine is then useless.
    public mutating func apply(
        policies: [Policy],
        insteadOf record: RecordView,
        offset: Int64
    ) throws(MachineFault) {
        precondition(record.kind == .policy, "only a policy record stands for policies")
        beginRecord(at: offset)
        guard recordNumber > 0 else {
            throw fault("the journal does not begin with its genesis record")
        }
        try checkSource(record, isEvent: false)
        counts.control += 1
        for policy in policies { adopt(policy) }
    }
}

internal import Journal

// What an operator wants to know of a machine while it runs. Nothing here is looked at per record.

extension MachineCounts {
    /// The outcomes of decisions, in the order of ``decisions``.
    public static let outcomes: [String] = (0..<6).map { (number: UInt8) in
        let outcome = Outcome(rawValue: number) ?? .none
        return outcome == .none ? "none" : "\(outcome.text)"
    }

    /// How many events ended how, under the names of this struct's fields.
    public var results: [(result: String, count: Int64)] {
        [
            ("applied", applied), ("duplicate", duplicates),
            ("encounter_too_old", encountersTooOld),
            ("adjustment_unapproved", adjustmentsUnapproved),
            ("disposition_without_effect", dispositionsWithoutEffect),
            ("claim_rejected", claimsRejected), ("superseded", superseded),
        ]
    }
}

extension MachineSize {
    /// How many rows each table has, by name.
    public var tables: [(table: String, count: Int)] {
        [
            ("fills", fills), ("dispenses", dispenses), ("claims", claims),
            ("encounters", encounters),
            ("patients", patients), ("alerts", alerts), ("accumulators", accumulators),
            ("replenishments", replenishments), ("event_ids", eventIDs),
        ]
    }
}

extension Machine {
    /// Bytes of the tables and their indices as far as they are filled: what a process keeps resident of a partition's
    /// state, but for some small lists.
    public var stateBytes: Int {
        patients.byteCount + patientIndex.byteCount + encounters.byteCount
            + encounterIndex.byteCount
            + encounterVersions.byteCount + dispenses.byteCount + dispenseIndex.byteCount
            + claims.byteCount + fills.byteCount + fillIndex.byteCount + alerts.byteCount
            + alertIndex.byteCount + invoiceIndex.byteCount + accumulators.byteCount
            + accumulatorIndex.byteCount
            + uses.byteCount + replenishments.byteCount + replenishmentIndex.byteCount
            + eventIDs.byteCount + feeds.byteCount + feedProfiles.byteCount
            + feedChecks.byteCount + pieces.byteCount
            + deadlines.count * 16
    }
}

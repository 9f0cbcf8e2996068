internal import Engine
public import Journal

/// Where a range of a journal begins (with it) or ends (before it).
public enum ReplayBound: Sendable, Hashable {
    /// At an offset of a journal partition.
    case offset(Int64)
    /// At the first record that brings monitor time to this moment or past it: outputs carry it as `event_time`.
    case moment(Instant)
}

/// A state, and the journal offset from which it is folded on.
struct ReplayStart: ~Copyable {
    var machine: Machine
    var next: Int64

    /// The state from which a range of a partition is folded: the latest known one that lies before it.
    ///
    /// This is the one place that knows where states come from. Today there is only the beginning of the journal; a
    /// stored state that lies before the range shortens the silent fold and changes nothing else, since folding on from
    /// it gives the same bytes. Another policy needs the beginning always.
    static func state(of partition: Int32, before bound: ReplayBound?) -> ReplayStart {
        ReplayStart(machine: Machine(), next: 0)
    }
}

/// The fold of one journal partition: silent up to where a range begins, then with outputs to its end.
struct PartitionFold: ~Copyable {
    /// Where a fold is.
    struct Place {
        /// Offset behind the last record folded.
        var next: Int64
        /// Whether the range has begun.
        var isLive: Bool
        /// The next `sequence` of each output topic where the range began.
        var firstSequences: [Int64]
    }
    /// Takes the outputs that a machine has written up to a place, and empties its buffers.
    typealias Take = (_ machine: inout Machine, _ place: Place) throws(ReplayFailure) -> Void

    private(set) var machine: Machine
    private(set) var place: Place
    /// Whether the range has ended before the journal.
    private(set) var isOver = false
    /// Records of the range.
    private(set) var liveRecords: Int64 = 0

    private let from: ReplayBound?
    private let to: ReplayBound?
    /// Versions that stand for all of the journal; nil for the journal's own.
    private let policies: [Policy]?
    private var hasPolicies = false
    /// Whether outputs before the range are wanted, too.
    private let isHeardBefore: Bool
    /// Whether outputs before the mark are wanted: else they are not even written.
    private let isHeardBeforeMark: Bool
    /// An offset at which all outputs before it are to be taken.
    private var mark: Int64?
    /// Whether outputs are counted only.
    private let isCounting: Bool
    /// The next `sequence` of each output topic where the range ended before its last record.
    private var lastSequences: [Int64]?
    /// Bytes of outputs that are worth a hand-over.
    private static let enough = 1 << 19

    init(
        _ start: consuming ReplayStart,
        from: ReplayBound?,
        to: ReplayBound?,
        policies: [Policy]? = nil,
        isHeardBefore: Bool = false,
        mark: Int64? = nil,
        isHeardBeforeMark: Bool = true,
        isCounting: Bool = false
    ) {
        place = Place(
            next: start.next,
            isLive: from == nil,
            firstSequences: OutputTopic.allCases.map { _ in 0 }
        )
        machine = start.machine
        self.from = from
        self.to = to
        self.policies = policies
        self.isHeardBefore = isHeardBefore
        self.mark = mark
        self.isHeardBeforeMark = isHeardBeforeMark
        self.isCounting = isCounting
        listen()
    }

    /// Has outputs written where somebody wants them.
    private mutating func listen() {
        let isWanted = place.isLive && (isHeardBeforeMark || mark == nil) || isHeardBefore
        machine.isSilent = isCounting || !isWanted
    }

    /// Output records of the range, by topic.
    var outputCounts: [Int64] {
        guard place.isLive else { return OutputTopic.allCases.map { _ in 0 } }
        return zip(lastSequences ?? machine.nextSequences, place.firstSequences).map { $0 - $1 }
    }

    /// Folds some records that come next.
    mutating func fold(
        _ records: [RecordView],
        _ offsets: [Int64],
        _ take: Take
    ) throws(ReplayFailure) {
        guard let last = offsets.last else { return }
        if needsCare(records, last) {
            for index in records.indices where !isOver {
                try fold(records[index], offsets[index], take)
            }
        } else {
            do throws(MachineFault) { try machine.apply(records, offsets: offsets) } catch {
                throw Self.failure(error)
            }
            place.next = last + 1
            if place.isLive { liveRecords += Int64(records.count) }
        }
        if !place.isLive, !isHeardBefore {
            machine.removeOutputs()
        } else if machine.outputByteCount >= Self.enough {
            try take(&machine, place)
        }
    }

    /// Takes what is left.
    mutating func finish(_ take: Take) throws(ReplayFailure) { try take(&machine, place) }

    /// Whether something happens inside a group: a bound, the mark, a policy that is replaced.
    private func needsCare(_ records: [RecordView], _ last: Int64) -> Bool {
        if let mark, last >= mark { return true }
        if !place.isLive, mayReach(from, records, last) { return true }
        if mayReach(to, records, last) { return true }
        return policies != nil && records.contains { $0.kind == .policy }
    }

    private func mayReach(_ bound: ReplayBound?, _ records: [RecordView], _ last: Int64) -> Bool {
        switch bound {
        case nil: return false
        case .offset(let offset): return last >= offset
        case .moment(let moment):
            for record in records where machine.mayReach(moment, with: record) { return true }
            return false
        }
    }

    /// Folds one record, where something may happen at it.
    private mutating func fold(
        _ record: RecordView,
        _ offset: Int64,
        _ take: Take
    ) throws(ReplayFailure) {
        if case .offset(let end) = to, offset >= end {
            isOver = true
            return
        }
        if let mark, offset >= mark {
            try take(&machine, place)
            self.mark = nil
            listen()
        }
        if !place.isLive {
            // What comes before the range is gone before its first record adds to it.
            if isHeardBefore { try take(&machine, place) } else { machine.removeOutputs() }
            place.firstSequences = machine.nextSequences
            if case .offset(let start) = from, offset >= start { place.isLive = true }
            // At a moment only the fold of a record tells whether it is the first of the range.
            if case .moment = from { machine.isSilent = isCounting } else { listen() }
        }
        let counts = machine.outputs.map(\.count)
        let sequences = machine.nextSequences
        do throws(MachineFault) {
            if let policies, record.kind == .policy {
                try machine.apply(
                    policies: hasPolicies ? [] : policies,
                    insteadOf: record,
                    offset: offset
                )
                hasPolicies = true
            } else {
                try machine.apply(record, offset: offset)
            }
        } catch {
            throw Self.failure(error)
        }
        if case .moment(let end) = to, let time = machine.monitorTime, time >= end {
            // The range ends before this record, and so before what it caused.
            for (buffer, count) in zip(machine.outputs, counts) { buffer.truncate(to: count) }
            lastSequences = sequences
            isOver = true
            return
        }
        if !place.isLive, case .moment(let start) = from, let time = machine.monitorTime,
            time >= start
        {
            place.isLive = true
        }
        listen()
        place.next = offset + 1
        if place.isLive { liveRecords += 1 }
    }

    private static func failure(_ fault: MachineFault) -> ReplayFailure {
        ReplayFailure(
            "fold the journal: \(fault.description). \"diversion-monitor journal verify\" looks at the journal."
        )
    }
}

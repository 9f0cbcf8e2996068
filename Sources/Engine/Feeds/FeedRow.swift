internal import Journal

// A feed is an entity's records of one event type (SEMANTICS 36). Its profile is what it delivered in the last 28 days, by
// the hour: so nights, week-ends and a weekly posting batch are no silence.

/// The event types whose records come from a system. Dispositions and adjustments are acts of people, who owe none.
enum FeedKind: UInt32, CaseIterable, BitwiseCopyable {
    case encounter, dispense, claim, purchase

    var text: StaticString {
        switch self {
        case .encounter: "encounter"
        case .dispense: "dispense"
        case .claim: "claim"
        case .purchase: "purchase"
        }
    }

    init?(_ kind: RecordKind) {
        switch kind {
        case .encounter: self = .encounter
        case .dispense: self = .dispense
        case .claim: self = .claim
        case .purchase: self = .purchase
        case .genesis, .sourceRegistered, .sourceRetired, .tick, .referenceRow, .referenceComplete,
            .policy, .disposition, .adjustment:
            return nil
        }
    }
}

/// A stretch of monitor time in which graces stood still.
struct Hold: BitwiseCopyable {
    var from: Int64 = .max
    var to: Int64 = .max

    /// When a grace that began at some moment ends, if it would have ended at `end` without this hold.
    func end(of end: Int64, since start: Int64) -> Int64 {
        from < end && to > start ? end &+ (to &- max(from, start)) : end
    }
}

/// What is known of a feed.
struct FeedRow: BitwiseCopyable {
    /// When its first and its last record arrived; `Int64.min` for none.
    var first: Int64 = .min
    var last: Int64 = .min
    /// Records so far.
    var count: Int64 = 0
    /// It can't be silent before this moment.
    var checkAt: Int64 = .min
    /// The moment at which its silence began to count; `Int64.min` while it is not silent.
    var silentSince: Int64 = .min
    /// Journal offset of its last record.
    var lastOffset: Int64 = 0
    /// The last holds, the newest last.
    var holds: [4 of Hold] = .init(repeating: Hold())
    /// Its hours; 0 before its first record.
    var profile: UInt32 = 0
    /// Its alert; 0 before the first.
    var alert: UInt32 = 0

    var isSilent: Bool { silentSince != .min }
}

/// How many records a feed delivered in each of the last 672 hours: four weeks, so that each hour of the week stands in it
/// four times.
struct FeedProfile: BitwiseCopyable {
    static var hours: Int64 { 672 }
    private static var week: Int64 { 168 }
    static var hour: Int64 { 3_600_000_000 }

    /// Records by hour since 1970, modulo 672.
    private var counts: [672 of UInt32] = .init(repeating: 0)
    /// The newest hour that is counted.
    private var newest: Int64 = .min

    private static func hour(of moment: Int64) -> Int64 {
        moment >= 0 ? moment / hour : (moment - hour + 1) / hour
    }

    private static func place(_ hour: Int64) -> Int {
        let rest = hour % hours
        return Int(rest < 0 ? rest + hours : rest)
    }

    /// Counts a record.
    mutating func add(at moment: Int64) {
        let hour = Self.hour(of: moment)
        if newest == .min { newest = hour }
        if hour > newest {
            // What was counted there four weeks ago is too old.
            for gone in max(newest + 1, hour - Self.hours + 1)...hour {
                counts[Self.place(gone)] = 0
            }
            newest = hour
        }
        if hour > newest - Self.hours { counts[Self.place(hour)] &+= 1 }
    }

    /// Records of four weeks in the same hour of the week.
    ///
    /// It is given a span: to read one element of an inline array that is a stored property copies all 2,688 bytes of it,
    /// which was a tenth of a run.
    private static func fourWeeks(_ hour: Int64, in counts: Span<UInt32>) -> Int64 {
        var sum: Int64 = 0
        for week in 0..<4 { sum += Int64(counts[place(hour + Int64(week) * Self.week)]) }
        return sum
    }

    /// How many records were counted after a moment, by whole hours: those of its own hour are left out.
    func count(after moment: Int64) -> Int64 {
        let first = max(Self.hour(of: moment) + 1, newest - Self.hours + 1)
        guard newest != .min, first <= newest else { return 0 }
        return (first...newest).reduce(0) { $0 + Int64(counts[Self.place($1)]) }
    }

    /// How many records the profile expects in a stretch, times four.
    func expectedTimesFour(from: Int64, to: Int64) -> Int64 {
        let counts = counts.span
        let first = Self.hour(of: from)
        var sum: Int64 = 0
        for hour in first...max(first, min(Self.hour(of: to), first + Self.hours)) {
            let begin = max(from, hour * Self.hour)
            let end = min(to, (hour + 1) * Self.hour)
            if end > begin { sum += Self.fourWeeks(hour, in: counts) * (end - begin) / Self.hour }
        }
        return sum
    }

    /// The moment by which so many records are expected after another; `Int64.max` where that takes more than eight
    /// weeks: so rare a feed can't be told from a silent one.
    func moment(of records: Int32, after start: Int64) -> Int64 {
        let counts = counts.span
        var due = Int64(records) * 4 * Self.hour
        var hour = Self.hour(of: start)
        let last = hour + 8 * Self.week
        var begin = start
        while hour <= last {
            let end = (hour + 1) * Self.hour
            let rate = Self.fourWeeks(hour, in: counts)
            if rate > 0 {
                let gain = rate * (end - begin)
                if gain >= due { return begin + (due + rate - 1) / rate }
                due -= gain
            }
            begin = end
            hour += 1
        }
        return .max
    }
}

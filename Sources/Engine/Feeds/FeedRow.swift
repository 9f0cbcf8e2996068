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

/// What is known of a feed: first what each of its records touches.
struct FeedRow: BitwiseCopyable {
    /// When its last record arrived; `Int64.min` for none.
    var last: Int64 = .min
    /// Records so far.
    var count: Int64 = 0
    /// Journal offset of its last record.
    var lastOffset: Int64 = 0
    /// Its hours; 0 before its first record.
    var profile: UInt32 = 0
    /// Its alert; 0 before the first.
    var alert: UInt32 = 0
    /// When its first record arrived; `Int64.min` for none.
    var first: Int64 = .min
    /// It can't be silent before this moment.
    var checkAt: Int64 = .min
    /// The moment at which its silence began to count; `Int64.min` while it is not silent.
    var silentSince: Int64 = .min
    /// The last holds, the newest last.
    var holds: [4 of Hold] = .init(repeating: Hold())

    var isSilent: Bool { silentSince != .min }
}

/// How many records a feed delivered in each of the last 672 hours: four weeks, so that each hour of the week stands in it
/// four times.
struct FeedProfile: BitwiseCopyable {
    static var hours: Int64 { 672 }
    private static var week: Int64 { 168 }
    static var hour: Int64 { 3_600_000_000 }

    /// The newest hour that is counted.
    private var newest: Int64 = .min
    /// Records by hour since 1970, modulo 672.
    private var counts: [672 of UInt32] = .init(repeating: 0)

    private static func hour(of moment: Int64) -> Int64 {
        moment >= 0 ? moment / hour : (moment - hour + 1) / hour
    }

    private static func place(_ hour: Int64) -> Int {
        let rest = hour % hours
        return Int(rest < 0 ? rest + hours : rest)
    }

    /// Where in a row the count of a moment's hour stands, in bytes.
    static func offset(of moment: Int64) -> Int {
        MemoryLayout<Int64>.size + place(hour(of: moment)) * MemoryLayout<UInt32>.stride
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
    @inline(__always)
    private static func fourWeeks(_ hourOfWeek: Int, in counts: Span<UInt32>) -> Int64 {
        let week = Int(week)
        return Int64(counts[hourOfWeek]) + Int64(counts[hourOfWeek + week])
            + Int64(counts[hourOfWeek + 2 * week]) + Int64(counts[hourOfWeek + 3 * week])
    }

    /// The hour of the week, from 0, in which an hour since 1970 lies.
    private static func hourOfWeek(_ hour: Int64) -> Int { place(hour) % Int(week) }

    /// The hour of the week after one.
    @inline(__always)
    private static func next(_ hourOfWeek: Int) -> Int {
        hourOfWeek + 1 == Int(week) ? 0 : hourOfWeek + 1
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
        var hourOfWeek = Self.hourOfWeek(first)
        var sum: Int64 = 0
        for hour in first...max(first, min(Self.hour(of: to), first + Self.hours)) {
            let begin = max(from, hour * Self.hour)
            let end = min(to, (hour + 1) * Self.hour)
            if end > begin {
                sum += Self.fourWeeks(hourOfWeek, in: counts) * (end - begin) / Self.hour
            }
            hourOfWeek = Self.next(hourOfWeek)
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
        var hourOfWeek = Self.hourOfWeek(hour)
        var begin = start
        while hour <= last {
            let end = (hour + 1) * Self.hour
            let rate = Self.fourWeeks(hourOfWeek, in: counts)
            if rate > 0 {
                let gain = rate * (end - begin)
                if gain >= due { return begin + (due + rate - 1) / rate }
                due -= gain
            }
            begin = end
            hour += 1
            hourOfWeek = Self.next(hourOfWeek)
        }
        return .max
    }
}

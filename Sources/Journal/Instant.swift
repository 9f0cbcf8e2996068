/// A moment: microseconds since 1970-01-01T00:00:00Z (UTC, no leap seconds).
///
/// Contract times carry any number of fractional digits; digits past the sixth are cut, never rounded, so that a
/// moment never moves across a border.
@frozen
public struct Instant: BitwiseCopyable, Hashable, Comparable, Sendable {
    /// Microseconds since the epoch.
    public var microseconds: Int64

    /// A moment from microseconds since the epoch.
    @inlinable
    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// A moment from milliseconds since the epoch: what a Kafka record's timestamp is.
    @inlinable
    public init(milliseconds: Int64) { self.microseconds = milliseconds &* 1000 }

    /// Before every moment: "no time is known yet" or "absent", by context.
    public static let distantPast = Instant(microseconds: .min)
    /// After every moment: "never".
    public static let distantFuture = Instant(microseconds: .max)

    @inlinable
    public static func < (left: Instant, right: Instant) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The moment `hours` later (or earlier, if negative).
    @inlinable
    public func adding(hours: Int64) -> Instant {
        Instant(microseconds: microseconds &+ hours &* 3_600_000_000)
    }

    /// The moment `days` times 24 hours later.
    @inlinable
    public func adding(days: Int64) -> Instant { adding(hours: days &* 24) }

    /// The UTC calendar date.
    @inlinable
    public var utcDate: CivilDate { date(offsetMinutes: 0) }

    /// The calendar date as written in a record whose offset from UTC is `offsetMinutes` (SEMANTICS 3).
    @inlinable
    public func date(offsetMinutes: Int16) -> CivilDate {
        let local = microseconds &+ Int64(offsetMinutes) &* 60_000_000
        let day = 86_400_000_000 as Int64
        let quotient = local / day
        return CivilDate(day: Int32(truncatingIfNeeded: local % day < 0 ? quotient - 1 : quotient))
    }
}

/// A moment and the offset in which its source wrote it: two things, since the date of a record is the date as written.
@frozen
public struct Timestamp: BitwiseCopyable, Hashable, Sendable {
    /// The moment.
    public var instant: Instant
    /// Minutes east of UTC, -1439...1439.
    public var offsetMinutes: Int16

    /// A moment written with an offset.
    @inlinable
    public init(_ instant: Instant, offsetMinutes: Int16) {
        self.instant = instant
        self.offsetMinutes = offsetMinutes
    }

    /// Where a record gives none.
    public static let absent = Timestamp(.distantPast, offsetMinutes: 0)

    /// Whether there is a moment at all.
    @inlinable
    public var isPresent: Bool { instant != .distantPast }

    /// The date as written (SEMANTICS 3).
    @inlinable
    public var date: CivilDate { instant.date(offsetMinutes: offsetMinutes) }
}

/// A day of the proleptic Gregorian calendar: days since 1970-01-01.
@frozen
public struct CivilDate: BitwiseCopyable, Hashable, Comparable, Sendable {
    /// Days since 1970-01-01.
    public var day: Int32

    /// The date so many days after 1970-01-01.
    @inlinable
    public init(day: Int32) { self.day = day }

    /// Before every date: an open `effective_from`.
    public static let distantPast = CivilDate(day: .min)
    /// After every date: an open `effective_to`.
    public static let distantFuture = CivilDate(day: .max)

    @inlinable
    public static func < (left: CivilDate, right: CivilDate) -> Bool { left.day < right.day }

    /// The date `days` later; open ends stay open.
    @inlinable
    public func adding(days: Int32) -> CivilDate { CivilDate(day: day &+ days) }

    /// The date of a year, month 1...12 and day 1...31, or nil where the calendar has no such day.
    /// Source of the arithmetic: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    @inlinable
    public init?(year: Int, month: Int, day: Int) {
        guard month >= 1, month <= 12, day >= 1, year >= 1, year <= 9999 else { return nil }
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
        let longest: Int
        switch month {
        case 2: longest = leap ? 29 : 28
        case 4, 6, 9, 11: longest = 30
        default: longest = 31
        }
        guard day <= longest else { return nil }
        let y = month <= 2 ? year - 1 : year
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.day = Int32(truncatingIfNeeded: era * 146_097 + dayOfEra - 719_468)
    }

    /// Year, month and day.
    @inlinable
    public var civil: (year: Int, month: Int, day: Int) {
        let z = Int(day) + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted + (shifted < 10 ? 3 : -9)
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * shifted + 2) / 5 + 1
        )
    }

    /// The date that `YYYY-MM-DD` names, or nil.
    public init?(text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard digits.count == 10, digits[4] == UInt8(ascii: "-"), digits[7] == UInt8(ascii: "-")
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for index in range {
                guard digits[index] >= 48, digits[index] <= 57 else { return nil }
                value = value * 10 + Int(digits[index] - 48)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// `YYYY-MM-DD`; empty for an open end.
    public var text: String {
        if self == .distantPast || self == .distantFuture { return "" }
        let (year, month, day) = civil
        func pad(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
    }
}

/// A second of the sample's calendar, with the offset of the place that writes it down.
///
/// All of the sample lies in summer time, so an entity has one offset.
struct Moment: Comparable {
    /// Since 1970-01-01T00:00:00Z.
    var seconds: Int
    /// Minutes east of Greenwich.
    var offset: Int

    /// Month, day and time as the place's clock shows them; of 2026 unless a year is given.
    init(_ month: Int, _ day: Int, _ hour: Int, _ minute: Int, year: Int = 2026, offset: Int) {
        let local =
            Day(year: year, month: month, day: day).number * 86_400
            + hour * 3_600 + minute * 60
        seconds = local - offset * 60
        self.offset = offset
    }

    var day: Day { Day(number: (seconds + offset * 60).floored(by: 86_400)) }

    /// RFC 3339, in the place's own offset.
    var text: String {
        let local = seconds + offset * 60
        let second = local - day.number * 86_400
        let sign = offset < 0 ? "-" : "+"
        let zone = sign + two(abs(offset) / 60) + ":" + two(abs(offset) % 60)
        return "\(day.text)T\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))"
            + (offset == 0 ? "Z" : zone)
    }

    func plus(days: Int = 0, hours: Int = 0, minutes: Int = 0, seconds: Int = 0) -> Moment {
        var moment = self
        moment.seconds += days * 86_400 + hours * 3_600 + minutes * 60 + seconds
        return moment
    }

    static func < (left: Moment, right: Moment) -> Bool { left.seconds < right.seconds }
    static func == (left: Moment, right: Moment) -> Bool { left.seconds == right.seconds }
}

/// A date of the proleptic Gregorian calendar.
struct Day {
    /// Days since 1970-01-01.
    var number: Int

    init(number: Int) { self.number = number }

    init(year: Int, month: Int, day: Int) {
        // Years begin in March, so that the leap day is their last (Howard Hinnant, chrono dates).
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floored(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        number =
            era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    var text: String {
        let shifted = number + 719_468
        let era = shifted.floored(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        return "\(year)-\(two(civilMonth))-\(two(dayOfYear - (153 * month + 2) / 5 + 1))"
    }

    /// 1970-01-01 was a Thursday.
    var isWeekend: Bool { (number + 3) % 7 >= 5 }

    func plus(_ days: Int) -> Day { Day(number: number + days) }
}

private func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

extension Int {
    fileprivate func floored(by divisor: Int) -> Int {
        self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
    }
}

/// The chances of the routine: the same on every machine (SplitMix64).
struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    mutating func happens(percent: Int) -> Bool { number(in: 1...100) <= percent }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[number(in: 0...(elements.count - 1))]
    }
}

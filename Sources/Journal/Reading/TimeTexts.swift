// Times as people read and write them; the hot paths have writers and readers of their own.

extension Instant {
    /// RFC 3339 in UTC: `2026-10-30T14:05:00.000Z`, with microseconds where there are any.
    public var text: String { Timestamp(self, offsetMinutes: 0).text }

    /// The moment that RFC 3339 text with an offset names, or nil: for what people type.
    ///
    /// - Parameter text: such as `2026-10-30T14:05:00Z`, with any number of digits of a second's fraction, of which six
    ///   count.
    public init?(text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[10] == UInt8(ascii: "T"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let date = CivilDate(text: String(text.prefix(10)))
        else { return nil }
        func pair(_ place: Int) -> Int64? {
            guard place + 1 < bytes.count, bytes[place] &- 48 < 10, bytes[place + 1] &- 48 < 10
            else { return nil }
            return Int64(bytes[place] - 48) * 10 + Int64(bytes[place + 1] - 48)
        }
        guard let hour = pair(11), let minute = pair(14), let second = pair(17), hour < 24,
            minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { $0 &- 48 < 10 }
            guard !digits.isEmpty else { return nil }
            for place in 0..<6 {
                let digit = place < digits.count ? digits[digits.startIndex + place] - 48 : 0
                fraction = fraction * 10 + Int64(digit)
            }
            rest = rest[digits.endIndex...]
        }
        var offset: Int64 = 0
        if rest.elementsEqual("Z".utf8) {
            offset = 0
        } else {
            let place = rest.startIndex
            guard rest.count == 6, bytes[place + 3] == UInt8(ascii: ":"),
                let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
                let hours = pair(place + 1), let minutes = pair(place + 4), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
        }
        let seconds = Int64(date.day) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }
}

extension Timestamp {
    /// RFC 3339 in the offset in which the source wrote it: `2026-10-30T09:05:00.000-05:00`; `Z` where that is UTC.
    public var text: String {
        func digits(_ number: Int64, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let day = 86_400_000_000 as Int64
        let local = instant.microseconds &+ Int64(offsetMinutes) &* 60_000_000
        let inDay = (local % day + day) % day
        let second = inDay / 1_000_000
        let micro = inDay % 1_000_000
        let clock = [second / 3600, second / 60 % 60, second % 60].map { digits($0, 2) }
            .joined(separator: ":")
        let fraction = micro % 1000 == 0 ? digits(micro / 1000, 3) : digits(micro, 6)
        let minutes = Int64(offsetMinutes).magnitude
        let zone =
            offsetMinutes == 0
            ? "Z"
            : (offsetMinutes < 0 ? "-" : "+") + digits(Int64(minutes) / 60, 2) + ":"
                + digits(Int64(minutes) % 60, 2)
        return "\(date.text)T\(clock).\(fraction)\(zone)"
    }
}

// What is put into a sentence reads as it does everywhere else.
extension CivilDate: CustomStringConvertible {
    /// `YYYY-MM-DD`; empty for an open end.
    public var description: String { text }
}

extension Instant: CustomStringConvertible {
    /// RFC 3339 in UTC.
    public var description: String { text }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in the offset in which the source wrote it.
    public var description: String { text }
}

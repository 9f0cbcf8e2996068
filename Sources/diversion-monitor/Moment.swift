internal import Journal

/// Moments as people write and read them on a command line.
enum Moment {
    /// The moment that a text names: a date (its first moment in UTC), or a date and a time with an offset.
    ///
    ///     2026-03-01    2026-03-01T14:30Z    2026-03-01T14:30:05.250-05:00
    static func parse(_ text: String) -> Instant? {
        guard let date = CivilDate(text: text.prefix(10)) else { return nil }
        let midnight = Int64(date.day) * 86_400_000_000
        var rest = text.dropFirst(10)
        if rest.isEmpty { return Instant(microseconds: midnight) }
        guard rest.popFirst() == "T", let hour = number(&rest, below: 24), rest.popFirst() == ":",
            let minute = number(&rest, below: 60)
        else { return nil }
        var microseconds = midnight + (hour * 60 + minute) * 60_000_000
        if rest.first == ":" {
            rest.removeFirst()
            guard let second = number(&rest, below: 60) else { return nil }
            microseconds += second * 1_000_000
            if rest.first == "." {
                rest.removeFirst()
                let digits = rest.prefix { ("0"..."9").contains($0) }
                guard !digits.isEmpty, digits.count <= 6 else { return nil }
                rest = rest.dropFirst(digits.count)
                let padded = digits + String(repeating: "0", count: 6 - digits.count)
                microseconds += Int64(padded) ?? 0
            }
        }
        if rest == "Z" { return Instant(microseconds: microseconds) }
        guard let sign = rest.popFirst(), sign == "+" || sign == "-",
            let hours = number(&rest, below: 24), rest.popFirst() == ":",
            let minutes = number(&rest, below: 60), rest.isEmpty
        else { return nil }
        let offset = (hours * 60 + minutes) * 60_000_000
        return Instant(microseconds: sign == "+" ? microseconds - offset : microseconds + offset)
    }

    /// Two digits.
    private static func number(_ rest: inout Substring, below limit: Int64) -> Int64? {
        let digits = rest.prefix(2)
        guard digits.count == 2, digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let value = Int64(digits), value < limit
        else { return nil }
        rest = rest.dropFirst(2)
        return value
    }

    /// `2026-03-01 14:30:05Z`.
    static func text(_ instant: Instant) -> String {
        let date = instant.utcDate
        let second = (instant.microseconds - Int64(date.day) * 86_400_000_000) / 1_000_000
        let clock = [second / 3600, second / 60 % 60, second % 60]
            .map { ($0 < 10 ? "0" : "") + String($0) }.joined(separator: ":")
        return "\(date.text) \(clock)Z"
    }
}

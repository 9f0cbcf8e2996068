/// The units a duration may be written in, the longest first, with their milliseconds.
private let units: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
]

extension Duration {
    /// The duration a person wrote: `200ms`, `5s`, `90m`, `2d` or, the longest unit first, `1h30m`.
    ///
    /// A number without a unit is nil, since `5` is seconds to one reader and milliseconds to
    /// another; so is a negative one, and one that would not fit. A day is 24 hours.
    public init?(text: String) {
        var rest = text[...]
        var remaining = units[...]
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            rest = rest[digits.endIndex...]
            let name = rest.prefix { $0.isLetter }
            rest = rest[name.endIndex...]
            guard let count = Int64(digits),
                let index = remaining.firstIndex(where: { $0.name == name })
            else { return nil }
            let (part, tooLarge) = count.multipliedReportingOverflow(by: units[index].milliseconds)
            let (sum, overflows) = total.addingReportingOverflow(part)
            guard !tooLarge, !overflows else { return nil }
            total = sum
            remaining = units[(index + 1)...]
        }
        guard !text.isEmpty else { return nil }
        self = .milliseconds(total)
    }

    /// The same notation back, in whole milliseconds: `1h30m`, `0s`.
    public var text: String {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return "-" + (.zero - self).text }
        // Days from the seconds: the milliseconds of a very long duration would not fit.
        var rest = seconds % 86_400 * 1_000 + attoseconds / 1_000_000_000_000_000
        var text = seconds >= 86_400 ? "\(seconds / 86_400)d" : ""
        for unit in units.dropFirst() where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text.isEmpty ? "0s" : text
    }
}

import Glibc

/// Figures, one a line: what it is, the median, the smallest and the largest, the unit, and a ratio.
///
///     figure                              median        least         most  unit         ratio
///     decoded                              231.0        228.4        240.1  ns/record     0.92  of simdjson
struct Table {
    /// Prints a title with what was measured, and the heads of the columns.
    init(_ title: String) {
        say(title)
        say(
            pad("figure", 38) + left("median", 12) + left("least", 12) + left("most", 12) + "  "
                + pad("unit", 12) + left("ratio", 8)
        )
    }

    /// Prints one figure.
    ///
    /// - Parameters:
    ///   - figure: What it is.
    ///   - samples: One value a run.
    ///   - unit: Its unit.
    ///   - base: What it is compared with, in the same run: one value a run, and its name.
    func row(
        _ figure: String,
        _ samples: Samples,
        _ unit: String,
        over base: (samples: Samples, name: String)? = nil
    ) {
        var line = pad(figure, 38) + left(decimal(samples.median), 12)
        line += left(decimal(samples.least), 12) + left(decimal(samples.most), 12) + "  "
        line += pad(unit, 12)
        if let base {
            // Of each run's own ratio, since a noisy spell falls on both sides of it.
            line += left(decimal(samples.over(base.samples).median), 8) + "  of " + base.name
        }
        say(line)
    }

    /// Prints a sentence.
    func note(_ text: String) { say("  " + text) }
}

/// Values of one figure, one a run.
struct Samples {
    private(set) var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    /// The middle one; of two the mean.
    var median: Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
    var least: Double { values.min() ?? .nan }
    var most: Double { values.max() ?? .nan }

    /// Each run's ratio.
    func over(_ other: Samples) -> Samples {
        Samples(values: zip(values, other.values).map { $0 / $1 })
    }

    /// Each value times a number.
    func times(_ factor: Double) -> Samples { Samples(values: values.map { $0 * factor }) }
}

/// Prints a line at once, so that whoever looks on sees how far it is.
func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Text with blanks behind it.
func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
}

/// Text with blanks before it.
func left(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
}

/// A number with as many places as mean something, thousands apart: `1,234,567`, `86.2`, `0.912`.
func decimal(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let places = abs(value) >= 1000 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 3
    let scale = pow(10, Double(places))
    let scaled = Int((abs(value) * scale).rounded())
    let whole = Array(String(scaled / Int(scale)))
    var text = value < 0 ? "-" : ""
    for (index, digit) in whole.enumerated() {
        if index > 0, (whole.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    guard places > 0 else { return text }
    let fraction = String(scaled % Int(scale))
    return text + "." + String(repeating: "0", count: places - fraction.count) + fraction
}

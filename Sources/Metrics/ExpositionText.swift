/// Prometheus's text format, version 0.0.4.
///
///     # HELP journal_records_total Records folded.
///     # TYPE journal_records_total counter
///     journal_records_total{partition="3"} 91824
///
/// Source: prometheus.io, "Exposition formats".
struct ExpositionText {
    /// The content type of an HTTP answer with it.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var bytes: [UInt8] = []
    /// The head of a family without samples is left out.
    private var head = ""

    /// Begins a family: its samples follow.
    mutating func begin(_ name: String, _ kind: InstrumentKind, _ help: String) {
        head =
            "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// Writes one sample.
    mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: Double)
    {
        bytes += head.utf8
        head = ""
        bytes += name.utf8
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
            bytes += "{\(pairs.joined(separator: ","))}".utf8
        }
        bytes += " \(Self.number(value))\n".utf8
    }

    /// Writes the buckets, the sum and the count of a histogram.
    mutating func histogram(
        _ name: String,
        _ labels: [(name: String, value: String)],
        _ histogram: Histogram
    ) {
        let counts = histogram.cumulative
        for (bound, count) in zip(histogram.bounds + [.infinity], counts) {
            sample(name + "_bucket", labels + [("le", Self.number(bound))], Double(count))
        }
        sample(name + "_sum", labels, histogram.sum)
        sample(name + "_count", labels, Double(counts[counts.count - 1]))
    }

    /// A number as Prometheus reads it: whole ones without a point, as long as a double holds them exactly.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.magnitude < 9_007_199_254_740_992, value == value.rounded() {
            return String(Int64(value))
        }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}

extension Registry {
    /// The content type of ``text`` in an HTTP answer.
    public static var contentType: String { ExpositionText.contentType }
}

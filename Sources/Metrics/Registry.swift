internal import Synchronization

/// What an instrument is, as Prometheus names it.
public enum InstrumentKind: String, Sendable {
    case counter, gauge, histogram
}

/// Instruments of one name, told apart by the values of their labels.
///
///     let records = registry.counters("journal_records_total", "Records folded.", labels: ["partition"])
///     let three = records["3"]        // looked up once, then kept
///     three.add(batch.count)
///
/// A label's values must be few and known: a partition, a topic, a reason; never anything about a patient.
public final class Family<Instrument: AnyObject & Sendable>: Sendable {
    /// The whole name, unit and `_total` included.
    public let name: String
    /// What it tells, as a sentence.
    public let help: String
    let labels: [String]
    private let make: @Sendable () -> Instrument
    private let series = Mutex<[[String]: Instrument]>([:])

    init(
        _ name: String,
        _ help: String,
        _ labels: [String],
        _ make: @escaping @Sendable () -> Instrument
    ) {
        self.name = name
        self.help = help
        self.labels = labels
        self.make = make
    }

    /// The instrument with these values of the labels, in the order of the labels; made when it is first asked for.
    public subscript(values: String...) -> Instrument { self[values] }

    /// The instrument with these values of the labels.
    public subscript(values: [String]) -> Instrument {
        precondition(values.count == labels.count, "\(name) has \(labels.count) labels")
        return series.withLock { series in
            if let known = series[values] { return known }
            let new = make()
            series[values] = new
            return new
        }
    }

    /// Takes an instrument out; who still holds it counts for nobody.
    public func remove(_ values: String...) { series.withLock { $0[values] = nil } }

    /// All instruments, by their labels' values in order: numbers as numbers.
    var all: [(labels: [(name: String, value: String)], instrument: Instrument)] {
        let found = series.withLock { Array($0) }
        return found.sorted { Self.isBefore($0.key, $1.key) }
            .map { values, instrument in
                (Array(zip(labels, values)).map { ($0.0, $0.1) }, instrument)
            }
    }

    private static func isBefore(_ left: [String], _ right: [String]) -> Bool {
        for (left, right) in zip(left, right) where left != right {
            if let left = Int(left), let right = Int(right) { return left < right }
            return left < right
        }
        return false
    }
}

/// All instruments of a process, and their text for Prometheus.
public final class Registry: Sendable {
    private struct State {
        var names: Set<String> = []
        var writers: [@Sendable (inout ExpositionText) -> Void] = []
        var preparations: [@Sendable () -> Void] = []
    }
    private let state = Mutex(State())
    private let prefix: String

    /// An empty registry; `prefix` stands before every name that is not given whole.
    public init(prefix: String) { self.prefix = prefix }

    /// Counters of one name, which ends in `_total`.
    public func counters(_ name: String, _ help: String, labels: [String] = []) -> Family<Counter> {
        let family = Family(prefix + name, help, labels) { Counter() }
        add(family) { text in
            text.begin(family.name, .counter, family.help)
            for (labels, counter) in family.all {
                text.sample(family.name, labels, Double(counter.value))
            }
        }
        return family
    }

    /// Gauges of one name.
    public func gauges(_ name: String, _ help: String, labels: [String] = []) -> Family<Gauge> {
        let family = Family(prefix + name, help, labels) { Gauge() }
        add(family) { text in
            text.begin(family.name, .gauge, family.help)
            for (labels, gauge) in family.all {
                if let value = gauge.value { text.sample(family.name, labels, value) }
            }
        }
        return family
    }

    /// Histograms of one name with the same buckets.
    public func histograms(
        _ name: String,
        _ help: String,
        labels: [String] = [],
        bounds: [Double]
    ) -> Family<Histogram> {
        let family = Family(prefix + name, help, labels) { Histogram(bounds: bounds) }
        add(family) { text in
            text.begin(family.name, .histogram, family.help)
            for (labels, histogram) in family.all { text.histogram(family.name, labels, histogram) }
        }
        return family
    }

    /// Values that are read where they are when somebody asks, such as what the system knows of the process.
    ///
    /// - Parameters:
    ///   - name: the whole name, without the prefix.
    ///   - kind: a counter or a gauge.
    ///   - help: what it tells, as a sentence.
    ///   - value: what it is now; nil where that is not known.
    public func reading(
        _ name: String,
        _ kind: InstrumentKind,
        _ help: String,
        _ value: @escaping @Sendable () -> Double?
    ) {
        add(name) { text in
            guard let value = value() else { return }
            text.begin(name, kind, help)
            text.sample(name, [], value)
        }
    }

    /// Has something done before each text is written: gauges that nobody keeps up to date are set there.
    public func beforeText(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.preparations.append(body) }
    }

    private func add(
        _ family: Family<some AnyObject>,
        _ write: @escaping @Sendable (inout ExpositionText) -> Void
    ) {
        add(family.name, write)
    }

    private func add(_ name: String, _ write: @escaping @Sendable (inout ExpositionText) -> Void) {
        state.withLock { state in
            precondition(state.names.insert(name).inserted, "two instruments are called \(name)")
            state.writers.append(write)
        }
    }

    /// The names of all families, in order.
    var familyNames: [String] { state.withLock { $0.names.sorted() } }

    /// The text of all instruments, in the order in which they were made.
    public var text: [UInt8] {
        let (preparations, writers) = state.withLock { ($0.preparations, $0.writers) }
        for body in preparations { body() }
        var text = ExpositionText()
        for write in writers { write(&text) }
        return text.bytes
    }
}

internal import Synchronization

// What is counted while the monitor runs. Every instrument is a few atomics: to count costs some nanoseconds, waits for
// nobody, and may be done by any thread. Loops count once a batch, never once a record.

/// Something of which there can only be more: records, failures, nanoseconds.
public final class Counter: Sendable {
    private let sum = Atomic<Int64>(0)

    /// Nothing was counted yet.
    public init() {}

    /// Counts so many more; never fewer than none.
    public func add(_ count: Int64 = 1) {
        if count > 0 { sum.add(count, ordering: .relaxed) }
    }

    /// How many were counted.
    public var value: Int64 { sum.load(ordering: .relaxed) }
}

/// Something that goes up and down, or that is not known at all: then it is not shown.
public final class Gauge: Sendable {
    private static let unknown = Double.nan.bitPattern
    private let bits = Atomic<UInt64>(unknown)

    /// Nothing is known yet.
    public init() {}

    /// It is so much now.
    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    /// It is so much now.
    public func set(_ value: some BinaryInteger) { set(Double(value)) }

    /// It is not known any more.
    public func clear() { bits.store(Self.unknown, ordering: .relaxed) }

    /// How much it is; nil where that is not known.
    public var value: Double? {
        let bits = bits.load(ordering: .relaxed)
        return bits == Self.unknown ? nil : Double(bitPattern: bits)
    }
}

/// How often something took how long, or was how large.
public final class Histogram: Sendable {
    /// Upper bounds of the buckets, ascending; the one without an end is not among them.
    public let bounds: [Double]
    private let buckets: [Counter]
    private let sumBits = Atomic<UInt64>(Double(0).bitPattern)

    /// A histogram with such buckets.
    public init(bounds: [Double]) {
        precondition(
            zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 },
            "bounds of buckets ascend"
        )
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Counter() }
    }

    /// Notes one value: it counts in the first bucket whose bound is not below it.
    public func observe(_ value: Double) {
        buckets[bounds.firstIndex { value <= $0 } ?? bounds.count].add()
        var before = sumBits.load(ordering: .relaxed)
        while true {
            let after = (Double(bitPattern: before) + value).bitPattern
            let (isDone, found) = sumBits.weakCompareExchange(
                expected: before,
                desired: after,
                ordering: .relaxed
            )
            if isDone { return }
            before = found
        }
    }

    /// Values up to each bound, and all of them at last; the same look for all, so that they never decrease.
    public var cumulative: [Int64] {
        var sum: Int64 = 0
        return buckets.map {
            sum += $0.value
            return sum
        }
    }

    /// The sum of all values.
    public var sum: Double { Double(bitPattern: sumBits.load(ordering: .relaxed)) }
}

extension Histogram {
    /// Bounds in seconds for what should take milliseconds: 1 ms to 30 s.
    public static let shortSeconds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]
    /// Bounds in seconds for what may take minutes: 0.1 s to an hour.
    public static let longSeconds: [Double] = [
        0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600,
    ]
}

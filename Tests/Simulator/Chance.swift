/// Random numbers from a seed, the same on every machine (SplitMix64).
public struct SeededChance: RandomNumberGenerator {
    private var state: UInt64

    /// The numbers of a seed.
    public init(seed: UInt64) { state = seed &* 0x2545_F491_4F6C_DD1D &+ 0x632B_E59B_D9B4_E019 }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number below `limit`, which is above 0.
    public mutating func below(_ limit: Int) -> Int {
        Int(truncatingIfNeeded: (next() >> 32).multipliedFullWidth(by: UInt64(limit)).low >> 32)
    }

    /// A number of `range`.
    public mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True so many times of a thousand.
    public mutating func happens(_ perMille: Int) -> Bool { below(1000) < perMille }

    /// One of several.
    public mutating func pick<Item>(_ items: [Item]) -> Item { items[below(items.count)] }
}

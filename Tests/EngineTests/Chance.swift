import Foundation

/// Random numbers from a seed, the same on every machine (SplitMix64).
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number of `range`.
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True so many times of a hundred.
    mutating func happens(_ percent: Int) -> Bool { number(1...100) <= percent }

    mutating func pick<Item>(_ items: [Item]) -> Item { items[number(0...(items.count - 1))] }
}

/// How much of a random test is run: `ENGINE_WORLDS` sets the number of worlds, `ENGINE_SEED` the first seed.
enum Effort {
    static func seeds(_ count: Int) -> [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["ENGINE_SEED"].flatMap(UInt64.init) ?? 1
        let number = environment["ENGINE_WORLDS"].flatMap(Int.init) ?? count
        return (0..<UInt64(number)).map { first + $0 }
    }
}

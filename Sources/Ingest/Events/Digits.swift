/// Several digits at once: eight bytes of a word, the first in the lowest byte, as a decimal number.
enum Digits {
    @inline(__always)
    static var zeros: UInt64 { 0x3030_3030_3030_3030 }

    /// Whether all eight bytes are `0` to `9`.
    @inline(__always)
    static func areAll(_ word: UInt64) -> Bool {
        let value = word ^ zeros
        return ((value &+ 0x7676_7676_7676_7676) | value) & 0x8080_8080_8080_8080 == 0
    }

    /// How many of the bytes are `0` to `9` before the first that is not.
    @inline(__always)
    static func count(_ word: UInt64) -> Int {
        // As above; what carries over from one byte to the next begins at the first that is no digit.
        let value = word ^ zeros
        let others = ((value &+ 0x7676_7676_7676_7676) | value) & 0x8080_8080_8080_8080
        return others.trailingZeroBitCount &>> 3
    }

    /// The number that eight digits write; ``areAll(_:)`` must hold.
    @inline(__always)
    static func value(_ word: UInt64) -> UInt64 {
        // Pairs, then fours, then all eight: three multiplications in place of eight.
        var value = word ^ zeros
        value = (value &* 10) &+ (value >> 8)
        let evens = (value & 0x0000_00FF_0000_00FF) &* 0x000F_4240_0000_0064
        let odds = ((value >> 16) & 0x0000_00FF_0000_00FF) &* 0x0000_2710_0000_0001
        return (evens &+ odds) >> 32
    }

    /// The word with `count` digits of its low bytes moved behind leading zeros: the same number in eight digits.
    @inline(__always)
    static func padded(_ word: UInt64, count: Int) -> UInt64 {
        let shift = 64 &- 8 &* UInt64(truncatingIfNeeded: count)
        return count == 0 ? zeros : (word &<< shift) | (zeros & ~(UInt64.max &<< shift))
    }
}

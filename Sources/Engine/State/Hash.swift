internal import CShims

/// 64-bit hashing of keys, the same on every machine: tables are looked up, never walked, so their order shows nowhere.
///
/// The mixing step is that of wyhash (Wang Yi, public domain): the two halves of a 128-bit product, exclusive-or'ed.
enum Hash {
    static let first: UInt64 = 0xA076_1D64_78BD_642F
    static let second: UInt64 = 0xE703_7ED1_A0B4_28DB
    static let third: UInt64 = 0x8EBC_6AF0_9C88_C6E3

    @inline(__always)
    static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// The hash of two words.
    @inline(__always)
    static func words(_ a: UInt64, _ b: UInt64) -> UInt64 { mix(a ^ first, b ^ second) }

    /// Whether both are the same bytes.
    @inline(__always)
    static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard let a = left.baseAddress, let b = right.baseAddress else { return true }
        // Both are as long as the count.
        return unsafe dm_equal(a, b, left.count) != 0
    }

    /// The hash of some bytes, under a seed.
    @inline(__always)
    static func bytes(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var state = seed ^ first
        let count = bytes.count
        guard let base = bytes.baseAddress else { return mix(state, third) }
        var index = 0
        // All loads lie inside the buffer: whole words, then the last word again from its end.
        while index + 16 <= count {
            let a = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let b = unsafe base.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self)
            state = mix(a ^ second, b ^ state)
            index += 16
        }
        var a: UInt64 = 0
        var b: UInt64 = 0
        let rest = count - index
        if rest >= 8 {
            a = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            b = unsafe base.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        } else if rest >= 4 {
            a = UInt64(unsafe base.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            b = UInt64(unsafe base.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        } else if rest > 0 {
            let low = UInt64(unsafe bytes[index])
            let middle = UInt64(unsafe bytes[index + rest / 2])
            a = low << 16 | middle << 8 | UInt64(unsafe bytes[count - 1])
        }
        state = mix(a ^ second, b ^ state)
        return mix(state ^ UInt64(count), third)
    }
}

/// The decoder's own copy of one record, with room before and zeros behind it.
///
/// Copying (about 10 ns for a record of 400 bytes) buys three things: every text of an event is a piece of one
/// memory, strings are unescaped in place, and scanning needs no bounds checks. The last is why reading is safe here:
/// behind the record stand at least ``padding`` zero bytes. A zero ends every token of JSON, so no scan runs past the
/// first of them, and no load is wider than the padding.
@safe
struct Scratch: ~Copyable {
    /// Zero bytes behind a record.
    static let padding = 64

    let base: UnsafeMutableRawPointer
    /// Bytes that may be filled; the padding comes on top.
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        unsafe base = UnsafeMutableRawPointer.allocate(
            byteCount: capacity + Scratch.padding,
            alignment: 64
        )
        unsafe base.initializeMemory(
            as: UInt8.self,
            repeating: 0,
            count: capacity + Scratch.padding
        )
    }

    deinit { unsafe base.deallocate() }

    /// Copies `bytes` to `place` and puts the padding behind them.
    @inline(__always)
    func put(_ bytes: UnsafeRawBufferPointer, at place: Int) {
        precondition(place + bytes.count <= capacity, "a record fits the decoder's memory")
        if let source = bytes.baseAddress {
            unsafe (base + place).copyMemory(from: source, byteCount: bytes.count)
        }
        let zeros = SIMD16<UInt8>(repeating: 0)
        for step in 0..<Scratch.padding / 16 {
            unsafe (base + place + bytes.count + 16 * step).storeBytes(
                of: zeros,
                as: SIMD16<UInt8>.self
            )
        }
    }

    /// Copies `bytes` to `place`.
    func put(_ bytes: [UInt8], at place: Int) {
        unsafe bytes.withUnsafeBytes { unsafe put($0, at: place) }
    }

    /// The byte at `place`.
    @inline(__always)
    func byte(_ place: Int) -> UInt8 { unsafe base.load(fromByteOffset: place, as: UInt8.self) }

    /// Puts one byte.
    @inline(__always)
    func set(_ byte: UInt8, at place: Int) {
        unsafe base.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
    }

    /// Two bytes as a number, the first lowest.
    @inline(__always)
    func half(_ place: Int) -> UInt16 {
        unsafe UInt16(littleEndian: base.loadUnaligned(fromByteOffset: place, as: UInt16.self))
    }

    /// Four bytes as a number, the first lowest.
    @inline(__always)
    func quad(_ place: Int) -> UInt32 {
        unsafe UInt32(littleEndian: base.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }

    /// Eight bytes as a number, the first lowest.
    @inline(__always)
    func word(_ place: Int) -> UInt64 {
        unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }

    /// Sixteen bytes.
    @inline(__always)
    func block(_ place: Int) -> SIMD16<UInt8> {
        unsafe base.loadUnaligned(fromByteOffset: place, as: SIMD16<UInt8>.self)
    }

    /// Whether all sixteen bytes are zero.
    @inline(__always)
    static func isZero(_ block: SIMD16<UInt8>) -> Bool {
        // Sixteen lanes are two numbers of the same bytes.
        let words = unsafe unsafeBitCast(block, to: SIMD2<UInt64>.self)
        return words[0] | words[1] == 0
    }

    /// The bytes of a piece.
    @inline(__always)
    func bytes(_ place: Int, count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + place, count: count)
    }

    /// Whether two pieces have the same bytes.
    func areEqual(_ left: Int, _ right: Int, count: Int) -> Bool {
        unsafe bytes(left, count: count).elementsEqual(bytes(right, count: count))
    }

    /// A piece as text.
    func string(_ place: Int, count: Int) -> String {
        unsafe String(decoding: bytes(place, count: count), as: UTF8.self)
    }

    /// The lowest `count` bytes of a word, of 0 to 8.
    @inline(__always)
    static func mask(_ count: Int) -> UInt64 {
        count >= 8 ? .max : (1 &<< (8 &* UInt64(truncatingIfNeeded: count))) &- 1
    }
}

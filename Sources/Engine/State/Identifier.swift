internal import Journal

/// An identifier in eight bytes: packed in place where it is at most ten characters of `0-9A-Za-z-_`, as nearly all
/// are, else a number in ``LongIdentifiers``.
///
/// Packed identifiers are equal exactly if their words are; the top four bits are the length, 15 for a long one.
struct Identifier: BitwiseCopyable, Equatable {
    var word: UInt64

    static let none = Identifier(word: 0)

    @inline(__always)
    var isLong: Bool { word >> 60 == 15 }
    var longNumber: UInt32 { UInt32(truncatingIfNeeded: word) }

    /// The sixty-four characters, in the order of their codes.
    static let alphabet: [UInt8] = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_".utf8
    )

    /// The packed word of `bytes`, or nil where they do not fit.
    @inline(__always)
    static func pack(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
        let count = bytes.count
        guard count <= 10 else { return nil }
        var word = UInt64(count)
        var bad: UInt8 = 0
        // The index runs over the buffer's own count.
        for index in 0..<count {
            let code = identifierCodes[Int(unsafe bytes[index])]
            bad |= code
            word = word << 6 | UInt64(code & 63)
        }
        guard bad < 0x80 else { return nil }
        return word << UInt64(60 - 6 * count)
    }
}

/// Identifiers that do not fit into eight bytes, in blocks of a few sizes that are used again when freed.
struct LongIdentifiers: ~Copyable {
    private var texts: [[UInt8]] = [[]]
    private var free: [UInt32] = []

    mutating func insert(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        if let number = free.popLast() {
            texts[Int(number)] = unsafe Array(bytes)
            return number
        }
        texts.append(unsafe Array(bytes))
        return UInt32(texts.count - 1)
    }

    mutating func remove(_ number: UInt32) {
        texts[Int(number)] = []
        free.append(number)
    }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        archive.list(&texts, filler: []) { $1.bytes(&$0) }
        archive.array(&free, filler: 0)
    }

    func isEqual(_ number: UInt32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe texts[Int(number)].withUnsafeBytes { unsafe Hash.isEqual($0, bytes) }
    }

    func text(_ number: UInt32) -> [UInt8] { texts[Int(number)] }
}

/// An identifier as it arrives, before it is known whether it is already kept: its bytes, packed word and hash.
@safe
struct IncomingIdentifier {
    let bytes: UnsafeRawBufferPointer
    /// The packed word; 0xF… where it is long.
    let word: UInt64

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.bytes = unsafe bytes
        if let packed = unsafe Identifier.pack(bytes) {
            word = packed
        } else {
            // Marks it long; the lower bits are a hash and so spread the tables' keys.
            word = unsafe Hash.bytes(bytes, seed: Hash.third) >> 4 | 15 << 60
        }
    }

    /// One whose word was worked out before.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, word: UInt64) {
        unsafe self.bytes = unsafe bytes
        self.word = word
    }

    @inline(__always)
    var isLong: Bool { word >> 60 == 15 }
}

/// Six bits for each byte, 255 where an identifier in place can't hold it. A literal, so that it lies in the program.
private let identifierCodes: [256 of UInt8] = [
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 62, 255, 255,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 255, 255, 255, 255, 255,
    255, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 255, 255, 255, 255, 63,
    255, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
    51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
]

internal import Journal

/// What is committed beside a source partition's offset, in the same transaction as the records copied from it.
///
/// It is text of ASCII and at most 4096 bytes, the broker's limit: `1 ` and base64 of variable-length integers: the
/// first offset ever copied, the progress and the newest record's time in microseconds, whether its end was reached,
/// then for each journal partition the number of records given to it. Behind it, where there is room, a space and the transactional id of who wrote it.
struct SourceMetadata: Equatable {
    /// The first offset that was copied.
    var firstOffset: Int64
    /// Largest progress that a tick may have told.
    var reached: Instant
    /// Largest time of a record copied.
    var newest: Instant
    /// It had been copied to its end: nobody need wait for it.
    var isAtEnd = false
    /// Next counter, by journal partition.
    var counters: [UInt64]

    /// The transactional id of the worker that copies it: whoever takes over can end what it has left open.
    var owner = ""

    /// Most journal partitions whose counters fit, each counter of up to 2^42 records.
    static let mostPartitions = 500

    /// The text.
    var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 + counters.count * 4)
        Self.put(UInt64(bitPattern: firstOffset), &bytes)
        Self.put(UInt64(bitPattern: reached.microseconds), &bytes)
        Self.put(UInt64(bitPattern: newest.microseconds), &bytes)
        Self.put(isAtEnd ? 1 : 0, &bytes)
        for counter in counters { Self.put(counter, &bytes) }
        var text: [UInt8] = [UInt8(ascii: "1"), UInt8(ascii: " ")]
        text.reserveCapacity(4 + bytes.count * 4 / 3)
        var pending: UInt32 = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(Self.alphabet[Int(pending >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { text.append(Self.alphabet[Int(pending << UInt32(6 - bits) & 63)]) }
        if !owner.isEmpty, text.count + 1 + owner.utf8.count <= 4096 {
            text.append(UInt8(ascii: " "))
            text.append(contentsOf: owner.utf8)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What a text holds; nil where it is none of ours.
    init?(_ text: String, partitions: Int) {
        let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == "1" else { return nil }
        if words.count == 3 { owner = String(words[2]) }
        var bytes: [UInt8] = []
        var pending: UInt32 = 0
        var bits = 0
        for character in words[1].utf8 {
            guard let value = Self.alphabet.firstIndex(of: character) else { return nil }
            pending = pending << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> UInt32(bits)))
            }
        }
        var place = 0
        var values: [UInt64] = []
        while place < bytes.count {
            guard let value = Self.take(bytes, &place) else { return nil }
            values.append(value)
        }
        guard values.count == 4 + partitions, values[3] <= 1 else { return nil }
        firstOffset = Int64(bitPattern: values[0])
        reached = Instant(microseconds: Int64(bitPattern: values[1]))
        newest = Instant(microseconds: Int64(bitPattern: values[2]))
        isAtEnd = values[3] == 1
        counters = Array(values.dropFirst(4))
    }

    init(firstOffset: Int64, partitions: Int) {
        self.firstOffset = firstOffset
        reached = .distantPast
        newest = .distantPast
        counters = Array(repeating: 0, count: partitions)
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )

    private static func put(_ value: UInt64, _ bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func take(_ bytes: [UInt8], _ place: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while place < bytes.count, shift < 64 {
            let byte = bytes[place]
            place += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}

/// Reads Kafka's wire format.
struct WireReader {
    /// The bytes are not what the version says.
    struct Malformed: Error {}

    let bytes: [UInt8]
    private(set) var place: Int

    init(_ bytes: [UInt8], at place: Int = 0) {
        self.bytes = bytes
        self.place = place
    }

    /// A whole number, the highest byte first.
    mutating func integer<Number: FixedWidthInteger>(_: Number.Type) throws -> Number {
        var value: Number = 0
        for byte in try take(Number.bitWidth / 8) {
            value = (Number.bitWidth > 8 ? value << 8 : 0) | Number(truncatingIfNeeded: byte)
        }
        return value
    }

    /// Seven bits a byte, the lowest first.
    mutating func varint() throws -> Int {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let byte = try integer(UInt8.self)
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed()
    }

    /// A string, or nothing where it is null.
    mutating func string(isCompact: Bool) throws -> [UInt8]? {
        let count = isCompact ? try varint() - 1 : Int(try integer(Int16.self))
        return count < 0 ? nil : try take(count)
    }

    /// The number of elements that follow.
    mutating func count(isCompact: Bool) throws -> Int {
        max(0, isCompact ? try varint() - 1 : Int(try integer(Int32.self)))
    }

    /// Passes over tagged fields.
    mutating func skipTags() throws {
        for _ in 0..<(try varint()) {
            _ = try varint()
            _ = try take(try varint())
        }
    }

    mutating func skip(_ count: Int) throws { _ = try take(count) }

    private mutating func take(_ count: Int) throws -> [UInt8] {
        guard count >= 0, count <= bytes.count - place else { throw Malformed() }
        defer { place += count }
        return Array(bytes[place..<place + count])
    }
}

/// Writes Kafka's wire format.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    /// A whole number, the highest byte first.
    mutating func integer<Number: FixedWidthInteger>(_ value: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Number(shift)))
        }
    }

    /// Seven bits a byte, the lowest first.
    mutating func varint(_ value: Int) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func string(_ value: [UInt8]?, isCompact: Bool) {
        let count = value?.count ?? -1
        if isCompact { varint(count + 1) } else { integer(Int16(count)) }
        bytes += value ?? []
    }

    mutating func count(_ count: Int, isCompact: Bool) {
        if isCompact { varint(count + 1) } else { integer(Int32(count)) }
    }

    mutating func noTags() { varint(0) }
}

/// CRC-32 as in zip and zlib.
enum Checksum {
    /// Sixteen tables: what a byte does to the sum that lies 0, 1 … 15 bytes before the end of a step.
    ///
    /// A byte a step took 2.0 ns a byte, half of all that reading a journal costs; sixteen bytes a step take 0.4.
    @safe
    private struct Tables: @unchecked Sendable {
        // Written here alone, before anybody else sees it, and kept as long as the process.
        let base: UnsafePointer<UInt32>

        init() {
            let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 16 * 256)
            for index in 0..<256 {
                unsafe table[index] = (0..<8).reduce(UInt32(index)) { value, _ in
                    value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320
                }
            }
            for index in 256..<16 * 256 {
                let before = unsafe table[index - 256]
                unsafe table[index] = table[Int(before & 0xFF)] ^ before >> 8
            }
            unsafe base = UnsafePointer(table)
        }
    }
    private static let tables = Tables()

    static func add(_ bytes: UnsafeRawBufferPointer, to sum: UInt32) -> UInt32 {
        let table = unsafe tables.base
        var value = ~sum
        var place = 0
        let count = bytes.count
        while place + 16 <= count {
            // Sixteen bytes inside the buffer; a byte is inside its table.
            let low = unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            let high = unsafe bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self)
            let first = UInt64(littleEndian: low) ^ UInt64(value)
            let second = UInt64(littleEndian: high)
            value = 0
            for byte in 0..<8 {
                let shift = UInt64(byte * 8)
                value ^= unsafe table[(15 - byte) * 256 + Int(first >> shift & 0xFF)]
                value ^= unsafe table[(7 - byte) * 256 + Int(second >> shift & 0xFF)]
            }
            place += 16
        }
        while place < count {
            let byte = unsafe bytes[place]
            value = unsafe table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8
            place += 1
        }
        return ~value
    }

    /// Of a frame: offset, timestamp, length, record.
    static func frame(
        offset: Int64,
        timestamp: Int64,
        length: UInt32,
        _ record: UnsafeRawBufferPointer
    ) -> UInt32 {
        var head: [UInt8] = []
        put(offset, &head)
        put(timestamp, &head)
        put(length, &head)
        let sum = unsafe head.withUnsafeBytes { unsafe add($0, to: 0) }
        return unsafe add(record, to: sum)
    }

    static func put(_ value: some FixedWidthInteger, _ bytes: inout [UInt8]) {
        for index in 0..<value.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8)))
        }
    }
}

internal import Journal

/// The output topics of the engine, in the order of OUTPUTS. Dead letters are ingest's.
public enum OutputTopic: UInt8, CaseIterable, Sendable {
    case decisions, alerts, accumulators, replenishments

    /// Name of topic and file.
    public var name: String {
        switch self {
        case .decisions: "decisions"
        case .alerts: "alerts"
        case .accumulators: "accumulators"
        case .replenishments: "replenishments"
        }
    }
}

/// Output records of one topic, one JSON object and a line feed each, one after another in flat memory.
///
/// Offline the bytes are the file; on Kafka each line without its line feed is a record's value.
@safe
public final class OutputBuffer: @unchecked Sendable {
    // One owner at a time, as `RecordBatch`; and for the same reason no run-time checks for overlapping access.
    @exclusivity(unchecked)
    private(set) var base: UnsafeMutablePointer<UInt8>
    @exclusivity(unchecked)
    private var limit: UnsafeMutablePointer<UInt8>
    /// Bytes in use.
    @exclusivity(unchecked)
    public private(set) var byteCount = 0
    /// Place at which the next byte goes; ahead of `byteCount` while a record is written.
    @exclusivity(unchecked)
    var cursor: UnsafeMutablePointer<UInt8>
    /// End of each record, line feed included.
    @exclusivity(unchecked)
    public private(set) var ends: [Int] = []
    /// The covered entity of each record, by the machine's number: its 340B ID is the key on Kafka.
    @exclusivity(unchecked)
    public private(set) var entities: [UInt32] = []

    /// An empty buffer.
    public init(capacity: Int = 1 << 20) {
        let room = max(capacity, 1 << 16)
        unsafe base = .allocate(capacity: room)
        unsafe limit = base + room
        unsafe cursor = base
    }

    deinit { unsafe base.deallocate() }

    /// Number of records.
    public var count: Int { unsafe ends.count }

    /// What has been written behind the last record: the contents of a buffer that is used as scratch.
    var written: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + byteCount, count: cursor - (base + byteCount))
    }

    /// All bytes, for as long as the buffer is not written to.
    public var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: byteCount)
    }

    /// The value of the record at `index`, without its line feed.
    public func value(at index: Int) -> UnsafeRawBufferPointer {
        let start = unsafe index == 0 ? 0 : ends[index - 1]
        // Ends were written by `finish` and lie inside the memory.
        return unsafe UnsafeRawBufferPointer(start: base + start, count: ends[index] - 1 - start)
    }

    /// Empties the buffer; its memory stays.
    public func removeAll() {
        unsafe byteCount = 0
        unsafe cursor = base
        unsafe ends.removeAll(keepingCapacity: true)
        unsafe entities.removeAll(keepingCapacity: true)
    }

    /// Makes room for `count` more bytes behind the cursor.
    @inline(__always)
    func reserve(_ count: Int) {
        if unsafe limit - cursor < count { grow(count) }
    }

    private func grow(_ count: Int) {
        let used = unsafe cursor - base
        var room = unsafe (limit - base) * 2
        while room < used + count { room *= 2 }
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: room)
        unsafe larger.update(from: base, count: used)
        unsafe base.deallocate()
        unsafe base = larger
        unsafe limit = base + room
        unsafe cursor = base + used
    }

    /// Ends the record being written.
    @inline(__always)
    func finish(entity: UInt32) {
        unsafe cursor.pointee = UInt8(ascii: "\n")
        unsafe cursor += 1
        unsafe byteCount = cursor - base
        unsafe ends.append(byteCount)
        unsafe entities.append(entity)
    }

    // MARK: pieces of JSON. Each writes at the cursor; `reserve` has made room.

    /// A piece of JSON that is known when the program is written.
    @inline(__always)
    func put(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        unsafe cursor.update(from: text.utf8Start, count: count)
        unsafe cursor += count
    }

    @inline(__always)
    func put(byte: UInt8) {
        unsafe cursor.pointee = byte
        unsafe cursor += 1
    }

    /// An integer in decimal digits.
    func put(_ value: Int64) {
        reserve(24)
        if value < 0 { put(byte: UInt8(ascii: "-")) }
        var rest = value.magnitude
        var count = 1
        var limit: UInt64 = 10
        while count < 19, rest >= limit {
            count += 1
            limit = limit &* 10
        }
        if count == 19, rest >= 10_000_000_000_000_000_000 { count = 20 }
        var place = unsafe cursor + count
        unsafe cursor = unsafe place
        for _ in 0..<count {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe place -= 1
            unsafe place.pointee = UInt8(48 &+ digit)
            rest = quotient
        }
    }

    /// So many digits of a number, zeros in front.
    @inline(__always)
    func put(_ value: UInt64, digits: Int) {
        var rest = value
        var place = unsafe cursor + digits
        unsafe cursor = unsafe place
        for _ in 0..<digits {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe place -= 1
            unsafe place.pointee = UInt8(48 &+ digit)
            rest = quotient
        }
    }

    /// A moment as `"YYYY-MM-DDTHH:MM:SS.mmmZ"`, or null for none.
    func put(_ instant: Instant) {
        guard instant != .distantPast, instant != .distantFuture else { return put("null") }
        let date = instant.utcDate
        let inDay = UInt64(instant.microseconds &- Int64(date.day) &* 86_400_000_000) / 1000
        let (year, month, day) = date.civil
        put(byte: UInt8(ascii: "\""))
        put(UInt64(max(0, year)), digits: 4)
        put(byte: UInt8(ascii: "-"))
        put(UInt64(month), digits: 2)
        put(byte: UInt8(ascii: "-"))
        put(UInt64(day), digits: 2)
        put(byte: UInt8(ascii: "T"))
        put(inDay / 3_600_000, digits: 2)
        put(byte: UInt8(ascii: ":"))
        put(inDay / 60_000 % 60, digits: 2)
        put(byte: UInt8(ascii: ":"))
        put(inDay / 1000 % 60, digits: 2)
        put(byte: UInt8(ascii: "."))
        put(inDay % 1000, digits: 3)
        put("Z\"")
    }

    /// A date as `"YYYY-MM-DD"`, or null for an open end.
    func put(_ date: CivilDate) {
        guard date != .distantPast, date != .distantFuture else { return put("null") }
        let (year, month, day) = date.civil
        put(byte: UInt8(ascii: "\""))
        put(UInt64(max(0, year)), digits: 4)
        put(byte: UInt8(ascii: "-"))
        put(UInt64(month), digits: 2)
        put(byte: UInt8(ascii: "-"))
        put(UInt64(day), digits: 2)
        put(byte: UInt8(ascii: "\""))
    }

    /// A decimal as `"-0.5"`.
    func put(_ balance: Balance) {
        reserve(64)
        put(byte: UInt8(ascii: "\""))
        if balance.millionths < 0 { put(byte: UInt8(ascii: "-")) }
        let magnitude = balance.millionths.magnitude
        if magnitude <= UInt128(Int64.max) {
            let small = Int64(magnitude)
            put(small / 1_000_000)
            putFraction(UInt64(small % 1_000_000))
        } else {
            for byte in String(magnitude / 1_000_000).utf8 { put(byte: byte) }
            putFraction(UInt64(magnitude % 1_000_000))
        }
        put(byte: UInt8(ascii: "\""))
    }

    private func putFraction(_ fraction: UInt64) {
        guard fraction > 0 else { return }
        var rest = fraction
        var places = 6
        while rest % 10 == 0 {
            rest /= 10
            places -= 1
        }
        put(byte: UInt8(ascii: "."))
        put(rest, digits: places)
    }

    /// A JSON string of any bytes of UTF-8.
    func put(string bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count * 6 + 2)
        put(byte: UInt8(ascii: "\""))
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                put(byte: UInt8(ascii: "\\"))
                put(byte: byte)
            case 0..<0x20:
                put("\\u00")
                put(byte: Self.hexDigits[Int(byte >> 4)])
                put(byte: Self.hexDigits[Int(byte & 15)])
            default:
                put(byte: byte)
            }
        }
        put(byte: UInt8(ascii: "\""))
    }

    /// Bytes as they are.
    func put(raw bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let base = bytes.baseAddress {
            unsafe UnsafeMutableRawPointer(cursor).copyMemory(from: base, byteCount: bytes.count)
            unsafe cursor += bytes.count
        }
    }

    /// A JSON string.
    func put(string: String) {
        let bytes = Array(string.utf8)
        unsafe bytes.withUnsafeBytes { unsafe put(string: $0) }
    }

    static let hexDigits = Array("0123456789abcdef".utf8)
    static let base64Digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Sixteen hexadecimal digits.
    func put(hex value: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            put(byte: Self.hexDigits[Int(value >> UInt64(shift) & 15)])
        }
    }

    /// Sixteen bytes as base64url without padding: 22 characters.
    func put(base64 high: UInt64, _ low: UInt64) {
        let all = UInt128(high) << 64 | UInt128(low)
        for index in 0..<21 {
            put(byte: Self.base64Digits[Int(truncatingIfNeeded: all >> UInt128(122 - 6 * index)) & 63])
        }
        put(byte: Self.base64Digits[Int(truncatingIfNeeded: all << 4) & 63])
    }
}

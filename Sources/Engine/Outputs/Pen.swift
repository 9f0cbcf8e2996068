internal import Journal

/// Writes JSON at one place that moves on: the place is a local value, so it stays in a register.
///
/// A pen comes with room for a record of ordinary length; only texts of any length ask for more.
@safe
struct Pen {
    // The buffer outlives its pens: it is a field of the machine that lends it, and a reference counted here would
    // cost more than what is written.
    private unowned(unsafe) let buffer: OutputBuffer
    var place: UnsafeMutablePointer<UInt8>
    var limit: UnsafeMutablePointer<UInt8>

    @inline(__always)
    init(
        _ buffer: OutputBuffer,
        _ place: UnsafeMutablePointer<UInt8>,
        _ limit: UnsafeMutablePointer<UInt8>
    ) {
        unsafe self.buffer = buffer
        unsafe self.place = place
        unsafe self.limit = limit
    }

    /// Makes room for `count` more bytes.
    @inline(__always)
    mutating func reserve(_ count: Int) {
        if unsafe limit - place < count { unsafe buffer.makeRoom(for: count, behind: &self) }
    }

    /// A piece of JSON that is known when the program is written.
    @inline(__always)
    mutating func put(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        unsafe place.update(from: text.utf8Start, count: count)
        unsafe place += count
    }

    @inline(__always)
    mutating func put(byte: UInt8) {
        unsafe place.pointee = byte
        unsafe place += 1
    }

    /// An integer in decimal digits.
    @inline(__always)
    mutating func put(_ value: Int64) {
        if value < 0 { put(byte: UInt8(ascii: "-")) }
        let magnitude = value.magnitude
        if magnitude < 10 {
            put(byte: UInt8(truncatingIfNeeded: 48 &+ magnitude))
        } else {
            putLong(magnitude)
        }
    }

    private mutating func putLong(_ value: UInt64) {
        var count = 2
        var limit: UInt64 = 100
        while count < 20, value >= limit {
            count += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { break }
            limit = next
        }
        put(value, digits: count)
    }

    /// So many digits of a number, zeros in front: two at a time.
    @inline(__always)
    mutating func put(_ value: UInt64, digits: Int) {
        var rest = value
        var count = digits
        var at = unsafe place + digits
        unsafe place = at
        while count >= 2 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            unsafe at -= 2
            // `pair` is below 100, and the table has two bytes for each.
            let source = unsafe pairs.utf8Start + Int(truncatingIfNeeded: pair &* 2)
            unsafe at[0] = source[0]
            unsafe at[1] = source[1]
            rest = quotient
            count -= 2
        }
        if count == 1 {
            unsafe at -= 1
            unsafe at.pointee = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
        }
    }

    /// A moment as `"YYYY-MM-DDTHH:MM:SS.mmmZ"`, or null for none.
    mutating func put(_ instant: Instant) {
        guard instant != .distantPast, instant != .distantFuture else { return put("null") }
        let date = instant.utcDate
        let inDay =
            UInt64(truncatingIfNeeded: instant.microseconds &- Int64(date.day) &* 86_400_000_000)
            / 1000
        put(byte: UInt8(ascii: "\""))
        putBare(date)
        put(byte: UInt8(ascii: "T"))
        let seconds = inDay / 1000
        put(seconds / 3600, digits: 2)
        put(byte: UInt8(ascii: ":"))
        put(seconds / 60 % 60, digits: 2)
        put(byte: UInt8(ascii: ":"))
        put(seconds % 60, digits: 2)
        put(byte: UInt8(ascii: "."))
        put(inDay % 1000, digits: 3)
        put("Z\"")
    }

    /// A date as `"YYYY-MM-DD"`, or null for an open end.
    mutating func put(_ date: CivilDate) {
        guard date != .distantPast, date != .distantFuture else { return put("null") }
        put(byte: UInt8(ascii: "\""))
        putBare(date)
        put(byte: UInt8(ascii: "\""))
    }

    @inline(__always)
    private mutating func putBare(_ date: CivilDate) {
        // The buffer remembers the days it has written last, in four slots by day.
        let slot = unsafe buffer.dates + Int(date.day & 3)
        if unsafe slot.pointee.day != date.day { unsafe slot.pointee = DateText(date) }
        // Ten bytes count; a pen has room for sixteen.
        unsafe UnsafeMutableRawPointer(place).storeBytes(
            of: slot.pointee.text,
            as: (UInt64, UInt64).self
        )
        unsafe place += 10
    }

    /// A decimal as `"-0.5"`.
    mutating func put(_ balance: Balance) {
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

    private mutating func putFraction(_ fraction: UInt64) {
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
    mutating func put(string bytes: UnsafeRawBufferPointer) {
        put(byte: UInt8(ascii: "\""))
        unsafe put(escaping: bytes)
        put(byte: UInt8(ascii: "\""))
    }

    /// The inside of a JSON string.
    mutating func put(escaping bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count * 6 + 4096)
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                put(byte: UInt8(ascii: "\\"))
                put(byte: byte)
            case 0..<0x20:
                put("\\u00")
                unsafe put(byte: hexDigits.utf8Start[Int(byte >> 4)])
                unsafe put(byte: hexDigits.utf8Start[Int(byte & 15)])
            default:
                put(byte: byte)
            }
        }
    }

    /// Bytes as they are.
    mutating func put(raw bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count + 4096)
        if let base = bytes.baseAddress {
            unsafe UnsafeMutableRawPointer(place).copyMemory(from: base, byteCount: bytes.count)
            unsafe place += bytes.count
        }
    }

    /// Bytes as they are.
    mutating func put(raw bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe put(raw: $0) } }

    /// A JSON string.
    mutating func put(string: String) {
        let bytes = Array(string.utf8)
        unsafe bytes.withUnsafeBytes { unsafe put(string: $0) }
    }

    /// Sixteen hexadecimal digits.
    mutating func put(hex value: UInt64) {
        for index in 0..<16 {
            let digit = Int(truncatingIfNeeded: value >> UInt64(60 &- 4 &* index) & 15)
            unsafe place[index] = hexDigits.utf8Start[digit]
        }
        unsafe place += 16
    }

    /// Sixteen bytes as base64url without padding: 22 characters.
    mutating func put(base64 high: UInt64, _ low: UInt64) {
        let table = unsafe base64Digits.utf8Start
        // Every index is six bits, and the table has 64 characters.
        for index in 0..<10 {
            unsafe place[index] =
                table[Int(truncatingIfNeeded: high >> UInt64(58 &- 6 &* index) & 63)]
        }
        unsafe place[10] = table[Int(truncatingIfNeeded: (high & 15) << 2 | low >> 62)]
        for index in 0..<10 {
            unsafe place[11 + index] =
                table[Int(truncatingIfNeeded: low >> UInt64(56 &- 6 &* index) & 63)]
        }
        unsafe place[21] = table[Int(truncatingIfNeeded: (low & 3) << 4)]
        unsafe place += 22
    }

    /// A packed identifier's characters, without quotes.
    @inline(__always)
    mutating func put(packed word: UInt64) {
        let table = unsafe identifierDigits.utf8Start
        let count = Int(truncatingIfNeeded: word >> 60)
        var shift: UInt64 = 54
        for index in 0..<count {
            unsafe place[index] = table[Int(truncatingIfNeeded: word >> shift & 63)]
            shift &-= 6
        }
        unsafe place += count
    }
}

/// A day as it is written.
struct DateText: BitwiseCopyable {
    var day: Int32
    /// `YYYY-MM-DD`, in the order of memory; six bytes more than that.
    var text: (UInt64, UInt64) = (0, 0)

    /// No day that occurs.
    static var none: DateText { DateText(day: .min) }

    private init(day: Int32) { self.day = day }

    init(_ date: CivilDate) {
        self.init(day: date.day)
        let (year, month, day) = date.civil
        var rest = max(0, year)
        var bytes: [16 of UInt8] = .init(repeating: UInt8(ascii: "-"))
        for place in [3, 2, 1, 0] {
            bytes[place] = UInt8(48 + rest % 10)
            rest /= 10
        }
        (bytes[5], bytes[6]) = (UInt8(48 + month / 10), UInt8(48 + month % 10))
        (bytes[8], bytes[9]) = (UInt8(48 + day / 10), UInt8(48 + day % 10))
        text = unsafe unsafeBitCast(bytes, to: (UInt64, UInt64).self)
    }
}

// Tables as string literals: they lie in the program, so no access has to ask whether they were made yet.
private let pairs: StaticString = """
    0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
    5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
    """
private let hexDigits: StaticString = "0123456789abcdef"
private let base64Digits: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
private let identifierDigits: StaticString =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

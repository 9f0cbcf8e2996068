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
    ///
    /// Where the text is a literal, its length is known too and the copy becomes a few stores. `update(from:)` asks first
    /// whether source and target are one, after which the compiler calls `memmove` for good: two fifths of all
    /// instructions of a record were spent there.
    @inline(__always)
    mutating func put(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        // The pen has room, and the program's own texts never lie in a buffer.
        unsafe UnsafeMutableRawPointer(place).copyMemory(from: text.utf8Start, byteCount: count)
        unsafe place += count
    }

    /// One of several texts, most of them of 2...32 bytes: two copies that overlap, no call.
    @inline(__always)
    mutating func put(oneOf text: StaticString) {
        let count = text.utf8CodeUnitCount
        guard 2...32 ~= count else { return put(text) }
        let source = unsafe UnsafeRawPointer(text.utf8Start)
        let target = unsafe UnsafeMutableRawPointer(place)
        // Both copies of each size lie inside the text, since it is at least as long as one of them.
        @inline(__always)
        func copy<Part: BitwiseCopyable>(_ part: Part.Type) {
            let second = count &- MemoryLayout<Part>.size
            let head = unsafe source.loadUnaligned(as: Part.self)
            let tail = unsafe source.loadUnaligned(fromByteOffset: second, as: Part.self)
            unsafe target.storeBytes(of: head, as: Part.self)
            unsafe target.storeBytes(of: tail, toByteOffset: second, as: Part.self)
        }
        if count >= 16 {
            copy(SIMD16<UInt8>.self)
        } else if count >= 8 {
            copy(UInt64.self)
        } else if count >= 4 {
            copy(UInt32.self)
        } else {
            copy(UInt16.self)
        }
        unsafe place += count
    }

    @inline(__always)
    mutating func put(byte: UInt8) {
        unsafe place.pointee = byte
        unsafe place += 1
    }

    /// Another byte in place of the one written last.
    @inline(__always)
    mutating func replaceLast(by byte: UInt8) { unsafe place[-1] = byte }

    /// Eight bytes of which `count` are meant: the next thing written covers the rest.
    @inline(__always)
    private mutating func put(word: UInt64, count: Int) {
        unsafe UnsafeMutableRawPointer(place).storeBytes(of: word, as: UInt64.self)
        unsafe place += count
    }

    /// An integer in decimal digits.
    @inline(__always)
    mutating func put(_ value: Int64) {
        if UInt64(bitPattern: value) < 10 {
            put(byte: UInt8(truncatingIfNeeded: 48 &+ value))
        } else {
            putLong(value)
        }
    }

    @inline(never)
    private mutating func putLong(_ value: Int64) {
        if UInt64(bitPattern: value) < 100_000_000 {
            putFirst(UInt64(bitPattern: value))
        } else {
            putLonger(value)
        }
    }

    @inline(never)
    private mutating func putLonger(_ value: Int64) {
        if value < 0 { put(byte: UInt8(ascii: "-")) }
        var rest = value.magnitude
        guard rest >= 100_000_000 else { return putFirst(rest) }
        let last = rest % 100_000_000
        rest /= 100_000_000
        if rest < 100_000_000 {
            putFirst(rest)
        } else {
            putFirst(rest / 100_000_000)
            put(word: Self.digits(rest % 100_000_000) | Self.zeros, count: 8)
        }
        put(word: Self.digits(last) | Self.zeros, count: 8)
    }

    /// `true` or `false`.
    @inline(__always)
    mutating func put(_ value: Bool) {
        // The letters from the last to the first.
        put(word: value ? 0x6575_7274 : 0x65_736C_6166, count: value ? 4 : 5)
    }

    /// A number below 100,000,000 without zeros in front.
    @inline(__always)
    private mutating func putFirst(_ value: UInt64) {
        let digits = Self.digits(value)
        // The first digit lies lowest; the last always counts.
        let skipped = (digits | 1 << 56).trailingZeroBitCount & ~7
        put(word: (digits | Self.zeros) >> UInt64(skipped), count: 8 - skipped / 8)
    }

    private static var zeros: UInt64 { 0x3030_3030_3030_3030 }

    /// The eight digits of a number below 100,000,000, the first in the lowest byte: halves, then hundreds, then tens, all
    /// of a kind at once. A loop of divisions became five multiplications.
    @inline(__always)
    private static func digits(_ value: UInt64) -> UInt64 {
        let high = value / 10_000
        let halves = high | (value &- high &* 10_000) << 32
        // x * 10486 >> 20 is x / 100 below 10,000, and x * 103 >> 10 is x / 10 below 100.
        let hundreds = (halves &* 10_486) >> 20 & 0x0000_007F_0000_007F
        let pairs = hundreds | (halves &- hundreds &* 100) << 16
        let tens = (pairs &* 103) >> 10 & 0x000F_000F_000F_000F
        return tens | (pairs &- tens &* 10) << 8
    }

    /// A moment as `"YYYY-MM-DDTHH:MM:SS.mmmZ"`, or null for none.
    ///
    /// Hour, minute and second are divided by ten all at once, and so written with both colons as one word.
    /// 26 characters took 138 instructions, and take 95.
    @inline(never)
    mutating func put(_ instant: Instant) {
        // `distantPast` and `distantFuture`, which another module would be called for.
        guard instant.microseconds != .min, instant.microseconds != .max else { return put("null") }
        // Four digits have room for no later year: the open end that some write, 9999-12-31, may be one in UTC.
        let moment = min(instant.microseconds, 253_402_300_799_999_000)
        let date = Instant(microseconds: moment).utcDate
        let inDay = UInt32(
            truncatingIfNeeded:
                UInt64(truncatingIfNeeded: moment &- Int64(date.day) &* 86_400_000_000) / 1000
        )
        let seconds = inDay / 1000
        let minutes = seconds / 60
        let hours = minutes / 60
        putText(of: date)
        let parts =
            UInt64(hours) | UInt64(minutes &- hours &* 60) << 24
            | UInt64(seconds &- minutes &* 60) << 48
        let tens = (parts &* 103) >> 10 & 0x000F_0000_0F00_000F
        // `0x3A` is the colon, and `0x30` the zero.
        put(word: 0x3030_3A30_303A_3030 &+ (tens | (parts &- tens &* 10) << 8), count: 8)
        let thousandths = inDay &- seconds &* 1000
        let hundreds = thousandths / 100
        let rest = thousandths &- hundreds &* 100
        let ten = rest / 10
        // From below: a point, three digits, `Z` and a quote.
        put(
            word: 0x225A_3030_302E &+ UInt64(hundreds) << 8 &+ UInt64(ten) << 16
                &+ UInt64(rest &- ten &* 10) << 24,
            count: 6
        )
    }

    /// A date as `"YYYY-MM-DD"`, or null for an open end.
    mutating func put(_ date: CivilDate) {
        guard date.day != .min, date.day != .max else { return put("null") }
        putText(of: date)
        // Over the `T`.
        unsafe place[-1] = UInt8(ascii: "\"")
    }

    /// `"YYYY-MM-DDT`: a quote, the day, and the letter behind which a time stands.
    @inline(__always)
    private mutating func putText(of date: CivilDate) {
        // The buffer remembers the days it has written last, by day.
        let slot = unsafe buffer.dates + Int(date.day & DateText.slotMask)
        if unsafe slot.pointee.day != date.day { unsafe slot.pointee = DateText(date) }
        // Twelve bytes count; a pen has room for sixteen.
        unsafe UnsafeMutableRawPointer(place).storeBytes(of: slot.pointee, as: DateText.self)
        unsafe place += 12
    }

    /// A decimal as `"-0.5"`.
    @inline(__always)
    mutating func put(_ balance: Balance) {
        put(byte: UInt8(ascii: "\""))
        if balance.millionths < 0 { put(byte: UInt8(ascii: "-")) }
        let magnitude = balance.millionths.magnitude
        if magnitude < 1 << 62 {
            let small = UInt64(truncatingIfNeeded: magnitude)
            let whole = small / 1_000_000
            put(Int64(truncatingIfNeeded: whole))
            let fraction = small &- whole &* 1_000_000
            if fraction > 0 { putFraction(fraction) }
        } else {
            putLarge(magnitude)
        }
        put(byte: UInt8(ascii: "\""))
    }

    @inline(never)
    private mutating func putLarge(_ magnitude: UInt128) {
        for byte in String(magnitude / 1_000_000).utf8 { put(byte: byte) }
        let fraction = UInt64(magnitude % 1_000_000)
        if fraction > 0 { putFraction(fraction) }
    }

    @inline(never)
    private mutating func putFraction(_ fraction: UInt64) {
        var rest = fraction
        var places = 6
        while rest % 10 == 0 {
            rest /= 10
            places -= 1
        }
        put(byte: UInt8(ascii: "."))
        put(rest, digits: places)
    }

    /// So many digits of a number, zeros in front.
    mutating func put(_ value: UInt64, digits: Int) {
        var rest = value
        var at = unsafe place + digits
        unsafe place = at
        for _ in 0..<digits {
            unsafe at -= 1
            unsafe at.pointee = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
            rest /= 10
        }
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

    /// Bytes behind which 31 more may be read, whatever they are: blocks of 32 without a call.
    @inline(__always)
    mutating func put(padded bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count + 4096)
        guard let source = bytes.baseAddress else { return }
        let target = unsafe UnsafeMutableRawPointer(place)
        var index = 0
        // The last block reads and writes at most 31 bytes more than count: the caller and the pen have them.
        repeat {
            let block = unsafe source.loadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
            unsafe target.storeBytes(of: block, toByteOffset: index, as: SIMD32<UInt8>.self)
            index &+= 32
        } while index < bytes.count
        unsafe place += bytes.count
    }

    /// A text in quotes that was made before.
    @inline(__always)
    mutating func put(_ text: UnsafeMutablePointer<WrittenName>) {
        let source = UnsafeRawPointer(text)
        // A block of 32 bytes is copied whole, for one of any length: a pen has room for it.
        let block = unsafe source.load(as: SIMD32<UInt8>.self)
        unsafe UnsafeMutableRawPointer(place).storeBytes(of: block, as: SIMD32<UInt8>.self)
        unsafe place += text.pointee.count
    }

    /// The inside of the quotes of a text that was made before.
    @inline(__always)
    mutating func put(inside text: UnsafeMutablePointer<WrittenName>) {
        let source = UnsafeRawPointer(text)
        let target = unsafe UnsafeMutableRawPointer(place)
        // Bytes 1...16 and 16...31 of 32.
        let head = unsafe source.loadUnaligned(fromByteOffset: 1, as: SIMD16<UInt8>.self)
        let tail = unsafe source.load(fromByteOffset: 16, as: SIMD16<UInt8>.self)
        unsafe target.storeBytes(of: head, as: SIMD16<UInt8>.self)
        unsafe target.storeBytes(of: tail, toByteOffset: 15, as: SIMD16<UInt8>.self)
        unsafe place += text.pointee.count - 2
    }

    /// Sixteen bytes whose bits are spread already, as characters of which `count` count.
    @inline(__always)
    private mutating func put(characters: SIMD16<Int8>, count: Int) {
        unsafe UnsafeMutableRawPointer(place).storeBytes(of: characters, as: SIMD16<Int8>.self)
        unsafe place += count
    }

    /// The low 48 bits of a word, six to a byte, in the order in which they are read.
    @inline(__always)
    private static func sixes(_ bits: UInt64) -> UInt64 {
        let halves = (bits & 0xFFFF_FF00_0000) << 8 | bits & 0xFF_FFFF
        let quarters = (halves & 0x00FF_F000_00FF_F000) << 4 | halves & 0x0000_0FFF_0000_0FFF
        let eighths = (quarters & 0x0FC0_0FC0_0FC0_0FC0) << 2 | quarters & 0x003F_003F_003F_003F
        return eighths.byteSwapped
    }

    /// Sixteen codes below 64 of two words.
    @inline(__always)
    private static func codes(_ low: UInt64, _ high: UInt64) -> SIMD16<Int8> {
        // A vector of two words has the size of one of sixteen bytes.
        unsafe unsafeBitCast(SIMD2(low, high), to: SIMD16<Int8>.self)
    }

    /// `step` in every byte of `codes` that is `from` or more: what the alphabet leaps there.
    @inline(__always)
    private static func leap(
        _ codes: SIMD16<Int8>,
        _ from: Int8,
        _ step: Int8
    ) -> SIMD16<Int8> {
        SIMD16<Int8>(repeating: 0).replacing(
            with: step,
            where: codes .> SIMD16<Int8>(repeating: from - 1)
        )
    }

    /// Sixteen hexadecimal digits.
    mutating func put(hex value: UInt64) {
        // Four bits to a byte, in the order in which they are read.
        @inline(__always)
        func fours(_ half: UInt64) -> UInt64 {
            let quarters = (half & 0xFFFF_0000) << 16 | half & 0xFFFF
            let eighths = (quarters & 0x0000_FF00_0000_FF00) << 8 | quarters & 0x0000_00FF_0000_00FF
            let digits = (eighths & 0x00F0_00F0_00F0_00F0) << 4 | eighths & 0x000F_000F_000F_000F
            return digits.byteSwapped
        }
        let codes = Self.codes(fours(value >> 32), fours(value & 0xFFFF_FFFF))
        put(
            characters: codes &+ SIMD16(repeating: 48) &+ Self.leap(codes, 10, 39),
            count: 16
        )
    }

    /// Sixteen bytes as base64url without padding: 22 characters.
    mutating func put(base64 high: UInt64, _ low: UInt64) {
        let first = Self.codes(
            Self.sixes(high >> 16),
            Self.sixes((high & 0xFFFF) << 32 | low >> 32)
        )
        // Thirty-two bits are five characters and a third: the sixth has four zeros behind its two.
        let last = Self.codes(Self.sixes((low & 0xFFFF_FFFF) << 16), 0)
        put(characters: Self.base64Characters(first), count: 16)
        put(characters: Self.base64Characters(last), count: 6)
    }

    /// A–Z, a–z, 0–9, `-` and `_`.
    @inline(__always)
    private static func base64Characters(_ codes: SIMD16<Int8>) -> SIMD16<Int8> {
        codes &+ SIMD16(repeating: 65) &+ leap(codes, 26, 6) &+ leap(codes, 52, -75)
            &+ leap(codes, 62, -13) &+ leap(codes, 63, 49)
    }

    /// A packed identifier's characters, without quotes: all of them at once, where each was looked up in a table.
    @inline(never)
    mutating func put(packed word: UInt64) {
        let codes = Self.codes(
            Self.sixes(word >> 12),
            word >> 6 & 63 | (word & 63) << 8
        )
        // 0–9, A–Z, a–z, `-` and `_`.
        put(
            characters: codes &+ SIMD16(repeating: 48) &+ Self.leap(codes, 10, 7)
                &+ Self.leap(codes, 36, 6) &+ Self.leap(codes, 62, -78) &+ Self.leap(codes, 63, 49),
            count: Int(truncatingIfNeeded: word >> 60)
        )
    }
}

/// A day as it is written.
struct DateText: BitwiseCopyable {
    /// `"YYYY-MM-DDT`, in the order of memory.
    private var start: UInt64 = 0
    private var end: UInt32 = 0
    /// The day, behind the twelve bytes.
    var day: Int32

    /// How many days a buffer remembers, less one: an alert's dates lie within some months. With four of them each
    /// third date of an alert was worked out anew.
    static var slotMask: Int32 { 255 }

    /// No day that occurs.
    static var none: DateText { DateText(day: .min) }

    private init(day: Int32) { self.day = day }

    init(_ date: CivilDate) {
        self.init(day: date.day)
        let (year, month, day) = date.civil
        var rest = max(0, year)
        var bytes: [12 of UInt8] = .init(repeating: UInt8(ascii: "-"))
        bytes[0] = UInt8(ascii: "\"")
        for place in [4, 3, 2, 1] {
            bytes[place] = UInt8(48 + rest % 10)
            rest /= 10
        }
        (bytes[6], bytes[7]) = (UInt8(48 + month / 10), UInt8(48 + month % 10))
        (bytes[9], bytes[10]) = (UInt8(48 + day / 10), UInt8(48 + day % 10))
        bytes[11] = UInt8(ascii: "T")
        // Twelve bytes are read as eight and four.
        unsafe withUnsafeBytes(of: bytes) { raw in
            start = unsafe raw.loadUnaligned(as: UInt64.self)
            end = unsafe raw.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
        }
    }
}

// A literal, so that it lies in the program: no access has to ask whether it was made yet.
private let hexDigits: StaticString = "0123456789abcdef"

// Strings: sixteen bytes at a step until a quote; what else can stand in a string is looked at one by one.

// They are functions of the memory alone: for a call on the record's reader the compiler copies all of it (18
// instructions of 120 that a member took).

extension Scratch {
    /// The string whose first byte behind the quote is at `start`: how many bytes it has, unescaped in place from
    /// `start` on, and the place behind its closing quote.
    @inline(__always)
    func scanString(_ start: Int) throws(Fault) -> (count: Int, next: Int) {
        let place = special(from: start)
        if self.byte(place) == UInt8(ascii: "\"") { return (place &- start, place &+ 1) }
        return try scanStringSlowly(start, place)
    }

    /// The first byte from `start` on that is a quote, a backslash, a control character or not ASCII.
    ///
    /// In each byte the top bit comes up where it is what is looked for: bytes that are not ASCII have it already,
    /// subtracting 1 from 0 goes below 0, and so does subtracting 33 from less, which a quote is too once it has
    /// changed places with the space. Only arithmetic on vectors of sixteen: other sizes, comparisons, and what takes
    /// masks apart compile to loops over the lanes (a record took 10,300 ns with them).
    @inline(__always)
    private func special(from start: Int) -> Int {
        var place = start
        while true {
            let block = self.block(place)
            let low = (block ^ SIMD16<UInt8>(repeating: 0x02)) &- SIMD16<UInt8>(repeating: 0x21)
            let backslash = (block ^ SIMD16<UInt8>(repeating: 0x5C)) &- SIMD16<UInt8>(repeating: 1)
            let hits = (low | backslash | block) & SIMD16<UInt8>(repeating: 0x80)
            // Sixteen lanes are two numbers of the same bytes.
            let words = unsafe unsafeBitCast(hits, to: SIMD2<UInt64>.self)
            // Strings in one place of a record end in the same half nearly always, which the processor learns: two
            // branches are shorter than choosing a half without one.
            if words[0] != 0 { return place &+ words[0].trailingZeroBitCount &>> 3 }
            if words[1] != 0 { return place &+ 8 &+ words[1].trailingZeroBitCount &>> 3 }
            place &+= 16
        }
    }

    /// Goes on at `stop`, the first byte that is not plain.
    @inline(never)
    private func scanStringSlowly(
        _ start: Int,
        _ stop: Int
    ) throws(Fault) -> (count: Int, next: Int) {
        var place = stop
        var out = stop
        while true {
            let byte = self.byte(place)
            switch byte {
            case UInt8(ascii: "\""):
                return (out - start, place &+ 1)
            case UInt8(ascii: "\\"):
                place = try unescape(place, &out)
            case 0..<0x20:
                throw Fault(.controlCharacter, at: place)
            case 0x80...:
                let count = try utf8Count(place)
                for index in 0..<count {
                    self.set(self.byte(place &+ index), at: out &+ index)
                }
                place &+= count
                out &+= count
            default:
                if place == out {
                    // Nothing has moved so far: on with wide steps.
                    place = special(from: place)
                    out = place
                } else {
                    self.set(byte, at: out)
                    place &+= 1
                    out &+= 1
                }
            }
        }
    }

    /// How many bytes the well-formed UTF-8 sequence at `place` has: table 3-7 of the Unicode standard.
    private func utf8Count(_ place: Int) throws(Fault) -> Int {
        let first = self.byte(place)
        let second = self.byte(place &+ 1)
        func isTail(_ offset: Int) -> Bool { self.byte(place &+ offset) & 0xC0 == 0x80 }
        switch first {
        case 0xC2...0xDF:
            if isTail(1) { return 2 }
        case 0xE0:
            if (0xA0...0xBF).contains(second), isTail(2) { return 3 }
        case 0xED:
            if (0x80...0x9F).contains(second), isTail(2) { return 3 }
        case 0xE1...0xEF:
            if isTail(1), isTail(2) { return 3 }
        case 0xF0:
            if (0x90...0xBF).contains(second), isTail(2), isTail(3) { return 4 }
        case 0xF1...0xF3:
            if isTail(1), isTail(2), isTail(3) { return 4 }
        case 0xF4:
            if (0x80...0x8F).contains(second), isTail(2), isTail(3) { return 4 }
        default: break
        }
        throw Fault(.badUTF8, at: place)
    }

    /// Writes what the escape at `place` stands for to `out`, which is never behind it; returns the place after it.
    private func unescape(_ place: Int, _ out: inout Int) throws(Fault) -> Int {
        let plain: UInt8
        switch self.byte(place &+ 1) {
        case UInt8(ascii: "\""): plain = UInt8(ascii: "\"")
        case UInt8(ascii: "\\"): plain = UInt8(ascii: "\\")
        case UInt8(ascii: "/"): plain = UInt8(ascii: "/")
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0C
        case UInt8(ascii: "n"): plain = 0x0A
        case UInt8(ascii: "r"): plain = 0x0D
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"): return try unescapeUnit(place, &out)
        default: throw Fault(.badEscape, at: place)
        }
        self.set(plain, at: out)
        out &+= 1
        return place &+ 2
    }

    private func unescapeUnit(_ place: Int, _ out: inout Int) throws(Fault) -> Int {
        var scalar = try unit(place)
        var next = place &+ 6
        switch scalar {
        case 0xD800...0xDBFF:
            guard self.byte(next) == UInt8(ascii: "\\"),
                self.byte(next &+ 1) == UInt8(ascii: "u")
            else { throw Fault(.loneSurrogate, at: place) }
            let low = try unit(next)
            guard (0xDC00...0xDFFF).contains(low) else { throw Fault(.loneSurrogate, at: place) }
            scalar = 0x10000 &+ (scalar - 0xD800) << 10 &+ (low - 0xDC00)
            next &+= 6
        case 0xDC00...0xDFFF:
            throw Fault(.loneSurrogate, at: place)
        default: break
        }
        func put(_ value: UInt32) {
            self.set(UInt8(truncatingIfNeeded: value), at: out)
            out &+= 1
        }
        // At most four bytes, of the six or twelve that were read.
        switch scalar {
        case 0..<0x80: put(scalar)
        case 0x80..<0x800:
            put(0xC0 | scalar >> 6)
            put(0x80 | scalar & 0x3F)
        case 0x800..<0x10000:
            put(0xE0 | scalar >> 12)
            put(0x80 | scalar >> 6 & 0x3F)
            put(0x80 | scalar & 0x3F)
        default:
            put(0xF0 | scalar >> 18)
            put(0x80 | scalar >> 12 & 0x3F)
            put(0x80 | scalar >> 6 & 0x3F)
            put(0x80 | scalar & 0x3F)
        }
        return next
    }

    /// The four hexadecimal digits of the `\u` at `place`.
    private func unit(_ place: Int) throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for index in 2..<6 {
            let byte = self.byte(place &+ index)
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - 48
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - 87
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - 55
            default: throw Fault(.badEscape, at: place)
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}

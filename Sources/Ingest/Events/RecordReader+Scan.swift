internal import Journal

// RFC 8259 in one pass. Positions are places in the scratch; the zeros behind the record end every token. Additions to
// positions are unchecked: they stay far below what an `Int` holds.

/// What a value is, as its slot holds it.
enum ValueKind: UInt8, BitwiseCopyable {
    case string, integer, pointNumber, exponentNumber, `true`, `false`, null, array, object
}

/// A field's value: where it stands and what it is, in one word.
struct Slot: BitwiseCopyable {
    var bits: UInt64

    @inline(__always)
    init(place: Int, count: Int, kind: ValueKind) {
        bits =
            UInt64(truncatingIfNeeded: place) | UInt64(truncatingIfNeeded: count) << 28
            | UInt64(kind.rawValue) << 56
    }
    @inline(__always)
    var place: Int { Int(truncatingIfNeeded: bits & 0xFFF_FFFF) }
    @inline(__always)
    var count: Int { Int(truncatingIfNeeded: bits >> 28 & 0xFFF_FFFF) }
    @inline(__always)
    var kind: ValueKind {
        // Only the initialiser writes the bits.
        unsafe unsafeBitCast(UInt8(truncatingIfNeeded: bits >> 56), to: ValueKind.self)
    }
}

extension RecordReader {
    /// Scans the record at ``recordPlace``: all its grammar, and where the known fields' values stand.
    @inline(__always)
    mutating func scanRecord(count: Int) throws(Fault) {
        let end = recordPlace &+ count
        seen = 0
        present = 0
        context = FieldTable.Context()
        if !keys.isEmpty { keys.removeAll(keepingCapacity: true) }
        var place = recordPlace
        if scratch.byte(place) != UInt8(ascii: "{") {
            place = try scanOther(place, end: end)
        }
        place &+= 1
        if scratch.byte(place) != UInt8(ascii: "\"") { place = skipSpace(place) }
        if scratch.byte(place) == UInt8(ascii: "}") {
            place &+= 1
        } else {
            while true {
                place = try scanMember(place)
                if scratch.byte(place) != UInt8(ascii: ",") {
                    place = skipSpace(place)
                    let byte = scratch.byte(place)
                    if byte == UInt8(ascii: "}") {
                        place &+= 1
                        break
                    }
                    guard byte == UInt8(ascii: ",") else {
                        throw Fault(place >= end ? .unfinished : .commaExpected, at: place)
                    }
                }
                place &+= 1
                if scratch.byte(place) != UInt8(ascii: "\"") { place = skipSpace(place) }
            }
        }
        if place != end {
            place = skipSpace(place)
            guard place == end else { throw Fault(.trailingBytes, at: place) }
        }
        if !keys.isEmpty { try checkKeys(from: 0) }
    }

    /// What does not begin with a brace: space before an object (its place is returned), another value, or nothing.
    @inline(never)
    mutating func scanOther(_ start: Int, end: Int) throws(Fault) -> Int {
        if end - start >= 3, scratch.quad(start) & 0xFF_FFFF == 0xBF_BBEF {
            throw Fault(.byteOrderMark, at: start)
        }
        var place = skipSpace(start)
        if place == end { throw Fault(.empty, at: place) }
        if scratch.byte(place) == UInt8(ascii: "{") { return place }
        place = skipSpace(try scanValue(place, depth: 0))
        guard place == end else { throw Fault(.trailingBytes, at: place) }
        throw Fault(.notAnObject, at: start)
    }

    @inline(__always)
    func skipSpace(_ start: Int) -> Int {
        var place = start
        while true {
            switch scratch.byte(place) {
            case 0x20, 0x09, 0x0A, 0x0D: place &+= 1
            default: return place
            }
        }
    }

    /// One member of the record's own object; returns the place behind its value.
    ///
    /// Most are a string behind the key that stood here last time, with nothing between: those are read here, all
    /// others by calls, which keeps this in few registers (128 instructions a member when it was one function, now
    /// 90).
    @inline(__always)
    private mutating func scanMember(_ start: Int) throws(Fault) -> Int {
        let step = unsafe fields.step(in: context)
        guard unsafe step.pointee.matches(scratch, at: start) else {
            return try scanOtherMember(start)
        }
        let colon = unsafe start &+ step.pointee.count
        let bit = unsafe step.pointee.bit
        // Colon and quote.
        guard scratch.half(colon) == 0x223A, seen & bit == 0 else {
            return try unsafe scanOtherValue(step.pointee.field, after: colon)
        }
        seen |= bit
        unsafe context = step.pointee.next
        let place = colon &+ 2
        if bit == Field.eventType.bit { context.setType(scratch.byte(place)) }
        let text = try scratch.scanString(place)
        present |= bit
        unsafe slots.set(
            Slot(place: place, count: text.count, kind: .string),
            step.pointee.field
        )
        return text.next
    }

    /// A member whose key is not the one that stood here last time.
    @inline(never)
    private mutating func scanOtherMember(_ start: Int) throws(Fault) -> Int {
        guard scratch.byte(start) == UInt8(ascii: "\"") else {
            throw Fault(.keyExpected, at: start)
        }
        let key = try scratch.scanString(start &+ 1)
        guard let field = fields.field(scratch, at: start &+ 1, count: key.count) else {
            let place = try colon(key.next)
            keys.append(Text(offset: start &+ 1, count: key.count))
            return try scanValue(place, depth: 1)
        }
        fields.learn(field, in: context)
        return try scanOtherValue(field, after: key.next)
    }

    /// The value of a known field whose key ends before `start`: any value, with space around the colon or without.
    @inline(never)
    private mutating func scanOtherValue(
        _ field: Field,
        after start: Int
    ) throws(Fault) -> Int {
        var place = try colon(start)
        context.move(behind: field)
        guard seen & field.bit == 0 else { throw Fault(.duplicateKnown, field) }
        seen |= field.bit
        let slot: Slot
        switch scratch.byte(place) {
        case UInt8(ascii: "\""):
            let text = try scratch.scanString(place &+ 1)
            slot = Slot(place: place &+ 1, count: text.count, kind: .string)
            if field == .eventType { context.setType(scratch.byte(place &+ 1)) }
            place = text.next
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            let number = try scanNumber(place)
            slot = Slot(place: place, count: number.next - place, kind: number.kind)
            place = number.next
        case UInt8(ascii: "n"):
            // Null is the same as absent, but its key has been seen.
            return try scanLiteral(place)
        case UInt8(ascii: "t"):
            let next = try scanLiteral(place)
            slot = Slot(place: place, count: 4, kind: .true)
            place = next
        case UInt8(ascii: "f"):
            let next = try scanLiteral(place)
            slot = Slot(place: place, count: 5, kind: .false)
            place = next
        case UInt8(ascii: "["):
            if field == .clarificationCodes {
                let list = try scanCodes(place)
                slot = Slot(place: list.place, count: list.count, kind: list.kind)
                place = list.next
            } else {
                let next = try scanValue(place, depth: 1)
                slot = Slot(place: place, count: next - place, kind: .array)
                place = next
            }
        default:
            // An object or an error.
            let next = try scanValue(place, depth: 1)
            slot = Slot(place: place, count: next - place, kind: .object)
            place = next
        }
        present |= field.bit
        slots.set(slot, field)
        return place
    }

    /// The place of the value behind a key that ends before `start`.
    @inline(__always)
    private func colon(_ start: Int) throws(Fault) -> Int {
        var place = start
        if scratch.byte(place) != UInt8(ascii: ":") {
            place = skipSpace(place)
            guard scratch.byte(place) == UInt8(ascii: ":") else {
                throw Fault(.colonExpected, at: place)
            }
        }
        place &+= 1
        return scratch.byte(place) <= 0x20 ? skipSpace(place) : place
    }

    /// Any value inside `depth` containers; returns the place behind it.
    @inline(never)
    mutating func scanValue(_ start: Int, depth: Int) throws(Fault) -> Int {
        switch scratch.byte(start) {
        case UInt8(ascii: "\""): return try scratch.scanString(start &+ 1).next
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            return try scanNumber(start).next
        case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "f"):
            return try scanLiteral(start)
        case UInt8(ascii: "["):
            return try scanArray(start, depth: depth &+ 1)
        case UInt8(ascii: "{"):
            return try scanObject(start, depth: depth &+ 1)
        default:
            throw Fault(.unexpectedByte, at: start)
        }
    }

    private mutating func scanArray(_ start: Int, depth: Int) throws(Fault) -> Int {
        guard depth <= EventDecoder.depthLimit else { throw Fault(.tooDeep, at: start) }
        var place = skipSpace(start &+ 1)
        if scratch.byte(place) == UInt8(ascii: "]") { return place &+ 1 }
        while true {
            place = skipSpace(try scanValue(place, depth: depth))
            switch scratch.byte(place) {
            case UInt8(ascii: ","): place = skipSpace(place &+ 1)
            case UInt8(ascii: "]"): return place &+ 1
            default: throw Fault(.commaExpected, at: place)
            }
        }
    }

    private mutating func scanObject(_ start: Int, depth: Int) throws(Fault) -> Int {
        guard depth <= EventDecoder.depthLimit else { throw Fault(.tooDeep, at: start) }
        let firstKey = keys.count
        var place = skipSpace(start &+ 1)
        if scratch.byte(place) == UInt8(ascii: "}") { return place &+ 1 }
        while true {
            guard scratch.byte(place) == UInt8(ascii: "\"") else {
                throw Fault(.keyExpected, at: place)
            }
            let key = try scratch.scanString(place &+ 1)
            keys.append(Text(offset: place &+ 1, count: key.count))
            place = skipSpace(key.next)
            guard scratch.byte(place) == UInt8(ascii: ":") else {
                throw Fault(.colonExpected, at: place)
            }
            place = skipSpace(try scanValue(skipSpace(place &+ 1), depth: depth))
            switch scratch.byte(place) {
            case UInt8(ascii: ","): place = skipSpace(place &+ 1)
            case UInt8(ascii: "}"):
                try checkKeys(from: firstKey)
                keys.removeLast(keys.count - firstKey)
                return place &+ 1
            default: throw Fault(.commaExpected, at: place)
            }
        }
    }

    /// No key twice among those of one object: the keys from `first` on.
    @inline(never)
    private func checkKeys(from first: Int) throws(Fault) {
        let count = keys.count - first
        if count <= 16 {
            for right in first..<keys.count {
                for left in first..<right where areEqual(keys[left], keys[right]) {
                    throw Fault(
                        .duplicateUnknown,
                        at: Int(keys[right].offset),
                        count: Int(keys[right].count)
                    )
                }
            }
            return
        }
        // Sorted, equal keys are neighbours: a record made of 200,000 keys must not cost 200,000² comparisons.
        let sorted = keys[first...].sorted { isBefore($0, $1) }
        for index in 1..<sorted.count where areEqual(sorted[index - 1], sorted[index]) {
            throw Fault(
                .duplicateUnknown,
                at: Int(sorted[index].offset),
                count: Int(sorted[index].count)
            )
        }
    }

    private func areEqual(_ left: Text, _ right: Text) -> Bool {
        left.count == right.count
            && scratch.areEqual(Int(left.offset), Int(right.offset), count: Int(left.count))
    }

    private func isBefore(_ left: Text, _ right: Text) -> Bool {
        if left.count != right.count { return left.count < right.count }
        return unsafe scratch.bytes(Int(left.offset), count: Int(left.count))
            .lexicographicallyPrecedes(
                scratch.bytes(Int(right.offset), count: Int(right.count))
            )
    }

    @inline(__always)
    private func scanLiteral(_ start: Int) throws(Fault) -> Int {
        let word = scratch.quad(start)
        if word == 0x6C6C_756E || word == 0x6575_7274 { return start &+ 4 }  // null, true
        // "fals" and "e".
        guard word == 0x736C_6166, scratch.byte(start &+ 4) == UInt8(ascii: "e") else {
            throw Fault(.badLiteral, at: start)
        }
        return start &+ 5
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    @inline(__always)
    private func scanNumber(_ start: Int) throws(Fault) -> (next: Int, kind: ValueKind) {
        // One to seven digits and a comma: nearly all numbers of the contract.
        let count = Digits.count(scratch.word(start))
        if count &- 1 < 7, count > 0, scratch.byte(start &+ count) == UInt8(ascii: ","),
            count == 1 || scratch.byte(start) != UInt8(ascii: "0")
        {
            return (start &+ count, .integer)
        }
        var place = start
        if scratch.byte(place) == UInt8(ascii: "-") { place &+= 1 }
        let first = scratch.byte(place) &- 48
        guard first <= 9 else { throw Fault(.badNumber, at: place) }
        place &+= 1
        if first != 0 {
            while scratch.byte(place) &- 48 <= 9 { place &+= 1 }
        }
        var kind = ValueKind.integer
        if scratch.byte(place) == UInt8(ascii: ".") {
            kind = .pointNumber
            place &+= 1
            guard scratch.byte(place) &- 48 <= 9 else { throw Fault(.badNumber, at: place) }
            while scratch.byte(place) &- 48 <= 9 { place &+= 1 }
        }
        if scratch.byte(place) | 0x20 == UInt8(ascii: "e") {
            kind = .exponentNumber
            place &+= 1
            let sign = scratch.byte(place)
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { place &+= 1 }
            guard scratch.byte(place) &- 48 <= 9 else { throw Fault(.badNumber, at: place) }
            while scratch.byte(place) &- 48 <= 9 { place &+= 1 }
        }
        guard scratch.byte(place) &- 48 > 9 else { throw Fault(.badNumber, at: place) }
        return (place, kind)
    }

    /// An array of strings, joined in place by 0x1F: the joined codes are shorter than the array that held them. An
    /// array with anything else in it is an array.
    private mutating func scanCodes(
        _ start: Int
    ) throws(Fault) -> (next: Int, place: Int, count: Int, kind: ValueKind) {
        var place = skipSpace(start &+ 1)
        var out = start &+ 1
        if scratch.byte(place) == UInt8(ascii: "]") { return (place &+ 1, out, 0, .string) }
        var isStrings = true
        var isFirst = true
        while true {
            if scratch.byte(place) == UInt8(ascii: "\"") {
                let text = try scratch.scanString(place &+ 1)
                if isStrings {
                    if !isFirst {
                        scratch.set(0x1F, at: out)
                        out &+= 1
                    }
                    for index in 0..<text.count {
                        let byte = scratch.byte(place &+ 1 &+ index)
                        // A separator inside a code would make two codes of one.
                        scratch.set(byte == 0x1F ? 0x1E : byte, at: out)
                        out &+= 1
                    }
                    isFirst = false
                }
                place = text.next
            } else {
                isStrings = false
                place = try scanValue(place, depth: 2)
            }
            place = skipSpace(place)
            switch scratch.byte(place) {
            case UInt8(ascii: ","): place = skipSpace(place &+ 1)
            case UInt8(ascii: "]"):
                return (place &+ 1, start &+ 1, out - start - 1, isStrings ? .string : .array)
            default: throw Fault(.commaExpected, at: place)
            }
        }
    }
}

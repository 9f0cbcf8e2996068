internal import Journal

// What a field's value must be, by its kind.

extension RecordReader {
    @inline(__always)
    func required(_ field: Field) throws(Fault) -> Slot {
        guard present & field.bit != 0 else { throw Fault(.missing, field) }
        return slots[field]
    }

    @inline(__always)
    func optional(_ field: Field) -> Slot? { present & field.bit != 0 ? slots[field] : nil }

    // MARK: texts

    /// A required text, not empty.
    @inline(__always)
    func string(_ field: Field) throws(Fault) -> Text {
        let slot = try required(field)
        guard slot.kind == .string else { throw Fault(.notAString, field) }
        guard slot.count > 0 else { throw Fault(.emptyText, field) }
        return Text(offset: slot.place, count: slot.count)
    }

    /// An optional text, which may be empty.
    @inline(__always)
    func optionalString(_ field: Field) throws(Fault) -> Text {
        guard let slot = optional(field) else { return .empty }
        guard slot.kind == .string else { throw Fault(.notAString, field) }
        return Text(offset: slot.place, count: slot.count)
    }

    /// A required identifier, of at most 128 bytes.
    @inline(__always)
    func identifier(_ field: Field) throws(Fault) -> Text {
        let text = try string(field)
        guard text.count <= 128 else { throw Fault(.tooLong, field) }
        return text
    }

    @inline(__always)
    func optionalIdentifier(_ field: Field) throws(Fault) -> Text {
        let text = try optionalString(field)
        guard text.count <= 128 else { throw Fault(.tooLong, field) }
        return text
    }

    @inline(__always)
    func code<Code: ContractCode>(
        _ field: Field,
        _ list: CodeList<Code>
    ) throws(Fault) -> Code {
        let text = try string(field)
        guard let code = codes.code(list, scratch, at: Int(text.offset), count: Int(text.count))
        else {
            throw Fault(.notInList, field)
        }
        return code
    }

    @inline(__always)
    func optionalCode<Code: ContractCode>(
        _ field: Field,
        _ list: CodeList<Code>
    ) throws(Fault) -> Code? {
        guard let slot = optional(field) else { return nil }
        guard slot.kind == .string else { throw Fault(.notAString, field) }
        guard let code = codes.code(list, scratch, at: slot.place, count: slot.count) else {
            throw Fault(.notInList, field)
        }
        return code
    }

    func clarificationCodes() throws(Fault) -> Text {
        guard let slot = optional(.clarificationCodes) else { return .empty }
        // The scan has made one text of an array of strings. A bare string stands behind a quote.
        guard slot.kind == .string, scratch.byte(slot.place - 1) == UInt8(ascii: "[") else {
            throw Fault(.notAnArrayOfStrings, .clarificationCodes)
        }
        return Text(offset: slot.place, count: slot.count)
    }

    func boolean(_ field: Field) throws(Fault) -> Bool {
        guard let slot = optional(field) else { return false }
        switch slot.kind {
        case .true: return true
        case .false: return false
        case .string, .integer, .pointNumber, .exponentNumber, .null, .array, .object:
            throw Fault(.notABoolean, field)
        }
    }

    // MARK: codes of the trade

    /// Ten digits, or whatever the source wrote.
    @inline(__always)
    func npi(_ field: Field) throws(Fault) -> Npi {
        let text = try string(field)
        let place = Int(text.offset)
        if text.count == 10 {
            let head = scratch.word(place)
            let tail = Digits.padded(UInt64(scratch.half(place + 8)), count: 2)
            if Digits.areAll(head), Digits.areAll(tail) {
                return Npi(digits: Digits.value(head) &* 100 &+ Digits.value(tail))
            }
        }
        guard text.count <= 128 else { throw Fault(.tooLong, field) }
        return Npi(text: text)
    }

    /// The product's digits (SEMANTICS 16), or whatever the source wrote.
    @inline(__always)
    func ndc(_ field: Field) throws(Fault) -> Ndc {
        let text = try string(field)
        let place = Int(text.offset)
        let count = Int(text.count)
        switch count {
        case 11:
            if let value = digits(place, 11) { return Ndc(value: value, digitCount: 11) }
        case 12:
            // Ten digits and two dashes: 4-4-2, 5-3-2, 5-4-1.
            if scratch.byte(place + 4) == UInt8(ascii: "-") {
                if let value = parts(place, 4, 4, 2) { return Ndc(value: value, digitCount: 11) }
            } else if scratch.byte(place + 9) == UInt8(ascii: "-") {
                if let value = parts(place, 5, 3, 2) { return Ndc(value: value, digitCount: 11) }
            } else if scratch.byte(place + 10) == UInt8(ascii: "-") {
                if let value = parts(place, 5, 4, 1) { return Ndc(value: value, digitCount: 11) }
            } else if acceptsTwelveDigits, let value = digits(place, 12) {
                return Ndc(value: value, digitCount: 12)
            }
        case 13:
            if let value = parts(place, 5, 4, 2) { return Ndc(value: value, digitCount: 11) }
        case 14:
            if acceptsTwelveDigits, let value = parts(place, 6, 4, 2) {
                return Ndc(value: value, digitCount: 12)
            }
        default: break
        }
        guard text.count <= 128 else { throw Fault(.tooLong, field) }
        return Ndc(text: text)
    }

    /// The number that `count` digits write, of 8 to 16; nil where there is another byte among them.
    @inline(__always)
    private func digits(_ place: Int, _ count: Int) -> UInt64? {
        let head = scratch.word(place)
        let rest = count - 8
        let tail = Digits.padded(scratch.word(place + 8), count: rest)
        guard Digits.areAll(head), Digits.areAll(tail) else { return nil }
        var value = Digits.value(head)
        for _ in 0..<rest { value = value &* 10 }
        return value &+ Digits.value(tail)
    }

    /// Labeler, product and package between dashes, as labeler × 10^6 + product × 100 + package.
    @inline(__always)
    private func parts(_ place: Int, _ labeler: Int, _ product: Int, _ package: Int) -> UInt64? {
        guard scratch.byte(place + labeler) == UInt8(ascii: "-"),
            scratch.byte(place + labeler + 1 + product) == UInt8(ascii: "-")
        else { return nil }
        let first = Digits.padded(scratch.word(place), count: labeler)
        let second = Digits.padded(scratch.word(place + labeler + 1), count: product)
        let third = Digits.padded(
            scratch.word(place + labeler + product + 2),
            count: package
        )
        guard Digits.areAll(first), Digits.areAll(second), Digits.areAll(third) else { return nil }
        return Digits.value(first) &* 1_000_000 &+ Digits.value(second) &* 100
            &+ Digits.value(third)
    }

    // MARK: numbers

    /// The number that an integer's token writes: its sign and its magnitude; nil beyond 64 bits.
    private func integerToken(_ slot: Slot) -> (isNegative: Bool, magnitude: UInt64)? {
        var place = slot.place
        let end = place + slot.count
        let isNegative = scratch.byte(place) == UInt8(ascii: "-")
        if isNegative { place += 1 }
        var value: UInt64 = 0
        if end - place <= 18 {
            while place < end {
                value = value &* 10 &+ UInt64(scratch.byte(place) &- 48)
                place += 1
            }
            return (isNegative, value)
        }
        while place < end {
            let (product, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOverToo) = product.addingReportingOverflow(
                UInt64(scratch.byte(place) &- 48)
            )
            guard !isOver, !isOverToo else { return nil }
            value = sum
            place += 1
        }
        return (isNegative, value)
    }

    /// Most integers have few digits, which are one word (70 instructions each as a loop, now 20).
    @inline(__always)
    private func integer(_ field: Field, _ slot: Slot) throws(Fault) -> Int64 {
        if slot.kind == .integer, let value = digits(slot) { return value }
        return try longInteger(field, slot)
    }

    /// The number of a text or token of one to eight digits and nothing else.
    @inline(__always)
    private func digits(_ slot: Slot) -> Int64? {
        guard slot.count &- 1 < 8, slot.count > 0 else { return nil }
        let word = Digits.padded(scratch.word(slot.place), count: slot.count)
        guard Digits.areAll(word) else { return nil }
        return Int64(truncatingIfNeeded: Digits.value(word))
    }

    @inline(never)
    private func longInteger(_ field: Field, _ slot: Slot) throws(Fault) -> Int64 {
        switch slot.kind {
        case .integer: break
        case .pointNumber, .exponentNumber: throw Fault(.notAnInteger, field)
        case .string, .true, .false, .null, .array, .object: throw Fault(.notANumber, field)
        }
        guard let (isNegative, magnitude) = integerToken(slot) else {
            throw Fault(.integerOutOfRange, field)
        }
        if isNegative {
            guard magnitude <= 1 << 63 else { throw Fault(.integerOutOfRange, field) }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        guard magnitude <= UInt64(Int64.max) else { throw Fault(.integerOutOfRange, field) }
        return Int64(truncatingIfNeeded: magnitude)
    }

    /// A required integer that the journal can hold.
    @inline(__always)
    func integer(_ field: Field) throws(Fault) -> Int64 {
        try integer(field, try required(field))
    }

    @inline(__always)
    func fillNumber() throws(Fault) -> UInt32 {
        let value = try integer(.fillNumber)
        guard value >= 0 else { throw Fault(.negative, .fillNumber) }
        guard value <= Int64(UInt32.max) else { throw Fault(.integerOutOfRange, .fillNumber) }
        return UInt32(truncatingIfNeeded: value)
    }

    /// -1 where absent; a negative number says nothing and is the same as absent.
    @inline(__always)
    func daysSupply() throws(Fault) -> Int32 {
        guard let slot = optional(.daysSupply) else { return -1 }
        let value = try integer(.daysSupply, slot)
        guard value <= Int64(Int32.max), value >= Int64(Int32.min) else {
            throw Fault(.integerOutOfRange, .daysSupply)
        }
        return max(-1, Int32(truncatingIfNeeded: value))
    }

    @inline(__always)
    func coverageOrder() throws(Fault) -> UInt32 {
        guard let slot = optional(.coverageOrder) else { return 1 }
        let value = try integer(.coverageOrder, slot)
        guard value >= 1 else { throw Fault(.belowOne, .coverageOrder) }
        guard value <= Int64(UInt16.max) else { throw Fault(.integerOutOfRange, .coverageOrder) }
        return UInt32(truncatingIfNeeded: value)
    }

    @inline(__always)
    func packages() throws(Fault) -> Int64 {
        let value = try integer(.packages)
        guard value != 0 else { throw Fault(.zero, .packages) }
        return value
    }

    /// -1 where absent.
    @inline(__always)
    func packagesOutstanding() throws(Fault) -> Int64 {
        guard let slot = optional(.packagesOutstanding) else { return -1 }
        let value = try integer(.packagesOutstanding, slot)
        guard value >= 0 else { throw Fault(.negative, .packagesOutstanding) }
        return value
    }

    // MARK: decimals

    @inline(__always)
    func quantity() throws(Fault) -> Quantity {
        let value = try decimal(.quantity, isSigned: false)
        guard value > .zero else { throw Fault(.notPositive, .quantity) }
        return value
    }

    /// A price: a string alone, and nothing is a price too.
    @inline(__always)
    func unitPrice() throws(Fault) -> Quantity {
        guard let slot = optional(.unitPrice) else { return .absent }
        guard slot.kind == .string else { throw Fault(.notAString, .unitPrice) }
        return try decimal(.unitPrice, isSigned: false)
    }

    /// A number or a string of digits with an optional point and digits.
    func decimal(_ field: Field, isSigned: Bool) throws(Fault) -> Quantity {
        let slot = try required(field)
        switch slot.kind {
        case .string, .integer, .pointNumber: break
        case .exponentNumber: throw Fault(.notADecimal, field)
        case .true, .false, .null, .array, .object: throw Fault(.notANumber, field)
        }
        if slot.kind != .pointNumber, let value = digits(slot) {
            return Quantity(millionths: value &* 1_000_000)
        }
        var place = slot.place
        let end = place + slot.count
        var isNegative = false
        let first = scratch.byte(place)
        if first == UInt8(ascii: "-") || first == UInt8(ascii: "+"), slot.count > 0 {
            if !isSigned {
                // A number token below zero is a decimal of the wrong sign; in a string there is no sign.
                throw Fault(slot.kind == .string ? .notADecimal : .notPositive, field)
            }
            isNegative = first == UInt8(ascii: "-")
            place += 1
        }
        var whole: Int64 = 0
        let firstDigit = place
        var significant = 0
        while place < end {
            let digit = scratch.byte(place) &- 48
            guard digit <= 9 else { break }
            if significant > 0 || digit > 0 { significant += 1 }
            if significant <= 12 { whole = whole &* 10 &+ Int64(digit) }
            place += 1
        }
        guard place > firstDigit else { throw Fault(.notADecimal, field) }
        var value = whole &* 1_000_000
        var isTooLong = significant > 12
        if place < end {
            guard scratch.byte(place) == UInt8(ascii: ".") else { throw Fault(.notADecimal, field) }
            place += 1
            guard place < end else { throw Fault(.notADecimal, field) }
            var unit: Int64 = 100_000
            while place < end {
                let digit = scratch.byte(place) &- 48
                guard digit <= 9 else { throw Fault(.notADecimal, field) }
                if unit == 0, digit > 0 { isTooLong = true }
                value = value &+ Int64(digit) &* unit
                unit /= 10
                place += 1
            }
        }
        guard !isTooLong else { throw Fault(.decimalOutOfRange, field) }
        return Quantity(millionths: isNegative ? 0 &- value : value)
    }

    // MARK: times

    @inline(__always)
    func date(_ field: Field) throws(Fault) -> CivilDate {
        let text = try string(field)
        guard text.count == 10, let day = dates.day(scratch, at: Int(text.offset)) else {
            throw Fault(.notADate, field)
        }
        return day
    }

    @inline(__always)
    func timestamp(_ field: Field) throws(Fault) -> Timestamp {
        try timestamp(field, try required(field))
    }

    @inline(__always)
    func optionalTimestamp(_ field: Field) throws(Fault) -> Timestamp {
        guard let slot = optional(field) else { return .absent }
        return try timestamp(field, slot)
    }

    /// RFC 3339 with an offset: `YYYY-MM-DDThh:mm:ss`, a fraction of any length or none, `Z` or `±hh:mm`.
    private func timestamp(_ field: Field, _ slot: Slot) throws(Fault) -> Timestamp {
        guard slot.kind == .string else { throw Fault(.notAString, field) }
        guard slot.count > 0 else { throw Fault(.emptyText, field) }
        var place = slot.place
        let end = place + slot.count
        guard slot.count >= 19, scratch.byte(place + 10) == UInt8(ascii: "T") else {
            throw Fault(.notATimestamp, field)
        }
        guard let day = dates.day(scratch, at: place) else {
            throw Fault(
                dates.isShapedLikeDate(scratch, at: place) ? .impossibleTime : .notATimestamp,
                field
            )
        }
        // "hh:mm:ss" in one word.
        guard let clock = self.clock(scratch.word(place &+ 11), colons: 0x0000_FF00_00FF_0000)
        else {
            throw Fault(.notATimestamp, field)
        }
        let hour = clock & 0xFF
        let minute = clock >> 24 & 0xFF
        let second = clock >> 48 & 0xFF
        guard hour < 24, minute < 60, second < 60 else { throw Fault(.impossibleTime, field) }
        place &+= 19
        var microseconds: Int64 = 0
        if scratch.byte(place) == UInt8(ascii: "."), place < end {
            let fraction = self.fraction(place &+ 1, end)
            guard fraction.next > place &+ 1 else { throw Fault(.notATimestamp, field) }
            microseconds = fraction.microseconds
            place = fraction.next
        }
        guard place < end else { throw Fault(.noOffset, field) }
        var offset: Int64 = 0
        let sign = scratch.byte(place)
        if sign == UInt8(ascii: "Z") {
            place &+= 1
        } else {
            // "hh:mm", and zeros for seconds.
            let word = scratch.word(place &+ 1) & Scratch.mask(5) | Digits.zeros & ~Scratch.mask(5)
            guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), end &- place == 6,
                let clock = self.clock(word, colons: 0x00FF_0000)
            else { throw Fault(.notATimestamp, field) }
            let hours = clock & 0xFF
            let minutes = clock >> 24 & 0xFF
            guard hours < 24, minutes < 60 else { throw Fault(.impossibleTime, field) }
            offset = Int64(truncatingIfNeeded: hours &* 60 &+ minutes)
            if sign == UInt8(ascii: "-") { offset = 0 &- offset }
            place &+= 6
        }
        guard place == end else { throw Fault(.notATimestamp, field) }
        let seconds =
            Int64(day.day) &* 86_400
            &+ Int64(truncatingIfNeeded: hour &* 3600 &+ minute &* 60 &+ second) &- offset &* 60
        return Timestamp(
            Instant(microseconds: seconds &* 1_000_000 &+ microseconds),
            offsetMinutes: Int16(truncatingIfNeeded: offset)
        )
    }

    /// Pairs of digits with colons between, such as `hh:mm:ss`: each pair's number in the byte of its first digit, or
    /// nil.
    @inline(__always)
    private func clock(_ word: UInt64, colons: UInt64) -> UInt64? {
        guard word & colons == 0x3A3A_3A3A_3A3A_3A3A & colons else { return nil }
        let digits = word & ~colons | Digits.zeros & colons
        guard Digits.areAll(digits) else { return nil }
        // No byte gets above 99.
        let value = digits ^ Digits.zeros
        return value &* 10 &+ value >> 8
    }

    /// The digits from `place` on, before `end`, as a fraction of a second, and the place behind them; what is smaller
    /// than a microsecond is cut.
    @inline(__always)
    private func fraction(_ place: Int, _ end: Int) -> (microseconds: Int64, next: Int) {
        let word = scratch.word(place)
        let count = min(Digits.count(word), end &- place)
        let mask = Scratch.mask(count)
        let eight = Digits.value(word & mask | Digits.zeros & ~mask)
        var next = place &+ count
        if count == 8 {
            while next < end, scratch.byte(next) &- 48 <= 9 { next &+= 1 }
        }
        return (Int64(truncatingIfNeeded: eight / 100), next)
    }
}

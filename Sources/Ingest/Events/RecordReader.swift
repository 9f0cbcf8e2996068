internal import Journal

/// Scans one record and reads its fields: the decoder's working state.
///
/// It is small on purpose, its tables stand behind pointers: what is large in a noncopyable value is copied for
/// calls on it (measured: 400 ns a record while the cache of dates stood inline).
struct RecordReader: ~Copyable {
    let scratch: Scratch
    /// Where a record is copied to: behind the names of sources and the tokens.
    let recordPlace: Int
    let fields = FieldTable()
    let codes = ContractCodes()
    let slots = Slots()
    let dates = DateCache()
    let acceptsTwelveDigits: Bool
    /// Known fields whose key was seen, and those of them whose value is not null.
    var seen: UInt64 = 0
    var present: UInt64 = 0
    var context = FieldTable.Context()
    /// Unknown keys of the record, and all keys of the objects that are open inside it.
    var keys: [Text] = []

    /// A reader with `room` bytes before its record.
    init(room: Int, acceptsTwelveDigits: Bool) {
        recordPlace = room
        self.acceptsTwelveDigits = acceptsTwelveDigits
        scratch = Scratch(capacity: room + EventDecoder.recordLimit)
    }
}

/// The value of each field of a record: only those in ``RecordReader/present`` mean anything.
@safe
struct Slots: ~Copyable {
    private let memory: UnsafeMutablePointer<Slot>

    init() {
        unsafe memory = UnsafeMutablePointer<Slot>.allocate(capacity: 64)
        unsafe memory.initialize(repeating: Slot(place: 0, count: 0, kind: .null), count: 64)
    }
    deinit { unsafe memory.deallocate() }

    // A field's raw value is below 64.
    @inline(__always)
    subscript(field: Field) -> Slot { unsafe memory[Int(field.rawValue)] }
    @inline(__always)
    func set(_ slot: Slot, _ field: Field) { unsafe memory[Int(field.rawValue)] = slot }
}

/// Days that were worked out before: records that follow one another are about few days.
@safe
struct DateCache: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var key: UInt64
        var day: Int32
    }
    private let entries: UnsafeMutablePointer<Entry>

    init() {
        unsafe entries = UnsafeMutablePointer<Entry>.allocate(capacity: 256)
        unsafe entries.initialize(repeating: Entry(key: .max, day: 0), count: 256)
    }
    deinit { unsafe entries.deallocate() }

    /// The day that the ten bytes `YYYY-MM-DD` at `place` name, or nil.
    @inline(__always)
    func day(_ scratch: borrowing Scratch, at place: Int) -> CivilDate? {
        // The dashes, at 4 and 7, give their places to the two digits of the day.
        let head = scratch.word(place)
        let tail = UInt64(scratch.half(place + 8))
        let dashes: UInt64 = 0xFF00_00FF_0000_0000
        guard head & dashes == 0x2D00_002D_0000_0000 else { return nil }
        let key = (head & ~dashes) | ((tail & 0xFF) << 32) | ((tail >> 8) << 56)
        // A number below 256.
        let index = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 56)
        if unsafe entries[index].key == key {
            return unsafe CivilDate(day: entries[index].day)
        }
        return find(key, index)
    }

    @inline(never)
    private func find(_ key: UInt64, _ index: Int) -> CivilDate? {
        guard Digits.areAll(key) else { return nil }
        func digit(_ place: UInt64) -> Int { Int(truncatingIfNeeded: key >> (8 * place) & 0xF) }
        let year = digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3)
        guard
            let date = CivilDate(
                year: year,
                month: digit(5) * 10 + digit(6),
                day: digit(4) * 10 + digit(7)
            )
        else { return nil }
        unsafe entries[index] = Entry(key: key, day: date.day)
        return date
    }

    /// Whether what is no date at least looks like one, for a better message.
    func isShapedLikeDate(_ scratch: borrowing Scratch, at place: Int) -> Bool {
        for offset in 0..<10 {
            let byte = scratch.byte(place + offset)
            if offset == 4 || offset == 7 {
                guard byte == UInt8(ascii: "-") else { return false }
            } else {
                guard byte &- 48 <= 9 else { return false }
            }
        }
        return true
    }
}

/// Which events were seen (SEMANTICS 4), for as long as the horizon says (35).
///
/// A slot is twelve bytes: 80 bits of a 128-bit hash and the day on which the identifier was last applied (a false
/// duplicate among five million: 10^-11). Five million cost 75 MB as hashes where the texts would cost 250. An expired
/// identifier counts as unseen at once; its slot is taken back by a sweep that moves on a little with every insertion, so
/// nothing ever waits for it.
struct EventIDs: ~Copyable {
    private struct Slot: TableSlot {
        var key: UInt32
        var second: UInt32
        /// Sixteen bits of the hash above the day, which is never 0.
        var third: UInt32

        static var empty: Slot { Slot(key: 0, second: 0, third: 0) }
        @inline(__always)
        var isEmpty: Bool { third == 0 }
        @inline(__always)
        var day: Int { Int(third & 0xFFFF) }
    }
    private var table = Table<Slot>()
    private var sweepPlace = 0
    /// The first day on which anything was noted: nothing can expire before the horizon after it.
    private var oldestDay: UInt16 = 0

    /// How many slots are taken, expired ones included.
    var count: Int { table.count }

    /// Bytes of the slots, taken or not.
    var byteCount: Int { table.byteCount }

    /// As ``Table/distance``.
    var distance: (sum: Int, count: Int) { table.distance }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        table.visit(&archive)
        sweepPlace = archive.number(sweepPlace)
        archive.value(&oldestDay)
    }

    /// Asks for the cache lines of an identifier.
    @inline(__always)
    func prefetch(_ high: UInt64) { table.prefetch(UInt32(truncatingIfNeeded: high)) }

    /// Notes an identifier under its 128-bit hash.
    ///
    /// - Parameters:
    ///   - high: the hash's upper half, which gives the place.
    ///   - low: its lower half.
    ///   - day: today, as days since 1970 (1...65,535).
    ///   - seen: the day from which it is remembered: today, or a later one of a record that was read ahead.
    ///   - horizon: days after which an identifier is forgotten.
    /// - Returns: whether it is new.
    @inline(__always)
    mutating func insert(
        high: UInt64,
        low: UInt64,
        day: UInt16,
        seen: UInt16,
        horizon: Int
    ) -> Bool {
        if oldestDay == 0 { oldestDay = day }
        if Int(day) - Int(oldestDay) > horizon { sweep(day: day, horizon: horizon) }
        let new = Slot(
            key: UInt32(truncatingIfNeeded: high),
            second: UInt32(truncatingIfNeeded: low),
            third: UInt32(truncatingIfNeeded: low >> 32) << 16 | UInt32(seen)
        )
        var place = table.place(of: new.key)
        while true {
            let slot = table[place]
            if slot.key != new.key || slot.isEmpty { break }
            if slot.second == new.second && slot.third >> 16 == new.third >> 16 {
                let isForgotten = Int(day) - slot.day > horizon
                if isForgotten { table[place].third = new.third }
                return isForgotten
            }
            place += 1
        }
        table.insert(new)
        return true
    }

    /// Looks at the next four slots and takes expired ones back.
    private mutating func sweep(day: UInt16, horizon: Int) {
        for _ in 0..<4 {
            let slot = table[sweepPlace]
            if !slot.isEmpty, Int(day) - slot.day > horizon {
                table.remove(at: sweepPlace)
            } else {
                sweepPlace = table.next(after: sweepPlace)
            }
        }
    }
}

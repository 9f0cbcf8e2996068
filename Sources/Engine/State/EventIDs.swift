internal import CShims

/// Which events were seen (SEMANTICS 4), for as long as the horizon says (35).
///
/// A slot is twelve bytes: 80 bits of a 128-bit hash and the day on which the identifier was last applied; with the
/// 4 bits that choose the part, 84 bits tell two identifiers apart (a false duplicate among five million: 10^-13).
/// Five million cost 100 MB as hashes where the texts would cost 250. An expired identifier counts as unseen at once; its slot is
/// taken back by a sweep that moves on a little with every insertion, so nothing ever waits for it.
@safe
struct EventIDs: ~Copyable {
    @unsafe
    private struct Part {
        var words: UnsafeMutablePointer<UInt32>
        var capacity: Int
        var count: Int
    }
    private static var partCount: Int { 16 }
    private var parts: UnsafeMutablePointer<Part>
    private var sweepPart = 0
    private var sweepPlace = 0
    /// The first day on which anything was noted: nothing can expire before the horizon after it.
    private var oldestDay: UInt16 = 0

    init() {
        unsafe parts = .allocate(capacity: Self.partCount)
        for index in 0..<Self.partCount {
            unsafe (parts + index).initialize(to: Self.emptyPart(16))
        }
    }

    deinit {
        for index in 0..<Self.partCount {
            unsafe TableMemory.free(parts[index].words, parts[index].capacity * 12)
        }
        unsafe parts.deallocate()
    }

    private static func emptyPart(_ capacity: Int) -> Part {
        let words = unsafe TableMemory.allocate(capacity * 12)
            .bindMemory(to: UInt32.self, capacity: capacity * 3)
        return unsafe Part(words: words, capacity: capacity, count: 0)
    }

    /// How many slots are taken, expired ones included.
    var count: Int {
        var sum = 0
        for index in 0..<Self.partCount { sum += unsafe parts[index].count }
        return sum
    }

    /// How many slots lie between an identifier's place and the one where it belongs, in all; as in ``Index``.
    var distance: (sum: Int, count: Int) {
        var (sum, count) = (0, 0)
        for number in 0..<Self.partCount {
            let part = unsafe parts[number]
            for place in unsafe 0..<part.capacity {
                if unsafe part.words[3 * place + 2] == 0 { continue }
                let home = unsafe Self.home(part.words[3 * place], part.capacity)
                sum += unsafe place >= home ? place - home : place - home + part.capacity
                count += 1
            }
        }
        return (sum, count)
    }

    /// Asks for the cache line of an identifier.
    @inline(__always)
    func prefetch(_ high: UInt64) {
        let part = unsafe parts + Int(high >> 60)
        let place = unsafe Self.home(UInt32(truncatingIfNeeded: high), part.pointee.capacity)
        unsafe dm_prefetch(part.pointee.words + 3 * place)
    }

    /// The place where a first word belongs: its share of the capacity.
    @inline(__always)
    private static func home(_ first: UInt32, _ capacity: Int) -> Int {
        Int(truncatingIfNeeded: (UInt64(first) &* UInt64(truncatingIfNeeded: capacity)) >> 32)
    }

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
        let part = unsafe parts + Int(high >> 60)
        if unsafe (part.pointee.count + 1) * 8 > part.pointee.capacity * 7 { unsafe grow(part) }
        let capacity = unsafe part.pointee.capacity
        let words = unsafe part.pointee.words
        // The first word gives the place; the day in the third is never 0, so a zero third word is an empty slot.
        // Places are below the capacity.
        let first = UInt32(truncatingIfNeeded: high)
        let second = UInt32(truncatingIfNeeded: low)
        let third = UInt32(truncatingIfNeeded: low >> 32) << 16
        var place = Self.home(first, capacity)
        while true {
            let slot = unsafe words + 3 * place
            let last = unsafe slot[2]
            if last == 0 {
                unsafe slot[0] = first
                unsafe slot[1] = second
                unsafe slot[2] = third | UInt32(seen)
                unsafe part.pointee.count += 1
                return true
            }
            if unsafe slot[0] == first && slot[1] == second && last & 0xFFFF_0000 == third {
                let isForgotten = Int(day) - Int(last & 0xFFFF) > horizon
                if isForgotten { unsafe slot[2] = third | UInt32(seen) }
                return isForgotten
            }
            place += 1
            if place == capacity { place = 0 }
        }
    }

    private func grow(_ part: UnsafeMutablePointer<Part>) {
        let old = unsafe part.pointee
        let capacity = unsafe old.capacity * 3 / 2
        let new = unsafe Self.emptyPart(capacity)
        for index in unsafe 0..<old.capacity {
            let slot = unsafe old.words + 3 * index
            guard unsafe slot[2] != 0 else { continue }
            var place = unsafe Self.home(slot[0], capacity)
            while unsafe new.words[3 * place + 2] != 0 {
                place += 1
                if place == capacity { place = 0 }
            }
            unsafe (new.words + 3 * place).update(from: slot, count: 3)
        }
        unsafe part.pointee.words = new.words
        unsafe part.pointee.capacity = capacity
        unsafe TableMemory.free(old.words, old.capacity * 12)
    }

    /// Looks at the next four slots and takes expired ones back, closing the gaps.
    private mutating func sweep(day: UInt16, horizon: Int) {
        for _ in 0..<4 {
            let part = unsafe parts + sweepPart
            let capacity = unsafe part.pointee.capacity
            let words = unsafe part.pointee.words
            let last = unsafe words[3 * sweepPlace + 2]
            if last != 0, Int(day) - Int(last & 0xFFFF) > horizon {
                unsafe part.pointee.count -= 1
                var hole = sweepPlace
                var next = hole + 1 == capacity ? 0 : hole + 1
                while unsafe words[3 * next + 2] != 0 {
                    let home = unsafe Self.home(words[3 * next], capacity)
                    let fromHome = next >= home ? next - home : next - home + capacity
                    let fromHole = next >= hole ? next - hole : next - hole + capacity
                    if fromHome >= fromHole {
                        unsafe (words + 3 * hole).update(from: words + 3 * next, count: 3)
                        hole = next
                    }
                    next = next + 1 == capacity ? 0 : next + 1
                }
                unsafe words[3 * hole + 2] = 0
                continue
            }
            sweepPlace += 1
            if sweepPlace >= capacity {
                sweepPlace = 0
                sweepPart = (sweepPart + 1) % Self.partCount
            }
        }
    }
}

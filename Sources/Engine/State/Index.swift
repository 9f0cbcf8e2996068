internal import CShims

/// From the hash of a key to the number of its row: open addressing in 16 parts, each of which grows by itself.
///
/// A slot holds 32 bits of the hash beside the number. Look-ups touch a row only where it is almost surely the right
/// one, and since those bits also give the place, growing and removing touch no row at all. Parts double one at a
/// time: the peak is a sixteenth above the use, and no record waits for a whole table to be rebuilt.
@safe
struct Index: ~Copyable {
    /// Hash tag in the upper, row number in the lower half of a slot; 0 is an empty slot.
    @unsafe
    private struct Part {
        var slots: UnsafeMutablePointer<UInt64>
        var mask: Int
        var count: Int
    }
    /// Never another one: what changes lies behind it, so that an insertion is no exclusive access to the owner,
    /// whose rows a look-up reads.
    private let parts: UnsafeMutablePointer<Part>
    private let partShift: UInt64
    private let partCount: Int

    /// An index for few (`small`) or for millions of keys.
    init(small: Bool = false) {
        partCount = small ? 1 : 16
        // Parts are chosen by the top bits; a small index has one.
        partShift = 60
        unsafe parts = .allocate(capacity: partCount)
        for index in 0..<partCount {
            let slots = unsafe Self.slots(16)
            unsafe (parts + index).initialize(to: Part(slots: slots, mask: 15, count: 0))
        }
    }

    deinit {
        for index in 0..<partCount {
            unsafe TableMemory.free(parts[index].slots, (parts[index].mask + 1) * 8)
        }
        unsafe parts.deallocate()
    }

    private static func slots(_ capacity: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe TableMemory.allocate(capacity * 8).bindMemory(to: UInt64.self, capacity: capacity)
    }

    @inline(__always)
    private func part(_ hash: UInt64) -> UnsafeMutablePointer<Part> {
        unsafe parts + (partCount == 1 ? 0 : Int(hash >> partShift))
    }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt64 { hash >> 16 & 0xFFFF_FFFF }

    /// Asks for the cache line in which a key of this hash would be found.
    @inline(__always)
    func prefetch(_ hash: UInt64) {
        let part = unsafe part(hash)
        unsafe dm_prefetch(part.pointee.slots + (Int(Self.tag(hash)) & part.pointee.mask))
    }

    /// The number in the first slot with this hash, right or not: where to look next, before looking.
    @inline(__always)
    func guess(_ hash: UInt64) -> UInt32 {
        let part = unsafe part(hash).pointee
        let tag = Self.tag(hash)
        let mask = unsafe part.mask
        var place = Int(tag) & mask
        while true {
            // A place is always masked into the part's slots.
            let slot = unsafe part.slots[place]
            if slot == 0 { return 0 }
            if slot >> 32 == tag { return UInt32(truncatingIfNeeded: slot) }
            place = (place + 1) & mask
        }
    }

    /// The number of the first row with this hash that `isEqual` accepts; 0 where there is none.
    @inline(__always)
    func find(_ hash: UInt64, _ isEqual: (UInt32) -> Bool) -> UInt32 {
        let part = unsafe part(hash).pointee
        let tag = Self.tag(hash)
        let mask = unsafe part.mask
        var place = Int(tag) & mask
        while true {
            // A place is always masked into the part's slots.
            let slot = unsafe part.slots[place]
            if slot == 0 { return 0 }
            if slot >> 32 == tag, isEqual(UInt32(truncatingIfNeeded: slot)) {
                return UInt32(truncatingIfNeeded: slot)
            }
            place = (place + 1) & mask
        }
    }

    /// Adds a row that `find` did not find.
    func insert(_ hash: UInt64, _ number: UInt32) {
        let part = unsafe part(hash)
        if unsafe (part.pointee.count + 1) * 8 > (part.pointee.mask + 1) * 7 {
            unsafe grow(part)
        }
        unsafe Self.place(part, Self.tag(hash) << 32 | UInt64(number))
        unsafe part.pointee.count += 1
    }

    private static func place(_ part: UnsafeMutablePointer<Part>, _ slot: UInt64) {
        let mask = unsafe part.pointee.mask
        var place = Int(slot >> 32) & mask
        while unsafe part.pointee.slots[place] != 0 { place = (place + 1) & mask }
        unsafe part.pointee.slots[place] = slot
    }

    private func grow(_ part: UnsafeMutablePointer<Part>) {
        let old = unsafe part.pointee
        let capacity = unsafe (old.mask + 1) * 2
        let slots = unsafe Self.slots(capacity)
        unsafe part.pointee = Part(slots: slots, mask: capacity - 1, count: old.count)
        for index in unsafe 0...old.mask {
            let slot = unsafe old.slots[index]
            if slot != 0 { unsafe Self.place(part, slot) }
        }
        unsafe TableMemory.free(old.slots, (old.mask + 1) * 8)
    }

    /// Takes a row out, closing the gap so that no look-up breaks.
    func remove(_ hash: UInt64, _ number: UInt32) {
        let part = unsafe part(hash)
        let mask = unsafe part.pointee.mask
        let slots = unsafe part.pointee.slots
        var place = Int(Self.tag(hash)) & mask
        while unsafe UInt32(truncatingIfNeeded: slots[place]) != number {
            if unsafe slots[place] == 0 { return }
            place = (place + 1) & mask
        }
        unsafe part.pointee.count -= 1
        var hole = place
        var next = (hole + 1) & mask
        while unsafe slots[next] != 0 {
            let home = unsafe Int(slots[next] >> 32) & mask
            // The entry may move into the hole unless its home lies behind the hole.
            if (next &- home) & mask >= (next &- hole) & mask {
                unsafe slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe slots[hole] = 0
    }
}

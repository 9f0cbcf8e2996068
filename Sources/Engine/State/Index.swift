internal import CShims

/// From the hash of a key to the number of its row: open addressing in 16 parts, each of which grows by itself.
///
/// A slot holds 32 bits of the hash beside the number. Look-ups touch a row only where it is almost surely the right
/// one, and since those bits also give the place, growing and removing touch no row at all. Parts grow one at a
/// time: the peak is a sixteenth above the use, and no record waits for a whole table to be rebuilt.
@safe
struct Index: ~Copyable {
    /// Hash tag in the upper, row number in the lower half of a slot; 0 is an empty slot.
    @unsafe
    private struct Part {
        var slots: UnsafeMutablePointer<UInt64>
        var capacity: Int
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
            unsafe (parts + index).initialize(to: Part(slots: slots, capacity: 16, count: 0))
        }
    }

    deinit {
        for index in 0..<partCount {
            unsafe TableMemory.free(parts[index].slots, parts[index].capacity * 8)
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

    /// The place where a tag belongs: the tag's share of the capacity, which need be no power of two, so that a part
    /// grows by half and stays fuller than one that doubles.
    @inline(__always)
    private static func home(_ tag: UInt64, _ capacity: Int) -> Int {
        Int(truncatingIfNeeded: (tag &* UInt64(truncatingIfNeeded: capacity)) >> 32)
    }

    /// How many slots lie between a row's place and the one where it belongs, in all, and how many rows there are. Below
    /// four for a row where hashes spread as they should; a test holds it, since a table that is walked gives the right answers too.
    var distance: (sum: Int, count: Int) {
        var (sum, count) = (0, 0)
        for number in 0..<partCount {
            let part = unsafe parts[number]
            for place in unsafe 0..<part.capacity {
                let slot = unsafe part.slots[place]
                if slot == 0 { continue }
                let home = unsafe Self.home(slot >> 32, part.capacity)
                sum += unsafe place >= home ? place - home : place - home + part.capacity
                count += 1
            }
        }
        return (sum, count)
    }

    /// Asks for the cache line in which a key of this hash would be found.
    @inline(__always)
    func prefetch(_ hash: UInt64) {
        let part = unsafe part(hash)
        unsafe dm_prefetch(
            part.pointee.slots + Self.home(Self.tag(hash), part.pointee.capacity)
        )
    }

    /// The number in the first slot with this hash, right or not: where to look next, before looking.
    @inline(__always)
    func guess(_ hash: UInt64) -> UInt32 {
        let part = unsafe part(hash).pointee
        let tag = Self.tag(hash)
        let capacity = unsafe part.capacity
        var place = Self.home(tag, capacity)
        while true {
            // A place is always below the capacity.
            let slot = unsafe part.slots[place]
            if slot == 0 { return 0 }
            if slot >> 32 == tag { return UInt32(truncatingIfNeeded: slot) }
            place += 1
            if place == capacity { place = 0 }
        }
    }

    /// The number of the first row with this hash that `isEqual` accepts; 0 where there is none.
    @inline(__always)
    func find(_ hash: UInt64, _ isEqual: (UInt32) -> Bool) -> UInt32 {
        let part = unsafe part(hash).pointee
        let tag = Self.tag(hash)
        let capacity = unsafe part.capacity
        var place = Self.home(tag, capacity)
        while true {
            // A place is always below the capacity.
            let slot = unsafe part.slots[place]
            if slot == 0 { return 0 }
            if slot >> 32 == tag, isEqual(UInt32(truncatingIfNeeded: slot)) {
                return UInt32(truncatingIfNeeded: slot)
            }
            place += 1
            if place == capacity { place = 0 }
        }
    }

    /// Adds a row that `find` did not find.
    func insert(_ hash: UInt64, _ number: UInt32) {
        let part = unsafe part(hash)
        if unsafe (part.pointee.count + 1) * 8 > part.pointee.capacity * 7 {
            unsafe grow(part)
        }
        unsafe Self.place(part, Self.tag(hash) << 32 | UInt64(number))
        unsafe part.pointee.count += 1
    }

    private static func place(_ part: UnsafeMutablePointer<Part>, _ slot: UInt64) {
        let capacity = unsafe part.pointee.capacity
        var place = home(slot >> 32, capacity)
        while unsafe part.pointee.slots[place] != 0 {
            place += 1
            if place == capacity { place = 0 }
        }
        unsafe part.pointee.slots[place] = slot
    }

    private func grow(_ part: UnsafeMutablePointer<Part>) {
        let old = unsafe part.pointee
        let capacity = unsafe old.capacity * 3 / 2
        let slots = unsafe Self.slots(capacity)
        unsafe part.pointee = Part(slots: slots, capacity: capacity, count: old.count)
        for index in unsafe 0..<old.capacity {
            let slot = unsafe old.slots[index]
            if slot != 0 { unsafe Self.place(part, slot) }
        }
        unsafe TableMemory.free(old.slots, old.capacity * 8)
    }

    /// Takes a row out, closing the gap so that no look-up breaks.
    func remove(_ hash: UInt64, _ number: UInt32) {
        let part = unsafe part(hash)
        let capacity = unsafe part.pointee.capacity
        let slots = unsafe part.pointee.slots
        var place = Self.home(Self.tag(hash), capacity)
        while unsafe UInt32(truncatingIfNeeded: slots[place]) != number {
            if unsafe slots[place] == 0 { return }
            place += 1
            if place == capacity { place = 0 }
        }
        unsafe part.pointee.count -= 1
        var hole = place
        var next = hole + 1 == capacity ? 0 : hole + 1
        while unsafe slots[next] != 0 {
            let home = unsafe Self.home(slots[next] >> 32, capacity)
            // The entry may move into the hole unless its home lies behind the hole.
            let fromHome = next >= home ? next - home : next - home + capacity
            let fromHole = next >= hole ? next - hole : next - hole + capacity
            if fromHome >= fromHole {
                unsafe slots[hole] = slots[next]
                hole = next
            }
            next = next + 1 == capacity ? 0 : next + 1
        }
        unsafe slots[hole] = 0
    }
}

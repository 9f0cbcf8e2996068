internal import CShims

/// A slot of a ``Table``: all zeros where it is empty.
protocol TableSlot: BitwiseCopyable {
    /// A slot of zeros.
    static var empty: Self { get }
    var isEmpty: Bool { get }
    /// Bits of a hash, which give the place.
    var key: UInt32 { get }
}

/// Open addressing in memory that grows where it lies.
///
/// Slots stand in the order of their keys, the largest first, each at its home or as near behind it as there is room:
///
///     key       F0 D0 C8 40            A look-up walks until a key is not above the one sought, so that one which finds
///     home       0  1  1  6            nothing ends after three slots at four fifths full, not after thirteen.
///     place     [F0 D0 C8 . . . 40 .]  The last slots may lie behind the capacity; nothing wraps around.
///
/// What is in order can be spread out further in place: a full table grows by a quarter without a second one beside it,
/// and all of it lies in pages of 2 MiB. In sixteen parts of their own, in pages of 4 KiB and without order, look-ups
/// waited for the processor's page tables and walked; the change took 8 % off the fold.
@safe
struct Table<Slot: TableSlot>: ~Copyable {
    private var region = Region()
    private let slots: UnsafeMutablePointer<Slot>
    private var capacity = 16
    /// How many slots are taken.
    private(set) var count = 0

    init() {
        // The region's memory is zeros, and stays where it is.
        unsafe slots = region.base.bindMemory(
            to: Slot.self,
            capacity: Region.reserved / MemoryLayout<Slot>.stride
        )
    }

    /// Bytes of the slots, taken or not.
    var byteCount: Int { capacity * MemoryLayout<Slot>.stride }

    /// The place where a key belongs: its share of the capacity, which need be no power of two.
    @inline(__always)
    private func home(_ key: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(~key) &* UInt64(truncatingIfNeeded: capacity)) >> 32)
    }

    /// Asks for the cache line in which a key would be found, and for the next one.
    @inline(__always)
    func prefetch(_ key: UInt32) {
        let slot = unsafe UnsafeRawPointer(slots + home(key))
        unsafe dm_prefetch(slot)
        // Every second walk or so ends there.
        unsafe dm_prefetch(slot + 48)
    }

    /// The first place whose slot is empty or has a key that is not above this one.
    @inline(__always)
    func place(of key: UInt32) -> Int {
        var place = home(key)
        // An empty slot's key is 0, which is above none; behind the last slot there is always an empty one.
        while unsafe slots[place].key > key { place += 1 }
        return place
    }

    /// The slot at a place that ``place(of:)`` gave, or one behind it.
    @inline(__always)
    subscript(_ place: Int) -> Slot {
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(slots + place) }
        @inline(__always)
        unsafeMutableAddress { unsafe slots + place }
    }

    /// Puts a slot in.
    mutating func insert(_ slot: Slot) {
        if (count + 1) * 16 > capacity * 13 { grow() }
        count += 1
        let place = place(of: slot.key)
        var gap = place
        while unsafe !slots[gap].isEmpty { gap += 1 }
        // All behind it move on by one, up to the next gap.
        if gap > place {
            unsafe (slots + place + 1).update(from: slots + place, count: gap - place)
        }
        unsafe slots[place] = slot
    }

    /// Takes the slot at a place out; those behind it move back, up to a gap or one that is at its home.
    mutating func remove(at place: Int) {
        count -= 1
        var hole = place
        while true {
            let next = unsafe slots[hole + 1]
            if next.isEmpty || home(next.key) > hole { break }
            unsafe slots[hole] = next
            hole += 1
        }
        unsafe slots[hole] = .empty
    }

    /// Lists its memory, up to the last slot behind the capacity. What is read goes into an empty table.
    mutating func visit(_ archive: inout StateArchive) {
        precondition(!archive.isReading || count == 0, "a state is restored into an empty machine")
        var extent = capacity
        if !archive.isReading { while unsafe !slots[extent].isEmpty { extent += 1 } }
        count = archive.count(count, of: MemoryLayout<Slot>.stride)
        let capacity = archive.count(capacity, of: MemoryLayout<Slot>.stride)
        extent = archive.count(extent, of: MemoryLayout<Slot>.stride)
        if archive.isReading {
            guard archive.fault == nil, capacity >= 16, extent >= capacity, count <= extent else {
                return archive.fail("a table holds \(count) of \(capacity) slots up to \(extent)")
            }
            self.capacity = capacity
        }
        // So many slots are inside what is reserved.
        unsafe archive.memory(
            UnsafeMutableRawPointer(slots),
            extent * MemoryLayout<Slot>.stride
        )
        if archive.isReading { region.reach((extent + 2) * MemoryLayout<Slot>.stride) }
    }

    /// Grows by a quarter: all slots are packed to the new end, then each is put where it belongs, from the first on.
    private mutating func grow() {
        let old = capacity
        capacity = old < 4096 ? old * 2 : old * 5 / 4
        // Where the last slot will lie, and where it lies now.
        var end = 0
        var last = -1
        var seen = 0
        while seen < count {
            last += 1
            let slot = unsafe slots[last]
            if slot.isEmpty { continue }
            seen += 1
            end = max(end, home(slot.key)) + 1
        }
        region.reach((max(end, capacity) + 2) * MemoryLayout<Slot>.stride)
        var packed = end
        while last >= 0 {
            let slot = unsafe slots[last]
            if !slot.isEmpty {
                packed -= 1
                unsafe slots[packed] = slot
            }
            last -= 1
        }
        unsafe slots.update(repeating: .empty, count: packed)
        // A slot's new place is never behind the one where it is packed: as many follow it in either.
        var place = 0
        for next in packed..<end {
            let slot = unsafe slots[next]
            unsafe slots[next] = .empty
            place = max(place, home(slot.key))
            unsafe slots[place] = slot
            place += 1
        }
    }

    /// How many slots lie between a slot's place and its home, in all, and how many slots there are. Below four for a
    /// slot where hashes spread as they should; a test holds it, since a table that is walked gives the right answers too.
    var distance: (sum: Int, count: Int) {
        var sum = 0
        var seen = 0
        var place = 0
        while seen < count {
            let slot = unsafe slots[place]
            if !slot.isEmpty {
                sum += place - home(slot.key)
                seen += 1
            }
            place += 1
        }
        return (sum, count)
    }

    /// Goes over all places in turn, a few at a time: the next one, from the first again after the last.
    @inline(__always)
    func next(after place: Int) -> Int {
        if place + 1 < capacity { return place + 1 }
        // Behind the capacity there is only the end of the last stretch without a gap.
        return unsafe slots[place + 1].isEmpty ? 0 : place + 1
    }
}

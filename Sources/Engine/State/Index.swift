/// From the hash of a key to the number of its row.
///
/// A slot holds 32 bits of the hash beside the number. Look-ups touch a row only where it is almost surely the right
/// one, and since those bits also give the place, growing and removing touch no row at all.
@safe
struct Index: ~Copyable {
    /// Hash tag and row number, which is never 0 where there is one.
    private struct Slot: TableSlot {
        var number: UInt32
        var key: UInt32

        static var empty: Slot { Slot(number: 0, key: 0) }
        @inline(__always)
        var isEmpty: Bool { number == 0 }
    }
    /// Never another one: what changes lies behind it, so that an insertion is no exclusive access to the owner,
    /// whose rows a look-up reads.
    private let table: UnsafeMutablePointer<Table<Slot>>

    init() {
        unsafe table = .allocate(capacity: 1)
        unsafe table.initialize(to: Table())
    }

    deinit {
        unsafe table.deinitialize(count: 1)
        unsafe table.deallocate()
    }

    /// Bytes of the slots, taken or not.
    var byteCount: Int { unsafe table.pointee.byteCount }

    /// As ``Table/distance``.
    var distance: (sum: Int, count: Int) { unsafe table.pointee.distance }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 16) }

    /// Lists its memory.
    func visit(_ archive: inout StateArchive) { unsafe table.pointee.visit(&archive) }

    /// Asks for the cache line in which a key of this hash would be found.
    @inline(__always)
    func prefetch(_ hash: UInt64) { unsafe table.pointee.prefetch(Self.tag(hash)) }

    /// The number in the first slot with this hash, right or not: where to look next, before looking.
    @inline(__always)
    func guess(_ hash: UInt64) -> UInt32 { find(hash) { _ in true } }

    /// The number of the first row with this hash that `isEqual` accepts; 0 where there is none.
    @inline(__always)
    func find(_ hash: UInt64, _ isEqual: (UInt32) -> Bool) -> UInt32 {
        let tag = Self.tag(hash)
        var place = unsafe table.pointee.place(of: tag)
        while true {
            let slot = unsafe table.pointee[place]
            if slot.key != tag || slot.isEmpty { return 0 }
            if isEqual(slot.number) { return slot.number }
            place += 1
        }
    }

    /// Adds a row that `find` did not find.
    func insert(_ hash: UInt64, _ number: UInt32) {
        unsafe table.pointee.insert(Slot(number: number, key: Self.tag(hash)))
    }

    /// Takes a row out, if it is there.
    func remove(_ hash: UInt64, _ number: UInt32) {
        let tag = Self.tag(hash)
        var place = unsafe table.pointee.place(of: tag)
        while true {
            let slot = unsafe table.pointee[place]
            if slot.key != tag || slot.isEmpty { return }
            if slot.number == number { break }
            place += 1
        }
        unsafe table.pointee.remove(at: place)
    }
}

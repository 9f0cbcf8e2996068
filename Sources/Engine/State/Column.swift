internal import CShims

// The engine's memory. Millions of small values, found by number: no references, no counting, no copy when it grows.

/// A stretch of address space, far larger than it will ever fill: growing writes further on, so nothing is ever copied to
/// another place, and the peak is what is used. From its third megabyte on it lies in pages of 2 MiB.
@safe
struct Region: ~Copyable {
    // A process holds some fifty of them for each partition, of the 128 TiB that there are: room for 300 partitions.
    static var reserved: Int { 1 << 33 }
    private static var hugePage: Int { 2 << 20 }
    private static var step: Int { 64 << 20 }

    let base: UnsafeMutableRawPointer
    /// Bytes for which huge pages have been asked.
    private var advised = 0

    init() {
        guard let memory = unsafe dm_reserve(Self.reserved) else {
            preconditionFailure(
                "the system refuses 8 GiB of address space for a table (ulimit -v?)"
            )
        }
        unsafe base = memory
    }

    deinit { unsafe dm_release(base, Self.reserved) }

    /// Says that bytes up to `end` will be written.
    @inline(__always)
    mutating func reach(_ end: Int) {
        if end > Self.hugePage, end + Self.hugePage > advised { advise(end) }
    }

    private mutating func advise(_ end: Int) {
        precondition(end <= Self.reserved - Self.step, "a table holds at most 8 GiB")
        let start = max(advised, Self.hugePage)
        let next = (end + Self.hugePage + Self.step) & ~4095
        unsafe dm_want_huge_pages(base + start, next - start)
        advised = next
    }
}

/// Rows of one kind, by number, with a list of freed numbers. A row is one multiplication away.
@safe
struct Column<Row: BitwiseCopyable>: ~Copyable {
    private var region = Region()
    private let base: UnsafeMutablePointer<Row>
    /// Numbers handed out so far, freed ones included. Number 0 is never handed out: it means "none".
    private(set) var used = 1
    private var free: [UInt32] = []

    init() {
        unsafe base = region.base.bindMemory(
            to: Row.self,
            capacity: Region.reserved / MemoryLayout<Row>.stride
        )
    }

    /// How many rows are in use.
    var count: Int { used - 1 - free.count }

    /// Bytes of the rows handed out so far.
    var byteCount: Int { used * MemoryLayout<Row>.stride }

    /// Puts a row in and returns its number.
    mutating func insert(_ row: Row) -> UInt32 {
        let number: UInt32
        if let last = free.popLast() {
            number = last
        } else {
            number = UInt32(used)
            used += 1
            region.reach(used * MemoryLayout<Row>.stride)
        }
        unsafe address(number).initialize(to: row)
        return number
    }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        let found = archive.count(used, of: MemoryLayout<Row>.stride)
        // So many rows are inside what is reserved.
        unsafe archive.memory(UnsafeMutableRawPointer(base), found * MemoryLayout<Row>.stride)
        if archive.isReading {
            used = max(found, 1)
            // Huge pages are asked for behind what was read: fresh ones cost three times as much to clear (312 MB: 0.5 s
            // against 0.16), and a restart waits for that. The system joins small ones later.
            region.reach(used * MemoryLayout<Row>.stride)
        }
        archive.array(&free, filler: 0)
    }

    /// Gives a number back; the row must no longer be reachable.
    mutating func remove(_ number: UInt32) { free.append(number) }

    /// Where a row lies. A number comes from `insert`, so it lies inside what is reserved.
    @inline(__always)
    func address(_ number: UInt32) -> UnsafeMutablePointer<Row> { unsafe base + Int(number) }

    /// Asks for the cache lines of a row.
    @inline(__always)
    func prefetch(_ number: UInt32) {
        let row = unsafe UnsafeRawPointer(address(number))
        unsafe dm_prefetch(row)
        if MemoryLayout<Row>.stride > 64 { unsafe dm_prefetch(row + 64) }
    }

    /// Asks for the cache line of a row that lies so many bytes behind its beginning.
    @inline(__always)
    func prefetch(_ number: UInt32, at offset: Int) {
        let row = unsafe UnsafeRawPointer(address(number))
        unsafe dm_prefetch(row + offset)
    }

    subscript(_ number: UInt32) -> Row {
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(address(number)) }
        @inline(__always)
        unsafeMutableAddress { unsafe address(number) }
    }
}

extension [UInt32] {
    /// Removes all and keeps the memory. These lists mostly hold one number, and `removeAll(keepingCapacity:)` is a call that
    /// replaces a subrange, whatever there is: 0.6 % of a run.
    @inline(__always)
    mutating func empty() {
        while popLast() != nil {}
    }
}

internal import CShims

// The engine's memory. Millions of small values, found by number: no references, no counting, no copy when it grows.

/// Rows of one kind, by number, with a list of freed numbers.
///
/// A column is one stretch of address space, far larger than it will ever fill: growing writes further on, so nothing
/// is ever copied, the peak is what is used, and a row is one multiplication away. From its third megabyte on it lies
/// in pages of 2 MiB.
@safe
struct Column<Row: BitwiseCopyable>: ~Copyable {
    private static var reserved: Int { 1 << 36 }
    private static var hugePage: Int { 2 << 20 }
    private static var step: Int { 64 << 20 }

    private let base: UnsafeMutablePointer<Row>
    /// Bytes for which huge pages have been asked.
    private var advised = 0
    /// Numbers handed out so far, freed ones included. Number 0 is never handed out: it means "none".
    private(set) var used = 1
    private var free: [UInt32] = []

    init() {
        guard let memory = unsafe dm_reserve(Self.reserved) else {
            preconditionFailure(
                "the system refuses 64 GiB of address space for a table (ulimit -v?)"
            )
        }
        unsafe base = memory.bindMemory(
            to: Row.self,
            capacity: Self.reserved / MemoryLayout<Row>.stride
        )
    }

    deinit { unsafe dm_release(base, Self.reserved) }

    /// How many rows are in use.
    var count: Int { used - 1 - free.count }

    /// Puts a row in and returns its number.
    mutating func insert(_ row: Row) -> UInt32 {
        let number: UInt32
        if let last = free.popLast() {
            number = last
        } else {
            number = UInt32(used)
            used += 1
            let end = used * MemoryLayout<Row>.stride
            if end > Self.hugePage, end + Self.hugePage > advised { advise(end) }
        }
        unsafe address(number).initialize(to: row)
        return number
    }

    private mutating func advise(_ end: Int) {
        precondition(end <= Self.reserved - Self.step, "a table holds at most 64 GiB")
        let memory = unsafe UnsafeMutableRawPointer(base)
        let start = (max(end, advised) + 4095) & ~4095
        unsafe dm_want_huge_pages(memory + start, Self.step)
        advised = start + Self.step
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

    subscript(_ number: UInt32) -> Row {
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(address(number)) }
        @inline(__always)
        unsafeMutableAddress { unsafe address(number) }
    }
}

/// Memory of a table that is replaced by a larger one when it is full: zeros, in pages of 2 MiB where it is large.
enum TableMemory {
    private static var large: Int { 1 << 20 }

    static func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        guard count >= large else {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
            return unsafe memory
        }
        guard let memory = unsafe dm_reserve(count) else {
            preconditionFailure("the system has no \(count) bytes left for a table")
        }
        unsafe dm_want_huge_pages(memory, count)
        return unsafe memory
    }

    static func free(_ memory: UnsafeMutableRawPointer, _ count: Int) {
        if count >= large {
            unsafe dm_release(memory, count)
        } else {
            unsafe memory.deallocate()
        }
    }
}

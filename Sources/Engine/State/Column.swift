internal import CShims

// The engine's memory. Millions of small values, found by number: no references, no counting, no copy when it grows.
// This is the one place where the engine takes memory by itself.

/// Rows of one kind, by number, with a list of freed numbers.
///
/// Chunks of 16,384 rows: growing takes one more chunk, so nothing is ever copied and the peak is what is used.
@safe
struct Column<Row: BitwiseCopyable>: ~Copyable {
    private static var shift: Int { 14 }
    private static var mask: Int { (1 << shift) - 1 }

    private var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Row>>
    private var chunkCount = 0
    private var chunkCapacity = 64
    /// Numbers handed out so far, freed ones included. Number 0 is never handed out: it means "none".
    private(set) var used = 1
    private var free: [UInt32] = []

    init() {
        unsafe chunks = .allocate(capacity: chunkCapacity)
    }

    deinit {
        for index in 0..<chunkCount { unsafe chunks[index].deallocate() }
        unsafe chunks.deallocate()
    }

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
            if used > chunkCount << Self.shift { addChunk() }
        }
        unsafe address(number).initialize(to: row)
        return number
    }

    /// Gives a number back; the row must no longer be reachable.
    mutating func remove(_ number: UInt32) { free.append(number) }

    private mutating func addChunk() {
        if chunkCount == chunkCapacity {
            let larger = UnsafeMutablePointer<UnsafeMutablePointer<Row>>.allocate(
                capacity: chunkCapacity * 2)
            unsafe larger.update(from: chunks, count: chunkCount)
            unsafe chunks.deallocate()
            unsafe chunks = larger
            chunkCapacity *= 2
        }
        unsafe chunks[chunkCount] = .allocate(capacity: 1 << Self.shift)
        chunkCount += 1
    }

    /// Where a row lies. A number comes from `insert`, so its chunk exists.
    @inline(__always)
    func address(_ number: UInt32) -> UnsafeMutablePointer<Row> {
        unsafe chunks[Int(number) >> Self.shift] + (Int(number) & Self.mask)
    }

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

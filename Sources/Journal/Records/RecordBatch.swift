/// Journal records one after another in flat memory: what ingest fills and score folds.
///
/// A batch has one owner at a time: the thread that fills it hands it over and does not touch it until it comes
/// back, which is why it may cross threads unchecked. It keeps its memory when emptied.
@safe
public final class RecordBatch: @unchecked Sendable {
    // Run-time checks for overlapping access cost 50 ns a record here and find nothing: no access below calls out.
    @exclusivity(unchecked)
    @usableFromInline
    var memory: UnsafeMutableRawPointer
    @exclusivity(unchecked)
    @usableFromInline
    var capacity: Int
    /// Bytes in use.
    @exclusivity(unchecked)
    @usableFromInline
    var used: Int = 0
    /// End of each record.
    @exclusivity(unchecked)
    @usableFromInline
    var ends: [Int] = []
    /// Place of the record being written.
    @exclusivity(unchecked)
    @usableFromInline
    var cursor: Int = 0

    /// An empty batch with room for `capacity` bytes before it has to grow.
    public init(capacity: Int = 1 << 16) {
        let room = max(capacity, 4096)
        unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        unsafe self.capacity = room
    }

    deinit { unsafe memory.deallocate() }

    /// Number of records.
    @inlinable
    public var count: Int { unsafe ends.count }
    /// Bytes of all records together.
    @inlinable
    public var byteCount: Int { unsafe used }

    /// Empties the batch; its memory stays.
    public func removeAll() {
        unsafe used = 0
        unsafe ends.removeAll(keepingCapacity: true)
    }

    /// The record at `index`, for as long as the batch is not written to.
    @inlinable
    public func record(at index: Int) -> RecordView {
        let start = unsafe index == 0 ? 0 : ends[index - 1]
        let end = unsafe ends[index]
        // Both ends were written by `finish`, which keeps them inside the memory.
        return unsafe RecordView(memory + start, count: end - start)
    }

    /// Adds a record whose bytes are known already, as a journal gives them back.
    public func append(copying bytes: RawSpan) {
        reserve(bytes.byteCount)
        unsafe bytes.withUnsafeBytes { source in
            if let base = source.baseAddress {
                unsafe (memory + used).copyMemory(from: base, byteCount: source.count)
            }
        }
        unsafe used += bytes.byteCount
        unsafe ends.append(used)
    }

    // MARK: writing, field by field

    /// Makes room for `count` more bytes after the record being written.
    @inlinable
    func reserve(_ count: Int) {
        if unsafe used + count > capacity { grow(count) }
    }

    @usableFromInline
    func grow(_ count: Int) {
        var room = unsafe capacity * 2
        while unsafe room < used + count { room *= 2 }
        let larger = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        unsafe larger.copyMemory(from: memory, byteCount: used + max(0, cursor - used))
        unsafe memory.deallocate()
        unsafe memory = larger
        unsafe capacity = room
    }

    @inlinable
    func put<Value: BitwiseCopyable>(_ value: Value) {
        // `reserve` was called with the size of the whole record by the function that writes it.
        unsafe (memory + cursor).storeBytes(of: value, as: Value.self)
        unsafe cursor += MemoryLayout<Value>.size
    }

    /// Most texts are short: two moves that may overlap copy them without a call.
    @inlinable
    @inline(__always)
    func put(_ text: Text, of base: UnsafeRawPointer) {
        let count = Int(text.count)
        // The text's bytes are readable, and `reserve` made room for as many.
        let from = unsafe base + Int(text.offset)
        let to = unsafe memory + cursor
        if count >= 8, count <= 16 {
            let head = unsafe from.loadUnaligned(as: UInt64.self)
            let tail = unsafe from.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            unsafe to.storeBytes(of: head, as: UInt64.self)
            unsafe to.storeBytes(of: tail, toByteOffset: count - 8, as: UInt64.self)
        } else if count > 0 {
            unsafe to.copyMemory(from: from, byteCount: count)
        }
        unsafe cursor += count
    }

    @inlinable
    func finish(from start: Int) {
        unsafe (memory + start + 4).storeBytes(
            of: UInt32(truncatingIfNeeded: cursor - start),
            as: UInt32.self
        )
        unsafe used = cursor
        unsafe ends.append(used)
    }
}

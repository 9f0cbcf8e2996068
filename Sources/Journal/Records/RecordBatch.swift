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

    /// Makes room for a record of `count` bytes.
    @inlinable
    func reserve(_ count: Int) {
        if unsafe used + count > capacity { grow(count) }
    }

    @usableFromInline
    func grow(_ count: Int) {
        var room = unsafe capacity * 2
        while unsafe room < used + count { room *= 2 }
        let larger = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        unsafe larger.copyMemory(from: memory, byteCount: used)
        unsafe memory.deallocate()
        unsafe memory = larger
        unsafe capacity = room
    }

    /// Takes in the record that was written at the cursor.
    @inlinable
    func finish(_ record: RecordCursor) {
        unsafe used += record.finish()
        unsafe ends.append(used)
    }
}

/// Where the next field of a record goes.
///
/// It is a value that the compiler keeps in registers: as a property of the batch its place was loaded and stored for
/// every field (525 instructions an event for writing it, now 345).
@frozen
@safe
@usableFromInline
struct RecordCursor {
    @usableFromInline
    let start: UnsafeMutableRawPointer
    @usableFromInline
    var place: UnsafeMutableRawPointer
    /// Where the text before ends, counted from the first one's first byte.
    @usableFromInline
    var textEnd: UInt32 = 0

    /// A cursor at the first byte of a record; there is room for all that will be put.
    @unsafe
    @inlinable
    @inline(__always)
    init(at start: UnsafeMutableRawPointer) {
        unsafe self.start = start
        unsafe place = start
    }

    /// Writes a number.
    @inlinable
    @inline(__always)
    mutating func put<Value: BitwiseCopyable>(_ value: Value) {
        // There is room for the whole record.
        unsafe place.storeBytes(of: value, as: Value.self)
        unsafe place += MemoryLayout<Value>.size
    }

    /// Writes where a text ends.
    @inlinable
    @inline(__always)
    mutating func putEnd(_ text: Text) {
        textEnd &+= text.count
        put(textEnd)
    }

    /// Writes a text. Most are short: two moves that may overlap copy up to 32 bytes without a call.
    @inlinable
    @inline(__always)
    mutating func put(_ text: Text, of base: UnsafeRawPointer) {
        let count = Int(text.count)
        // The text's bytes are readable, there is room for as many, and no move is wider than the text.
        let from = unsafe base + Int(text.offset)
        if count >= 8 {
            if count <= 16 {
                unsafe move(from, count, as: UInt64.self)
            } else if count <= 32 {
                unsafe move(from, count, as: SIMD16<UInt8>.self)
            } else {
                unsafe place.copyMemory(from: from, byteCount: count)
            }
        } else if count >= 4 {
            unsafe move(from, count, as: UInt32.self)
        } else if count >= 2 {
            unsafe move(from, count, as: UInt16.self)
        } else if count == 1 {
            unsafe move(from, count, as: UInt8.self)
        }
        unsafe place += count
    }

    /// Copies `count` bytes, from one to two times as many as a word has.
    @inlinable
    @inline(__always)
    func move<Word: BitwiseCopyable>(_ from: UnsafeRawPointer, _ count: Int, as _: Word.Type) {
        let last = count &- MemoryLayout<Word>.size
        let head = unsafe from.loadUnaligned(as: Word.self)
        let tail = unsafe from.loadUnaligned(fromByteOffset: last, as: Word.self)
        unsafe place.storeBytes(of: head, as: Word.self)
        unsafe place.storeBytes(of: tail, toByteOffset: last, as: Word.self)
    }

    /// Writes the record's length into its header and returns it.
    @inlinable
    @inline(__always)
    func finish() -> Int {
        let count = unsafe place - start
        unsafe start.storeBytes(
            of: UInt32(truncatingIfNeeded: count),
            toByteOffset: 4,
            as: UInt32.self
        )
        return count
    }
}

internal import CShims
internal import Journal

/// A line over 1 MiB: what is kept of it for its dead letter.
public struct OversizedLine: Sendable, Hashable {
    /// Counted from 1.
    public let number: Int
    /// Its first 64 KiB.
    public let head: [UInt8]
    /// Bytes of the whole line, without its end.
    public let byteCount: Int
    /// SHA-256 of the whole line, without its end.
    public let digest: [UInt8]
}

/// Cuts the bytes of a file into lines, in bounded memory however long a line is.
///
///     while true {
///         switch splitter.next() {
///         case .line(let number): use(splitter.line, number)
///         case .oversized(let line): reject(line)
///         case .needsInput: splitter.fill { room in read(file, room) }
///         case .end: return
///         }
///     }
///
/// A line ends with a line feed, a carriage return before it belongs to the end; the last line may lack both. Empty
/// lines are counted and otherwise nothing at all.
@safe
public struct LineSplitter: ~Copyable {
    /// What comes next.
    public enum Step: Sendable, Hashable {
        /// A line stands in ``LineSplitter/line``; lines count from 1.
        case line(number: Int)
        /// A line was longer than a record may be.
        case oversized(OversizedLine)
        /// Only after ``LineSplitter/fill(_:)`` is there more.
        case needsInput
        /// All lines have been given.
        case end
    }

    private let memory: UnsafeMutableRawPointer
    private let capacity: Int
    private let limit: Int
    /// First byte of the line that is being looked for, first byte that was not searched yet, end of what is there.
    private var start = 0
    private var searched = 0
    private var filled = 0
    private var isAtEnd = false
    private var number = 0
    private var current = 0..<0
    private var oversized: Oversized?

    /// A line that does not end within the limit, so far.
    private struct Oversized: ~Copyable {
        var head: [UInt8]
        var byteCount = 0
        var digest = SHA256.Stream()
    }

    /// Bytes of an oversized line that are kept.
    static let headSize = 64 << 10

    /// A splitter whose lines have at most `limit` bytes.
    public init(limit: Int = EventDecoder.recordLimit) {
        self.limit = limit
        capacity = max(1 << 20, 2 * limit) + 4096
        unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
    }

    deinit { unsafe memory.deallocate() }

    /// The bytes of the line that ``next()`` found last.
    public var line: RawSpan {
        @_lifetime(borrow self)
        get {
            // Both ends were set by `next` and lie in the memory, which lives as long as the splitter.
            let span = unsafe RawSpan(
                _unsafeStart: memory + current.lowerBound,
                byteCount: current.count
            )
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Makes room and lets `read` fill it: the number of bytes it wrote, or 0 at the end of the file.
    public mutating func fill<Failure: Error>(
        _ read: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        if start > 0 {
            unsafe memory.copyMemory(from: memory + start, byteCount: filled - start)
            filled -= start
            searched -= start
            start = 0
        }
        // A line that fills the memory has been taken out as oversized, so there is room.
        let room = unsafe UnsafeMutableRawBufferPointer(
            start: memory + filled,
            count: capacity - filled
        )
        let count = unsafe try read(room)
        precondition(count >= 0 && count <= room.count, "a read fills at most the room it is given")
        filled += count
        if count == 0 { isAtEnd = true }
    }

    /// Finds the next line.
    public mutating func next() -> Step {
        while true {
            guard let end = newline() else {
                if let step = restOfInput() { return step }
                continue
            }
            number += 1
            let line = start..<end
            start = end + 1
            searched = start
            if let step = take(line) { return step }
        }
    }

    /// The place of the next line feed.
    private mutating func newline() -> Int? {
        // The bytes from `searched` to `filled` are in the memory.
        guard let found = unsafe dm_find(memory + searched, 0x0A, filled - searched) else {
            searched = filled
            return nil
        }
        return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(memory)
    }

    /// What to do when no line feed is left: ask for more, put an endless line aside, or give the last line. Nil means
    /// that the last line was empty.
    private mutating func restOfInput() -> Step? {
        if isAtEnd {
            guard start < filled || oversized != nil else { return .end }
            number += 1
            let line = start..<filled
            start = filled
            return take(line) ?? .end
        }
        // One byte more than the limit may be the carriage return of the line's end.
        if filled - start > limit + 1 || oversized != nil, filled > start {
            // Its last byte waits, since it may be that carriage return.
            absorb(start..<filled - 1)
            start = filled - 1
        }
        return .needsInput
    }

    /// The step for a line without its line feed; nil where it is empty.
    private mutating func take(_ line: Range<Int>) -> Step? {
        var line = line
        if let last = line.last, unsafe memory.load(fromByteOffset: last, as: UInt8.self) == 0x0D {
            line = line.lowerBound..<last
        }
        if oversized != nil || line.count > limit {
            absorb(line)
            guard let whole = oversized.take() else { return nil }
            return .oversized(
                OversizedLine(
                    number: number,
                    head: whole.head,
                    byteCount: whole.byteCount,
                    digest: whole.digest.finish()
                )
            )
        }
        if line.isEmpty { return nil }
        current = line
        return .line(number: number)
    }

    /// Adds a piece to the oversized line.
    private mutating func absorb(_ piece: Range<Int>) {
        var whole = oversized.take() ?? Oversized(head: [])
        let bytes = unsafe RawSpan(_unsafeStart: memory + piece.lowerBound, byteCount: piece.count)
        let missing = min(LineSplitter.headSize - whole.head.count, piece.count)
        if missing > 0 {
            unsafe whole.head += UnsafeRawBufferPointer(
                start: memory + piece.lowerBound,
                count: missing
            )
        }
        whole.byteCount += piece.count
        whole.digest.add(bytes)
        oversized = consume whole
    }
}

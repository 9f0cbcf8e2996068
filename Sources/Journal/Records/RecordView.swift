/// One journal record, read in place.
///
/// Little-endian. The first forty bytes are the same for all kinds:
///
///     0  format        1 byte
///     1  kind          1 byte, RecordKind
///     2  flags         1 byte: 1 = the source is a file, 2 = a digest of the source bytes follows
///     3  spare         1 byte, 0
///     4  length        4 bytes, of the whole record
///     8  recorded at   8 bytes, microseconds since 1970
///    16  counter       8 bytes, RecordSource.counter
///    24  offset        8 bytes, RecordSource.offset
///    32  partition     4 bytes, RecordSource.partition
///    36  texts         2 bytes: where the table of text ends begins; 2 bytes: how many texts
///
/// Then the fixed fields of the kind, the table of text ends (4 bytes each, counted from the first text's first byte),
/// the texts, and, where flagged, 32 bytes of SHA-256. ``check()`` holds all of this before anything is read.
@frozen
@safe
public struct RecordView {
    /// First byte. Good for as long as the batch or message that the view was made from.
    @usableFromInline
    let base: UnsafeRawPointer
    /// Number of bytes.
    public let count: Int

    /// A view of `count` bytes at `base`, which must stay until the last use of the view.
    @unsafe
    @inlinable
    public init(_ base: UnsafeRawPointer, count: Int) {
        unsafe self.base = unsafe base
        self.count = count
    }

    static let headerSize = 40

    @inlinable
    func load<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        // `check` made sure that the record holds all fixed fields of its kind.
        unsafe base.loadUnaligned(fromByteOffset: offset, as: type)
    }

    /// The kind; nil for a code that this program does not know.
    @inlinable
    public var kind: RecordKind? { RecordKind(rawValue: load(1)) }
    /// When the record was recorded at its source.
    @inlinable
    public var recordedAt: Instant { Instant(microseconds: load(8)) }
    /// Whether the source is a file (and its offset a line).
    @inlinable
    public var isFromFile: Bool { load(2, as: UInt8.self) & 1 != 0 }
    /// Where it was copied from.
    @inlinable
    public var source: RecordSource {
        RecordSource(partition: load(32), offset: load(24), counter: load(16))
    }

    @inlinable
    var textTable: Int { Int(load(36, as: UInt16.self)) }
    @inlinable
    public var textCount: Int { Int(load(38, as: UInt16.self)) }

    /// The text at `index` as a piece of this record.
    ///
    /// Always inlined: the engine asks for a dozen texts of a record, each with an index that is known; as a call of
    /// its own it was 1 % of a run.
    ///
    /// - Parameter index: the text's number in its kind's layout, below ``textCount``.
    /// - Returns: where it lies.
    @inlinable
    @inline(__always)
    public func text(_ index: Int) -> Text {
        // `check` made sure that the table lies in the record and that its ends rise.
        let table = textTable
        let first = table &+ 4 &* textCount
        let end = Int(load(table &+ 4 &* index, as: UInt32.self))
        let start = index == 0 ? 0 : Int(load(table &+ 4 &* index &- 4, as: UInt32.self))
        return Text(offset: first &+ start, count: end &- start)
    }

    /// The bytes of a piece of this record.
    @inlinable
    public func bytes(_ text: Text) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + Int(text.offset), count: Int(text.count))
    }

    /// All bytes.
    @inlinable
    public var allBytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count)
    }

    /// A piece of this record as a `String`, for cold paths and messages.
    public func string(_ text: Text) -> String {
        unsafe String(decoding: bytes(text), as: UTF8.self)
    }

    /// SHA-256 of the source record's bytes, where it was kept.
    public var digest: [UInt8]? {
        guard load(2, as: UInt8.self) & 2 != 0, count >= 32 else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: base + count - 32, count: 32))
    }

    /// Holds everything that reading relies on: format, kind, length, fixed fields, text table. A record that passes
    /// can be read without a further check.
    ///
    /// - Throws: ``RecordFault`` naming what is wrong and at which byte.
    public func check() throws(RecordFault) {
        guard count >= RecordView.headerSize else {
            throw RecordFault(reason: .truncated, at: count)
        }
        guard load(0, as: UInt8.self) == journalFormat else {
            throw RecordFault(reason: .unknownFormat, at: 0)
        }
        guard let kind else { throw RecordFault(reason: .unknownKind, at: 1) }
        guard Int(load(4, as: UInt32.self)) == count else {
            throw RecordFault(reason: .wrongLength, at: 4)
        }
        let shape = RecordShape(kind)
        guard textTable == RecordView.headerSize + shape.fixedSize,
            shape.hasOpenTextCount || textCount == shape.textCount
        else { throw RecordFault(reason: .wrongShape, at: 36) }
        let first = textTable + 4 * textCount
        let tail = load(2, as: UInt8.self) & 2 != 0 ? 32 : 0
        guard first + tail <= count else { throw RecordFault(reason: .truncated, at: count) }
        var previous = 0
        for index in 0..<textCount {
            let end = Int(load(textTable + 4 * index, as: UInt32.self))
            guard end >= previous, end <= count - first - tail else {
                throw RecordFault(reason: .textOutside, at: textTable + 4 * index)
            }
            previous = end
        }
        guard first + previous + tail == count else {
            throw RecordFault(reason: .wrongLength, at: first + previous)
        }
        try shape.checkCodes(of: self)
    }
}

/// Why bytes are no journal record.
public struct RecordFault: Error, Hashable, Sendable {
    /// What is wrong.
    public enum Reason: String, Sendable {
        case truncated = "it ends too early"
        case unknownFormat = "its format is not one that this version reads"
        case unknownKind = "its kind is unknown"
        case wrongLength = "its length is not the one it says"
        case wrongShape = "its fields do not fit its kind"
        case textOutside = "a text lies outside of it"
        case unknownCode = "a code has no meaning"
    }
    public var reason: Reason
    /// Byte at which it shows.
    public var offset: Int

    init(reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

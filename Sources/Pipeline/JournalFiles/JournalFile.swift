public import Journal

/// A file that holds one journal partition as it stood in Kafka.
///
/// Little-endian. First `DMJOURN1`, then 4 bytes partition, 4 bytes number of partitions, 4 bytes length of the topic's
/// name, the name. Then a frame for each record:
///
///     offset      8 bytes, its offset in Kafka
///     timestamp   8 bytes, its time in Kafka, milliseconds since 1970
///     length      4 bytes
///     checksum    4 bytes, CRC-32 (ISO 3309) of the 20 bytes before it and the record
///     record      as many bytes as the length says
///
/// The last frame has the length 0xFFFFFFFF and no record; its offset is the partition's high watermark and its
/// timestamp the number of records. A file without it was cut off.
public struct JournalFileHeader: Sendable, Hashable {
    /// The topic it was read from.
    public var topic: String
    /// The partition.
    public var partition: Int32
    /// How many partitions the topic has.
    public var partitionCount: Int32

    static let magic = Array("DMJOURN1".utf8)
    static let frameSize = 24
    static let endLength = UInt32.max
    /// Longer records are taken for damage: Kafka's limit is far below.
    static let longest = 16 << 20
}

extension JournalFileHeader {
    /// Reads a file's header and leaves the input behind it.
    init(reading input: inout JournalFileInput, _ path: String) throws(FileFailure) {
        guard try input.fill(Self.magic.count + 12),
            input.bytes(0, Self.magic.count) == Self.magic
        else {
            throw FileFailure("read \(path): it is no journal file")
        }
        partition = input.load(Self.magic.count)
        partitionCount = input.load(Self.magic.count + 4)
        let nameLength: UInt32 = input.load(Self.magic.count + 8)
        input.skip(Self.magic.count + 12)
        guard nameLength <= 1024, try input.fill(Int(nameLength)) else {
            throw FileFailure("read \(path): its header is damaged")
        }
        topic = String(decoding: input.bytes(0, Int(nameLength)), as: UTF8.self)
        input.skip(Int(nameLength))
    }
}

/// CRC-32 as in zip and zlib.
enum Checksum {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320
        }
    }

    static func add(_ bytes: UnsafeRawBufferPointer, to sum: UInt32) -> UInt32 {
        let table = table
        var value = ~sum
        for index in 0..<bytes.count {
            // The index is inside the buffer; a byte is inside the table.
            let byte = unsafe bytes[index]
            value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8
        }
        return ~value
    }

    /// Of a frame: offset, timestamp, length, record.
    static func frame(
        offset: Int64,
        timestamp: Int64,
        length: UInt32,
        _ record: UnsafeRawBufferPointer
    ) -> UInt32 {
        var head: [UInt8] = []
        put(offset, &head)
        put(timestamp, &head)
        put(length, &head)
        let sum = unsafe head.withUnsafeBytes { unsafe add($0, to: 0) }
        return unsafe add(record, to: sum)
    }

    static func put(_ value: some FixedWidthInteger, _ bytes: inout [UInt8]) {
        for index in 0..<value.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8)))
        }
    }
}

/// Writes a journal file.
struct JournalFileWriter {
    private let file: OutputFile
    private var count: Int64 = 0

    init(_ path: String, _ header: JournalFileHeader) throws(FileFailure) {
        file = try OutputFile(path)
        var bytes = JournalFileHeader.magic
        Checksum.put(header.partition, &bytes)
        Checksum.put(header.partitionCount, &bytes)
        Checksum.put(UInt32(header.topic.utf8.count), &bytes)
        bytes += Array(header.topic.utf8)
        try write(bytes)
    }

    private func write(_ bytes: [UInt8]) throws(FileFailure) {
        let failure: FileFailure? = unsafe bytes.withUnsafeBytes { bytes in
            do throws(FileFailure) {
                try unsafe file.append(bytes)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    mutating func append(
        offset: Int64,
        timestamp: Int64,
        _ record: UnsafeRawBufferPointer
    ) throws(FileFailure) {
        var head: [UInt8] = []
        let length = UInt32(record.count)
        Checksum.put(offset, &head)
        Checksum.put(timestamp, &head)
        Checksum.put(length, &head)
        Checksum.put(
            unsafe Checksum.frame(offset: offset, timestamp: timestamp, length: length, record),
            &head
        )
        try write(head)
        try unsafe file.append(record)
        count += 1
    }

    /// Ends the file; the number of records in it.
    mutating func finish(highWatermark: Int64) throws(FileFailure) -> Int64 {
        let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        var tail: [UInt8] = []
        Checksum.put(highWatermark, &tail)
        Checksum.put(count, &tail)
        Checksum.put(JournalFileHeader.endLength, &tail)
        let sum = unsafe Checksum.frame(
            offset: highWatermark,
            timestamp: count,
            length: JournalFileHeader.endLength,
            nothing
        )
        Checksum.put(sum, &tail)
        try write(tail)
        try file.finish()
        return count
    }
}

/// Reads a journal file, record by record.
///
///     var reader = try JournalFileReader("journal-3.dmj")
///     while try reader.next() { try machine.apply(reader.record, offset: reader.offset) }
@safe
public struct JournalFileReader: ~Copyable {
    /// Which partition it holds.
    public let header: JournalFileHeader
    /// Offset of the record in hand.
    public private(set) var offset: Int64 = -1
    /// Kafka's time of the record in hand, milliseconds since 1970.
    public private(set) var timestamp: Int64 = 0
    /// Records read.
    public private(set) var count: Int64 = 0
    /// The partition's high watermark; known at the end of the file.
    public private(set) var highWatermark: Int64?

    private let path: String
    private var input: JournalFileInput
    private var length = 0

    /// Opens a file and reads its header.
    public init(_ path: String) throws(FileFailure) {
        self.path = path
        var input = try JournalFileInput(path)
        header = try JournalFileHeader(reading: &input, path)
        self.input = input
    }

    /// Goes to the next record; false at the end.
    ///
    /// - Throws: where the file was cut off or damaged.
    public mutating func next() throws(FileFailure) -> Bool {
        input.skip(length)
        length = 0
        if highWatermark != nil { return false }
        guard try input.fill(JournalFileHeader.frameSize) else { throw damage("it was cut off") }
        let offset: Int64 = input.load(0)
        let timestamp: Int64 = input.load(8)
        let length: UInt32 = input.load(16)
        let checksum: UInt32 = input.load(20)
        input.skip(JournalFileHeader.frameSize)
        let isEnd = length == JournalFileHeader.endLength
        guard isEnd || length <= JournalFileHeader.longest else {
            throw damage("a length is impossible")
        }
        guard try input.fill(isEnd ? 0 : Int(length)) else { throw damage("it was cut off") }
        let record = unsafe input.view(isEnd ? 0 : Int(length))
        let sum = unsafe Checksum.frame(
            offset: offset,
            timestamp: timestamp,
            length: length,
            record
        )
        guard sum == checksum else { throw damage("a checksum is wrong") }
        if isEnd {
            guard timestamp == count else { throw damage("records are missing") }
            highWatermark = offset
            return false
        }
        guard offset > self.offset else { throw damage("offsets do not rise") }
        self.offset = offset
        self.timestamp = timestamp
        self.length = Int(length)
        count += 1
        do { try self.record.check() } catch { throw damage(error.reason.rawValue) }
        return true
    }

    /// The record in hand, checked; good until the next call.
    public var record: RecordView {
        let bytes = unsafe input.view(length)
        guard let base = bytes.baseAddress else { preconditionFailure("no record is in hand") }
        return unsafe RecordView(base, count: length)
    }

    private func damage(_ what: String) -> FileFailure {
        FileFailure(
            "read \(path): \(what), behind the record of offset \(offset). Dump the journal again."
        )
    }
}

/// The bytes of a file, some of which are in memory.
@safe
struct JournalFileInput: ~Copyable {
    private let file: InputFile
    private var memory: UnsafeMutableRawBufferPointer
    private var first = 0
    private var last = 0

    init(_ path: String) throws(FileFailure) {
        file = try InputFile(path)
        // Ours until `deinit`.
        unsafe memory = .allocate(byteCount: 4 << 20, alignment: 16)
    }

    deinit { unsafe memory.deallocate() }

    /// Has the next `count` bytes in memory; false where the file has not so many left.
    mutating func fill(_ count: Int) throws(FileFailure) -> Bool {
        if last - first >= count { return true }
        let room = unsafe memory.count
        if first + count > room {
            let size = max(room, count)
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
            // Both ranges are inside their memory: fewer than `count` bytes are left.
            unsafe larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[first..<last]))
            unsafe memory.deallocate()
            unsafe memory = larger
            last -= first
            first = 0
        }
        while last - first < count {
            let read = try unsafe file.read(
                into: UnsafeMutableRawBufferPointer(rebasing: memory[last...])
            )
            if read == 0 { return false }
            last += read
        }
        return true
    }

    mutating func skip(_ count: Int) { first += count }

    /// How many bytes are in memory: after a `fill` that found too few, all that are left.
    var count: Int { last - first }

    /// The next `count` bytes, which `fill` has brought; good until the next `fill`.
    func view(_ count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(memory)[first..<first + count]
        )
    }

    func bytes(_ place: Int, _ count: Int) -> [UInt8] {
        unsafe Array(view(place + count)[place...])
    }

    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ place: Int) -> Value {
        // `view` traps outside of what was read.
        unsafe view(place + MemoryLayout<Value>.size)
            .loadUnaligned(fromByteOffset: place, as: Value.self)
    }
}

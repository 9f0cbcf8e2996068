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

    /// Adds all records of a batch, at consecutive offsets from `first`, each with the time at which it was recorded.
    mutating func append(_ batch: RecordBatch, from first: Int64) throws(FileFailure) {
        for index in 0..<batch.count {
            let record = batch.record(at: index)
            // Records that stand before all time are as old as Kafka's times can be.
            try unsafe append(
                offset: first + Int64(index),
                timestamp: max(0, record.recordedAt.microseconds / 1000),
                record.allBytes
            )
        }
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
    /// Bytes in hand: they are skipped with the next step.
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
        guard try input.fill(JournalFileHeader.frameSize),
            try input.fill(size(ofFrameAt: 0))
        else { throw damage("it was cut off") }
        let record = try record(ofFrameAt: 0)
        input.skip(JournalFileHeader.frameSize)
        guard let record else { return false }
        length = record.count
        return true
    }

    /// The record in hand, checked; good until the next call.
    public var record: RecordView {
        let bytes = unsafe input.view(length)
        guard let base = bytes.baseAddress else { preconditionFailure("no record is in hand") }
        return unsafe RecordView(base, count: length)
    }

    /// Goes on by up to so many records, which lie beside each other in memory: none at the end.
    ///
    /// - Parameters:
    ///   - limit: the most records to take; there may be fewer before the end, but at least one.
    ///   - records: takes them instead of what it holds; good until the next call.
    ///   - offsets: takes their offsets.
    /// - Throws: where the file was cut off or damaged.
    public mutating func next(
        upTo limit: Int,
        _ records: inout [RecordView],
        offsets: inout [Int64]
    ) throws(FileFailure) {
        records.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        input.skip(length)
        length = 0
        while records.count < limit, highWatermark == nil {
            // Views stand as long as nothing is read: what lies there in part waits for the next call.
            if input.count < length + JournalFileHeader.frameSize
                || input.count < length + size(ofFrameAt: length)
            {
                guard records.isEmpty else { return }
                guard try input.fill(JournalFileHeader.frameSize),
                    try input.fill(size(ofFrameAt: 0))
                else { throw damage("it was cut off") }
            }
            guard let record = try record(ofFrameAt: length) else {
                length += JournalFileHeader.frameSize
                return
            }
            length += JournalFileHeader.frameSize + record.count
            records.append(record)
            offsets.append(offset)
        }
    }

    /// Bytes of a frame whose head is in memory; the head's alone where its length is none.
    private func size(ofFrameAt place: Int) -> Int {
        let length: UInt32 = input.load(place + 16)
        let isRecord = length <= JournalFileHeader.longest
        return JournalFileHeader.frameSize + (isRecord ? Int(length) : 0)
    }

    /// Takes a frame that is in memory: its record, or nil where it ends the file.
    private mutating func record(ofFrameAt place: Int) throws(FileFailure) -> RecordView? {
        let offset: Int64 = input.load(place)
        let timestamp: Int64 = input.load(place + 8)
        let length: UInt32 = input.load(place + 16)
        let checksum: UInt32 = input.load(place + 20)
        let isEnd = length == JournalFileHeader.endLength
        guard isEnd || length <= JournalFileHeader.longest else {
            throw damage("a length is impossible")
        }
        let first = place + JournalFileHeader.frameSize
        let count = isEnd ? 0 : Int(length)
        let bytes = unsafe input.view(first + count)
        // Both parts lie inside the view: the head without its checksum, and the record.
        let head = unsafe Checksum.add(
            UnsafeRawBufferPointer(rebasing: bytes[place..<place + 20]),
            to: 0
        )
        let sum = unsafe Checksum.add(UnsafeRawBufferPointer(rebasing: bytes[first...]), to: head)
        guard sum == checksum else { throw damage("a checksum is wrong") }
        if isEnd {
            guard timestamp == self.count else { throw damage("records are missing") }
            highWatermark = offset
            return nil
        }
        guard offset > self.offset else { throw damage("offsets do not rise") }
        guard let base = bytes.baseAddress else { preconditionFailure("a frame is in memory") }
        let record = unsafe RecordView(base + first, count: count)
        self.offset = offset
        self.timestamp = timestamp
        self.count += 1
        do { try record.check() } catch { throw damage(error.reason.rawValue) }
        return record
    }

    /// How a file ends, without reading what is before: how many records it has, and the partition's high watermark.
    ///
    /// - Throws: where it was cut off or damaged at its end.
    static func end(
        of path: String
    ) throws(FileFailure) -> (records: Int64, highWatermark: Int64, bytes: Int64) {
        let file = try InputFile(path)
        guard let size = file.size, size >= Int64(JournalFileHeader.frameSize) else {
            throw FileFailure("read \(path): it is no whole journal file. Dump the journal again.")
        }
        var tail = [UInt8](repeating: 0, count: JournalFileHeader.frameSize)
        try file.read(into: &tail, at: size - Int64(tail.count))
        func number<Value: FixedWidthInteger>(_ place: Int) -> Value {
            (0..<Value.bitWidth / 8).reduce(0) {
                $0 | Value(truncatingIfNeeded: tail[place + $1]) << ($1 * 8)
            }
        }
        let sum = unsafe tail.withUnsafeBytes { bytes in
            // The head of a frame without its checksum.
            unsafe Checksum.add(UnsafeRawBufferPointer(rebasing: bytes[..<20]), to: 0)
        }
        guard number(16) == JournalFileHeader.endLength, number(20) == sum else {
            throw FileFailure("read \(path): it was cut off. Dump the journal again.")
        }
        return (number(8), number(0), size)
    }

    private func damage(_ what: String) -> FileFailure {
        FileFailure(
            "read \(path): \(what), behind the record of offset \(offset). Dump the journal again."
        )
    }
}

/// The bytes of a file, some of which are in memory.
///
/// They are read past the page cache: a journal is read once, and filling the cache takes longer than folding it.
@safe
struct JournalFileInput: ~Copyable {
    private var file: InputFile
    private var memory: UnsafeMutableRawBufferPointer
    private var first = 0
    private var last = 0
    private static let block = 4096

    init(_ path: String) throws(FileFailure) {
        file = try InputFile(direct: path)
        // Ours until `deinit`; whole blocks.
        unsafe memory = .allocate(byteCount: 4 << 20, alignment: Self.block)
    }

    deinit { unsafe memory.deallocate() }

    /// Has the next `count` bytes in memory; false where the file has not so many left.
    mutating func fill(_ count: Int) throws(FileFailure) -> Bool {
        while last - first < count {
            makeRoom(for: count)
            let read = try unsafe file.read(
                into: UnsafeMutableRawBufferPointer(rebasing: memory[last...])
            )
            if read == 0 { return false }
            last += read
        }
        return true
    }

    /// Puts what is left before a whole block, at which reading goes on, with room for `count` bytes and a block.
    private mutating func makeRoom(for count: Int) {
        let left = last - first
        let place = (left + Self.block - 1) / Self.block * Self.block
        let needed = (place + count + 2 * Self.block) / Self.block * Self.block
        let room = max(unsafe memory.count, needed)
        var target = unsafe memory
        if unsafe room > memory.count {
            unsafe target = .allocate(byteCount: room, alignment: Self.block)
        }
        if left > 0, let to = target.baseAddress, let from = unsafe memory.baseAddress {
            // Fewer than `place` bytes are left, and both ranges are inside their memory.
            unsafe (to + place - left).copyMemory(from: from + first, byteCount: left)
        }
        if unsafe room > memory.count {
            unsafe memory.deallocate()
            unsafe memory = target
        }
        first = place - left
        last = place
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

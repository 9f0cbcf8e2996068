internal import Journal

/// Reads a journal file frame by frame and goes on behind damage, where ``JournalFileReader`` stops: to find all that
/// is wrong.
///
/// Behind damage it looks, byte by byte, for the next frame whose length fits its record and whose checksum is right.
/// What it passes over is told, with its place.
@safe
struct JournalFrames: ~Copyable {
    /// What was found.
    enum Step {
        /// A record whose checksum is right; it is in hand.
        case record
        /// Bytes that are no frame, from `byte` on.
        case damage(byte: Int64, count: Int64)
        /// The end that the dump wrote, and how many bytes follow it.
        case end(highWatermark: Int64, recordCount: Int64, bytesBehind: Int64)
        /// The file ended without that; so many bytes of a frame were left.
        case cutOff(bytesLeft: Int)
    }

    /// Which partition it holds, as the file says.
    let header: JournalFileHeader
    /// Offset of the record in hand, as on Kafka.
    private(set) var offset: Int64 = -1
    /// Kafka's time of the record in hand, milliseconds since 1970.
    private(set) var timestamp: Int64 = 0
    /// Byte of the file at which the frame in hand begins.
    private(set) var byte: Int64
    private var input: JournalFileInput
    /// Bytes of the frame in hand.
    private var length = 0

    /// Opens a file and reads its header.
    init(_ path: String) throws(FileFailure) {
        var input = try JournalFileInput(path)
        header = try JournalFileHeader(reading: &input, path)
        byte = Int64(JournalFileHeader.magic.count + 12 + header.topic.utf8.count)
        self.input = input
    }

    /// The bytes of the record in hand; good until the next call.
    var record: UnsafeRawBufferPointer {
        let frame = unsafe input.view(length)
        return unsafe UnsafeRawBufferPointer(rebasing: frame[JournalFileHeader.frameSize...])
    }

    /// Goes to what comes next. After `end` and `cutOff` there is nothing.
    mutating func next() throws(FileFailure) -> Step {
        skip(length)
        length = 0
        let size = JournalFileHeader.frameSize
        guard try input.fill(size) else { return .cutOff(bytesLeft: input.count) }
        switch try frame() {
        case .record(let count):
            offset = input.load(0)
            timestamp = input.load(8)
            length = size + count
            return .record
        case .end:
            let step = (input.load(0) as Int64, input.load(8) as Int64)
            skip(size)
            let behind = try skipToEnd()
            return .end(highWatermark: step.0, recordCount: step.1, bytesBehind: behind)
        case .none:
            let start = byte
            var found = Frame.none
            while found == .none {
                skip(1)
                guard try input.fill(size) else { break }
                found = try frame()
            }
            // What is too short for a frame belongs to the damage, too.
            if input.count < size { skip(input.count) }
            return .damage(byte: start, count: byte - start)
        }
    }

    private mutating func skip(_ count: Int) {
        input.skip(count)
        byte += Int64(count)
    }

    private mutating func skipToEnd() throws(FileFailure) -> Int64 {
        let start = byte
        while try input.fill(1) { skip(input.count) }
        return byte - start
    }

    private enum Frame: Equatable {
        case none, end
        case record(Int)
    }

    /// What begins at the next byte; a whole head is in memory.
    private mutating func frame() throws(FileFailure) -> Frame {
        let size = JournalFileHeader.frameSize
        let length: UInt32 = input.load(16)
        if length == JournalFileHeader.endLength { return try isIntact(0) ? .end : .none }
        let count = Int(length)
        guard count >= 8, count <= JournalFileHeader.longest, try input.fill(size + 8),
            // Asked before a piece as long as the length says is read: it may be any number.
            input.load(size + 4) as UInt32 == length, try input.fill(size + count)
        else { return .none }
        return try isIntact(count) ? .record(count) : .none
    }

    private func isIntact(_ count: Int) throws(FileFailure) -> Bool {
        let size = JournalFileHeader.frameSize
        let frame = unsafe input.view(size + count)
        let sum = unsafe Checksum.frame(
            offset: input.load(0),
            timestamp: input.load(8),
            length: input.load(16),
            UnsafeRawBufferPointer(rebasing: frame[size...])
        )
        return sum == input.load(20)
    }
}

internal import Journal

/// The output topics of the engine, in the order of OUTPUTS. Dead letters are ingest's.
public enum OutputTopic: UInt8, CaseIterable, Sendable {
    case decisions, alerts, accumulators, replenishments

    /// Name of topic and file.
    public var name: String {
        switch self {
        case .decisions: "decisions"
        case .alerts: "alerts"
        case .accumulators: "accumulators"
        case .replenishments: "replenishments"
        }
    }
}

/// Output records of one topic, one JSON object and a line feed each, one after another in flat memory.
///
/// Offline the bytes are the file; on Kafka each line without its line feed is a record's value.
@safe
public final class OutputBuffer: @unchecked Sendable {
    // One owner at a time, as `RecordBatch`; and for the same reason no run-time checks for overlapping access.
    @exclusivity(unchecked)
    private(set) var base: UnsafeMutablePointer<UInt8>
    @exclusivity(unchecked)
    private var limit: UnsafeMutablePointer<UInt8>
    /// Bytes in use.
    @exclusivity(unchecked)
    public private(set) var byteCount = 0
    /// Place at which the next record goes.
    @exclusivity(unchecked)
    private var cursor: UnsafeMutablePointer<UInt8>
    /// Number of records.
    @exclusivity(unchecked)
    public private(set) var count = 0
    /// Where each record ends and whose it is. Flat memory: two arrays, each asked whether it is shared, made 87
    /// instructions of what ends a record, and this makes 42.
    @exclusivity(unchecked)
    private var marks: UnsafeMutablePointer<Mark>
    @exclusivity(unchecked)
    private var markCapacity = 1024

    private struct Mark: BitwiseCopyable {
        /// Line feed included.
        var end: Int
        var entity: UInt32
    }

    /// Days written last.
    let dates: UnsafeMutablePointer<DateText>

    /// An empty buffer.
    public init(capacity: Int = 1 << 20) {
        let room = max(capacity, 1 << 16)
        unsafe base = .allocate(capacity: room)
        unsafe limit = base + room
        unsafe cursor = base
        unsafe marks = .allocate(capacity: markCapacity)
        let slots = Int(DateText.slotMask) + 1
        unsafe dates = .allocate(capacity: slots)
        unsafe dates.initialize(repeating: .none, count: slots)
    }

    deinit {
        unsafe base.deallocate()
        unsafe marks.deallocate()
        unsafe dates.deallocate()
    }

    /// End of each record, line feed included.
    public var ends: [Int] { unsafe (0..<count).map { unsafe marks[$0].end } }
    /// The covered entity of each record, by the machine's number: its 340B ID is the key on Kafka.
    public var entities: [UInt32] { unsafe (0..<count).map { unsafe marks[$0].entity } }

    /// Keeps what a pen has written in a buffer that is used as scratch.
    func keep(_ pen: Pen) { unsafe cursor = pen.place }

    /// What was kept.
    var written: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: cursor - base)
    }

    /// All bytes, for as long as the buffer is not written to.
    public var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: byteCount)
    }

    /// The value of the record at `index`, without its line feed.
    ///
    /// - Parameter index: below ``count``.
    /// - Returns: its bytes, for as long as the buffer is not written to.
    public func value(at index: Int) -> UnsafeRawBufferPointer {
        unsafe precondition(index >= 0 && index < count, "a buffer has no record at this index")
        let start = unsafe index == 0 ? 0 : marks[index - 1].end
        // Ends were written by `finish` and lie inside the memory.
        return unsafe UnsafeRawBufferPointer(
            start: base + start,
            count: marks[index].end - 1 - start
        )
    }

    /// Empties the buffer; its memory stays.
    public func removeAll() {
        unsafe byteCount = 0
        unsafe count = 0
        unsafe cursor = base
    }

    /// Forgets all records behind the first `kept`.
    public func truncate(to kept: Int) {
        unsafe precondition(kept >= 0 && kept <= count, "a buffer has fewer records")
        unsafe count = kept
        unsafe byteCount = kept == 0 ? 0 : marks[kept - 1].end
        unsafe cursor = base + byteCount
    }

    /// Keeps the records of some covered entities, in their order.
    ///
    /// - Parameter isKept: by the machine's number of the entity.
    public func keep(where isKept: (_ entity: UInt32) -> Bool) {
        var start = 0
        var kept = 0
        var place = 0
        for index in unsafe 0..<count {
            let mark = unsafe marks[index]
            let size = mark.end - start
            if isKept(mark.entity) {
                // It moves towards the beginning, inside what was written.
                unsafe (base + place).update(from: base + start, count: size)
                place += size
                unsafe marks[kept] = Mark(end: place, entity: mark.entity)
                kept += 1
            }
            start = mark.end
        }
        unsafe count = kept
        unsafe byteCount = place
        unsafe cursor = base + place
    }

    /// A pen at the end of what is written, with room for `count` bytes.
    @inline(__always)
    func pen(_ count: Int = 4096) -> Pen {
        if unsafe limit - cursor < count { grow(count) }
        return unsafe Pen(self, cursor, limit)
    }

    /// Makes room for `count` bytes behind a pen, which may move the memory under it.
    func makeRoom(for count: Int, behind pen: inout Pen) {
        unsafe cursor = pen.place
        grow(count)
        unsafe pen.place = cursor
        unsafe pen.limit = limit
    }

    private func grow(_ count: Int) {
        let used = unsafe cursor - base
        var room = unsafe (limit - base) * 2
        while room < used + count { room *= 2 }
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: room)
        unsafe larger.update(from: base, count: used)
        unsafe base.deallocate()
        unsafe base = larger
        unsafe limit = base + room
        unsafe cursor = base + used
    }

    /// Ends the record that `pen` wrote.
    @inline(__always)
    func finish(_ pen: Pen, entity: UInt32) {
        unsafe pen.place.pointee = UInt8(ascii: "\n")
        unsafe cursor = pen.place + 1
        unsafe byteCount = cursor - base
        if unsafe count == markCapacity { growMarks() }
        // Room was made.
        unsafe (marks + count).initialize(to: Mark(end: byteCount, entity: entity))
        unsafe count += 1
    }

    @inline(never)
    private func growMarks() {
        let larger = unsafe UnsafeMutablePointer<Mark>.allocate(capacity: markCapacity * 2)
        unsafe larger.update(from: marks, count: count)
        unsafe marks.deallocate()
        unsafe marks = larger
        unsafe markCapacity *= 2
    }
}

/// Rows by the day on which they may be forgotten: a head of a chain for each of the next 4,096 days. A row that is due
/// later waits in the farthest day and is put on when that comes.
struct DayRing {
    private static var size: Int { 4096 }
    private var heads = [UInt32](repeating: 0, count: Self.size)

    /// Puts a row in; returns the row that becomes its next.
    mutating func insert(_ row: UInt32, due day: Int32, today: Int32) -> UInt32 {
        let ahead = min(max(Int(day) - Int(today), 1), Self.size - 1)
        let place = (Int(today) + ahead) & (Self.size - 1)
        let next = heads[place]
        heads[place] = row
        return next
    }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        unsafe heads.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { unsafe archive.memory(base, bytes.count) }
        }
    }

    /// Takes out the chain of a day.
    mutating func take(day: Int32) -> UInt32 {
        let place = Int(day) & (Self.size - 1)
        let head = heads[place]
        heads[place] = 0
        return head
    }
}

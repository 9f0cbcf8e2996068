/// Rows in the order of a key, mostly added at the end and taken from the beginning.
struct Timeline {
    private struct Entry {
        var key: Int64
        var row: UInt32
    }
    private var entries: [Entry] = []
    /// Entries before it are gone.
    private var head = 0

    var isEmpty: Bool { entries.count == head }
    /// Places of the rows that are there.
    var places: Range<Int> { head..<entries.count }

    /// The row at a place.
    subscript(_ place: Int) -> UInt32 { entries[place].row }

    /// The key at a place.
    func key(at place: Int) -> Int64 { entries[place].key }

    /// The first place whose key is at least this one.
    func start(_ key: Int64) -> Int { first { $0 >= key } }

    /// The first place whose key is greater than this one.
    func end(_ key: Int64) -> Int { first { $0 > key } }

    /// The row that follows another one with this key; 0 where that is the last.
    func row(behind row: UInt32, at key: Int64) -> UInt32 {
        let next = place(of: row, at: key) + 1
        return next < entries.count ? entries[next].row : 0
    }

    private func place(of row: UInt32, at key: Int64) -> Int {
        var place = start(key)
        while place < entries.count, entries[place].key == key, entries[place].row != row {
            place += 1
        }
        precondition(
            place < entries.count && entries[place].row == row && entries[place].key == key,
            "a row is asked for as it was put in"
        )
        return place
    }

    private func first(_ isBehind: (Int64) -> Bool) -> Int {
        var low = head
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(entries[middle].key) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Puts a row behind all of its key.
    mutating func insert(_ row: UInt32, at key: Int64) {
        entries.insert(Entry(key: key, row: row), at: end(key))
    }

    /// Takes a row out that was put in with this key.
    mutating func remove(_ row: UInt32, at key: Int64) {
        let place = place(of: row, at: key)
        if place > head {
            entries.remove(at: place)
            return
        }
        head += 1
        // What was taken is let go once it is most of the memory.
        if head > 64, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
    }
}

internal import Journal

/// Moments at which something must be looked at again: a binary heap on time alone.
///
/// Entries are hints: a row that was settled or removed meanwhile is found settled when its moment comes. Of equal
/// moments all are taken out together and put into the contract's order (SEMANTICS 5) by their texts.
struct Deadlines {
    struct Entry: BitwiseCopyable {
        var at: Int64
        /// Row number; the top bit marks an accumulator.
        var row: UInt32
    }
    private var heap: [Entry] = []

    var count: Int { heap.count }

    /// The row of an entry near the front; places are below ``count``.
    @inline(__always)
    func row(at place: Int) -> UInt32 { heap[place].row }

    /// The next moment, or `.max` where there is none.
    @inline(__always)
    var next: Int64 { heap.isEmpty ? .max : heap[0].at }

    mutating func insert(at: Int64, row: UInt32) {
        var place = heap.count
        heap.append(Entry(at: at, row: row))
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[parent].at > at else { break }
            heap[place] = heap[parent]
            place = parent
        }
        heap[place] = Entry(at: at, row: row)
    }

    mutating func popFirst() -> Entry {
        let first = heap[0]
        let last = heap.removeLast()
        if !heap.isEmpty {
            var place = 0
            while true {
                var child = 2 * place + 1
                guard child < heap.count else { break }
                if child + 1 < heap.count, heap[child + 1].at < heap[child].at { child += 1 }
                guard heap[child].at < last.at else { break }
                heap[place] = heap[child]
                place = child
            }
            heap[place] = last
        }
        return first
    }
}

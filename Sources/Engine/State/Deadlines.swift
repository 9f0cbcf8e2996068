internal import Journal

/// Moments at which something must be looked at again.
///
/// Graces run from monitor time, which never goes back, so deadlines of one length come in their order: each goes to the
/// end of a lane, and only what fits into no lane goes into a heap. Taking the next one then touches memory in order,
/// where a heap alone cost 3 % of a run. A moment more than a day behind a lane's end begins a lane of its own or goes into
/// the heap: at the end of this lane it would keep all that comes before it out.
///
/// Entries are hints: a row that was settled or removed meanwhile is found settled when its moment comes. Of equal
/// moments all are taken out together and put into the contract's order (SEMANTICS 5) by their texts.
struct Deadlines {
    struct Entry: BitwiseCopyable {
        var at: Int64
        /// Row number; the top bit marks an accumulator.
        var row: UInt32
        /// So that an entry has no gaps: its bytes are part of an image.
        private var reserved: UInt32 = 0

        init(at: Int64, row: UInt32) {
            self.at = at
            self.row = row
        }
    }
    /// A queue whose moments never decrease.
    private struct Lane {
        var entries: [Entry] = []
        var head = 0
        var last: Int64 = .min

        var next: Int64 { head < entries.count ? entries[head].at : .max }

        mutating func popFirst() -> Entry {
            let first = entries[head]
            head += 1
            if head == entries.count {
                // An empty lane begins anew.
                entries.removeAll(keepingCapacity: true)
                head = 0
                last = .min
            }
            // What was taken is let go once it is most of the memory.
            if head > 4096, head * 2 > entries.count {
                entries.removeFirst(head)
                head = 0
            }
            return first
        }
    }
    private static var widestGap: Int64 { 86_400_000_000 }
    private var lanes = [Lane](repeating: Lane(), count: 4)
    private var heap: [Entry] = []
    private var nextOfLanes: Int64 = .max
    private var nextLane = 0

    /// How many found no lane.
    var heapCount: Int { heap.count }
    var count: Int { lanes.reduce(heap.count) { $0 + $1.entries.count - $1.head } }

    /// The next moment, or `.max` where there is none.
    @inline(__always)
    var next: Int64 { min(nextOfLanes, heap.isEmpty ? .max : heap[0].at) }

    mutating func insert(at: Int64, row: UInt32) {
        // The lane whose end is nearest below, else an empty one.
        var best = -1
        for place in lanes.indices {
            let last = lanes[place].last
            guard last <= at, last == .min || at &- last <= Self.widestGap else { continue }
            if best < 0 || last > lanes[best].last { best = place }
        }
        guard best >= 0 else { return insertIntoHeap(Entry(at: at, row: row)) }
        lanes[best].entries.append(Entry(at: at, row: row))
        lanes[best].last = at
        if at < nextOfLanes {
            nextOfLanes = at
            nextLane = best
        }
    }

    /// Notes one of the few moments that may lie years ahead: in the heap, since at the end of a lane it would keep all that
    /// comes before it out.
    mutating func insertRare(at: Int64, row: UInt32) { insertIntoHeap(Entry(at: at, row: row)) }

    mutating func popFirst() -> Entry {
        guard nextOfLanes <= (heap.isEmpty ? .max : heap[0].at) else { return popFromHeap() }
        let first = lanes[nextLane].popFirst()
        nextOfLanes = .max
        for place in lanes.indices where lanes[place].next < nextOfLanes {
            nextOfLanes = lanes[place].next
            nextLane = place
        }
        return first
    }

    /// Visits the rows of entries up to a moment: of each lane so many at most, of the heap most.
    @inline(__always)
    func visit(until moment: Int64, limit: Int, _ visit: (UInt32) -> Void) {
        guard next <= moment else { return }
        for lane in lanes.indices {
            let end = min(lanes[lane].entries.count, lanes[lane].head + limit)
            for place in lanes[lane].head..<max(lanes[lane].head, end) {
                if lanes[lane].entries[place].at > moment { break }
                visit(lanes[lane].entries[place].row)
            }
        }
        // What comes first in a heap stands near its top.
        for place in 0..<min(heap.count, limit) where heap[place].at <= moment {
            visit(heap[place].row)
        }
    }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        let none = Entry(at: 0, row: 0)
        for place in lanes.indices {
            archive.array(&lanes[place].entries, filler: none)
            lanes[place].head = archive.number(lanes[place].head)
            archive.value(&lanes[place].last)
            if lanes[place].head > lanes[place].entries.count {
                return archive.fail("a lane of deadlines begins behind its end")
            }
        }
        archive.array(&heap, filler: none)
        archive.value(&nextOfLanes)
        nextLane = archive.number(nextLane)
        if !lanes.indices.contains(nextLane) { archive.fail("it names a lane that is not there") }
    }

    // MARK: the heap, on time alone

    private mutating func insertIntoHeap(_ entry: Entry) {
        var place = heap.count
        heap.append(entry)
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[parent].at > entry.at else { break }
            heap[place] = heap[parent]
            place = parent
        }
        heap[place] = entry
    }

    private mutating func popFromHeap() -> Entry {
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

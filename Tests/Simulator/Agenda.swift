/// What is to happen, by time, and by chance where times are equal: a binary heap.
struct Agenda {
    enum What {
        case fiber(Fiber, Int)
        case event(() -> Void)
    }

    struct Item {
        var time: Int64
        var order: UInt64
        var what: What

        func isBefore(_ other: Item) -> Bool {
            time != other.time ? time < other.time : order < other.order
        }
    }

    private var items: [Item] = []

    mutating func push(_ item: Item) {
        items.append(item)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].isBefore(items[parent]) else { break }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Item? {
        guard !items.isEmpty else { return nil }
        items.swapAt(0, items.count - 1)
        let first = items.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < items.count && items[child].isBefore(items[least]) { least = child }
            guard least != parent else { break }
            items.swapAt(parent, least)
            parent = least
        }
        return first
    }
}

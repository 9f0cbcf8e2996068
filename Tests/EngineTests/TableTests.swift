import Testing

@testable import Engine

/// The engine's own tables say what simple ones do, through growing, removing and expiring.
struct TableTests {
    @Test func `an index finds what a dictionary finds`() {
        var chance = Chance(seed: 11)
        let index = Index()
        var rows: [UInt32: UInt64] = [:]
        var next: UInt32 = 0
        func find(_ number: UInt32, _ hash: UInt64) -> UInt32 { index.find(hash) { $0 == number } }
        for _ in 0..<60_000 {
            if rows.isEmpty || chance.happens(60) {
                next += 1
                // One in four shares the 32 bits that a slot keeps: of a row of old, of the least key, of the largest.
                let hash =
                    switch chance.number(1...16) {
                    case 1, 2: rows[UInt32(chance.number(1...Int(next)))] ?? chance.next()
                    case 3: UInt64.zero
                    case 4: UInt64(0xFFFF_FFFF) << 16
                    default: chance.next()
                    }
                index.insert(hash, next)
                rows[next] = hash
            } else {
                let number = UInt32(chance.number(1...Int(next)))
                if let hash = rows.removeValue(forKey: number) { index.remove(hash, number) }
            }
            let number = UInt32(chance.number(1...Int(next)))
            if let hash = rows[number] { #expect(find(number, hash) == number) }
        }
        for (number, hash) in rows { #expect(find(number, hash) == number) }
        #expect(index.distance.count == rows.count)
        // What is gone is not found, and removing it again removes nothing.
        for number in 1...next where rows[number] == nil {
            #expect(find(number, 0) == 0)
            index.remove(0, number)
        }
        for (number, hash) in rows { index.remove(hash, number) }
        #expect(index.distance.count == 0)
        for (number, hash) in rows { #expect(find(number, hash) == 0) }
    }

    @Test func `an identifier counts as seen for as long as the horizon says`() {
        var chance = Chance(seed: 12)
        var ids = EventIDs()
        var seen: [UInt64: Int] = [:]
        let horizon = 20
        for day in 1...400 {
            for _ in 0..<100 {
                // Few enough to come again, some within the horizon, some after it.
                let number = UInt64(chance.number(0...5000))
                let isNew = ids.insert(
                    high: Hash.words(number, 1),
                    low: Hash.words(number, 2),
                    day: UInt16(day),
                    seen: UInt16(day),
                    horizon: horizon
                )
                #expect(isNew == (seen[number].map { day - $0 > horizon } ?? true))
                if isNew { seen[number] = day }
            }
        }
        // The sweep takes expired ones back: of 5,001 some 2,000 are younger than the horizon, and few are left beside.
        let young = seen.values.filter { 400 - $0 <= horizon }.count
        #expect(ids.count >= young)
        #expect(ids.count < 2 * young)
    }

    @Test func `deadlines come in their order, whichever way they are kept`() {
        var chance = Chance(seed: 13)
        var deadlines = Deadlines()
        var left: [Int64: Int] = [:]
        let hour: Int64 = 3_600_000_000
        var now: Int64 = 0
        for step in 0..<40_000 {
            now += Int64(chance.number(0...10)) * 60_000_000
            while deadlines.next <= now {
                let at = deadlines.popFirst().at
                #expect(left.keys.allSatisfy { $0 >= at } || step % 100 != 0)
                left[at, default: 0] -= 1
                if left[at] == 0 { left[at] = nil }
            }
            // Two graces of fixed length, one that varies, and now and then sixty days.
            let wait = chance.pick([72 * hour, 72 * hour, 24 * hour])
            let at =
                switch chance.number(1...50) {
                case 1: now + 60 * 24 * hour
                case 2...5: now + Int64(chance.number(1...100)) * hour
                default: now + wait
                }
            deadlines.insert(at: at, row: UInt32(step))
            left[at, default: 0] += 1
        }
        var last = Int64.min
        while deadlines.next != .max {
            let at = deadlines.popFirst().at
            #expect(at >= last)
            last = at
            left[at, default: 0] -= 1
            if left[at] == 0 { left[at] = nil }
        }
        #expect(left.isEmpty)
        #expect(deadlines.count == 0)
    }

    @Test func `one far deadline does not send the near ones to the heap`() {
        var deadlines = Deadlines()
        let day: Int64 = 86_400_000_000
        for minute in 0..<10_000 as Range<Int64> {
            let now = minute * 60_000_000
            if minute == 100 { deadlines.insert(at: now + 60 * day, row: 1) }
            deadlines.insert(at: now + 3 * day, row: 2)
            while deadlines.next <= now { _ = deadlines.popFirst() }
        }
        #expect(deadlines.heapCount == 0)
    }

    @Test func `a process has room for the tables of two hundred partitions`() {
        func count(_ left: Int) -> Int {
            let machine = Machine()
            let rest = left == 1 ? 0 : count(left - 1)
            return machine.nextRecordNumber == 0 ? rest + 1 : rest
        }
        #expect(count(200) == 200)
    }
}

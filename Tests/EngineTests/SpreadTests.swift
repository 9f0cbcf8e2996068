import Testing

@testable import Engine

/// Keys lie near the places where they belong: a table whose hashes all lead to one place gives the right answers, and
/// is walked for each.
struct SpreadTests {
    @Test func `rows lie near their places, at any size`() {
        var random: UInt64 = 7
        for size in [10, 1000, 30_000, 200_000] {
            let index = Index()
            for number in 1...UInt32(size) {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                index.insert(Hash.words(UInt64(number), random), number)
            }
            #expect(index.distance.count == size)
            #expect(index.distance.sum < 4 * size)
        }
    }

    @Test func `identifiers lie near their places, at any size`() {
        for size in [10, 1000, 30_000, 200_000] {
            var ids = EventIDs()
            for number in 0..<UInt64(size) {
                let isNew = ids.insert(
                    high: Hash.words(number, 1),
                    low: Hash.words(number, 2),
                    day: 20_000,
                    seen: 20_000,
                    horizon: 400
                )
                #expect(isNew)
            }
            #expect(ids.count == size)
            #expect(ids.distance.sum < 4 * size)
        }
    }
}

import Journal
import Testing

@testable import Pipeline

/// The text beside a source partition's offset.
struct SourceMetadataTests {
    private static func metadata(partitions: Int, owner: String = "app.ingest.a") -> SourceMetadata
    {
        var metadata = SourceMetadata(firstOffset: 17, partitions: partitions)
        metadata.reached = Instant(microseconds: 1_700_000_000_000_000)
        metadata.newest = Instant(microseconds: 1_700_000_000_000_001)
        metadata.isAtEnd = true
        metadata.counters = (0..<partitions).map { UInt64($0) * 1_000_003 }
        metadata.owner = owner
        return metadata
    }

    @Test(arguments: ["app.ingest.a", "app.ingest.the worker @ home", "@", "app.ingest.b @c"])
    func `what was written is read`(owner: String) throws {
        var metadata = Self.metadata(partitions: 3, owner: owner)
        metadata.stable = StableOffsets([0, 1, 127, 128, 1 << 40, .max])
        let found = try #require(SourceMetadata(metadata.text, partitions: 3))
        #expect(found == metadata)
        #expect(found.stable?[4] == 1 << 40)
        #expect(found.stable?[6] == 0)
        metadata.stable = nil
        #expect(SourceMetadata(metadata.text, partitions: 3) == metadata)
    }

    @Test func `a text of before the stable offsets is read, and all is searched`() throws {
        let text = Self.metadata(partitions: 2).text
        #expect(text.hasSuffix(" @"))
        let found = try #require(SourceMetadata(String(text.dropLast(2)), partitions: 2))
        #expect(found.owner == "app.ingest.a")
        #expect(found.stable == nil)
    }

    @Test func `with the most partitions all fits below the broker's limit`() throws {
        #expect(SourceMetadata.hasRoom(journal: 158, deadLetters: 158))
        #expect(!SourceMetadata.hasRoom(journal: 159, deadLetters: 158))
        var metadata = Self.metadata(partitions: 158, owner: String(repeating: "a", count: 256))
        metadata.counters = Array(repeating: 1 << 42 - 1, count: 158)
        metadata.stable = StableOffsets(Array(repeating: 1 << 42 - 1, count: 316))
        #expect(metadata.text.utf8.count <= 4096)
        #expect(SourceMetadata(metadata.text, partitions: 158) == metadata)
    }

    @Test func `what has no room is left out`() throws {
        var metadata = Self.metadata(partitions: 2)
        metadata.stable = StableOffsets(Array(repeating: 1 << 42, count: 1000))
        let found = try #require(SourceMetadata(metadata.text, partitions: 2))
        #expect(found.owner == "app.ingest.a")
        #expect(found.stable == nil)
    }

    @Test(arguments: ["", "2 AAAA", "1", "1 A!", "1 AAAA", "1 AAAAAA", "1 gICAgA"])
    func `what is none of ours is refused`(text: String) {
        #expect(SourceMetadata(text, partitions: 2) == nil)
    }

    @Test func `what was counted is equal, whatever was known of the log`() {
        var later = Self.metadata(partitions: 2)
        later.stable = StableOffsets([5, 6])
        #expect(later.isEqual(to: Self.metadata(partitions: 2)))
        later.counters[1] += 1
        #expect(!later.isEqual(to: Self.metadata(partitions: 2)))
        #expect(!later.isEqual(to: nil))
    }
}

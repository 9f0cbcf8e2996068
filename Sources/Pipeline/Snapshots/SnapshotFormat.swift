internal import Engine

// What stands in the topic `snapshots`. Each journal partition has its own partition there, and in it two slots, of which
// always the older one is written over:
//
//     key  3/A/0          piece 0 of the snapshot in slot A of journal partition 3
//     key  3/A/1          …
//     key  3/A/manifest   what they are together; written last, so that a snapshot without one is none
//
// A piece proves itself: it names its snapshot and its place, and carries a checksum over both and its bytes. So it may be
// taken up as it comes, before the manifest, which proves the whole, has been seen.

/// One of two places for snapshots of a partition.
enum SnapshotSlot: UInt8, Sendable {
    case a = 0
    case b = 1

    var name: String { self == .a ? "A" : "B" }
    var other: SnapshotSlot { self == .a ? .b : .a }

    init?(name: some StringProtocol) {
        switch name {
        case "A": self = .a
        case "B": self = .b
        default: return nil
        }
    }
}

/// A key of the topic.
enum SnapshotKey: Equatable {
    case piece(SnapshotSlot, UInt32)
    case manifest(SnapshotSlot)

    func text(_ partition: Int32) -> String {
        switch self {
        case .piece(let slot, let number): "\(partition)/\(slot.name)/\(number)"
        case .manifest(let slot): "\(partition)/\(slot.name)/manifest"
        }
    }

    /// The key that stands there; nil where it is none of this partition.
    init?(_ bytes: [UInt8], _ partition: Int32) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/")
        guard parts.count == 3, parts[0] == String(partition),
            let slot = SnapshotSlot(name: parts[1])
        else { return nil }
        if parts[2] == "manifest" {
            self = .manifest(slot)
        } else if let number = UInt32(parts[2]) {
            self = .piece(slot, number)
        } else {
            return nil
        }
    }
}

/// The head of a piece, 40 bytes, little-endian:
///
///     0  "DMSP"            16  number, from 0
///     4  version           20  bytes before compression
///     6  slot              24  XXH3-128 of bytes 0..<24 and all behind 40
///     8  journal offset    40  a zstd frame
struct SnapshotPiece {
    static let size = 40
    static let magic: UInt32 = 0x5053_4D44
    static let version: UInt16 = 1
    /// Most bytes of a piece before compression; behind it, it may be a little more, and stays far below what brokers take.
    static let most = 512 << 10

    var slot: SnapshotSlot
    /// The next record that the state has not seen: the name of the snapshot.
    var offset: Int64
    var number: UInt32
    var byteCount: UInt32

    init(slot: SnapshotSlot, offset: Int64, number: UInt32, byteCount: UInt32) {
        self.slot = slot
        self.offset = offset
        self.number = number
        self.byteCount = byteCount
    }

    /// Writes head and bytes.
    func record(_ compressed: UnsafeRawBufferPointer) -> [UInt8] {
        var record: [UInt8] = []
        record.reserveCapacity(Self.size + compressed.count)
        func put(_ value: some FixedWidthInteger) {
            unsafe withUnsafeBytes(of: value.littleEndian) { unsafe record.append(contentsOf: $0) }
        }
        put(Self.magic)
        put(Self.version)
        put(slot.rawValue)
        put(UInt8(0))
        put(offset)
        put(number)
        put(byteCount)
        let checksum = unsafe record.withUnsafeBytes { unsafe Self.checksum($0, compressed) }
        put(checksum.high)
        put(checksum.low)
        unsafe record.append(contentsOf: compressed)
        return record
    }

    private static func checksum(
        _ head: UnsafeRawBufferPointer,
        _ compressed: UnsafeRawBufferPointer
    ) -> StateChecksum {
        let seed = unsafe StateChecksum(of: head)
        return unsafe StateChecksum(of: compressed, seed: seed.low ^ seed.high)
    }

    /// Reads a head.
    ///
    /// - Throws: `StateFault` where the record is none of this version, or damaged.
    init(_ record: [UInt8]) throws(StateFault) {
        guard record.count > Self.size else {
            throw StateFault("a piece has \(record.count) bytes")
        }
        func number<Number: FixedWidthInteger>(_ place: Int, _: Number.Type) -> Number {
            // The head is inside the record.
            Number(
                littleEndian: unsafe record.withUnsafeBytes {
                    unsafe $0.loadUnaligned(fromByteOffset: place, as: Number.self)
                }
            )
        }
        guard number(0, UInt32.self) == Self.magic else { throw StateFault("a piece is none") }
        guard number(4, UInt16.self) == Self.version else {
            throw StateFault("a piece has the version \(number(4, UInt16.self))")
        }
        guard let slot = SnapshotSlot(rawValue: number(6, UInt8.self)) else {
            throw StateFault("a piece is of no slot")
        }
        self.slot = slot
        offset = number(8, Int64.self)
        self.number = number(16, UInt32.self)
        byteCount = number(20, UInt32.self)
        let found = unsafe record.withUnsafeBytes { bytes in
            unsafe Self.checksum(
                UnsafeRawBufferPointer(rebasing: bytes[..<24]),
                UnsafeRawBufferPointer(rebasing: bytes[Self.size...])
            )
        }
        guard found.high == number(24, UInt64.self), found.low == number(32, UInt64.self) else {
            throw StateFault("piece \(self.number) is damaged")
        }
        guard byteCount > 0, byteCount <= Self.most else {
            throw StateFault("piece \(self.number) holds \(byteCount) bytes")
        }
    }
}

/// What a snapshot's pieces are together. As text, so that people can read it, a line each:
///
///     diversion-monitor snapshot 1
///     partition 3
///     slot A
///     offset 5000123
///     records 4711000
///     receipt 1 4711000 3,1,4,1 5f…
///     image 430112000 0f…
///     piece 7a…
///     …
///     end 9c…
struct SnapshotManifest: Equatable {
    static let version = 1
    var partition: Int32
    var slot: SnapshotSlot
    /// The journal offset at which folding goes on.
    var offset: Int64
    /// Journal records in the state.
    var records: Int64
    /// The receipt there.
    var receipt: String
    /// Size and checksum of the state.
    var byteCount: Int
    var checksum: StateChecksum
    /// Checksums of the pieces, as records.
    var pieces: [StateChecksum]

    var text: String {
        var text = """
            diversion-monitor snapshot \(Self.version)
            partition \(partition)
            slot \(slot.name)
            offset \(offset)
            records \(records)
            receipt \(receipt)
            image \(byteCount) \(checksum.text)

            """
        for piece in pieces { text += "piece \(piece.text)\n" }
        let end = unsafe Array(text.utf8).withUnsafeBytes { unsafe StateChecksum(of: $0) }
        return text + "end \(end.text)\n"
    }

    init(
        partition: Int32,
        slot: SnapshotSlot,
        offset: Int64,
        records: Int64,
        receipt: String,
        byteCount: Int,
        checksum: StateChecksum,
        pieces: [StateChecksum]
    ) {
        self.partition = partition
        self.slot = slot
        self.offset = offset
        self.records = records
        self.receipt = receipt
        self.byteCount = byteCount
        self.checksum = checksum
        self.pieces = pieces
    }

    /// Reads a manifest.
    ///
    /// - Throws: `StateFault` where it is damaged or of another version.
    init(_ bytes: [UInt8]) throws(StateFault) {
        let text = String(decoding: bytes, as: UTF8.self)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        func take(_ name: String) throws(StateFault) -> Substring {
            guard let line = lines.popFirst(), line.hasPrefix(name + " ") else {
                throw StateFault("the manifest has no \(name)")
            }
            return line.dropFirst(name.utf8.count + 1)
        }
        let version = try take("diversion-monitor snapshot")
        guard version == String(Self.version) else {
            throw StateFault("the manifest has the version \(version)")
        }
        let end = text.range(of: "end ")
        guard let end, text[end.upperBound...].utf8.count == 33, text.hasSuffix("\n"),
            let sum = StateChecksum(text: text[end.upperBound...].dropLast()),
            unsafe Array(text[..<end.lowerBound].utf8).withUnsafeBytes({
                unsafe StateChecksum(of: $0)
            }) == sum, Array(text.utf8) == bytes
        else { throw StateFault("the manifest is damaged") }
        guard let partition = Int32(try take("partition")),
            let slot = SnapshotSlot(name: try take("slot")),
            let offset = Int64(try take("offset")), let records = Int64(try take("records"))
        else { throw StateFault("the manifest says no place") }
        self.partition = partition
        self.slot = slot
        self.offset = offset
        self.records = records
        receipt = String(try take("receipt"))
        let image = try take("image").split(separator: " ")
        guard image.count == 2, let byteCount = Int(image[0]),
            let checksum = StateChecksum(text: image[1])
        else { throw StateFault("the manifest says nothing of the state") }
        self.byteCount = byteCount
        self.checksum = checksum
        pieces = []
        while lines.first?.hasPrefix("piece ") == true {
            guard let piece = StateChecksum(text: try take("piece")) else {
                throw StateFault("the manifest names no piece")
            }
            pieces.append(piece)
        }
    }
}

extension String {
    /// Where the last line that begins with a word does so.
    fileprivate func range(of word: String) -> Range<String.Index>? {
        let lines = split(separator: "\n", omittingEmptySubsequences: true)
        guard let last = lines.last, last.hasPrefix(word) else { return nil }
        return last.startIndex..<self.index(last.startIndex, offsetBy: word.count)
    }
}

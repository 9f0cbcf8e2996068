internal import Engine
internal import Synchronization

/// A record of the topic `snapshots`, to be written.
struct SnapshotRecord: Sendable {
    var key: SnapshotKey
    var value: [UInt8]
}

/// A snapshot on its way out: a thread of its own makes room for the copy of a state, and compresses it piece by piece, at
/// most a few pieces ahead of whoever writes them.
///
///     record path   SnapshotJob(…)         …  copy  …  take  take  take …
///     its thread    touches fresh memory  ─┘     └─  compresses ─┘
///
/// The record path pays for the copy, and for handing pieces to its producer, a few in each transaction.
final class SnapshotJob: Sendable {
    /// A state in its room, and where it stands.
    private struct Order: Sendable {
        var image: StateImage
        /// The journal offset at which folding goes on from it.
        var offset: Int64
        var receipt: Receipt
    }
    let slot: SnapshotSlot
    private let rooms = Channel<StateImage>(capacity: 1)
    private let orders = Channel<Order>(capacity: 1)
    private let records = Channel<SnapshotRecord>(capacity: 16)

    /// Begins to make room.
    ///
    /// - Parameters:
    ///   - partition: the journal partition.
    ///   - slot: where it goes.
    ///   - byteCount: how large the state is by now.
    init(partition: Int32, slot: SnapshotSlot, byteCount: Int) {
        self.slot = slot
        let (rooms, orders, records) = (rooms, orders, records)
        _ = WorkThread("snapshot-\(partition)") {
            // It grows a little until it is copied.
            rooms.send(StateImage(room: byteCount + byteCount / 16 + 1 << 20))
            guard let order = orders.receive() else { return }
            Self.compress(order, partition, slot, records)
            records.close()
        }
    }

    /// Copies a state, if there is room by now.
    ///
    /// - Parameters:
    ///   - machine: the machine, after a commit.
    ///   - offset: the journal offset behind its last record.
    ///   - receipt: the receipt there.
    /// - Returns: how large the state is; nil where the room is not made yet.
    func copy(_ machine: inout Machine, at offset: Int64, _ receipt: Receipt) -> Int? {
        guard var image = rooms.poll() else { return nil }
        // It grew by more than a sixteenth in a moment: then the pause is longer, this once.
        if !image.take(&machine) { image = StateImage(of: &machine) }
        let size = image.byteCount
        orders.send(Order(image: image, offset: offset, receipt: receipt))
        return size
    }

    /// The next record if it is ready.
    func take() -> SnapshotRecord? { records.poll() }

    /// The next record, waiting for it; nil behind the manifest.
    func next() -> SnapshotRecord? { records.receive() }

    /// Whether a record is ready.
    var isReady: Bool { records.isReady }

    /// Ends the thread; what is on its way is dropped.
    func cancel() {
        rooms.close()
        orders.close()
        records.close()
    }

    private static func compress(
        _ order: Order,
        _ partition: Int32,
        _ slot: SnapshotSlot,
        _ records: Channel<SnapshotRecord>
    ) {
        let image = order.image
        let compressor = Compressor(pieceSize: SnapshotPiece.most)
        let whole = RunningChecksum()
        var checksums: [StateChecksum] = []
        var place = 0
        while place < image.byteCount {
            let end = min(place + SnapshotPiece.most, image.byteCount)
            let piece = SnapshotPiece(
                slot: slot,
                offset: order.offset,
                number: UInt32(checksums.count),
                byteCount: UInt32(end - place)
            )
            let value = unsafe image.withBytes { image in
                // Inside the image, by the line above.
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: image[place..<end])
                unsafe whole.add(bytes)
                return unsafe piece.record(compressor.compress(bytes))
            }
            checksums.append(unsafe value.withUnsafeBytes { unsafe StateChecksum(of: $0) })
            let key = SnapshotKey.piece(slot, piece.number)
            guard records.send(SnapshotRecord(key: key, value: value)) else { return }
            place = end
        }
        let manifest = SnapshotManifest(
            partition: partition,
            slot: slot,
            offset: order.offset,
            records: image.recordCount,
            receipt: order.receipt.wholeText,
            byteCount: image.byteCount,
            checksum: whole.checksum,
            pieces: checksums
        )
        records.send(
            SnapshotRecord(key: .manifest(slot), value: Array(manifest.text.utf8))
        )
    }
}

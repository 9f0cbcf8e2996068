internal import Engine
internal import Synchronization

/// A record of the topic `snapshots`, to be written.
struct SnapshotRecord: Sendable {
    var key: SnapshotKey
    var value: [UInt8]
}

/// A snapshot on its way out: the copy of a state, compressed piece by piece in a thread of its own, at most a few pieces
/// ahead of whoever writes them.
///
/// The record path pays for the copy, and for handing pieces to its producer, a few in each transaction.
final class SnapshotJob: Sendable {
    let slot: SnapshotSlot
    /// The journal offset at which folding goes on from it.
    let offset: Int64
    private let records = Channel<SnapshotRecord>(capacity: 16)

    /// Begins to compress a state.
    ///
    /// - Parameters:
    ///   - image: the copy of the state.
    ///   - partition: the journal partition.
    ///   - slot: where it goes.
    ///   - offset: the journal offset behind its last record.
    ///   - receipt: the receipt there.
    init(
        _ image: StateImage,
        partition: Int32,
        slot: SnapshotSlot,
        offset: Int64,
        receipt: Receipt
    ) {
        self.slot = slot
        self.offset = offset
        let records = records
        _ = WorkThread("snapshot-\(partition)") {
            Self.compress(image, partition, slot, offset, receipt, records)
            records.close()
        }
    }

    /// The next record if it is ready.
    func take() -> SnapshotRecord? { records.poll() }

    /// Whether a record is ready.
    var isReady: Bool { records.isReady }

    /// Ends the thread; what is on its way is dropped.
    func cancel() { records.close() }

    private static func compress(
        _ image: StateImage,
        _ partition: Int32,
        _ slot: SnapshotSlot,
        _ offset: Int64,
        _ receipt: Receipt,
        _ records: Channel<SnapshotRecord>
    ) {
        let compressor = Compressor(pieceSize: SnapshotPiece.most)
        let whole = RunningChecksum()
        var checksums: [StateChecksum] = []
        var place = 0
        while place < image.byteCount {
            let end = min(place + SnapshotPiece.most, image.byteCount)
            let piece = SnapshotPiece(
                slot: slot,
                offset: offset,
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
            offset: offset,
            records: image.recordCount,
            receipt: receipt.wholeText,
            byteCount: image.byteCount,
            checksum: whole.checksum,
            pieces: checksums
        )
        records.send(
            SnapshotRecord(key: .manifest(slot), value: Array(manifest.text.utf8))
        )
    }
}

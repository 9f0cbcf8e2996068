internal import Engine

/// A snapshot that was taken up.
struct RestoredState: ~Copyable {
    var machine: Machine
    var receipt: Receipt
    let manifest: SnapshotManifest
}

/// Where a snapshot stands: found by the receipt of a committed offset, so that nothing has to be searched.
struct SnapshotPlace: Equatable, Sendable {
    /// Offset in the topic `snapshots` at or below its first piece.
    var start: Int64
    /// The journal offset at which folding goes on from it.
    var offset: Int64
    /// The slot it stands in; nil in receipts of before, which did not tell.
    var slot: SnapshotSlot?

    /// As it stands in a receipt.
    var text: String { "\(start):\(offset)" + (slot.map { ":\($0.name)" } ?? "") }
}

/// Takes up a snapshot from the records of its partition, in their order.
///
/// Nothing damaged gets into the state: each piece proves itself before its bytes are used, and the manifest proves the
/// whole before the state is.
final class SnapshotRestore {
    /// The next record of the partition, or nil at its end.
    typealias Records = () throws(StateFault) -> (key: [UInt8], value: [UInt8])?

    private let partition: Int32
    private let offset: Int64
    private let next: Records
    private var slot: SnapshotSlot?
    private let decompressor = Decompressor()
    private let whole = RunningChecksum()
    private var pieces: [StateChecksum] = []
    private var byteCount = 0
    /// The piece in hand, and what of it was taken apart and not yet handed out.
    private var record: [UInt8] = []
    private var piece = [UInt8](repeating: 0, count: SnapshotPiece.most)
    private var used = 0
    private var filled = 0

    private init(_ partition: Int32, _ offset: Int64, _ next: @escaping Records) {
        self.partition = partition
        self.offset = offset
        self.next = next
    }

    /// The state of a partition at a journal offset.
    ///
    /// - Parameters:
    ///   - partition: the journal partition.
    ///   - offset: the journal offset of the snapshot.
    ///   - records: records from a place at or below its first piece on.
    /// - Returns: the machine, the receipt there and the manifest.
    /// - Throws: `StateFault` where anything is missing, damaged or of another version; then another snapshot may do, and
    ///   the journal always does.
    static func state(
        of partition: Int32,
        at offset: Int64,
        from records: @escaping Records
    ) throws(StateFault) -> RestoredState {
        let restore = SnapshotRestore(partition, offset, records)
        let machine = try unsafe Machine(restoringFrom: { buffer throws(StateFault) in
            try unsafe restore.read(into: buffer)
        })
        let manifest = try restore.manifest()
        guard let receipt = Receipt(wholeText: manifest.receipt),
            receipt.records == machine.nextRecordNumber, manifest.records == receipt.records
        else { throw StateFault("the manifest's receipt is not that of its state") }
        return RestoredState(machine: machine, receipt: receipt, manifest: manifest)
    }

    /// Fills a buffer with the next bytes of the state.
    private func read(into buffer: UnsafeMutableRawBufferPointer) throws(StateFault) {
        var place = 0
        while place < buffer.count {
            if used == filled {
                let head = try nextPiece()
                let size = Int(head.byteCount)
                if buffer.count - place >= size {
                    // A whole piece fits: it goes where it belongs at once.
                    try unsafe open(
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: buffer[place..<place + size]
                        )
                    )
                    place += size
                    continue
                }
                var fault: StateFault?
                unsafe piece.withUnsafeMutableBytes { room in
                    do throws(StateFault) {
                        try unsafe open(
                            into: UnsafeMutableRawBufferPointer(rebasing: room[..<size])
                        )
                    } catch {
                        fault = error
                    }
                }
                if let fault { throw fault }
                used = 0
                filled = size
            }
            let count = min(filled - used, buffer.count - place)
            // Both stretches are inside their buffers by the line above.
            unsafe piece.withUnsafeBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[place..<place + count])
                    .copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: bytes[used..<used + count])
                    )
            }
            used += count
            place += count
        }
    }

    /// Finds the next piece, which is kept as it came.
    private func nextPiece() throws(StateFault) -> SnapshotPiece {
        while let record = try next() {
            guard case .piece(let slot, let number) = SnapshotKey(record.key, partition) else {
                if let ours = self.slot, SnapshotKey(record.key, partition) == .manifest(ours) {
                    throw StateFault("its manifest comes before its last piece")
                }
                continue
            }
            guard self.slot == nil || self.slot == slot else { continue }
            let value = record.value
            let head: SnapshotPiece
            do throws(StateFault) {
                head = try SnapshotPiece(value)
            } catch {
                // Before our first piece others may stand, of any version.
                if self.slot == nil { continue }
                throw error
            }
            if self.slot == nil, head.offset != offset || head.number != 0 { continue }
            guard head.slot == slot, head.number == number, head.offset == offset,
                Int(number) == pieces.count
            else {
                throw StateFault(
                    "piece \(pieces.count) was due, and piece \(number) of the snapshot at \(head.offset) came"
                )
            }
            self.slot = slot
            self.record = value
            return head
        }
        throw StateFault("it ends behind \(pieces.count) pieces")
    }

    /// Takes the piece in hand apart.
    private func open(into room: UnsafeMutableRawBufferPointer) throws(StateFault) {
        let isWhole = unsafe record.withUnsafeBytes { bytes in
            unsafe decompressor.decompress(
                UnsafeRawBufferPointer(rebasing: bytes[SnapshotPiece.size...]),
                into: room
            )
        }
        guard isWhole else { throw StateFault("piece \(pieces.count) can't be decompressed") }
        pieces.append(unsafe record.withUnsafeBytes { unsafe StateChecksum(of: $0) })
        unsafe whole.add(UnsafeRawBufferPointer(room))
        byteCount += room.count
    }

    /// The manifest, which must name exactly what was read.
    private func manifest() throws(StateFault) -> SnapshotManifest {
        guard used == filled else { throw StateFault("it holds more than a state") }
        guard let slot else { throw StateFault("it has no pieces") }
        while let record = try next() {
            guard let key = SnapshotKey(record.key, partition) else { continue }
            if case .piece(slot, _) = key {
                throw StateFault("its slot was written over before its manifest came")
            }
            guard key == .manifest(slot) else { continue }
            let manifest = try SnapshotManifest(record.value)
            guard manifest.partition == partition, manifest.slot == slot,
                manifest.offset == offset, manifest.pieces == pieces,
                manifest.byteCount == byteCount, manifest.checksum == whole.checksum
            else { throw StateFault("the manifest is that of other pieces") }
            return manifest
        }
        throw StateFault("it has no manifest")
    }
}

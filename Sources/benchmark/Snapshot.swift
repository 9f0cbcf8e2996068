import CZstd
import Engine
import Ingest
import Journal
import Pipeline

/// `benchmark snapshot`: what a snapshot costs, and what the record path waits for it.
enum Snapshot {
    static let usage = """
        benchmark snapshot FILE --reference DIR [--limit N] [--runs N]

          Folds lines of FILE, then writes the state away as records of the topic snapshots and restores it; beside
          them zstd at the same level on the same bytes, in pieces of the same size. The pause is the copy of the
          state: all that the record path waits.

            --reference DIR   the reference tables
            --limit N         read at most N lines; 5000000
            --runs N          do it so often; 5
        """

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, places: 1, options: ["reference", "limit", "runs"])
        let rows = try Beginning.rows(of: arguments.required("reference"))
        let limit = try arguments.count("limit", default: 5_000_000)
        let runs = try arguments.count("runs", default: 5)
        var machine = Machine()
        try fold(&machine, rows, arguments.place(0), limit)
        var size = 0
        var compressed = 0
        var pause = Samples()
        var writing = Samples()
        var compressing = Samples()
        var restoring = Samples()
        var decompressing = Samples()
        for _ in 0..<runs {
            let image = StateImage(room: machine.stateByteCount)
            let copy = Meter.measure { _ = image.take(&machine) }
            size = image.byteCount
            let megabytes = Double(size) * 1e-6
            pause.add(copy.wall * 1000 / megabytes)
            var pieces: [[UInt8]] = []
            let zstd = Meter.measure { pieces = compress(image) }
            compressing.add(zstd.cpu)
            var records: [StateSnapshot.Record] = []
            let write = Meter.measure {
                records = StateSnapshot.records(of: &machine, partition: 0, offset: 1)
            }
            writing.add(write.cpu)
            compressed = records.reduce(0) { $0 + $1.value.count }
            decompressing.add(Meter.measure { decompress(pieces, size) }.cpu)
            pieces = []
            let restore = try Meter.measure { () throws(Failure) in
                do throws(StateFault) {
                    let restored = try StateSnapshot.machine(
                        from: records,
                        partition: 0,
                        offset: 1
                    )
                    guard restored.nextRecordNumber == machine.nextRecordNumber else {
                        throw StateFault("it is another state")
                    }
                } catch {
                    throw Failure("could not restore the state: \(error.description)")
                }
            }
            restoring.add(restore.cpu)
        }
        let table = Table(
            "\(machine.nextRecordNumber) records: a state of \(size) bytes, \(compressed) compressed"
        )
        table.row("pause: the copy", pause, "ms/MB")
        table.row("writing: copy, zstd, checksums", writing, "s", over: (compressing, "zstd alone"))
        table.row("zstd alone", compressing, "s")
        table.row("restoring", restoring, "s", over: (decompressing, "zstd alone"))
        table.row("zstd alone, back", decompressing, "s")
        for line in machine.size.lines { table.note(line) }
    }

    private static func fold(
        _ machine: inout Machine,
        _ rows: [ReferenceRow],
        _ path: String,
        _ limit: Int
    ) throws(Failure) {
        var batches = [Beginning.batch(rows)]
        var count = (lines: 0, rejected: 0)
        _ = try Fold.decode(path, limit, into: &batches, &count)
        var offset: Int64 = 0
        for batch in batches {
            do { try machine.apply(batch, from: &offset) } catch {
                throw Failure("could not fold the records: \(error.description)")
            }
            machine.removeOutputs()
        }
    }

    private static var pieceSize: Int { 512 << 10 }

    private static func compress(_ image: StateImage) -> [[UInt8]] {
        unsafe image.withBytes { bytes in
            // zstd reads inside the image and writes inside the room of its own worst case.
            let context = unsafe ZSTD_createCCtx()
            defer { _ = unsafe ZSTD_freeCCtx(context) }
            return stride(from: 0, to: bytes.count, by: pieceSize).map { start in
                let count = min(pieceSize, bytes.count - start)
                return unsafe [UInt8](
                    unsafeUninitializedCapacity: ZSTD_compressBound(count)
                ) { room, used in
                    used = unsafe ZSTD_compressCCtx(
                        context,
                        room.baseAddress,
                        room.count,
                        bytes.baseAddress.map { unsafe $0 + start },
                        count,
                        1
                    )
                }
            }
        }
    }

    /// Into memory of the state's size, as a restored state needs it: clearing it costs more than half.
    private static func decompress(_ pieces: [[UInt8]], _ size: Int) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        defer { unsafe room.deallocate() }
        let context = unsafe ZSTD_createDCtx()
        defer { _ = unsafe ZSTD_freeDCtx(context) }
        var place = 0
        for piece in pieces {
            // Both are as long as their counts, and the pieces as long as the state.
            place += unsafe piece.withUnsafeBytes { piece in
                unsafe ZSTD_decompressDCtx(
                    context,
                    room.baseAddress.map { unsafe $0 + place },
                    room.count - place,
                    piece.baseAddress,
                    piece.count
                )
            }
        }
    }
}

import Ingest
import Journal

/// Lines in memory, cut and decoded as often as wanted.
struct Lines {
    /// How far each line is taken.
    enum Step: Sendable {
        case split, decode, append
    }

    let bytes: [UInt8]

    /// Reads at most so many lines of a file.
    init(_ path: String, limit: Int = .max) throws(Failure) {
        bytes = try Files.read(path, lines: limit)
    }

    /// Cuts all lines and takes each so far.
    ///
    /// - Parameters:
    ///   - step: The last thing that is done with a line.
    ///   - tokenizer: Gives patients their tokens.
    ///   - full: Takes the batch when 256 KiB are in it, and at the end, as the offline run hands it on.
    /// - Returns: the number of lines, and of those that are dead letters.
    func visit(
        _ step: Step,
        tokenizer: Tokenizer? = nil,
        full: (RecordBatch) -> RecordBatch
    ) -> (lines: Int, rejected: Int) {
        var splitter = LineSplitter()
        var decoder = EventDecoder(tokenizer: tokenizer)
        let source = decoder.addSource("events.ndjson", isFile: true)
        var batch = RecordBatch(capacity: 1 << 19)
        var place = 0
        var lines = 0
        var rejected = 0
        while true {
            switch splitter.next() {
            case .line(let number):
                lines += 1
                if step == .split { continue }
                do {
                    try decoder.decode(splitter.line, from: source, recordedAt: nil)
                } catch {
                    rejected += 1
                    continue
                }
                if step == .decode { continue }
                let origin = RecordSource(
                    partition: -1,
                    offset: Int64(number),
                    counter: UInt64(lines - rejected - 1)
                )
                decoder.append(to: batch, source: origin)
                if batch.byteCount >= 256 << 10 { batch = full(batch) }
            case .oversized:
                lines += 1
                rejected += 1
            case .needsInput:
                unsafe splitter.fill { room in
                    // Pieces as a file gives them; both ranges are inside their memory.
                    let count = min(room.count, bytes.count - place, 1 << 20)
                    unsafe bytes.withUnsafeBytes { bytes in
                        unsafe room.copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: bytes[place..<place + count])
                        )
                    }
                    place += count
                    return count
                }
            case .end:
                if batch.count > 0 { _ = full(batch) }
                return (lines, rejected)
            }
        }
    }
}

/// What stands before the events in a journal.
enum Beginning {
    /// The reference rows of a folder.
    static func rows(of folder: String) throws(Failure) -> [ReferenceRow] {
        let names = Files.names(in: folder)
        var rows: [ReferenceRow] = []
        for table in ReferenceTable.allCases where names.contains(table.name + ".csv") {
            let path = "\(folder)/\(table.name).csv"
            let reading = ReferenceReader.read(table, try Files.read(path), file: path)
            if let error = reading.errors.first {
                throw Failure("could not use the reference tables: \(error.description)")
            }
            rows += reading.rows
        }
        guard !rows.isEmpty else { throw Failure("\(folder) holds no reference table.") }
        return rows
    }

    /// Genesis, rows and the shipped policy.
    static func batch(_ rows: [ReferenceRow]) -> RecordBatch {
        let batch = RecordBatch(capacity: 1 << 20)
        let origin = RecordSource(partition: -1, offset: 0, counter: 0)
        let policy = Policy()
        let publication = ReferencePublication(rows)
        batch.append(
            Genesis(
                partitionCount: 1,
                partition: 0,
                horizonDays: UInt16(clamping: policy.horizonDays),
                clock: .records,
                application: "benchmark"
            ),
            at: .distantPast,
            source: origin
        )
        for row in publication.rows { batch.append(row, at: .distantPast, source: origin) }
        batch.appendReferenceComplete(
            rowCount: publication.rowCount,
            digest: publication.digest,
            at: .distantPast,
            source: origin
        )
        batch.appendPolicy(policy.canonicalBytes, at: .distantPast, source: origin)
        return batch
    }
}

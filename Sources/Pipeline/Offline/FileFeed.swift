internal import Ingest
internal import Journal

/// Some records of the journal, with what became of the other lines read for them.
final class FeedBatch: @unchecked Sendable {
    // One owner at a time: it goes through a `Channel` and back.
    let records = RecordBatch(capacity: 1 << 20)
    var deadLetters: [UInt8] = []
    var deadLetterCount: Int64 = 0
    /// By the rejection's code.
    var codes: [String: Int64] = [:]
    /// Bytes read so far.
    var bytesRead: Int64 = 0

    func removeAll() {
        records.removeAll()
        deadLetters.removeAll(keepingCapacity: true)
        deadLetterCount = 0
        codes.removeAll(keepingCapacity: true)
    }
}

/// One input: lines decoded one ahead, so that several can be merged by record time.
struct FileInput: ~Copyable {
    private var file: InputFile
    private let name: String
    private var splitter = LineSplitter()
    private var decoder: EventDecoder
    private let source: SourceName
    private var line: Int64 = 0
    private var counter: UInt64 = 0
    private(set) var bytesRead: Int64 = 0
    /// When the event that was decoded last was recorded; nil at the end.
    private(set) var recordedAt: Instant?

    init(
        _ path: String,
        tokenizer: Tokenizer?,
        horizonDays: Int32
    ) throws(FileFailure) {
        file = try InputFile(path)
        name = path
        decoder = EventDecoder(tokenizer: tokenizer, horizonDays: horizonDays)
        source = decoder.addSource(path, isFile: true)
    }

    var size: Int64? { file.size }

    /// Decodes up to the next event; what can't be used on the way goes to the dead letters of `batch`.
    mutating func advance(_ batch: FeedBatch) throws(FileFailure) {
        while true {
            switch splitter.next() {
            case .line(let number):
                do {
                    try decoder.decode(splitter.line, from: source, recordedAt: nil)
                    line = Int64(number)
                    recordedAt = decoder.header.recordedAt
                    return
                } catch {
                    DeadLetterWriter.write(
                        error,
                        at: .file(name, line: Int64(number)),
                        value: splitter.line,
                        to: &batch.deadLetters
                    )
                    batch.deadLetters.append(UInt8(ascii: "\n"))
                    batch.deadLetterCount += 1
                    batch.codes[error.code.rawValue, default: 0] += 1
                }
            case .oversized(let long):
                DeadLetterWriter.write(long, in: name, to: &batch.deadLetters)
                batch.deadLetters.append(UInt8(ascii: "\n"))
                batch.deadLetterCount += 1
                batch.codes[Rejection.Code.tooLarge.rawValue, default: 0] += 1
            case .needsInput:
                var failure: FileFailure?
                var count = 0
                unsafe splitter.fill { room in
                    do throws(FileFailure) {
                        count = try unsafe file.read(into: room)
                    } catch {
                        failure = error
                    }
                    return count
                }
                if let failure { throw failure }
                bytesRead += Int64(count)
            case .end:
                recordedAt = nil
                return
            }
        }
    }

    /// Writes the event that was decoded last as the next record.
    mutating func append(to batch: RecordBatch) {
        decoder.append(
            to: batch,
            source: RecordSource(partition: -1, offset: line, counter: counter)
        )
        counter += 1
    }
}

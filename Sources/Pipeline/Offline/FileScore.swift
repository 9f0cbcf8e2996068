internal import CShims
public import Engine
public import Ingest
public import Journal
internal import Synchronization

/// What a file run is to do.
public struct FileScoreOptions: Sendable {
    /// Reference rows, validated, in the order in which they stand in the journal.
    public var reference: [ReferenceRow]
    /// SHA-256 of the rows, as their publication has it.
    public var referenceDigest: [UInt8]
    public var policies: [Policy]
    /// Files of source events; `-` is standard input. Several are merged by record time.
    public var inputs: [String]
    /// Folder for the output files; it exists.
    public var output: String
    public var tokenizer: Tokenizer
    /// A file that the journal is kept in, as ``JournalDump`` writes one; nil keeps none.
    public var journal: String?
    /// Called now and then with the events and bytes done, and the bytes there are (nil for pipes).
    public var progress: (@Sendable (Int64, Int64, Int64?) -> Void)?

    public init(
        reference: [ReferenceRow],
        referenceDigest: [UInt8],
        policies: [Policy],
        inputs: [String],
        output: String,
        tokenizer: Tokenizer,
        progress: (@Sendable (Int64, Int64, Int64?) -> Void)? = nil
    ) {
        self.reference = reference
        self.referenceDigest = referenceDigest
        self.policies = policies
        self.inputs = inputs
        self.output = output
        self.tokenizer = tokenizer
        self.progress = progress
    }
}

/// What a file run did.
public struct FileScoreReport: Sendable {
    public var counts = MachineCounts()
    public var size = MachineSize()
    public var deadLetters: Int64 = 0
    /// Dead letters by code, in the order of the codes' names.
    public var deadLetterCodes: [(code: String, count: Int64)] = []
    public var monitorTime: Instant?
    /// Output records by topic name.
    public var outputs: [(topic: String, count: Int64)] = []
    /// Packages proposed.
    public var bytesRead: Int64 = 0
}

/// Why a file run ended early.
public enum FileScoreFailure: Error, Sendable, CustomStringConvertible {
    case file(FileFailure)
    case journal(MachineFault)

    public var description: String {
        switch self {
        case .file(let failure): failure.description
        case .journal(let fault): "fold the journal: \(fault.description)"
        }
    }
}

/// `score` on files: the same decoder and the same machine as the service, three threads that hand batches on.
///
///     read and decode ─▶ fold ─▶ write
///
/// The thread in the middle sees one order whatever the others do, so one core and two give the same bytes.
public struct FileScore: Sendable {
    let options: FileScoreOptions

    public init(_ options: FileScoreOptions) { self.options = options }

    /// Runs to the end of all inputs.
    public func run() throws(FileScoreFailure) -> FileScoreReport {
        let horizon = options.policies.map(\.horizonDays).max() ?? 400
        // What reading the tables has left behind goes back to the system.
        dm_trim()
        let filled = Channel<FeedBatch>(capacity: 3)
        let emptied = Channel<FeedBatch>(capacity: 8)
        let feedFailure = Mutex<FileFailure?>(nil)
        for _ in 0..<3 { emptied.send(FeedBatch()) }
        // Opened here, so that a missing file is told before anything is written.
        var sizes: [Int64?] = []
        for path in options.inputs {
            do { sizes.append(try InputFile(path).size) } catch { throw .file(error) }
        }
        let total: Int64? = sizes.contains { $0 == nil } ? nil : sizes.reduce(0) { $0 + ($1 ?? 0) }
        let writer: OfflineWriter
        var journal: JournalFileWriter?
        do throws(FileFailure) {
            writer = try OfflineWriter(folder: options.output)
            journal = try options.journal.map { (path) throws(FileFailure) in
                try JournalFileWriter(
                    path,
                    JournalFileHeader(topic: "journal", partition: 0, partitionCount: 1)
                )
            }
        } catch {
            throw .file(error)
        }

        let options = options
        let feeder = WorkThread("feed") {
            do throws(FileFailure) {
                try Self.feed(options, horizon, filled, emptied)
            } catch {
                feedFailure.withLock { $0 = error }
            }
            filled.close()
        }
        var machine = Machine()
        var report = FileScoreReport()
        var fault: MachineFault?
        var codes: [String: Int64] = [:]
        var offset: Int64 = 0
        while let batch = filled.receive() {
            do throws(FileFailure) {
                try journal?.append(batch.records, from: offset)
            } catch {
                feedFailure.withLock { $0 = error }
                break
            }
            do throws(MachineFault) {
                try machine.apply(batch.records, from: &offset)
            } catch {
                fault = error
                break
            }
            report.deadLetters += batch.deadLetterCount
            for (code, count) in batch.codes { codes[code, default: 0] += count }
            report.bytesRead = batch.bytesRead
            options.progress?(machine.counts.records, batch.bytesRead, total)
            writer.send(&machine, deadLetters: batch.deadLetters)
            batch.removeAll()
            emptied.send(batch)
            if writer.failure != nil { break }
        }
        emptied.close()
        filled.close()
        feeder.join()
        writer.finish(&machine)
        if let failure = writer.failure { throw .file(failure) }
        if let fault { throw .journal(fault) }
        if let failure = feedFailure.withLock({ $0 }) { throw .file(failure) }
        do throws(FileFailure) { _ = try journal?.finish(highWatermark: offset) } catch {
            throw .file(error)
        }
        report.counts = machine.counts
        report.size = machine.size
        report.monitorTime = machine.monitorTime
        report.deadLetterCodes = codes.sorted { $0.key < $1.key }.map {
            (code: $0.key, count: $0.value)
        }
        report.outputs = writer.counts
        return report
    }

    /// Records of the journal's beginning: genesis, reference rows, policies (OUTPUTS, "reference and policy first").
    static func writeBeginning(_ options: FileScoreOptions, _ horizon: Int32, to batch: RecordBatch)
    {
        let none = RecordSource(partition: -1, offset: 0, counter: 0)
        batch.append(
            Genesis(
                partitionCount: 1,
                partition: 0,
                horizonDays: UInt16(clamping: horizon),
                clock: .records,
                application: "score"
            ),
            at: .distantPast,
            source: none
        )
        for row in options.reference { batch.append(row, at: .distantPast, source: none) }
        batch.appendReferenceComplete(
            rowCount: Int64(options.reference.count),
            digest: options.referenceDigest,
            at: .distantPast,
            source: none
        )
        for policy in options.policies {
            batch.appendPolicy(policy.canonicalBytes, at: .distantPast, source: none)
        }
    }

    private static func feed(
        _ options: FileScoreOptions,
        _ horizon: Int32,
        _ filled: Channel<FeedBatch>,
        _ emptied: Channel<FeedBatch>
    ) throws(FileFailure) {
        guard var batch = emptied.receive() else { return }
        writeBeginning(options, horizon, to: batch.records)
        var inputs = InputList(count: options.inputs.count)
        for path in options.inputs {
            var input = try FileInput(path, tokenizer: options.tokenizer, horizonDays: horizon)
            try input.advance(batch)
            inputs.append(input)
        }
        while let place = inputs.earliest {
            try inputs.takeOne(at: place, into: batch)
            if batch.records.byteCount >= 128 << 10 {
                batch.bytesRead = inputs.bytesRead
                guard filled.send(batch), let next = emptied.receive() else { return }
                batch = next
            }
        }
        batch.bytesRead = inputs.bytesRead
        filled.send(batch)
    }
}

/// The inputs of a run, merged by record time; of equal times the first input's goes first.
@safe
private struct InputList: ~Copyable {
    private let inputs: UnsafeMutablePointer<FileInput>
    private var count = 0

    init(count: Int) { unsafe inputs = .allocate(capacity: max(1, count)) }

    deinit {
        unsafe inputs.deinitialize(count: count)
        unsafe inputs.deallocate()
    }

    mutating func append(_ input: consuming FileInput) {
        // Room was made for all inputs.
        unsafe (inputs + count).initialize(to: input)
        count += 1
    }

    /// Place of the input whose next record is the earliest; nil when all have ended.
    var earliest: Int? {
        var best: Int?
        var time = Instant.distantFuture
        for place in 0..<count {
            if let next = unsafe inputs[place].recordedAt, best == nil || next < time {
                best = place
                time = next
            }
        }
        return best
    }

    var bytesRead: Int64 {
        var sum: Int64 = 0
        for place in 0..<count { sum += unsafe inputs[place].bytesRead }
        return sum
    }

    mutating func takeOne(at place: Int, into batch: FeedBatch) throws(FileFailure) {
        unsafe inputs[place].append(to: batch.records)
        try unsafe inputs[place].advance(batch)
    }
}

internal import Engine

/// Where the outputs of a replay end up.
protocol ReplaySink: AnyObject {
    /// Whether a partition's outputs are there already, so that it need not be folded for them.
    func isDone(_ partition: Int32) -> Bool
    /// An offset of a partition at which everything before it is to be handed over by itself; nil for none.
    func mark(of partition: Int32) -> Int64?
    /// Takes what a machine has written in the range, and empties its buffers.
    func take(
        _ machine: inout Machine,
        of partition: Int32,
        at place: PartitionFold.Place
    ) throws(ReplayFailure)
    /// A partition was folded to its end.
    func end(of partition: Int32, next: Int32?) throws(ReplayFailure)
    /// Nothing more comes: all is done, or the replay was interrupted.
    func finish(isInterrupted: Bool) throws(ReplayFailure)
}

/// Of a sink that keeps nothing by which it could go on.
extension ReplaySink {
    func isDone(_ partition: Int32) -> Bool { false }
    func mark(of partition: Int32) -> Int64? { nil }
    func end(of partition: Int32, next: Int32?) throws(ReplayFailure) {}
}

/// Forgets outputs, which were counted or compared.
final class NoSink: ReplaySink {
    func take(
        _ machine: inout Machine,
        of partition: Int32,
        at place: PartitionFold.Place
    ) throws(ReplayFailure) { machine.removeOutputs() }
    func finish(isInterrupted: Bool) throws(ReplayFailure) {}
}

/// Writes outputs to the files of a folder, and how far they are, so that a replay that ends early goes on there.
final class FolderSink: ReplaySink {
    private let folder: String
    private let writer: OfflineWriter
    private var progress: ReplayProgressFile
    /// How far the files were when the replay began.
    private let before: ReplayProgressFile?
    private let order: [Int32]
    /// The last place whose outputs were all handed to the writer.
    private var settledAt = Ticker.now

    /// Milliseconds between two looks at how far the files are: what is lost when the process is killed.
    static let interval: Int64 = 200

    init(_ folder: String, _ progress: ReplayProgressFile, before: ReplayProgressFile?)
        throws(ReplayFailure)
    {
        self.folder = folder
        self.before = before
        self.progress = before ?? progress
        order = progress.ends.map(\.partition)
        do throws(FileFailure) {
            if let before {
                writer = try OfflineWriter(outputs: folder, goingOnAt: before.files)
            } else {
                writer = try OfflineWriter(outputs: folder, isWatched: true)
                try progress.write(to: folder)
            }
        } catch {
            throw ReplayFailure(error)
        }
    }

    func isDone(_ partition: Int32) -> Bool {
        guard let before, let current = before.partition else { return before != nil }
        return place(of: partition) < place(of: current)
    }

    private func place(of partition: Int32) -> Int { order.firstIndex(of: partition) ?? .max }

    func mark(of partition: Int32) -> Int64? {
        before?.partition == partition && before?.next != 0 ? before?.next : nil
    }

    func take(
        _ machine: inout Machine,
        of partition: Int32,
        at place: PartitionFold.Place
    ) throws(ReplayFailure) {
        if isDone(partition) { return machine.removeOutputs() }
        if let mark = mark(of: partition), place.next <= mark {
            // It stands in the files.
            machine.removeOutputs()
            guard place.next < mark || machine.nextRecordNumber == before?.records else {
                throw ReplayFailure(
                    "go on with \(folder): below offset \(mark) partition \(partition) has "
                        + "\(machine.nextRecordNumber) records, and had \(before?.records ?? 0). It is another "
                        + "journal: give an empty folder."
                )
            }
            return
        }
        progress.partition = partition
        progress.next = place.next
        progress.records = machine.nextRecordNumber
        if Ticker.now - settledAt < Self.interval {
            writer.sendAll(&machine)
        } else {
            settle(&machine)
        }
        try check()
    }

    /// Has the files and the progress say the same.
    private func settle(_ machine: inout Machine) {
        writer.sendAll(&machine, mark: mark)
        settledAt = Ticker.now
    }

    private var mark: OfflineWriter.Mark {
        let progress = progress
        let folder = folder
        return { (states) throws(FileFailure) in
            var now = progress
            now.files = states
            try now.write(to: folder)
        }
    }

    private func check() throws(ReplayFailure) {
        if let failure = writer.failure { throw ReplayFailure(failure) }
    }

    func end(of partition: Int32, next: Int32?) throws(ReplayFailure) {
        guard !isDone(partition) else { return }
        progress.partition = next
        progress.next = 0
        progress.records = 0
        writer.sendMark(mark)
        settledAt = Ticker.now
        try check()
    }

    func finish(isInterrupted: Bool) throws(ReplayFailure) {
        // What was handed over last is in the files before the progress says so.
        if isInterrupted { writer.sendMark(mark) }
        writer.finish()
        try check()
    }
}

internal import Engine
internal import Synchronization

/// Writes the outputs of a fold to files on a thread of its own.
final class OfflineWriter: Sendable {
    /// What is to be written: the machine's buffers by topic, and dead letters.
    private struct Load: Sendable {
        var buffers: [OutputBuffer]
        var deadLetters: [UInt8]
        /// Behind it all is written that was sent so far, and this is told in which state the files are.
        var mark: Mark?
    }
    /// Takes the states of the output files, by topic, on the writer's thread.
    typealias Mark = @Sendable ([WrittenState]) throws(FileFailure) -> Void

    private let full = Channel<Load>(capacity: 3)
    private let empty = Channel<[OutputBuffer]>(capacity: 8)
    private let thread: WorkThread
    private let state: WriterState

    /// Makes the five files in a folder that exists.
    convenience init(folder: String) throws(FileFailure) {
        var files: [OutputFile] = []
        for path in Self.paths(in: folder) { files.append(try OutputFile(path)) }
        self.init(files, letters: try OutputFile(folder + "/dead-letters.ndjson"))
    }

    /// Makes the four output files in a folder that exists, without dead letters; watched ones can tell their states.
    convenience init(outputs folder: String, isWatched: Bool) throws(FileFailure) {
        var files: [OutputFile] = []
        for path in Self.paths(in: folder) {
            files.append(try OutputFile(path, isWatched: isWatched))
        }
        self.init(files, letters: nil)
    }

    /// Goes on with the four output files of a folder, each in a state in which it was left.
    convenience init(
        outputs folder: String,
        goingOnAt states: [WrittenState]
    ) throws(FileFailure) {
        var files: [OutputFile] = []
        for (path, state) in zip(Self.paths(in: folder), states) {
            files.append(try OutputFile(path, goingOnAt: state))
        }
        self.init(files, letters: nil)
    }

    /// Where the outputs go, by topic.
    static func paths(in folder: String) -> [String] {
        OutputTopic.allCases.map { folder + "/" + $0.name + ".ndjson" }
    }

    private init(_ outputs: [OutputFile], letters: OutputFile?) {
        for _ in 0..<3 { empty.send(OutputTopic.allCases.map { _ in OutputBuffer() }) }
        let (full, empty) = (full, empty)
        let state = WriterState()
        self.state = state
        thread = WorkThread("write") {
            do throws(FileFailure) {
                while let load = full.receive() {
                    for (place, buffer) in load.buffers.enumerated() {
                        try unsafe outputs[place].append(buffer.bytes)
                        state.add(Int64(buffer.count), to: place)
                    }
                    if let letters {
                        var failure: FileFailure?
                        unsafe load.deadLetters.withUnsafeBytes { bytes in
                            do throws(FileFailure) { try unsafe letters.append(bytes) } catch {
                                failure = error
                            }
                        }
                        if let failure { throw failure }
                    }
                    if let mark = load.mark {
                        var states: [WrittenState] = []
                        for file in outputs { states.append(try file.settle()) }
                        try mark(states)
                    }
                    empty.send(load.buffers)
                }
                for file in outputs { try file.finish() }
                try letters?.finish()
            } catch {
                state.fail(error)
                full.close()
                empty.close()
            }
        }
    }

    /// What both threads know of the writing.
    private final class WriterState: Sendable {
        private let inner = Mutex<(counts: [Int64], failure: FileFailure?)>(
            (Array(repeating: 0, count: OutputTopic.allCases.count), nil)
        )
        func add(_ count: Int64, to place: Int) { inner.withLock { $0.counts[place] += count } }
        func fail(_ failure: FileFailure) { inner.withLock { $0.failure = failure } }
        var failure: FileFailure? { inner.withLock { $0.failure } }
        var counts: [Int64] { inner.withLock { $0.counts } }
    }

    /// Why writing stopped; nil while it goes on.
    var failure: FileFailure? { state.failure }

    /// Output records written, by topic.
    var counts: [(topic: String, count: Int64)] {
        zip(OutputTopic.allCases, state.counts).map { (topic: $0.name, count: $1) }
    }

    /// Takes what the machine has written since, if it is worth a hand-over.
    func send(_ machine: inout Machine, deadLetters: [UInt8]) {
        guard machine.outputByteCount >= 1 << 19 || !deadLetters.isEmpty else { return }
        sendAll(&machine, deadLetters: deadLetters)
    }

    /// Takes all that the machine has written since; with a mark, tells when it is in the files, and their states.
    func sendAll(_ machine: inout Machine, deadLetters: [UInt8] = [], mark: Mark? = nil) {
        guard let buffers = empty.receive() else { return }
        full.send(
            Load(
                buffers: machine.exchangeOutputs(for: buffers),
                deadLetters: deadLetters,
                mark: mark
            )
        )
    }

    /// Has it told when all that was sent is in the files, and their states.
    func sendMark(_ mark: @escaping Mark) {
        guard let buffers = empty.receive() else { return }
        for buffer in buffers { buffer.removeAll() }
        full.send(Load(buffers: buffers, deadLetters: [], mark: mark))
    }

    /// Writes the rest and closes the files.
    func finish(_ machine: inout Machine) {
        sendAll(&machine)
        finish()
    }

    /// Closes the files behind all that was sent.
    func finish() {
        full.close()
        thread.join()
    }
}

internal import Engine
internal import Synchronization

/// Writes the outputs of a fold to files on a thread of its own.
final class OfflineWriter: Sendable {
    /// What is to be written: the machine's buffers by topic, and dead letters.
    private struct Load: Sendable {
        var buffers: [OutputBuffer]
        var deadLetters: [UInt8]
    }
    private let full = Channel<Load>(capacity: 3)
    private let empty = Channel<[OutputBuffer]>(capacity: 8)
    private let thread: WorkThread
    private let state: WriterState

    /// Makes the five files in a folder that exists.
    init(folder: String) throws(FileFailure) {
        var files: [OutputFile] = []
        for topic in OutputTopic.allCases {
            files.append(try OutputFile(folder + "/" + topic.name + ".ndjson"))
        }
        let letters = try OutputFile(folder + "/dead-letters.ndjson")
        let outputs = files
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
                    var failure: FileFailure?
                    unsafe load.deadLetters.withUnsafeBytes { bytes in
                        do throws(FileFailure) { try unsafe letters.append(bytes) } catch {
                            failure = error
                        }
                    }
                    if let failure { throw failure }
                    empty.send(load.buffers)
                }
                for file in outputs { try file.finish() }
                try letters.finish()
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
        guard let buffers = empty.receive() else { return }
        full.send(Load(buffers: machine.exchangeOutputs(for: buffers), deadLetters: deadLetters))
    }

    /// Writes the rest and closes the files.
    func finish(_ machine: inout Machine) {
        if let buffers = empty.receive() {
            full.send(Load(buffers: machine.exchangeOutputs(for: buffers), deadLetters: []))
        }
        full.close()
        thread.join()
    }
}

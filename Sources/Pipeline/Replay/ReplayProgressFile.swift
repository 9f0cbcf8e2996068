internal import Engine
internal import Glibc
internal import Ingest
internal import Journal

/// How far a replay into a folder has come: a small file beside its outputs.
///
/// Text, one `name value` a line. It is replaced as a whole, so a process may be killed at any moment. A replay that is
/// started again holds its arguments against it, cuts the outputs off where they are known to be right, folds silently
/// up to there and appends.
struct ReplayProgressFile: Sendable, Equatable {
    /// What the replay was told, by name: another replay must not go on with its files.
    var arguments: [(name: String, value: String)]
    /// Where each partition's fold ends: what a journal has got meanwhile belongs to another replay.
    var ends: [(partition: Int32, offset: Int64)]
    /// The partition in hand; nil once all is done.
    var partition: Int32?
    /// Records of it below this offset are in the files, with all that they caused.
    var next: Int64 = 0
    /// Records folded of it below that offset.
    var records: Int64 = 0
    /// The files, by output topic.
    var files: [WrittenState] = OutputTopic.allCases.map { _ in WrittenState() }

    static let name = "replay.progress"
    private static let title = "diversion-monitor replay 1"

    static func == (left: Self, right: Self) -> Bool { left.text == right.text }

    /// The file's text.
    var text: String {
        var lines = [Self.title]
        lines += arguments.map { "argument \($0.name) \($0.value)" }
        lines += ends.map { "end \($0.partition) \($0.offset)" }
        for (topic, file) in zip(OutputTopic.allCases, files) {
            lines.append("file \(topic.name) \(file.size) \(String(file.hash, radix: 16))")
        }
        lines.append(partition.map { "place \($0) \(next) \(records)" } ?? "done")
        return lines.map { $0 + "\n" }.joined()
    }

    init(
        arguments: [(name: String, value: String)],
        ends: [(partition: Int32, offset: Int64)]
    ) {
        self.arguments = arguments
        self.ends = ends
        partition = ends.first?.partition
    }

    /// Reads a text; nil where it is none.
    init?(text: String) {
        var lines = text.split(separator: "\n").map(String.init)
        guard !lines.isEmpty, lines.removeFirst() == Self.title, let last = lines.popLast() else {
            return nil
        }
        arguments = []
        ends = []
        files = []
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
                .map(String.init)
            guard words.count == 3 else { return nil }
            switch words[0] {
            case "argument": arguments.append((words[1], words[2]))
            case "end":
                guard let partition = Int32(words[1]), let offset = Int64(words[2]) else {
                    return nil
                }
                ends.append((partition, offset))
            case "file":
                let parts = words[2].split(separator: " ")
                guard parts.count == 2, let size = Int64(parts[0]),
                    let hash = UInt64(parts[1], radix: 16)
                else { return nil }
                files.append(WrittenState(size: size, hash: hash))
            default: return nil
            }
        }
        guard files.count == OutputTopic.allCases.count else { return nil }
        let words = last.split(separator: " ")
        if words == ["done"] {
            partition = nil
            return
        }
        guard words.count == 4, words[0] == "place", let partition = Int32(words[1]),
            let next = Int64(words[2]), let records = Int64(words[3])
        else { return nil }
        self.partition = partition
        self.next = next
        self.records = records
    }

    /// What a folder holds: nothing yet, or how far it is.
    ///
    /// - Throws: where it holds outputs of something else, or of a replay with other arguments.
    static func found(
        in folder: String,
        for wanted: ReplayProgressFile
    ) throws(ReplayFailure) -> ReplayProgressFile? {
        let path = folder + "/" + name
        var bytes: [UInt8] = []
        do throws(FileFailure) {
            guard unsafe access(path, F_OK) == 0 else {
                for output in OfflineWriter.paths(in: folder)
                where unsafe access(output, F_OK) == 0 {
                    throw FileFailure(
                        "replay into \(folder): it holds \(output.split(separator: "/").last ?? "") of something "
                            + "else. Give an empty folder."
                    )
                }
                return nil
            }
            let file = try InputFile(path)
            bytes = [UInt8](repeating: 0, count: Int(file.size ?? 0))
            try file.read(into: &bytes, at: 0)
        } catch {
            throw ReplayFailure(error)
        }
        guard let found = ReplayProgressFile(text: String(decoding: bytes, as: UTF8.self)) else {
            throw ReplayFailure("go on with \(folder): \(name) is damaged. Give an empty folder.")
        }
        for (left, right) in zip(found.arguments, wanted.arguments)
        where left.name != right.name || left.value != right.value {
            let (before, now) = (shown(left.value), shown(right.value))
            throw ReplayFailure(
                "go on with \(folder): it was begun with \(left.name) \(before), now it is \(now). Start it with the "
                    + "same arguments, or give an empty folder.",
                .usage
            )
        }
        guard found.arguments.count == wanted.arguments.count,
            found.ends.map(\.partition) == wanted.ends.map(\.partition)
        else {
            throw ReplayFailure(
                "go on with \(folder): it was begun with another journal. Give an empty folder.",
                .usage
            )
        }
        for (left, right) in zip(found.ends, wanted.ends) where left.offset > right.offset {
            throw ReplayFailure(
                "go on with \(folder): partition \(left.partition) ended at offset \(left.offset) and now ends at "
                    + "\(right.offset), so it is another journal. Give an empty folder."
            )
        }
        return found
    }

    private static func shown(_ value: String) -> String { value.isEmpty ? "none" : value }

    /// Writes it in place of what was there.
    func write(to folder: String) throws(FileFailure) {
        let path = folder + "/" + Self.name
        let draft = path + ".new"
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileFailure("write", draft, code: errno) }
        var bytes = Array(text.utf8)
        while !bytes.isEmpty {
            // The array is as long as the call is told.
            let count = unsafe Glibc.write(descriptor, bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                throw FileFailure("write", draft, code: code)
            }
            bytes.removeFirst(count)
        }
        guard close(descriptor) == 0, unsafe rename(draft, path) == 0 else {
            throw FileFailure("write", path, code: errno)
        }
    }
}

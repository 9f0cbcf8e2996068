import Glibc

/// Files as measurements use them.
enum Files {
    /// What a file holds.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: How many lines are wanted at most.
    /// - Returns: the bytes; nil where it can't be read.
    static func contents(of path: String, lines limit: Int = .max) -> [UInt8]? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        var left = limit
        while true {
            // Safe: the array is as long as the call is told.
            let count = unsafe Glibc.read(file, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            guard limit < .max else {
                bytes += piece[..<count]
                continue
            }
            for index in 0..<count where piece[index] == 0x0A {
                left -= 1
                if left == 0 { return bytes + piece[...index] }
            }
            bytes += piece[..<count]
        }
    }

    /// What a file holds, at most so many of its lines.
    static func read(_ path: String, lines limit: Int = .max) throws(Failure) -> [UInt8] {
        guard let bytes = contents(of: path, lines: limit) else {
            throw Failure("could not read \(path): \(reason)")
        }
        return bytes
    }

    /// Writes a file.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failure("could not write \(path): \(reason)") }
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let rest = bytes.count - done
            // Safe: the rest of the array is as long as the call is told.
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Glibc.write(file, bytes.baseAddress.map { unsafe $0 + done }, rest)
            }
            guard count > 0 else { throw Failure("could not write \(path): \(reason)") }
            done += count
        }
    }

    /// The names in a folder, sorted.
    static func names(in folder: String) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // Safe: the name ends with a zero byte, and is copied before the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// How many lines a file has that are not empty.
    static func lineCount(_ path: String) throws(Failure) -> Int {
        var count = 0
        var before: UInt8 = 0x0A
        let pieces = try Pieces(path)
        while true {
            let piece = try pieces.next()
            if piece.isEmpty { return before == 0x0A ? count : count + 1 }
            for byte in piece {
                if byte == 0x0A, before != 0x0A { count += 1 }
                before = byte
            }
        }
    }

    /// Bytes of a file; 0 where there is none.
    static func size(_ path: String) -> Int {
        var status = stat()
        // Safe: the call fills the local it is given.
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Whether two files hold the same bytes.
    static func areEqual(_ left: String, _ right: String) throws(Failure) -> Bool {
        guard size(left) == size(right) else { return false }
        let first = try Pieces(left)
        let second = try Pieces(right)
        while true {
            // Both give whole pieces except at the end.
            let piece = try first.next()
            guard try piece == second.next() else { return false }
            if piece.isEmpty { return true }
        }
    }

    /// Why the last call of the system failed.
    static var reason: String {
        // Safe: strerror's text is copied at once.
        unsafe String(cString: strerror(errno))
    }
}

/// A file, piece by piece.
private final class Pieces {
    private let path: String
    private let file: Int32

    init(_ path: String) throws(Failure) {
        self.path = path
        file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure("could not read \(path): \(Files.reason)") }
    }

    deinit { if file >= 0 { close(file) } }

    /// The next mebibyte, less only at the end.
    func next() throws(Failure) -> ArraySlice<UInt8> {
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        var filled = 0
        while filled < piece.count {
            let room = piece.count - filled
            // Safe: the rest of the array is as long as the call is told.
            let count = unsafe piece.withUnsafeMutableBytes { bytes in
                unsafe read(file, bytes.baseAddress.map { unsafe $0 + filled }, room)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure("could not read \(path): \(Files.reason)") }
            if count == 0 { break }
            filled += count
        }
        return piece[..<filled]
    }
}

/// A folder of its own under `TMPDIR` or `/tmp`, gone at the end.
final class TemporaryFolder {
    /// Where it is.
    let path: String

    /// Makes one.
    init() throws(Failure) {
        // Safe: the variable's text is copied at once; nothing here changes the environment.
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        // What mkdtemp wants to write over.
        let six = String(repeating: "X", count: 6)
        var name = Array("\(parent)/benchmark-\(six)".utf8CString)
        // Safe: the call writes over the six letters only.
        let isMade = unsafe mkdtemp(&name) != nil
        guard isMade else {
            throw Failure("could not make a folder in \(parent): \(Files.reason)")
        }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    /// An empty folder inside it.
    func emptyFolder(_ name: String) throws(Failure) -> String {
        let folder = "\(path)/\(name)"
        Self.remove(folder)
        guard unsafe mkdir(folder, 0o755) == 0 else {
            throw Failure("could not make the folder \(folder): \(Files.reason)")
        }
        return folder
    }

    private static func remove(_ path: String) {
        if unsafe unlink(path) == 0 { return }
        for name in Files.names(in: path) { remove("\(path)/\(name)") }
        _ = unsafe rmdir(path)
    }
}

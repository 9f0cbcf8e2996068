internal import CommandLineKit
internal import Glibc

/// Files and folders as the commands use them: whole, and with a sentence for everything that
/// goes wrong.
enum Files {
    /// What a file holds.
    static func read(_ path: String, to purpose: String? = nil) throws(CommandFailure) -> [UInt8] {
        let attempt = "read \(purpose.map { "\($0) " } ?? "")\(path)"
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(attempt, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            // Safe: the array is as long as the call is told.
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(attempt, errno) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }

    /// Writes a file; one that is there is kept unless `replacing`.
    static func write(
        _ text: String,
        to path: String,
        replacing: Bool,
        mode: mode_t = 0o644
    ) throws(CommandFailure) {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (replacing ? O_TRUNC : O_EXCL)
        let descriptor = unsafe open(path, flags, mode)
        guard descriptor >= 0 else { throw failure("write \(path)", errno) }
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let rest = Array(bytes[done...])
            // Safe: the array is as long as the call is told.
            let count = unsafe Glibc.write(descriptor, rest, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                throw failure("write \(path)", code)
            }
            done += count
        }
        if close(descriptor) != 0 { throw failure("write \(path)", errno) }
    }

    /// Writes bytes as they are to an open descriptor; a reader that went away is not told.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let rest = Array(bytes[done...])
            // Safe: the array is as long as the call is told.
            let count = unsafe Glibc.write(descriptor, rest, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            done += count
        }
    }

    /// Makes a folder, and those above it; one that is there is kept.
    static func makeFolder(_ path: String) throws(CommandFailure) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made.hasSuffix("/") ? String(part) : "/\(part)"
            if unsafe mkdir(made, 0o755) != 0, errno != EEXIST {
                throw failure("make the folder \(made)", errno)
            }
        }
        guard isFolder(path) else {
            throw CommandFailure(
                "could not make the folder \(path): a file of this name is there."
                    + " Give another name, or move the file away."
            )
        }
    }

    /// The names in a folder, sorted.
    static func names(in folder: String, to purpose: String) throws(CommandFailure) -> [String] {
        guard let stream = unsafe opendir(folder) else {
            throw failure("read \(purpose) \(folder)", errno)
        }
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

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        // Safe: the call fills the local it is given.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Why a file cannot be read, nil where it can.
    static func readingProblem(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return reason(errno) }
        close(descriptor)
        return isFolder(path) ? reason(EISDIR) : nil
    }

    /// Whether two paths lead to one file.
    static func isSame(_ left: String, _ right: String) -> Bool {
        var first = stat()
        var second = stat()
        // Safe: the calls fill the locals they are given.
        guard unsafe stat(left, &first) == 0, unsafe stat(right, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Whether a descriptor is a person's terminal.
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// The permissions of a file, as `stat` tells them.
    static func mode(of path: String) -> UInt32 {
        var status = stat()
        // Safe: the call fills the local it is given.
        return unsafe stat(path, &status) == 0 ? status.st_mode : 0
    }

    /// The path of this program.
    static var executable: String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Safe: the array is as long as the call is told.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe readlink("/proc/self/exe", start, bytes.count)
        }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    /// `FOLDER/NAME`.
    static func path(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
    }

    /// The sentence about a call of the system that failed.
    static func failure(_ attempt: String, _ code: Int32) -> CommandFailure {
        CommandFailure("could not \(attempt): \(reason(code))")
    }

    /// Why a call of the system failed, and what to do.
    static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: return "it is not there. Check the path."
        case EACCES, EPERM: return "this user may not. Give it the right, or use another path."
        case EISDIR: return "it is a folder. Give a file."
        case ENOTDIR: return "a part of the path is no folder. Check the path."
        case EEXIST: return "it is there already. Move it away, or replace it with --force."
        case ENOSPC: return "the disk is full. Make room, or use another disk."
        case EROFS: return "the file system is read-only. Use another path."
        case EMFILE: return "too many files are open. Raise the limit with ulimit -n."
        default:
            // Safe: strerror's text is copied at once.
            return unsafe String(cString: strerror(code)) + "."
        }
    }
}

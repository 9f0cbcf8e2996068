internal import Glibc
internal import Ingest

/// A file, or standard input, that is read from its beginning to its end.
@safe
struct InputFile: ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var isDirect = false
    /// Bytes in the file; nil for a pipe.
    let size: Int64?

    /// Opens a file; `-` is standard input.
    init(_ path: String) throws(FileFailure) {
        self.path = path == "-" ? "standard input" : path
        if path == "-" {
            descriptor = 0
        } else {
            descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileFailure("read", path, code: errno) }
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw FileFailure("read", path, code: errno)
        }
        if status.st_mode & S_IFMT == S_IFDIR { throw FileFailure("read", path, code: EISDIR) }
        if status.st_mode & S_IFMT == S_IFREG {
            size = Int64(status.st_size)
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        } else {
            size = nil
        }
    }

    /// Opens a file that is read once from its beginning to its end, past the page cache where the file system can:
    /// filling the cache costs more system time than all that is done with the bytes (``OutputFile``). What is read into
    /// must begin at a block and hold whole blocks.
    init(direct path: String) throws(FileFailure) {
        try self.init(path)
        let flags = fcntl(descriptor, F_GETFL)
        isDirect = size != nil && fcntl(descriptor, F_SETFL, flags | directFlag) == 0
    }

    deinit { if descriptor > 0 { close(descriptor) } }

    /// Fills `room` with what comes next; 0 at the end.
    mutating func read(into room: UnsafeMutableRawBufferPointer) throws(FileFailure) -> Int {
        while true {
            let count = unsafe Glibc.read(descriptor, room.baseAddress, room.count)
            if count >= 0 { return count }
            if isDirect, errno == EINVAL {
                // It takes direct reads to open but not to read, or a last piece has left the blocks.
                _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~directFlag)
                isDirect = false
                continue
            }
            if errno != EINTR { throw FileFailure("read", path, code: errno) }
        }
    }

    /// Fills `room` with what stands at a place; the file must have so much there.
    func read(into room: inout [UInt8], at place: Int64) throws(FileFailure) {
        var done = 0
        while done < room.count {
            // Inside the array.
            let count = unsafe room.withUnsafeMutableBytes { bytes in
                unsafe pread(
                    descriptor,
                    bytes.baseAddress.map { unsafe $0 + done },
                    bytes.count - done,
                    Int(place) + done
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileFailure("read", path, code: errno) }
            guard count > 0 else { throw FileFailure("read \(path): it is shorter than it was") }
            done += count
        }
    }
}

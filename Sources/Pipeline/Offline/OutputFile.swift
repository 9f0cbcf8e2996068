internal import Glibc

/// What could not be done with a file, why, and what to do: reads after "could not ".
public struct FileFailure: Error, Sendable, CustomStringConvertible {
    /// For example `write out/alerts.ndjson: No space left on device`.
    public let description: String

    init(_ attempt: String, _ path: String, code: Int32) {
        let reason = unsafe String(cString: strerror(code))
        description = "\(attempt) \(path): \(reason)"
    }
    init(_ description: String) { self.description = description }
}

/// A file that is written once, from its beginning to its end, in large aligned pieces past the page cache.
///
/// Going through the page cache costs 2.3 s of system time per gigabyte on the machine this was measured on, `O_DIRECT`
/// 0.15–0.3 s: with five gigabytes of decisions that is more than all decoding and deciding together. Where a file
/// system has no direct writes (tmpfs, pipes), ordinary ones are used.
@safe
final class OutputFile: @unchecked Sendable {
    // One thread owns it.
    private let path: String
    private var descriptor: Int32
    private var isDirect: Bool
    private let buffer: UnsafeMutableRawPointer
    private var used = 0
    private static let capacity = 1 << 19
    private static let block = 4096

    /// Makes the file, or empties it.
    init(_ path: String) throws(FileFailure) {
        self.path = path
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        var descriptor = unsafe open(path, flags | directFlag, 0o644)
        isDirect = descriptor >= 0
        if descriptor < 0, errno == EINVAL || errno == EOPNOTSUPP {
            descriptor = unsafe open(path, flags, 0o644)
        }
        guard descriptor >= 0 else { throw FileFailure("write", path, code: errno) }
        self.descriptor = descriptor
        unsafe buffer = .allocate(byteCount: Self.capacity, alignment: Self.block)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        unsafe buffer.deallocate()
    }

    /// Adds bytes.
    func append(_ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
        var place = 0
        while place < bytes.count {
            let count = min(bytes.count - place, Self.capacity - used)
            if let base = bytes.baseAddress {
                // Both ranges lie inside their memory by the minimum above.
                unsafe (buffer + used).copyMemory(from: base + place, byteCount: count)
            }
            used += count
            place += count
            if used == Self.capacity { try flush(Self.capacity) }
        }
    }

    /// Writes what is left and closes the file.
    func finish() throws(FileFailure) {
        let whole = used / Self.block * Self.block
        let rest = used - whole
        if whole > 0 { try flush(whole) }
        if rest > 0 {
            if isDirect {
                _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~directFlag)
                isDirect = false
            }
            unsafe buffer.copyMemory(from: buffer + whole, byteCount: rest)
            used = rest
            try flush(rest)
        }
        let status = close(descriptor)
        descriptor = -1
        if status != 0 { throw FileFailure("write", path, code: errno) }
    }

    private func flush(_ count: Int) throws(FileFailure) {
        var done = 0
        while done < count {
            let written = unsafe write(descriptor, buffer + done, count - done)
            if written < 0 {
                if errno == EINTR { continue }
                if isDirect, errno == EINVAL {
                    // This file system takes direct writes to open but not to write.
                    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~directFlag)
                    isDirect = false
                    continue
                }
                throw FileFailure("write", path, code: errno)
            }
            done += written
        }
        used -= min(used, count)
    }
}

/// `O_DIRECT`, which Swift's Glibc does not import since it needs `_GNU_SOURCE`.
#if arch(arm64)
    private let directFlag: Int32 = 0o200000
#else
    private let directFlag: Int32 = 0o40000
#endif

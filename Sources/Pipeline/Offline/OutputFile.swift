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

/// How much of a file was written, and a hash of it: enough to go on there later, and to see that nobody touched it.
struct WrittenState: Sendable, Hashable {
    /// Bytes.
    var size: Int64 = 0
    /// Chained over pieces of ``OutputFile/capacity``; a fault finder, not against an adversary.
    var hash: UInt64 = 0

    /// What becomes of a hash with the next piece: eight bytes a step in four lanes.
    static func add(_ bytes: UnsafeRawBufferPointer, to hash: UInt64) -> UInt64 {
        let first: UInt64 = 0x9E37_79B9_7F4A_7C15
        let second: UInt64 = 0xC2B2_AE3D_27D4_EB4F
        var a = hash
        var b = hash ^ first
        var c = hash &+ second
        var d = UInt64(bytes.count) &* first
        func mix(_ lane: UInt64, _ word: UInt64) -> UInt64 {
            let product = (lane ^ word) &* first
            return product << 29 | product >> 35
        }
        var place = 0
        while place + 32 <= bytes.count {
            // Thirty-two bytes inside the buffer.
            a = mix(a, unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            b = mix(b, unsafe bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self))
            c = mix(c, unsafe bytes.loadUnaligned(fromByteOffset: place + 16, as: UInt64.self))
            d = mix(d, unsafe bytes.loadUnaligned(fromByteOffset: place + 24, as: UInt64.self))
            place += 32
        }
        while place < bytes.count {
            a = mix(a, UInt64(unsafe bytes[place]))
            place += 1
        }
        var mixed = (a ^ b >> 32) &* second &+ b
        mixed = (mixed ^ c >> 29) &* first &+ c
        mixed = (mixed ^ d >> 31) &* second &+ d
        return mixed ^ mixed >> 29
    }
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
    /// Of the whole pieces written; nil where nobody will ask.
    private var written: WrittenState?
    /// Bytes of a piece: what is written with one call.
    static let capacity = 1 << 19
    private static let block = 4096

    /// Makes the file, or empties it. Where it is watched its state may be asked for, which costs a look at each byte.
    convenience init(_ path: String, isWatched: Bool = false) throws(FileFailure) {
        try self.init(path, flags: O_WRONLY | O_TRUNC, isWatched ? WrittenState() : nil)
    }

    private init(_ path: String, flags: Int32, _ written: WrittenState?) throws(FileFailure) {
        self.path = path
        self.written = written
        let flags = flags | O_CREAT | O_CLOEXEC
        var descriptor = unsafe open(path, flags | directFlag, 0o644)
        isDirect = descriptor >= 0
        if descriptor < 0, errno == EINVAL || errno == EOPNOTSUPP {
            descriptor = unsafe open(path, flags, 0o644)
        }
        guard descriptor >= 0 else { throw FileFailure("write", path, code: errno) }
        self.descriptor = descriptor
        unsafe buffer = .allocate(byteCount: Self.capacity, alignment: Self.block)
    }

    /// Goes on with a file that was left in some state; what was written behind it is cut off. It throws also where its
    /// bytes are no longer those that were left.
    convenience init(_ path: String, goingOnAt state: WrittenState) throws(FileFailure) {
        try self.init(path, flags: O_RDWR, WrittenState())
        var left = state.size
        var hash: UInt64 = 0
        // The pieces are read as they were written, so the last one ends up in the buffer.
        setDirect(false)
        while left > 0 {
            let count = Int(min(left, Int64(Self.capacity)))
            used = 0
            while used < count {
                // Inside the buffer.
                let read = unsafe read(descriptor, buffer + used, count - used)
                if read < 0, errno == EINTR { continue }
                guard read >= 0 else { throw FileFailure("read", path, code: errno) }
                guard read > 0 else {
                    throw FileFailure(
                        "go on with \(path): it is shorter than the \(state.size) bytes that were left. "
                            + "Begin anew in an empty folder."
                    )
                }
                used += read
            }
            left -= Int64(count)
            let sum = unsafe WrittenState.add(
                UnsafeRawBufferPointer(start: buffer, count: count),
                to: hash
            )
            if count == Self.capacity {
                written?.size += Int64(count)
                written?.hash = sum
                used = 0
            }
            hash = sum
        }
        guard hash == state.hash else {
            throw FileFailure(
                "go on with \(path): its bytes are not those that were left. Begin anew in an empty folder."
            )
        }
        // The part of a piece that is in the buffer is written again with what follows.
        let whole = written?.size ?? 0
        guard ftruncate(descriptor, Int(state.size)) == 0,
            lseek(descriptor, Int(whole), SEEK_SET) >= 0
        else { throw FileFailure("write", path, code: errno) }
        setDirect(true)
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
            if used == Self.capacity {
                note()
                try flush(Self.capacity)
            }
        }
    }

    /// Notes the piece that is full.
    private func note() {
        guard let before = written else { return }
        let piece = unsafe UnsafeRawBufferPointer(start: buffer, count: Self.capacity)
        written = WrittenState(
            size: before.size + Int64(Self.capacity),
            hash: unsafe WrittenState.add(piece, to: before.hash)
        )
    }

    /// Has everything in the file that was added so far, and says how much that is; the file goes on.
    func settle() throws(FileFailure) -> WrittenState {
        guard var state = written else { preconditionFailure("nobody watches this file") }
        guard used > 0 else { return state }
        setDirect(false)
        var done = 0
        while done < used {
            // Inside the buffer; the place of the next whole piece stays where it is.
            let count = unsafe pwrite(
                descriptor,
                buffer + done,
                used - done,
                Int(state.size) + done
            )
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileFailure("write", path, code: errno) }
            done += count
        }
        setDirect(true)
        let piece = unsafe UnsafeRawBufferPointer(start: buffer, count: used)
        state.hash = unsafe WrittenState.add(piece, to: state.hash)
        state.size += Int64(used)
        return state
    }

    /// Switches direct writes off, and on again where the file system has them.
    private func setDirect(_ isOn: Bool) {
        guard isDirect else { return }
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, isOn ? flags | directFlag : flags & ~directFlag)
    }

    /// Writes what is left and closes the file.
    func finish() throws(FileFailure) {
        let whole = used / Self.block * Self.block
        let rest = used - whole
        if whole > 0 { try flush(whole) }
        if rest > 0 {
            setDirect(false)
            isDirect = false
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
                    setDirect(false)
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
    let directFlag: Int32 = 0o200000
#else
    let directFlag: Int32 = 0o40000
#endif

import Glibc

/// A TCP socket on the loopback address that carries frames, each behind its size in four bytes.
///
/// Programs that a test starts do not inherit it: they would hold the port.
public final class Socket: Sendable {
    /// A call of the system failed.
    public struct Failure: Error, CustomStringConvertible {
        /// What could not be done, with the system's number.
        public let description: String

        init(_ attempt: String) { description = "could not \(attempt): error \(errno)" }
    }

    private let descriptor: Int32
    private static let mostBytes = 100_000_000

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    private static func made() throws -> Socket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("make a socket") }
        return Socket(descriptor)
    }

    private func with(
        port: UInt16,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                body(descriptor, pointer, size)
            }
        }
    }

    private func set(_ level: Int32, _ name: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, level, name, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// A socket that waits for clients; port 0 takes any that is free.
    public static func listening(on port: UInt16) throws -> Socket {
        let socket = try made()
        socket.set(SOL_SOCKET, SO_REUSEADDR)
        guard socket.with(port: port, bind) == 0, listen(socket.descriptor, 64) == 0 else {
            throw Failure("listen on port \(port)")
        }
        return socket
    }

    /// A connection to a port.
    public static func connected(to port: UInt16) throws -> Socket {
        let socket = try made()
        guard socket.with(port: port, connect) == 0 else {
            throw Failure("connect to port \(port)")
        }
        socket.set(Int32(IPPROTO_TCP), TCP_NODELAY)
        return socket
    }

    /// The port it is bound to.
    public var port: UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = getsockname(descriptor, pointer, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Waits for the next client; nothing when the socket was shut down.
    public func accept() -> Socket? {
        while true {
            let client = Glibc.accept(descriptor, nil, nil)
            if client >= 0 {
                // A program started just before this holds it as well: sockets are therefore shut down, not only closed.
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                let socket = Socket(client)
                socket.set(Int32(IPPROTO_TCP), TCP_NODELAY)
                return socket
            }
            guard errno == EINTR || errno == ECONNABORTED else { return nil }
        }
    }

    /// Ends it in both directions: whoever reads or writes is told so.
    public func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// The next frame without its size; nothing when the other side has ended.
    public func readFrame() -> [UInt8]? {
        guard let size = read(4) else { return nil }
        let count = size.reduce(0) { $0 << 8 | Int($1) }
        return count <= Self.mostBytes ? read(count) : nil
    }

    private func read(_ count: Int) -> [UInt8]? {
        var isWhole = true
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let taken = recv(descriptor, buffer.baseAddress! + filled, count - filled, 0)
                if taken < 0, errno == EINTR { continue }
                guard taken > 0 else {
                    isWhole = false
                    return
                }
                filled += taken
            }
        }
        return isWhole ? bytes : nil
    }

    /// Writes a frame behind its size; false when the other side has ended.
    @discardableResult
    public func writeFrame(_ frame: [UInt8]) -> Bool {
        var writer = WireWriter()
        writer.integer(Int32(frame.count))
        let bytes = writer.bytes + frame
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                send(
                    descriptor,
                    buffer.baseAddress! + written,
                    bytes.count - written,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}

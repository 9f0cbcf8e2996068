internal import Glibc

/// Tells systemd that the service is ready, that it is alive, and that it ends; nothing where it was not started by
/// systemd.
///
/// Source: sd_notify(3). The service's watchdog calls it, so that a process which can't even end itself is ended.
struct Supervisor: Sendable {
    private let socketPath: String

    /// Begins to tell; nil where `NOTIFY_SOCKET` is not set.
    init?(_ environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@")
        else {
            return nil
        }
        socketPath = path
    }

    /// It runs, and nothing hangs: to be told each second.
    func heartbeat() { send("READY=1\nWATCHDOG=1") }

    /// It ends.
    func stopping() { send("STOPPING=1") }

    /// Sends a message; what can't be sent is lost, as systemd has it.
    private func send(_ line: String) {
        let descriptor = socket(
            AF_UNIX,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // An abstract name begins with a zero byte, written as @.
        var bytes = Array(socketPath.utf8)
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < room else { return }
        // Safe: the path was seen to fit, and the address is ours for the call.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let count = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let text = Array(line.utf8)
                _ = unsafe text.withUnsafeBytes {
                    unsafe sendto(
                        descriptor,
                        $0.baseAddress,
                        $0.count,
                        Int32(MSG_NOSIGNAL),
                        address,
                        count
                    )
                }
            }
        }
    }
}

import Glibc

/// Asks a listener of this machine, with plain sockets: what a program answers is looked at byte by byte.
public enum PlainHTTP {
    /// Nobody answered.
    public struct Failure: Error, CustomStringConvertible {
        /// What was tried.
        public let description: String
    }

    /// What is answered to some bytes, until the other side closes or is quiet for ten seconds.
    public static func exchange(_ port: UInt16, _ bytes: String) throws -> String {
        let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(connection) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            connection,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure(description: "could not connect to port \(port)") }
        _ = bytes.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            if count <= 0 { break }
            answer += buffer.prefix(count)
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// The whole answer to a request, its first line and headers given: `GET /metrics HTTP/1.1`.
    public static func ask(_ address: String, _ request: String) throws -> String {
        guard let port = UInt16(address.split(separator: ":").last ?? "") else {
            throw Failure(description: "\(address) has no port")
        }
        return try exchange(port, request + "\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    /// Status and body of what a path holds.
    public static func get(
        _ address: String,
        _ path: String,
        _ headers: String...
    ) throws -> (status: Int, body: String) {
        let lines = ["GET \(path) HTTP/1.1"] + headers
        let answer = try ask(address, lines.joined(separator: "\r\n"))
        guard let status = Int(answer.dropFirst(9).prefix(3)), let end = answer.firstEnd else {
            throw Failure(description: "\(address)\(path) was answered \"\(answer.prefix(80))\"")
        }
        return (status, String(answer[end...]))
    }
}

extension String {
    /// Behind the empty line that ends the headers.
    fileprivate var firstEnd: Index? {
        let mark = Array("\r\n\r\n".utf8)
        var place = utf8.startIndex
        while let end = utf8.index(place, offsetBy: 4, limitedBy: utf8.endIndex) {
            if utf8[place..<end].elementsEqual(mark) { return end }
            place = utf8.index(after: place)
        }
        return nil
    }
}

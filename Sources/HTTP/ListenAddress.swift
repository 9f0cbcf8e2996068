internal import Glibc

/// Where a listener waits for connections: an address of this machine and one port, or the first free one of several.
///
///     127.0.0.1:9464   [::1]:9464   localhost:9464   0.0.0.0:9464   127.0.0.1:9464-9479   127.0.0.1:0 (any free one)
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// The address as it was written, without brackets.
    public let host: String
    /// The ports to try, in order.
    public let ports: ClosedRange<UInt16>
    private let isSixth: Bool

    /// Reads an address; nil where it is none. Names other than `localhost` are none: what they stand for may change.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = String(text[..<colon])
        let numbers = text[text.index(after: colon)...].split(
            separator: "-",
            omittingEmptySubsequences: false
        )
        guard (1...2).contains(numbers.count), let first = UInt16(numbers[0]),
            let last = UInt16(numbers[numbers.count - 1]), first <= last,
            numbers.allSatisfy({ $0.allSatisfy(\.isNumber) })
        else { return nil }
        ports = first...last
        isSixth = host.hasPrefix("[") && host.hasSuffix("]")
        if isSixth { host = String(host.dropFirst().dropLast()) }
        self.host = host
        guard resolved(first) != nil else { return nil }
    }

    /// Only this machine can connect.
    public var isLoopback: Bool {
        host == "localhost" || host == "::1" || (!isSixth && host.hasPrefix("127."))
    }

    /// The address as people write it.
    public var description: String {
        let ports =
            self.ports.count == 1
            ? "\(self.ports.lowerBound)" : "\(self.ports.lowerBound)-\(self.ports.upperBound)"
        return bracketedHost + ":" + ports
    }

    /// The host as it stands before a port.
    var bracketedHost: String { isSixth ? "[\(host)]" : host }

    /// The system's form of the address with one of the ports.
    func resolved(_ port: UInt16) -> sockaddr_storage? {
        var storage = sockaddr_storage()
        // Safe: each form is smaller than the storage, which is ours; the calls write only the address.
        let isKnown = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            guard let base = bytes.baseAddress else { return false }
            if isSixth {
                let address = unsafe base.assumingMemoryBound(to: sockaddr_in6.self)
                unsafe address.pointee.sin6_family = sa_family_t(AF_INET6)
                unsafe address.pointee.sin6_port = port.bigEndian
                return unsafe inet_pton(AF_INET6, host, &address.pointee.sin6_addr) == 1
            }
            let address = unsafe base.assumingMemoryBound(to: sockaddr_in.self)
            unsafe address.pointee.sin_family = sa_family_t(AF_INET)
            unsafe address.pointee.sin_port = port.bigEndian
            let number = host == "localhost" ? "127.0.0.1" : host
            return unsafe inet_pton(AF_INET, number, &address.pointee.sin_addr) == 1
        }
        return isKnown ? storage : nil
    }
}

internal import CHTTP
internal import Glibc

/// What is asked for.
public struct HTTPRequest: Sendable {
    /// `GET` or `HEAD`: others are answered with 405 before anybody is asked.
    public let method: String
    /// The path without its query, such as `/metrics`.
    public let path: String
    /// The value of the header `Authorization`.
    public let authorization: String?
    /// The query names `verbose`.
    public let isVerbose: Bool
}

/// What is answered.
public struct HTTPResponse: Sendable {
    /// The status, such as 200.
    public var status: Int
    /// The content type.
    public var type: String
    /// What follows the headers.
    public var body: [UInt8]
    /// The value of `WWW-Authenticate`, of an answer 401.
    public var challenge: String?

    /// An answer of bytes.
    public init(status: Int = 200, type: String, body: [UInt8]) {
        self.status = status
        self.type = type
        self.body = body
    }

    /// An answer of text.
    public init(status: Int = 200, _ text: String) {
        self.init(status: status, type: "text/plain; charset=utf-8", body: Array(text.utf8))
    }
}

/// Certificate and key of a listener that speaks TLS 1.2 or 1.3, as PEM.
public struct ListenerIdentity: Sendable {
    let certificate: String
    let key: String

    /// A certificate, with those between it and the root behind it, and its private key.
    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// Why nothing listens, as a fragment that reads after "could not".
public struct ListenerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The fragment.
    public let description: String
}

/// Answers HTTP requests on a thread of its own until it is ended.
///
///     let listener = try HTTPListener(on: address) { request in HTTPResponse("ok\n") }
///     …
///     listener.end()
///
/// The answers are given one after another on that thread: whoever answers must not wait for anything.
@safe
public final class HTTPListener: Sendable {
    /// Where it listens, with the port it got.
    public let address: String
    private let server: OpaqueServer

    private final class Answerer: Sendable {
        let answer: @Sendable (HTTPRequest) -> HTTPResponse
        init(_ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse) { self.answer = answer }
    }

    /// The server's handle, ended once.
    @safe
    private final class OpaqueServer: @unchecked Sendable {
        // Only touched by `init` and `end`, of which the owner calls each once; libmicrohttpd has locks of its own.
        var handle: UnsafeMutablePointer<dm_http_server>?
        let answerer: Answerer
        init(_ handle: UnsafeMutablePointer<dm_http_server>, _ answerer: Answerer) {
            unsafe self.handle = handle
            self.answerer = answerer
        }
        func end() {
            guard let handle = unsafe handle else { return }
            unsafe self.handle = nil
            unsafe dm_http_stop(handle)
        }
        deinit { end() }
    }

    /// Listens at the first port of the address that is free.
    ///
    /// - Throws: ``ListenerError`` where none is, or where certificate and key can't be used.
    public init(
        on address: ListenAddress,
        identity: ListenerIdentity? = nil,
        answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(ListenerError) {
        let answerer = Answerer(answer)
        var found: UnsafeMutablePointer<dm_http_server>?
        var reason: Int32 = 0
        for port in address.ports {
            guard var storage = address.resolved(port) else { continue }
            errno = 0
            // Safe: the server copies the address; the strings live for the call, and libmicrohttpd parses them in it.
            // The answerer is held by this object until the server has ended.
            unsafe found = withUnsafePointer(to: &storage) { storage in
                unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    let context = unsafe Unmanaged.passUnretained(answerer).toOpaque()
                    guard let identity else {
                        return unsafe dm_http_start(address, nil, nil, Self.receive, context)
                    }
                    return unsafe identity.certificate.withCString { certificate in
                        unsafe identity.key.withCString { key in
                            unsafe dm_http_start(address, certificate, key, Self.receive, context)
                        }
                    }
                }
            }
            if unsafe found != nil { break }
            reason = errno
            // Another port helps only where this one is taken.
            if reason != EADDRINUSE { break }
        }
        guard let handle = unsafe found else {
            let text =
                reason == 0
                ? "certificate or key can't be used" : unsafe String(cString: strerror(reason))
            throw ListenerError(description: "listen on \(address): \(text)")
        }
        let one = ListenAddress("\(address.bracketedHost):\(unsafe dm_http_port(handle))")
        self.address = (one ?? address).description
        unsafe server = OpaqueServer(handle, answerer)
    }

    /// Ends it; answers that are being given are given.
    public func end() { server.end() }

    /// libmicrohttpd's question.
    private static let receive: dm_http_handler = { context, connection, method, path in
        guard let context = unsafe context, let method = unsafe method, let path = unsafe path
        else { return }
        // Safe: the answerer lives as long as the server; the strings live as long as the request.
        let answerer = unsafe Unmanaged<Answerer>.fromOpaque(context).takeUnretainedValue()
        let request = unsafe HTTPRequest(
            method: String(cString: method),
            path: String(cString: path),
            authorization: dm_http_header(connection, "Authorization").map {
                unsafe String(cString: $0)
            },
            isVerbose: dm_http_has_query(connection, "verbose") != 0
        )
        let response =
            ["GET", "HEAD"].contains(request.method)
            ? answerer.answer(request)
            : HTTPResponse(status: 405, "This can only be read: GET or HEAD.\n")
        // Safe: the answer is copied before the call returns.
        unsafe response.body.withUnsafeBytes { body in
            if let challenge = response.challenge {
                unsafe dm_http_answer(
                    connection,
                    UInt32(response.status),
                    response.type,
                    challenge,
                    body.baseAddress,
                    body.count
                )
            } else {
                unsafe dm_http_answer(
                    connection,
                    UInt32(response.status),
                    response.type,
                    nil,
                    body.baseAddress,
                    body.count
                )
            }
        }
    }
}

import Foundation
import TestKit
import Testing

@testable import HTTP

/// A listener, asked with plain sockets.
struct ListenerTests {
    private func ask(_ listener: HTTPListener, _ request: String) throws -> String {
        try PlainHTTP.ask(listener.address, request)
    }

    private func listener(_ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse) throws
        -> HTTPListener
    {
        try HTTPListener(on: try #require(ListenAddress("127.0.0.1:0")), answer: answer)
    }

    @Test("A request is answered with status, type and bytes")
    func answer() throws {
        let listener = try listener { request in
            HTTPResponse(
                status: 503,
                "\(request.method) \(request.path) \(request.isVerbose) \(request.authorization ?? "-")\n"
            )
        }
        let answer = try ask(listener, "GET /readyz?verbose HTTP/1.1\r\nAuthorization: Bearer x")
        #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(answer.contains("Content-Type: text/plain; charset=utf-8\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nGET /readyz true Bearer x\n"))
        #expect(try ask(listener, "GET /a HTTP/1.1").hasSuffix("GET /a false -\n"))
        let head = try ask(listener, "HEAD /a HTTP/1.1")
        #expect(head.contains("Content-Length: 16\r\n") && head.hasSuffix("\r\n\r\n"))
        listener.end()
    }

    @Test("Nothing but reading is answered, and what is no HTTP ends the connection")
    func refusals() throws {
        let listener = try listener { _ in HTTPResponse("never\n") }
        let post = try ask(listener, "POST /metrics HTTP/1.1\r\nContent-Length: 0")
        #expect(post.hasPrefix("HTTP/1.1 405 "))
        #expect(post.contains("Allow: GET, HEAD\r\n"))
        let port = try #require(UInt16(listener.address.split(separator: ":").last ?? ""))
        #expect(try !(PlainHTTP.exchange(port, "\u{16}\u{3}\u{1} hello\r\n\r\n")).contains("never"))
        #expect(
            !(try PlainHTTP.exchange(
                port,
                "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 40_000) + "\r\n\r\n"
            )).contains("never")
        )
        // It goes on.
        #expect(try ask(listener, "GET / HTTP/1.1").hasSuffix("never\n"))
        listener.end()
    }

    @Test(
        "Of a range the first free port is taken; a port that is taken is refused with its reason"
    )
    func ports() throws {
        let first = try listener { _ in HTTPResponse("1") }
        let port = try #require(UInt16(first.address.split(separator: ":").last ?? ""))
        #expect(
            throws: ListenerError(
                description: "listen on 127.0.0.1:\(port): Address already in use"
            )
        ) {
            try HTTPListener(on: try #require(ListenAddress("127.0.0.1:\(port)"))) { _ in
                HTTPResponse("2")
            }
        }
        let range = try #require(ListenAddress("127.0.0.1:\(port)-\(port + 20)"))
        let second = try HTTPListener(on: range) { _ in HTTPResponse("2") }
        #expect(second.address != first.address)
        first.end()
        second.end()
        let third = try HTTPListener(on: try #require(ListenAddress("127.0.0.1:\(port)"))) { _ in
            HTTPResponse("3")
        }
        #expect(try ask(third, "GET / HTTP/1.1").hasSuffix("3"))
    }

    @Test(
        "Addresses of this machine are told from others",
        arguments: [
            ("127.0.0.1:9464", true), ("localhost:1", true), ("[::1]:9464", true),
            ("127.8.8.8:1-5", true),
            ("0.0.0.0:9464", false), ("[::]:9464", false), ("10.0.0.7:80", false),
        ]
    )
    func loopback(_ text: String, _ isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(
        "What is no address is none",
        arguments: [
            "", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
            "127.0.0.1:9-1",
            "127.0.0.1:1-2-3", "monitor.example:9464", "127.0.0.300:1", "[127.0.0.1]:1", "::1:9464",
            "127.0.0.1:+5",
        ]
    )
    func noAddress(_ text: String) { #expect(ListenAddress(text) == nil) }

    @Test("With a certificate it speaks TLS, and without its key it does not start")
    func tls() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tls-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func run(_ words: String...) throws -> (status: Int32, output: String) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = words
            process.currentDirectoryURL = folder
            process.standardInput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            let output = folder.appendingPathComponent("out")
            _ = FileManager.default.createFile(atPath: output.path, contents: nil)
            process.standardOutput = try FileHandle(forWritingTo: output)
            try process.run()
            process.waitUntilExit()
            return (process.terminationStatus, try String(contentsOf: output, encoding: .utf8))
        }
        let made = try run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem"
        )
        try #require(made.status == 0, "openssl is needed for this test")
        let certificate = try String(
            contentsOf: folder.appendingPathComponent("cert.pem"),
            encoding: .utf8
        )
        let key = try String(contentsOf: folder.appendingPathComponent("key.pem"), encoding: .utf8)
        let address = try #require(ListenAddress("127.0.0.1:0"))
        #expect(throws: ListenerError.self) {
            try HTTPListener(
                on: address,
                identity: ListenerIdentity(certificate: certificate, key: "none")
            ) { _ in
                HTTPResponse("no\n")
            }
        }
        let identity = ListenerIdentity(certificate: certificate, key: key)
        let listener = try HTTPListener(on: address, identity: identity) { _ in
            HTTPResponse("over TLS\n")
        }
        let answer = try run(
            "curl",
            "--silent",
            "--max-time",
            "5",
            "--cacert",
            "cert.pem",
            "https://\(listener.address)/metrics"
        )
        #expect(answer.output == "over TLS\n")
        #expect(try !(ask(listener, "GET / HTTP/1.1")).contains("over TLS"))
        listener.end()
    }
}

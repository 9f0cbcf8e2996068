internal import CommandLineKit
internal import HTTP
internal import Metrics
internal import Pipeline
internal import Settings

/// What the service answers over HTTP: `/metrics`, `/livez`, `/readyz`. Nothing of it is about a patient.
///
///     curl http://127.0.0.1:9464/readyz?verbose
///     [+]ping ok
///     [+]topics ok
///     [-]partition 3 recovering 41 %
///     readyz check failed
struct OperationsEndpoint: Sendable {
    let operations: Operations
    /// What a reader of `/metrics` and of verbose answers must show, if anything.
    let token: Secret?

    /// Answers one request.
    func answer(_ request: HTTPRequest) -> HTTPResponse {
        switch request.path {
        case "/livez": return checks("livez", operations.liveness, request)
        case "/readyz": return checks("readyz", operations.readiness, request)
        case "/metrics":
            guard mayRead(request) else { return refusal }
            return HTTPResponse(type: Registry.contentType, body: operations.metrics.text)
        case "/":
            return HTTPResponse(
                "diversion-monitor: /metrics, /livez, /readyz, each check with ?verbose\n"
            )
        default: return HTTPResponse(status: 404, "There are /metrics, /livez and /readyz.\n")
        }
    }

    /// As Kubernetes' own components answer: what fails is told, all of it only who asks for it is told.
    private func checks(_ name: String, _ checks: [Check], _ request: HTTPRequest) -> HTTPResponse {
        let holds = checks.allSatisfy(\.holds)
        // A probe needs no token to learn whether all is well, and nothing else is told without one.
        guard mayRead(request) else {
            return HTTPResponse(
                status: holds ? 200 : 503,
                holds ? "ok\n" : "\(name) check failed\n"
            )
        }
        if holds, !request.isVerbose { return HTTPResponse("ok\n") }
        let lines = checks.map { "[\($0.holds ? "+" : "-")]\($0.name) \($0.detail)\n" }.joined()
        return HTTPResponse(
            status: holds ? 200 : 503,
            lines + "\(name) check \(holds ? "passed" : "failed")\n"
        )
    }

    private func mayRead(_ request: HTTPRequest) -> Bool {
        guard let token else { return true }
        let given = Array((request.authorization ?? "").utf8)
        let wanted = Array("Bearer \(token.reveal())".utf8)
        // Every byte is compared, so that the time it takes tells nothing of where the first difference is.
        var difference = given.count ^ wanted.count
        for (place, byte) in wanted.enumerated() {
            difference |= Int(byte ^ (place < given.count ? given[place] : 0))
        }
        return difference == 0
    }

    private var refusal: HTTPResponse {
        var response = HTTPResponse(
            status: 401,
            "This needs the header Authorization: Bearer TOKEN.\n"
        )
        response.challenge = "Bearer"
        return response
    }
}

extension OperationsEndpoint {
    /// Listens where the settings say; nil where they say `off`.
    static func listen(_ settings: MonitorSettings, _ operations: Operations) throws(CommandFailure)
        -> HTTPListener?
    {
        let effective = settings.effective
        let place = effective.string("http.listen")
        if place == "off" { return nil }
        guard let address = ListenAddress(place) else {
            preconditionFailure("an address that is none was not told to be wrong")
        }
        var identity: ListenerIdentity?
        if let path = effective.stringIfSet("http.tls.certificate"),
            let key = effective.secretIfSet("http.tls.key")
        {
            do throws(CommandFailure) {
                let certificate = String(
                    decoding: try Files.read(path, to: "the certificate"),
                    as: UTF8.self
                )
                identity = ListenerIdentity(certificate: certificate, key: key.reveal())
            } catch {
                throw CommandFailure(error.description, status: .configuration)
            }
        }
        let endpoint = OperationsEndpoint(
            operations: operations,
            token: effective.secretIfSet("http.token")
        )
        do {
            return try HTTPListener(on: address, identity: identity, answer: endpoint.answer)
        } catch {
            throw CommandFailure(
                "could not \(error). Give another address with http.listen, or \"off\".",
                status: .configuration
            )
        }
    }

    /// What is wrong with the settings of the listener, as a setting's name and a sentence.
    static func problems(_ settings: EffectiveSettings) -> [(key: String, message: String)] {
        let place = settings.string("http.listen")
        if place == "off" { return [] }
        guard let address = ListenAddress(place) else {
            return [
                (
                    "http.listen",
                    "http.listen: \"\(place)\" is no address. Give one of this machine and a port, or a range of "
                        + "ports, such as 127.0.0.1:9464, [::1]:9464 or 0.0.0.0:9464-9479; or \"off\"."
                )
            ]
        }
        var problems: [(key: String, message: String)] = []
        let hasCertificate = settings.stringIfSet("http.tls.certificate") != nil
        let hasKey = settings.secretIfSet("http.tls.key") != nil
        let token = settings.secretIfSet("http.token")
        if hasCertificate != hasKey {
            let missing = hasKey ? "http.tls.certificate" : "http.tls.key_file"
            problems.append(
                ("http.tls.certificate", "\(missing) is missing: a certificate goes with its key.")
            )
        }
        if let token, token.reveal().utf8.count < 16 {
            problems.append(
                (
                    "http.token",
                    "http.token is shorter than 16 bytes and could be guessed. Make one with: openssl rand -hex 24"
                )
            )
        }
        if !address.isLoopback, !settings.bool("http.plaintext"), !hasCertificate || token == nil {
            problems.append(
                (
                    "http.listen",
                    "http.listen: \(address) can be reached from other machines. Give http.tls.certificate, "
                        + "http.tls.key_file and http.token_file; or listen on 127.0.0.1; or, where only a pod's or a "
                        + "host's own network leads there, set http.plaintext: true."
                )
            )
        }
        return problems
    }
}

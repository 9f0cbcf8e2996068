/// One fault, on the next request of its kind.
public struct ProtocolFault: Sendable, CustomStringConvertible {
    /// What happens to the request or to its answer.
    public enum Kind: Sendable {
        /// The request reaches the broker a little later, in time for the client.
        case requestDelayed(milliseconds: Int)
        /// The request reaches the broker when the client has given it up, and probably sent it again.
        case requestLate(milliseconds: Int)
        /// The client's connection breaks at once, and the request reaches the broker later nevertheless.
        case requestOrphaned(milliseconds: Int)
        /// The connection breaks before the request has reached the broker.
        case requestLost
        /// The answer comes a little later.
        case answerDelayed(milliseconds: Int)
        /// The connection breaks when the broker has carried the request out.
        case answerLost
        /// The broker is sent the same bytes twice in a row; the second answer is swallowed.
        case doubled
        /// The answer is lost, so that the client sends it again, and a copy more comes later on a connection of its own.
        ///
        /// A copy of a request that the client knows to be answered would be no fault of a network: TCP delivers once, so
        /// there are as many copies as the client has sent, and Kafka's protocol protects from no more.
        case strayCopy(milliseconds: Int)
        /// An error instead of the broker's answer: the request is not carried out.
        case refused(KafkaErrorCode)
        /// An error instead of the broker's answer, though the request was carried out.
        case misreported(KafkaErrorCode)

        /// What is counted together.
        public var name: String {
            switch self {
            case .requestDelayed: "request delayed"
            case .requestLate: "request late"
            case .requestOrphaned: "request orphaned"
            case .requestLost: "request lost"
            case .answerDelayed: "answer delayed"
            case .answerLost: "answer lost"
            case .doubled: "doubled"
            case .strayCopy: "stray copy"
            case .refused: "refused"
            case .misreported: "misreported"
            }
        }
    }

    /// The requests it waits for.
    public let api: KafkaAPI
    /// What it does.
    public let kind: Kind

    /// A fault for the next request of an API.
    public init(_ api: KafkaAPI, _ kind: Kind) {
        self.api = api
        self.kind = kind
    }

    /// `EndTxn request late 2100 ms`.
    public var description: String {
        switch kind {
        case .requestDelayed(let time), .requestLate(let time), .requestOrphaned(let time),
            .answerDelayed(let time), .strayCopy(let time):
            "\(api) \(kind.name) \(time) ms"
        case .refused(let code), .misreported(let code): "\(api) \(kind.name) \(code)"
        case .requestLost, .answerLost, .doubled: "\(api) \(kind.name)"
        }
    }

    /// It can be done to this request.
    func fits(_ request: KafkaRequest) -> Bool {
        switch kind {
        case .refused, .misreported: ErrorAnswer.isKnown(request)
        default: true
        }
    }
}

/// A fault that has hit a request.
public struct FaultRecord: Sendable, CustomStringConvertible {
    /// Since the proxy began.
    public let milliseconds: Int
    /// The fault.
    public let fault: ProtocolFault
    /// The request's version.
    public let version: Int16
    /// The request's number on its connection.
    public let correlation: Int32

    /// `12.345 s: EndTxn request late 2100 ms (version 1, number 17)`.
    public var description: String {
        let rest = "\(milliseconds % 1000)"
        let thousandths = String(repeating: "0", count: 3 - rest.count) + rest
        return "\(milliseconds / 1000).\(thousandths) s: \(fault) "
            + "(version \(version), number \(correlation))"
    }
}

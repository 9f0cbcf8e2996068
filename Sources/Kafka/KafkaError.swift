import CKafka

/// Something Kafka or librdkafka refused or could not do.
///
///     could not commit the transaction: Local: Timed out (_TIMED_OUT)
///
/// The three flags are librdkafka's own verdict; where librdkafka gives none (most calls outside
/// transactions) they are derived from the code.
public struct KafkaError: Error, Sendable, Equatable {
    /// An error code: positive ones come from the broker, negative ones from librdkafka.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The number of `rd_kafka_resp_err_t`.
        public let rawValue: Int32

        /// Wraps a number of `rd_kafka_resp_err_t`.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        init(_ error: rd_kafka_resp_err_t) { rawValue = error.rawValue }
    }

    /// The error's number.
    public let code: Code
    /// The error's constant name without its prefix, such as `_TIMED_OUT`.
    public let name: String
    /// A sentence fragment for people, from librdkafka or from us.
    public let message: String
    /// What was attempted, as a fragment that reads after "could not".
    public let attempt: String
    /// The handle is of no use any more: destroy it.
    public let isFatal: Bool
    /// The same call may be repeated and may then succeed.
    public let isRetriable: Bool
    /// The open transaction must be aborted before anything else is done.
    public let requiresAbort: Bool
}

extension KafkaError {
    /// An error of a call that returns only a code.
    init(_ code: rd_kafka_resp_err_t, _ attempt: String, message: String? = nil) {
        let attributes = Code(code)
        // Safe: both are static strings of librdkafka.
        unsafe self.init(
            code: attributes,
            name: text(rd_kafka_err2name(code)),
            message: message ?? text(rd_kafka_err2str(code)),
            attempt: attempt,
            isFatal: Self.fatalCodes.contains(attributes),
            isRetriable: Self.retriableCodes.contains(attributes),
            requiresAbort: false
        )
    }

    /// Takes over an error object.
    ///
    /// Safe: every caller hands over an object that librdkafka has just returned, once; it is
    /// destroyed here after its text was copied.
    @unsafe init(taking error: OpaquePointer, _ attempt: String) {
        unsafe self.init(reading: error, attempt)
        unsafe rd_kafka_error_destroy(error)
    }

    /// Copies an error object that stays librdkafka's own.
    @unsafe init(reading error: OpaquePointer, _ attempt: String) {
        let code = unsafe rd_kafka_error_code(error)
        unsafe self.init(
            code: Code(code),
            name: text(rd_kafka_error_name(error)),
            message: text(rd_kafka_error_string(error)),
            attempt: attempt,
            // RELIABILITY row 21: librdkafka 2.0.2 takes an expired identifier for abortable, yet
            // another producer may have used it meanwhile.
            isFatal: rd_kafka_error_is_fatal(error) != 0 || Self.fatalCodes.contains(Code(code)),
            isRetriable: rd_kafka_error_is_retriable(error) != 0,
            requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0
        )
    }

    /// The error of a call that returns an error object or nothing.
    @unsafe static func check(_ error: OpaquePointer?, _ attempt: String) throws(KafkaError) {
        if let error = unsafe error { throw unsafe KafkaError(taking: error, attempt) }
    }

    /// The error of a call that returns a code.
    static func check(_ code: rd_kafka_resp_err_t, _ attempt: String) throws(KafkaError) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, attempt) }
    }

    private static let fatalCodes: Set<Code> = [
        Code(RD_KAFKA_RESP_ERR__FATAL), Code(RD_KAFKA_RESP_ERR__FENCED),
        Code(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), Code(RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        Code(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING),
        Code(RD_KAFKA_RESP_ERR__INCONSISTENT),
    ]

    private static let retriableCodes: Set<Code> = [
        Code(RD_KAFKA_RESP_ERR__TIMED_OUT), Code(RD_KAFKA_RESP_ERR__TRANSPORT),
        Code(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN), Code(RD_KAFKA_RESP_ERR__QUEUE_FULL),
        Code(RD_KAFKA_RESP_ERR__WAIT_COORD), Code(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        Code(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
        Code(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        Code(RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        Code(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE),
        Code(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION),
        Code(RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION),
        Code(RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT),
    ]
}

extension KafkaError {
    /// A call ended because its time was over; whether it took effect is unknown.
    public var isTimeout: Bool {
        code == Code(RD_KAFKA_RESP_ERR__TIMED_OUT)
            || code == Code(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
            || code == Code(RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE)
    }

    /// Somebody else has taken over: a newer producer, a newer generation, a newer instance.
    public var isFenced: Bool {
        [
            RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        ].contains { Code($0) == code }
    }

    /// The group has gone on without us: a rebalance came in between.
    public var isGenerationOver: Bool {
        [
            RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        ].contains { Code($0) == code }
    }

    /// The wanted offset is not there: records were trimmed, or never written.
    ///
    /// It is never answered with another offset (`auto.offset.reset` is `error`): the owner decides.
    public var isOffsetLost: Bool {
        code == Code(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
            || code == Code(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
    }

    /// The topic or the partition does not exist.
    public var isUnknownTopicOrPartition: Bool {
        [
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        ].contains { Code($0) == code }
    }

    /// The topic was there before it was to be created.
    public var isAlreadyExisting: Bool { code == Code(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) }

    /// The record is larger than the client or the topic allows.
    public var isTooLarge: Bool { code == Code(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) }

    /// An access-control rule or a missing or wrong identity is the cause.
    public var isDenied: Bool {
        [
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__AUTHENTICATION,
        ].contains { Code($0) == code }
    }

    /// No broker could be reached.
    public var isUnreachable: Bool {
        [
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR__RESOLVE,
        ].contains { Code($0) == code }
    }
}

extension KafkaError: CustomStringConvertible {
    /// The whole sentence.
    public var description: String { "could not \(attempt): \(message) (\(name))" }
}

/// Copies a C string; nothing becomes the empty string.
///
/// Safe: librdkafka's strings end with a zero byte and live at least until the call returns.
@unsafe func text(_ pointer: UnsafePointer<CChar>?) -> String {
    guard let pointer = unsafe pointer else { return "" }
    return unsafe String(cString: pointer)
}

import CKafka
import Synchronization

/// What librdkafka's callbacks of one client write to; it outlives the client's handle.
final class ClientContext: Sendable {
    /// Failed deliveries since the last look.
    struct Failures: Sendable {
        var count = 0
        var first: KafkaError?
    }

    let onLog: LogSink?
    let onStatistics: StatisticsSink?
    /// EndTxn requests (ApiKey 26) sent since the transaction began.
    let endTransactionRequests = Atomic<Int>(0)
    /// TxnOffsetCommit requests (ApiKey 28) sent since the transaction began.
    let offsetRequests = Atomic<Int>(0)
    let failures = Mutex(Failures())
    let membership = Mutex(MembershipState())

    init(_ settings: ClientSettings) {
        onLog = settings.onLog
        onStatistics = settings.onStatistics
    }
}

/// Owns one handle of librdkafka.
///
/// Safe to share: librdkafka's handles may be used by any thread at any time; the handle is
/// destroyed when the last owner is gone, and the context its callbacks use is held until then.
@safe final class Client: @unchecked Sendable {
    let handle: OpaquePointer
    let context: ClientContext
    let role: ClientRole
    private let isAbandoned = Atomic<Bool>(false)

    /// Makes a client; `own` are the settings only we may give.
    init(
        _ role: ClientRole,
        _ settings: ClientSettings,
        own: [ClientSettings.Entry] = []
    ) throws(KafkaError) {
        let context = ClientContext(settings)
        self.context = context
        self.role = role
        // Safe: the configuration is ours until `rd_kafka_new` takes it over; the context is
        // held by this object, which outlives the handle.
        guard let configuration = unsafe rd_kafka_conf_new() else {
            preconditionFailure("librdkafka has no memory for a configuration")
        }
        for entry in settings.effective(for: role, own) {
            if let refusal = unsafe ClientSettings.set(entry, in: configuration) {
                unsafe rd_kafka_conf_destroy(configuration)
                throw KafkaError(
                    RD_KAFKA_RESP_ERR__INVALID_ARG,
                    "apply the setting \(entry.name)",
                    message: refusal
                )
            }
        }
        let opaque = unsafe Unmanaged.passUnretained(context).toOpaque()
        unsafe rd_kafka_conf_set_opaque(configuration, opaque)
        unsafe Client.register(role, configuration, opaque, context)
        let created: (OpaquePointer?, String) = unsafe withUnsafeTemporaryAllocation(
            of: CChar.self,
            capacity: 512
        ) { buffer in
            unsafe buffer.initialize(repeating: 0)
            let handle = unsafe rd_kafka_new(
                role.libraryType,
                configuration,
                buffer.baseAddress,
                buffer.count
            )
            return unsafe (handle, text(UnsafePointer(buffer.baseAddress)))
        }
        guard let handle = unsafe created.0 else {
            let code = rd_kafka_last_error()
            unsafe rd_kafka_conf_destroy(configuration)
            throw unsafe KafkaError(code, "create a Kafka client", message: created.1)
        }
        unsafe self.handle = handle
        if role == .member { unsafe rd_kafka_poll_set_consumer(handle) }
    }

    deinit {
        if isAbandoned.load(ordering: .relaxed) { return }
        if role.isConsumer {
            // The group was left by `close`, or is left to the session's time-out: closing here
            // may hang (librdkafka 2.0.2, #4187).
            unsafe rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        } else {
            unsafe rd_kafka_destroy(handle)
        }
    }

    /// Leaves the handle to the end of the process, with everything it refers to.
    func abandon() {
        if !isAbandoned.exchange(true, ordering: .relaxed) {
            // The context must live as long as the handle: for ever.
            _ = unsafe Unmanaged.passRetained(context)
        }
    }

    /// Why the handle is of no use any more, if it is.
    func fatalError(_ attempt: String) -> KafkaError? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            // Safe: the buffer's size is told.
            let code = unsafe rd_kafka_fatal_error(handle, buffer.baseAddress, buffer.count)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
            let cause = unsafe KafkaError(
                code,
                attempt,
                message: text(UnsafePointer(buffer.baseAddress))
            )
            return KafkaError(
                code: cause.code,
                name: cause.name,
                message: cause.message,
                attempt: attempt,
                isFatal: true,
                isRetriable: false,
                requiresAbort: false
            )
        }
    }

    /// Takes what failed to be delivered since the last look.
    func takeFailures() -> ClientContext.Failures {
        context.failures.withLock { failures in
            defer { failures = ClientContext.Failures() }
            return failures
        }
    }

    /// Registers the callbacks a role needs.
    ///
    /// Safe: each callback gets the context back that lives as long as the handle.
    @unsafe private static func register(
        _ role: ClientRole,
        _ configuration: OpaquePointer,
        _ opaque: UnsafeMutableRawPointer,
        _ context: ClientContext
    ) {
        unsafe rd_kafka_conf_set_log_cb(configuration) { handle, level, facility, message in
            guard let handle = unsafe handle, let opaque = unsafe rd_kafka_opaque(handle) else {
                return
            }
            let context = unsafe Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue()
            guard let onLog = context.onLog else { return }
            onLog(
                LogLine(
                    level: Int(level),
                    facility: unsafe text(facility),
                    message: unsafe text(message),
                    client: unsafe text(rd_kafka_name(handle))
                )
            )
        }
        if context.onStatistics != nil {
            unsafe rd_kafka_conf_set_stats_cb(configuration) { _, json, length, opaque in
                guard let opaque = unsafe opaque, let json = unsafe json else { return 0 }
                let context = unsafe Unmanaged<ClientContext>.fromOpaque(opaque)
                    .takeUnretainedValue()
                let bytes = unsafe UnsafeRawBufferPointer(start: json, count: length)
                context.onStatistics?(unsafe String(decoding: bytes, as: UTF8.self))
                return 0  // The text was copied; librdkafka frees its own.
            }
        }
        switch role {
        case .member: unsafe rd_kafka_conf_set_rebalance_cb(configuration, onRebalance)
        case .transactionalProducer, .producer:
            unsafe rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
                guard let message = unsafe message, let opaque = unsafe opaque else { return }
                let code = unsafe message.pointee.err
                if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
                let context = unsafe Unmanaged<ClientContext>.fromOpaque(opaque)
                    .takeUnretainedValue()
                context.failures.withLock { failures in
                    failures.count += 1
                    if failures.first != nil { return }
                    let topic = unsafe message.pointee.rkt.map {
                        unsafe text(rd_kafka_topic_name($0))
                    }
                    failures.first = KafkaError(
                        code,
                        "deliver a record to \(topic ?? "a topic")"
                    )
                }
            }
            if role == .transactionalProducer {
                _ = unsafe rd_kafka_conf_interceptor_add_on_new(
                    configuration,
                    "resent",
                    countRequests,
                    opaque
                )
            }
        case .fetch, .admin: break
        }
    }
}

/// Registers with a new producer the count of requests that do harm when a copy comes in the next transaction.
private let countRequests:
    @convention(c) (
        OpaquePointer?, OpaquePointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<CChar>?, Int
    ) -> rd_kafka_resp_err_t = { handle, _, opaque, _, _ in
        unsafe rd_kafka_interceptor_add_on_request_sent(
            handle,
            "resent",
            { _, _, _, _, apiKey, _, _, _, opaque in
                if apiKey == 26 || apiKey == 28, let opaque = unsafe opaque {
                    // Safe: the context lives as long as the handle.
                    let context = unsafe Unmanaged<ClientContext>.fromOpaque(opaque)
                        .takeUnretainedValue()
                    if apiKey == 26 {
                        context.endTransactionRequests.add(1, ordering: .relaxed)
                    } else {
                        context.offsetRequests.add(1, ordering: .relaxed)
                    }
                }
                return RD_KAFKA_RESP_ERR_NO_ERROR
            },
            opaque
        )
    }

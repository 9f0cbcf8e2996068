/// Why a transaction cannot go on.
public struct TransactionError: Error, Sendable, CustomStringConvertible {
    /// What the owner must do.
    public enum Verdict: Sendable, Equatable {
        /// Nothing of the transaction will be seen: `abort()` it. The state that ran ahead of the
        /// transaction is of no use; the producer is, unless it `isSuspect`.
        case abort
        /// Nobody knows whether the transaction took effect, or whether a request of it is still
        /// on its way (librdkafka sends EndTxn again under the same epoch): destroy the producer;
        /// `initialize()` of its successor ends the doubt, then read the committed receipt.
        case suspect
        /// The producer is fenced or broken for good: destroy it, and find out who owns the
        /// partition before another is made.
        case fatal
    }

    /// What the owner must do.
    public let verdict: Verdict
    /// What happened.
    public let error: KafkaError

    /// The first record of the transaction that could not be delivered, usually the cause.
    public let delivery: KafkaError?

    /// The error as a sentence, with its cause.
    public var description: String {
        guard let delivery else { return error.description }
        return "\(error.description), since a delivery failed: \(delivery.description)"
    }

    init(_ error: KafkaError, delivery: KafkaError? = nil) {
        self.error = error
        self.delivery = delivery
        verdict = TransactionError.verdict(on: error)
    }

    private static func verdict(on error: KafkaError) -> Verdict {
        if error.isFatal { return .fatal }
        if error.requiresAbort { return .abort }
        if error.isFenced { return .fatal }
        if error.isTimeout || error.isRetriable { return .suspect }
        return .fatal  // What is neither retriable nor abortable counts as fatal.
    }
}

/// How a transaction was committed.
public enum CommitOutcome: Sendable, Equatable {
    /// All is well: the next transaction may begin.
    case committed
    /// It is committed, but EndTxn or TxnOffsetCommit was sent more than once: a copy still on its way could end
    /// the *next* transaction (confluentinc/librdkafka#5423), or put old offsets into it. Destroy the
    /// producer before that.
    case committedSuspect
}

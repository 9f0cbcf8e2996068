internal import Kafka

/// Why a worker had to take over again: a sentence for people, and a class that can be counted.
struct SetbackReason: Sendable, CustomStringConvertible, ExpressibleByStringInterpolation {
    /// The classes, as the label of a metric.
    enum Class: String, Sendable, CaseIterable {
        /// A newer owner of the partition, or of the member's name.
        case fenced
        /// The group has gone on to another generation.
        case rebalanced
        /// No broker could be reached.
        case unreachable
        /// An answer did not come in time; what it would have said is unknown.
        case timeout = "timed_out"
        /// The cluster refused a right.
        case denied
        /// A transaction that nobody ends held the offsets back, or one of ours was ended twice.
        case transaction
        /// Something else.
        case other
    }

    let description: String
    let kind: Class

    init(_ description: String, _ kind: Class = .other) {
        self.description = description
        self.kind = kind
    }

    /// A text alone says what happened inside the program.
    init(stringLiteral value: String) { self.init(value, .transaction) }

    init(_ error: KafkaError, _ description: String? = nil) {
        let kind: Class =
            if error.isGenerationOver {
                .rebalanced
            } else if error.isFenced {
                .fenced
            } else if error.isUnreachable {
                .unreachable
            } else if error.isTimeout {
                .timeout
            } else if error.isDenied {
                .denied
            } else {
                .other
            }
        self.init(description ?? error.description, kind)
    }

    init(_ error: TransactionError) { self.init(error.delivery ?? error.error, error.description) }
}

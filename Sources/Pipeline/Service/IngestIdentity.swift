internal import Kafka

/// The transactional id under which an ingest worker writes.
///
/// A named instance has the one of its name: a restart ends at once what the process before had left open. The others
/// take one of a few places by chance. Whoever meets another there is fenced, as a zombie would be, and draws again.
/// That the places are few lets all of them be ended: where Kafka lost the markers of a transaction
/// (``HangingTransaction``) whose writer's offsets were never seen, nothing else tells who it was.
///
/// Safe to send: it has one owner, the worker's thread.
final class IngestIdentity: @unchecked Sendable {
    private let prefix: String
    private let isNamed: Bool
    /// The transactional id in use.
    private(set) var transactionalID: String
    /// Where what hung began when it was last dropped.
    private var dropped: [TopicPartition: Int64] = [:]

    /// How many places there are. With three workers, two meet at one start in twenty.
    private static let places: UInt64 = 64

    init(_ configuration: ServiceConfiguration) {
        prefix = "\(configuration.application).ingest."
        isNamed = configuration.instance != nil
        transactionalID =
            prefix + (configuration.instance ?? Self.name(ofPlace: Chance.number % Self.places))
    }

    private static func name(ofPlace place: UInt64) -> String { "unnamed-\(place)" }

    /// The transactional ids of all places, and of `sources resume`, which nobody takes either while the service runs.
    var unnamed: Set<String> {
        Set((0..<Self.places).map { prefix + Self.name(ofPlace: $0) } + [prefix + "resume"])
    }

    /// Takes another place where somebody else has ours.
    func setBack(_ reason: SetbackReason) {
        guard !isNamed, reason.kind == .fenced else { return }
        transactionalID = prefix + Self.name(ofPlace: Chance.number % Self.places)
    }

    /// Notes that stretches are dropped.
    ///
    /// - Returns: whether one of them was dropped before and still hangs, so that it is of somebody else than supposed.
    func drops(_ stretches: [Stretch]) -> Bool {
        let isAgain = stretches.contains { dropped[$0.partition] == $0.start }
        dropped = Dictionary(
            stretches.map { ($0.partition, $0.start) },
            uniquingKeysWith: { first, _ in first }
        )
        return isAgain
    }
}

import Glibc
import Kafka
import TestKit

/// The real Kafka on which the conformance suite is played.
struct Stage: Sendable {
    /// Whether there is one.
    static let isReady = RealKafka.isConfigured
    static let skipReason = RealKafka.skipReason

    let settings: ClientSettings
    private let kafka: RealKafka

    /// Plays one test.
    static func play(_ test: @escaping @Sendable (Stage) throws -> Void) throws {
        let kafka = try RealKafka.shared
        try test(Stage(settings: ClientSettings(bootstrap: kafka.bootstrap), kafka: kafka))
    }

    /// A name that no other test uses.
    func name(_ prefix: String) -> String { kafka.uniqueName(prefix) }

    /// Waits.
    func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

    /// Now, in milliseconds of the monotonic clock.
    var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

import Glibc
import TestKit
import Testing

/// SIGTERM ends the service within ten seconds, whatever the cluster does, and nothing is lost by it.
@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: RealKafka.isConfigured, Comment(rawValue: RealKafka.skipReason))
)
struct DrainTests {
    /// Ten seconds, and one for the machine.
    private let limit = 11

    @Test func `under load`() throws {
        let installation = try Installation(RealKafka.shared)
        try installation.tool("feed", "reference=\(Sample.reference)")
        let feed = try installation.feed(times: 3, rate: 2000)
        var ends = 0
        while feed.ended == nil || ends < 3 {
            let service = try installation.service("service", "instance=a")
            usleep(2_500_000)
            service.send(SIGTERM)
            #expect(service.wait(seconds: limit) == 0)
            ends += 1
        }
        #expect(feed.wait(seconds: 60) == 0)
        // Whatever was left is done by the next one, once.
        let (outputs, events) = try installation.verify()
        let fed = Installation.number("fed", in: feed.said)
        #expect(events + (outputs["dead-letters"] ?? 0) == fed)
        installation.remove()
    }

    @Test(.enabled(if: RealKafka.mayDisturb)) func `with the broker gone, frozen, or never there`()
        throws
    {
        let kafka = try RealKafka()
        let installation = try Installation(kafka)
        try installation.tool("feed", "reference=\(Sample.reference)")
        for (disturbance, cure) in [("kill", "start"), ("pause", "resume")] {
            let service = try installation.service(disturbance, "instance=a")
            let feed = try installation.feed(times: 1, rate: 500)
            usleep(4_000_000)
            try kafka.command(disturbance)
            usleep(2_500_000)
            service.send(SIGTERM)
            #expect(
                service.wait(seconds: limit) == 0,
                "\(disturbance): \(installation.log(disturbance))"
            )
            // It must not be reached while it starts, either.
            let early = try installation.service("early-\(disturbance)", "instance=a")
            usleep(1_500_000)
            early.send(SIGTERM)
            #expect(early.wait(seconds: limit) == 0, "\(installation.log("early-\(disturbance)"))")
            feed.killNow()
            try kafka.command(cure)
        }
        _ = try installation.verify()
        installation.remove()
    }
}

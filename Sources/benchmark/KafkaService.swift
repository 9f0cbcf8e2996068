import Glibc
import Pipeline

/// `benchmark service`: the service in a process of its own, so that its CPU is told apart. Started by `kafka`.
enum KafkaService {
    private static let stop = StopFlag()

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(
            words,
            places: 0,
            options: ["bootstrap", "prefix", "partitions", "instance", "standby", "snapshots"]
        )
        let topics = KafkaTopics(
            bootstrap: try arguments.required("bootstrap"),
            prefix: try arguments.required("prefix"),
            partitions: try arguments.count("partitions", default: 4)
        )
        var configuration = topics.configuration(clock: .records)
        configuration.instance = arguments.text("instance")
        configuration.isStandby = arguments.text("standby") == "true"
        switch arguments.text("snapshots") {
        // One soon after all was folded, and then none: what comes after it is the tail.
        case "soon": configuration.snapshotSeconds = 2
        case "never":
            configuration.snapshotRecords = .max
            configuration.snapshotSeconds = 0
        default: break
        }
        configuration.log = { line in say("\(Int(Meter.clock * 1000)) \(line.description)") }
        signal(SIGTERM) { _ in KafkaService.stop.stop() }
        let end = Service(configuration).run(until: stop)
        guard end.kind == .stopped else { throw Failure(end.message) }
    }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - topics: where it works.
    ///   - partitions: of the topics.
    ///   - log: the file for what it says.
    ///   - more: further options, see `run`.
    /// - Returns: the process.
    /// - Throws: why it can't be started.
    static func start(
        _ topics: KafkaTopics,
        partitions: Int,
        log: String,
        _ more: String...
    ) throws(Failure) -> Child {
        try Child(
            [
                "/proc/self/exe", "service", "--bootstrap", topics.bootstrap, "--prefix",
                topics.prefix, "--partitions", "\(partitions)",
            ] + more,
            log: log
        )
    }
}

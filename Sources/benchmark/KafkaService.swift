import Glibc
import Pipeline

/// `benchmark service`: the service in a process of its own, so that its CPU is told apart. Started by `kafka`.
enum KafkaService {
    private static let stop = StopFlag()

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(
            words,
            places: 0,
            options: ["bootstrap", "prefix", "partitions"]
        )
        let topics = KafkaTopics(
            bootstrap: try arguments.required("bootstrap"),
            prefix: try arguments.required("prefix"),
            partitions: try arguments.count("partitions", default: 4)
        )
        var configuration = topics.configuration(clock: .records)
        configuration.log = { line in say(line.description) }
        signal(SIGTERM) { _ in KafkaService.stop.stop() }
        let end = Service(configuration).run(until: stop)
        guard end.kind == .stopped else { throw Failure(end.message) }
    }

    /// Starts it.
    static func start(_ topics: KafkaTopics, partitions: Int, log: String) throws(Failure) -> Child
    {
        try Child(
            [
                "/proc/self/exe", "service", "--bootstrap", topics.bootstrap, "--prefix",
                topics.prefix, "--partitions", "\(partitions)",
            ],
            log: log
        )
    }
}

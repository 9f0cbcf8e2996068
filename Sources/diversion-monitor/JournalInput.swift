internal import CommandLineKit
internal import Journal
internal import Kafka
internal import Pipeline

/// Where a command reads a journal: files that `journal dump` wrote, or the cluster.
struct JournalInput {
    /// What names files, or a stretch of partitions.
    static let argument = Argument.rest(
        "FILE",
        .file,
        "Files that \"journal dump\" wrote; without any, the journal is read from the cluster"
    )

    /// The options that bound it; `times` says which time of a record counts.
    static func options(times: String) -> [Option] {
        [
            .value("partition", .integer(0...9999), repeated: true, "Only this partition"),
            .value(
                "from",
                .text,
                valueName: "OFFSET|TIME",
                "The first record: an offset, or an RFC 3339 time, \(times)"
            ),
            .value(
                "to",
                .text,
                valueName: "OFFSET|TIME",
                "End before this offset or time"
            ),
        ]
    }

    let files: [String]
    let stretch: JournalStretch
    private let partitions: Set<Int32>?
    /// Nil where files are read.
    let settings: MonitorSettings?

    /// What the command line names; the cluster where it names no file, or where `needsCluster`.
    init(_ invocation: Invocation, needsCluster: Bool = false) throws(CommandFailure) {
        files = invocation.strings("FILE")
        stretch = JournalStretch(
            from: try Self.bound("from", invocation),
            end: try Self.bound("to", invocation)
        )
        partitions =
            invocation.isGiven("partition")
            ? Set(invocation.strings("partition").compactMap { Int32($0) }) : nil
        for path in files {
            guard let problem = Files.readingProblem(path) else { continue }
            throw CommandFailure("could not read \(path): \(problem)")
        }
        settings =
            files.isEmpty || needsCluster
            ? try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka]) : nil
    }

    private static func bound(
        _ name: String,
        _ invocation: Invocation
    ) throws(CommandFailure) -> JournalStretch.Bound? {
        guard let text = invocation.stringIfGiven(name) else { return nil }
        if let offset = Int64(text), offset >= 0 { return .offset(offset) }
        if let time = Instant(text: text) { return .time(time) }
        throw CommandFailure(
            "could not use --\(name) \(text): it is neither an offset nor a time. Give a number, or a time"
                + " with its zone such as 2026-10-30T14:05:00Z.",
            status: .usage
        )
    }

    /// Reads topics of the cluster until somebody stops the command.
    static func scan(_ settings: MonitorSettings) throws(CommandFailure) -> TopicScan {
        do { return try TopicScan(settings.client(.consumer), until: Interruption.flag) } catch {
            throw CommandFailure(scan: error)
        }
    }

    /// Whether a partition is wanted.
    func wants(_ partition: Int32) -> Bool { partitions?.contains(partition) ?? true }

    /// The journal's partitions on the cluster that are wanted, and how many there are.
    func clusterPartitions(
        _ scan: TopicScan,
        _ settings: MonitorSettings
    ) throws(CommandFailure) -> (wanted: [TopicPartition], count: Int32) {
        let all: [TopicPartition]
        do { all = try scan.partitions(of: settings.name(of: .journal)) } catch {
            throw CommandFailure(scan: error)
        }
        let missing = (partitions ?? []).filter { $0 >= Int32(all.count) }.sorted()
        if let first = missing.first {
            throw CommandFailure(
                "could not read partition \(first): the journal has \(all.count). Give one below that."
            )
        }
        return (all.filter { wants($0.partition) }, Int32(all.count))
    }
}

extension CommandFailure {
    /// Why a topic could not be read to its end.
    init(scan failure: TopicScan.Failure) {
        switch failure {
        case .kafka(let error): self.init(kafka: error)
        case .stuck(let attempt): self.init("could not \(attempt).", status: .tryAgain)
        case .stopped:
            self.init("could not finish: it was stopped. Start it again.", status: .tryAgain)
        }
    }
}

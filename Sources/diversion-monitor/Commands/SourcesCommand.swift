internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka
internal import Pipeline
internal import Wording

/// `sources`: what a person mends about the source partitions that the journal knows.
enum SourcesCommand {
    static let command = Command(
        "sources",
        "Mend what the journal knows of source partitions",
        subcommands: [resume, retire]
    )

    private static let resume = Command(
        "resume",
        "Set lost offsets to where the journal ends",
        discussion: """
            For a service that stopped because its group has lost an offset (it was empty for \
            offsets.retention.minutes), or because Kafka deleted records before they were copied. \
            Reads the journal and the dead letters to their ends and commits, for every source \
            partition they know, where copying goes on: nothing is copied twice or left out, and \
            what Kafka deleted is counted. The service must not run meanwhile.
            """,
        options: MonitorSettings.options(.general, .service, .kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "Go on after a long stop",
                "diversion-monitor sources resume -c monitor.yaml && diversion-monitor run -c monitor.yaml"
            )
        ],
        exitStatuses: [
            .tryAgain, ExitStatus(78, "the journal knows no source, or is not readable"),
        ]
    ) { invocation in
        let settings = try settings(invocation)
        Interruption.listen()
        do throws(ServiceEnd) {
            let results = try SourceRecovery(settings).run(until: Interruption.flag)
            for one in results {
                let lost =
                    one.lost > 0 ? "; \(grouped(Int(one.lost))) records were deleted before" : ""
                invocation.terminal.output.print(
                    "\(one.partition) goes on at offset \(one.offset)\(lost)"
                )
            }
        } catch {
            throw failure(error)
        }
        return .success
    }

    private static let retire = Command(
        "retire",
        "Take a source partition that is gone for good out of the reckoning of time",
        discussion: """
            Monitor time is the smallest progress over all source partitions the journal knows. One \
            that will never be read again (a topic that was deleted, a feed that ended) would stop \
            time, and with it every deadline. Retiring it is a journal record, so that a replay \
            sees it, too.
            """,
        arguments: [
            .required("topic", .text, "The source topic, as the journal knows it"),
            .required("partition", .integer(0...99_999), "Its partition"),
        ],
        options: MonitorSettings.options(.general, .service, .kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        examples: [
            Example(
                "The old claims feed has ended",
                "diversion-monitor sources retire claims-2025 0 -c monitor.yaml"
            )
        ],
        exitStatuses: [.tryAgain]
    ) { invocation in
        let settings = try settings(invocation)
        let partition = TopicPartition(
            invocation.string("topic"),
            Int32(invocation.integer("partition"))
        )
        do throws(ServiceEnd) {
            try SourceRetirement(settings).retire(partition)
        } catch {
            throw failure(error)
        }
        invocation.terminal.output.print("\(partition) no longer holds time")
        return .success
    }

    private static func settings(_ invocation: Invocation) throws -> ServiceConfiguration {
        let settings = try MonitorSettings(
            invocation,
            .general,
            .service,
            .kafka,
            .topics,
            needs: [.kafka]
        )
        // Neither command makes a token, so the published key does.
        return settings.service(Tokenizer(.published))
    }

    private static func failure(_ end: ServiceEnd) -> CommandFailure {
        CommandFailure(
            "could not \(end.message)",
            status: end.kind == .configuration ? .configuration : .tryAgain
        )
    }
}

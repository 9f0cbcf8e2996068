import Kafka
import Synchronization
import Testing

/// The few of librdkafka's statistics that are read.
struct ClientStatisticsTests {
    @Test("Brokers, partitions and the transaction are read, everything else is skipped")
    func reading() throws {
        let statistics = try #require(
            ClientStatistics(
                #"""
                { "name": "rdkafka#producer-8", "odd": "a \" } ] text", "list": [1, {"a": [null, true]}, "]"], "empty": {},
                "brokers":{ "k:1/1": { "nodeid":1, "nodename":"k:1", "state":"UP", "txerrs":4, "req_timeouts":2,
                "rtt": { "min":1, "avg":1500 } } },
                "topics":{ "j": { "topic":"j", "partitions":{ "3": { "partition":3, "fetchq_cnt":5, "fetchq_size":500,
                "ls_offset":42, "rx_ver_drops":1 }, "-1": { "partition":-1, "ls_offset":-1001 } } } },
                "eos": { "txn_state":"InTransaction", "txn_stateage":250, "epoch_cnt":3 } }
                """#
            )
        )
        #expect(statistics.client == "rdkafka#producer-8")
        #expect(
            statistics.brokers.map {
                [$0.id, $0.sendErrors, $0.requestTimeouts, $0.averageRoundTrip]
            } == [[1, 4, 2, 1500]]
        )
        #expect(statistics.brokers[0].isUp && statistics.brokers[0].address == "k:1")
        #expect(
            statistics.partitions.map {
                [$0.id, $0.stableEnd, $0.queuedRecords, $0.queuedBytes, $0.outdatedDrops]
            } == [[3, 42, 5, 500, 1]]
        )
        #expect(statistics.transactionState == "InTransaction")
        #expect(statistics.epochCount == 3)
    }

    @Test(
        "What ends early or is no object is none",
        arguments: ["", "[]", "{", "{}", "{\"name\": 5}", "{\"name\": \"a\", \"brokers\": ["]
    )
    func broken(_ text: String) { #expect(ClientStatistics(text) == nil) }

    @Test("A client tells them, and they can be read")
    func real() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 2)
        let texts = Texts()
        var settings = ClientSettings(bootstrap: broker.bootstrap)
        settings["statistics.interval.ms"] = "50"
        settings.onStatistics = { texts.add($0) }
        let consumer = try FetchConsumer(settings)
        var queue = consumer.queue()
        _ = try queue.start(TopicPartition("t", 1), at: .beginning)
        var found: ClientStatistics?
        for _ in 0..<100 where found?.partitions.isEmpty ?? true {
            _ = try queue.next(limit: 1, waiting: .milliseconds(50))
            found = texts.last.flatMap(ClientStatistics.init)
        }
        let statistics = try #require(found)
        #expect(statistics.brokers.contains { $0.isUp })
        #expect(
            statistics.partitions.map(\.topic) == ["t"] && statistics.partitions.map(\.id) == [1]
        )
    }
}

/// Texts of several threads.
private final class Texts: Sendable {
    private let all = Mutex<[String]>([])
    func add(_ text: String) { all.withLock { $0.append(text) } }
    var last: String? { all.withLock { $0.last } }
}

import Glibc
import Kafka
import KafkaFaultProxy
import TestKit
import Testing

/// Requests that the client has sent again, and whose first copy reaches the broker in the next transaction.
///
/// The epoch of a producer does not change from one transaction to the next, so Kafka can't tell such a copy from a
/// request of the next one. To begin anew under the same identifier makes it one of a producer that is fenced.
@Suite(
    .serialized,
    // To wait for a thread counts, and other suites sleep in theirs for minutes.
    .timeLimit(.minutes(20)),
    .enabled(if: RealKafka.mayDisturb, Comment(rawValue: RealKafka.skipReason))
)
struct LateRequestTests {
    private let kafka: RealKafka
    private let proxy: KafkaFaultProxy
    /// Through the proxy.
    private let settings: ClientSettings
    private let direct: ClientSettings
    private let admin: Admin
    private let group: String
    private let partition: TopicPartition

    init() throws {
        kafka = try RealKafka(options: ["--proxied"])
        let port = try #require(kafka.bootstrap.split(separator: ":").last.flatMap { UInt16($0) })
        proxy = try KafkaFaultProxy(listening: port + 5, forwardingTo: port + 4)
        settings = ClientSettings(bootstrap: "127.0.0.1:\(proxy.port)")
        direct = ClientSettings(bootstrap: kafka.bootstrap)
        admin = try Admin(direct)
        group = kafka.uniqueName("group")
        partition = TopicPartition(kafka.uniqueName("late"), 0)
        for result in try admin.createTopics(
            [NewTopic(partition.topic, partitions: 1)],
            within: .seconds(20)
        ) {
            if let error = result.error { throw error }
        }
    }

    private func producer() throws -> TransactionalProducer {
        var producer = try TransactionalProducer(id: group, settings)
        try producer.initialize()
        return producer
    }

    /// The committed offset, once it is this one or three seconds have gone: markers follow the answer to EndTxn.
    private func committed(soon expected: Int64) throws -> Int64? {
        let offsets = try GroupOffsets(of: group, direct)
        var offset: Int64?
        for _ in 0..<60 {
            offset = try offsets.committed([partition], within: .seconds(20)).first?.offset
            if offset == expected { break }
            usleep(50_000)
        }
        return offset
    }

    private func write(
        _ offset: Int64,
        _ producer: inout TransactionalProducer
    ) throws {
        try producer.begin()
        try producer.sendOffsets(
            [ConsumedOffset(partition, offset: offset)],
            of: GroupMetadata(unfenced: group)
        )
    }

    /// Commits an offset in transactions around a request that is late, as the service does.
    ///
    /// - Parameter api: The request whose first copy arrives when the next transaction has written its offset.
    /// - Throws: When Kafka can't be asked.
    private func commitAround(_ api: KafkaAPI) throws {
        // librdkafka 2.0.2 waits for ever for a group coordinator that was not there when it was first asked for.
        var member = try MemberConsumer(group: group, topics: [partition.topic], direct)
        _ = try member.waitForAssignment()
        member.close(within: .seconds(5))
        var producer = try producer()
        try write(5, &producer)
        #expect(try producer.commit() == .committed)
        proxy.arm(ProtocolFault(api, .requestOrphaned(milliseconds: 3000)))
        try write(10, &producer)
        // What the service does with one that is suspect.
        if try producer.commit() == .committedSuspect { producer = try self.producer() }
        #expect(try committed(soon: 10) == 10)
        #expect(proxy.hits.map(\.fault.api) == [api])

        try write(20, &producer)
        #expect(proxy.waitForLate(seconds: 20))
        #expect(try committed(soon: 20) == 10)
        #expect(try producer.commit() == .committed)
        #expect(try committed(soon: 20) == 20)
        proxy.close()
    }

    @Test func `offsets may be asked for before any broker is the group's coordinator`() throws {
        // The process would end where the answer is "not the coordinator".
        var answers = 0
        let end = ContinuousClock.now + .seconds(20)
        while answers < 20, ContinuousClock.now < end {
            for turn in 0..<4 {
                let offsets = try GroupOffsets(of: "\(group)-\(answers)-\(turn)", direct)
                let found = try? offsets.committed([partition], within: .seconds(1))
                if let found {
                    answers += 1
                    #expect(found.map(\.offset) == [nil])
                }
            }
        }
        #expect(answers >= 20)
        proxy.close()
    }

    @Test func `offsets wait for a coordinator that is not there no longer than they say`() throws {
        // A broker that has just begun and no topic of offsets yet: three answers "not available" within milliseconds.
        var first = try producer()
        try first.begin()
        let began = ContinuousClock.now
        do {
            try first.sendOffsets(
                [ConsumedOffset(partition, offset: 1)],
                of: GroupMetadata(unfenced: group),
                within: .seconds(1)
            )
        } catch {
            #expect(error.verdict == .suspect)
        }
        #expect(ContinuousClock.now - began < .seconds(10))
        first.abandon()
        // By now there is one.
        var second = try producer()
        try write(7, &second)
        #expect(try second.commit() == .committed)
        #expect(try committed(soon: 7) == 7)
        proxy.close()
    }

    @Test func `a late end of a transaction does not end the next`() throws {
        try commitAround(.endTxn)
    }

    @Test func `late offsets of a transaction do not replace those of the next`() throws {
        try commitAround(.txnOffsetCommit)
    }
}

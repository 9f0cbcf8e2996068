import Engine
import Glibc
import Journal
import SimulatedKafka
import SimulatedPipeline
import Simulator

/// Looks at what a history has left behind: nothing lost, nothing twice, no byte that a clean fold would not write, and
/// a ledger that adds up.
struct Judge {
    private let world: World
    private var cluster: Cluster { world.cluster }

    init(_ world: World) { self.world = world }

    func judge() {
        do throws(Finding) {
            try checkSources()
            for partition in 0..<world.plan.journalPartitions { try checkFold(Int32(partition)) }
            try checkLedger()
        } catch {
            world.simulation.fail(error.description)
        }
    }

    struct Finding: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private func mix(_ bytes: UnsafeRawBufferPointer) {
        var hash = world.outcome.digest ^ UInt64(bytes.count)
        var place = 0
        while place + 8 <= bytes.count {
            let part = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            hash = (hash ^ part) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
            place += 8
        }
        for byte in bytes[place...] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        world.outcome.digest = hash
    }

    // MARK: each source record once

    private func checkSources() throws(Finding) {
        var seen: [TopicPartition: [UInt8]] = [:]
        var names: [[UInt8]: String] = [:]
        for topic in SampleEvents.topics {
            names[Array(topic.utf8)] = topic
            for log in cluster.partitions(of: topic) ?? [] {
                seen[log.name] = Array(repeating: 0, count: Int(log.end))
            }
        }
        func note(_ source: TopicPartition, _ offset: Int64, _ place: String) throws(Finding) {
            guard let count = seen[source]?.count, offset >= 0, offset < count else {
                throw Finding("\(place) names \(source) offset \(offset), which never was")
            }
            seen[source]?[Int(offset)] += 1
            if seen[source]?[Int(offset)] ?? 0 > 1 {
                throw Finding("\(source) offset \(offset) was copied twice, again as \(place)")
            }
        }
        for log in cluster.partitions(of: "journal") ?? [] {
            var counters: [TopicPartition: UInt64] = [:]
            for record in log.records where record.offset < log.lastStable && log.isVisible(record)
            {
                world.outcome.journal += 1
                guard let base = record.value else { throw Finding("\(log.name) has a tombstone") }
                let view = RecordView(base, count: record.valueCount)
                switch view.kind {
                case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment:
                    let name = Array(view.bytes(view.text(0)))
                    guard let topic = names[name] else {
                        throw Finding("\(log.name) offset \(record.offset) comes from nowhere")
                    }
                    let source = TopicPartition(topic, view.source.partition)
                    try note(source, view.source.offset, "\(log.name) offset \(record.offset)")
                    let due = counters[source] ?? 0
                    guard view.source.counter == due else {
                        throw Finding(
                            "\(log.name) offset \(record.offset) has the counter "
                                + "\(view.source.counter) of \(source), \(due) was due"
                        )
                    }
                    counters[source] = due + 1
                default: break
                }
            }
        }
        for log in cluster.partitions(of: "dead-letters") ?? [] {
            for record in log.records where record.offset < log.lastStable && log.isVisible(record)
            {
                var values: [String: String] = [:]
                for header in cluster.headers(of: record) {
                    values[header.name] = String(decoding: header.value, as: UTF8.self)
                }
                // What ends a lost transaction is no letter.
                guard let topic = values["__connect.errors.topic"] else { continue }
                let partition = Int32(values["__connect.errors.partition"] ?? "") ?? -1
                let offset = Int64(values["__connect.errors.offset"] ?? "") ?? -1
                try note(
                    TopicPartition(topic, partition),
                    offset,
                    "\(log.name) offset \(record.offset)"
                )
            }
        }
        for source in seen.keys.sorted() {
            if let lost = seen[source]?.firstIndex(of: 0) {
                throw Finding("\(source) offset \(lost) was copied nowhere")
            }
        }
    }

    // MARK: the clean fold

    private func checkFold(_ partition: Int32) throws(Finding) {
        let name = TopicPartition("journal", partition)
        guard let log = cluster.log(name) else { return }
        let end = cluster.committed(World.application + ".score", name)?.offset ?? 0
        var machine = Machine()
        var outputs = OutputTopic.allCases.map { topic in
            VisibleRecords(cluster.log(TopicPartition(topic.name, partition)))
        }
        var group: [RecordView] = []
        var places: [Int64] = []
        func fold() throws(Finding) {
            if group.isEmpty { return }
            do { try machine.apply(group, offsets: places) } catch {
                throw Finding("\(name) cannot be folded: \(error)")
            }
            for topic in OutputTopic.allCases {
                let buffer = machine.outputs[Int(topic.rawValue)]
                for index in 0..<buffer.count {
                    world.outcome.outputs += 1
                    let value = buffer.value(at: index)
                    guard let record = outputs[Int(topic.rawValue)].next() else {
                        throw Finding(
                            "\(topic.name)[\(partition)] lacks \(Self.text(value)), caused before "
                                + "journal offset \((places.last ?? 0) + 1), committed \(end)"
                        )
                    }
                    guard Self.isEqual(record.valueBytes, value) else {
                        throw Finding(
                            "\(topic.name)[\(partition)] offset \(record.offset) is "
                                + "\(Self.text(record.valueBytes)), the fold has \(Self.text(value))"
                        )
                    }
                    mix(value)
                }
            }
            machine.removeOutputs()
            group.removeAll(keepingCapacity: true)
            places.removeAll(keepingCapacity: true)
        }
        for record in log.records where record.offset < end && log.isVisible(record) {
            guard let base = record.value else { continue }
            group.append(RecordView(base, count: record.valueCount))
            places.append(record.offset)
            if group.count == Machine.groupSize { try fold() }
        }
        try fold()
        try checkState(partition, log, end, StateImage(of: &machine))
        for topic in OutputTopic.allCases {
            if let record = outputs[Int(topic.rawValue)].next() {
                throw Finding(
                    "\(topic.name)[\(partition)] offset \(record.offset) is one too many: "
                        + Self.text(record.valueBytes)
                )
            }
            if outputs[Int(topic.rawValue)].isHeldBack {
                throw Finding("a transaction is open on \(topic.name)[\(partition)] for ever")
            }
        }
    }

    private static func isEqual(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        guard left.count == right.count else { return false }
        guard let first = left.baseAddress, let second = right.baseAddress else { return true }
        return memcmp(first, second, left.count) == 0
    }

    /// The newest snapshot, folded on, is the state of the clean fold, bit by bit.
    private func checkState(
        _ partition: Int32,
        _ log: PartitionLog,
        _ end: Int64,
        _ clean: StateImage
    ) throws(Finding) {
        let committed = cluster.committed(World.application + ".score", log.name)
        guard let receipt = committed?.metadata,
            let snapshots = cluster.log(TopicPartition("snapshots", partition))
        else { return }
        var machine = Machine()
        let records = snapshots.records.filter { snapshots.isVisible($0) }.map {
            ($0.offset, Array($0.keyBytes), Array($0.valueBytes))
        }
        guard
            let first = StateCheck.takeUp(
                &machine,
                receipt: receipt,
                partition: partition,
                records
            )
        else { return }
        var place = log.index(of: first)
        while place < log.records.count, log.records[place].offset < end {
            let record = log.records[place]
            place += 1
            guard log.isVisible(record), let base = record.value else { continue }
            do {
                try machine.apply(
                    RecordView(base, count: record.valueCount),
                    offset: record.offset
                )
            } catch {
                throw Finding(
                    "\(log.name) cannot be folded from its snapshot at \(first): \(error)"
                )
            }
            machine.removeOutputs()
        }
        let image = StateImage(of: &machine)
        let isEqual = image.withBytes { left in
            clean.withBytes { right in Self.isEqual(left, right) }
        }
        guard isEqual else {
            throw Finding("\(log.name): the state from the snapshot at \(first) is another one")
        }
        world.outcome.states += 1
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(220), as: UTF8.self)
    }

    // MARK: the ledger

    /// Every balance is the sum of its increments, and their numbers have no gap.
    private func checkLedger() throws(Finding) {
        for log in cluster.partitions(of: "accumulators") ?? [] {
            var accounts: [[UInt8]: (sequence: Int, balance: Int)] = [:]
            var records = VisibleRecords(log)
            while let record = records.next() {
                let line = record.valueBytes
                var key: [UInt8] = []
                for field in ["covered_entity_id", "pharmacy_npi", "ndc11", "account"] {
                    key += Self.field(field, line) + [0]
                }
                let known = accounts[key] ?? (0, 0)
                let balance = known.balance + Self.quantity(Self.field("quantity", line))
                guard Self.number(Self.field("key_sequence", line)) == known.sequence,
                    Self.quantity(Self.field("balance", line)) == balance
                else {
                    throw Finding(
                        "\(log.name) offset \(record.offset) does not add up: expected sequence "
                            + "\(known.sequence) and balance \(balance): \(Self.text(line))"
                    )
                }
                accounts[key] = (known.sequence + 1, balance)
            }
        }
    }

    /// The value of a field, without quotes.
    private static func field(_ name: String, _ line: UnsafeRawBufferPointer) -> [UInt8] {
        let mark = Array("\"\(name)\":".utf8)
        var place = 0
        while place + mark.count < line.count {
            if line[place] == mark[0], line[place + 1] == mark[1],
                mark.indices.allSatisfy({ line[place + $0] == mark[$0] })
            {
                var start = place + mark.count
                if line[start] == 0x22 { start += 1 }
                var end = start
                while end < line.count, line[end] != 0x22, line[end] != 0x2C, line[end] != 0x7D {
                    end += 1
                }
                return Array(line[start..<end])
            }
            place += 1
        }
        return []
    }

    private static func number(_ text: [UInt8]) -> Int {
        Int(String(decoding: text, as: UTF8.self)) ?? Int.min
    }

    /// A decimal in millionths.
    private static func quantity(_ text: [UInt8]) -> Int {
        var value = 0
        var places = -1
        for byte in text where byte != 0x2D {
            if byte == 0x2E {
                places = 0
            } else {
                value = value * 10 + Int(byte) - 48
                if places >= 0 { places += 1 }
            }
        }
        for _ in max(0, places)..<6 { value *= 10 }
        return text.first == 0x2D ? -value : value
    }
}

/// The committed records of a partition, one by one.
private struct VisibleRecords {
    private let log: PartitionLog?
    private var place = 0

    init(_ log: PartitionLog?) { self.log = log }

    mutating func next() -> LogRecord? {
        guard let log else { return nil }
        while place < log.records.count {
            let record = log.records[place]
            if record.offset >= log.lastStable { return nil }
            place += 1
            if log.isVisible(record) { return record }
        }
        return nil
    }

    /// Something is written that nobody can see yet.
    var isHeldBack: Bool { log.map { $0.lastStable < $0.end } ?? false }
}

internal import Engine
internal import Glibc

/// What a comparison of published outputs with replayed ones found.
public struct VerificationReport: Sendable {
    /// What was found in one output topic.
    public struct Topic: Sendable {
        /// Its name.
        public var name: String
        /// Records that are the same, byte for byte, or but for a `state_hash` of another layout.
        public var same: Int64 = 0
        /// Of those, decisions whose `state_hash` is of another layout of the state and could not be compared.
        public var otherLayouts: Int64 = 0
        /// Records of one `sequence` that differ.
        public var different: Int64 = 0
        /// Records that the replay wrote and nobody published.
        public var missing: Int64 = 0
        /// Published records that the replay did not write.
        public var extra: Int64 = 0
        /// Replayed records whose published ones retention has taken: nothing can be said of them.
        public var gone: Int64 = 0
    }

    /// One record that is not what it should be.
    public struct Difference: Sendable {
        /// How it is not.
        public enum Kind: Sendable { case different, missing, extra }
        public var kind: Kind
        /// The output topic's name.
        public var topic: String
        /// The journal partition.
        public var partition: Int32
        public var sequence: Int64?
        /// The journal record that caused it: by the replay's word, else by the published one's.
        public var journalOffset: Int64?
        /// The published record; nil where it is missing.
        public var published: [UInt8]?
        /// The replayed record; nil where there should be none.
        public var replayed: [UInt8]?
    }

    /// In the order of the output topics.
    public var topics: [Topic] = OutputTopic.allCases.map { Topic(name: $0.name) }
    /// The first difference, by journal partition and offset.
    public var first: Difference?

    /// Whether all published records that are still there are the same.
    public var isSame: Bool { topics.allSatisfy { $0.different + $0.missing + $0.extra == 0 } }

    /// Takes a difference: the first one stays.
    mutating func note(_ difference: Difference) {
        func place(_ one: Difference) -> (Int32, Int64) {
            (one.partition, one.journalOffset ?? .max)
        }
        if let first, place(first) <= place(difference) { return }
        first = difference
    }
}

/// Compares the outputs of one journal partition with those that were published, as they come.
///
/// Records are held against each other by `sequence`, so that one that is missing or too many shifts nothing.
final class Verification {
    private(set) var report: VerificationReport
    private let outputs: any PublishedOutputs
    private let partition: Int32
    private let entities: [[UInt8]]
    private var topics: [Cursor] = []

    /// The published records of a topic, one in hand.
    private struct Cursor {
        let lines: any PublishedLines
        var chunk = LineChunk()
        var place = 0
        /// Below it published records are gone.
        var firstThere: Int64 = 0
        var firstSequence: Int64 = 0

        /// Has a record in hand; false at the end.
        mutating func fill() throws(ReplayFailure) -> Bool {
            if place < chunk.lines.count { return true }
            try lines.next(into: &chunk)
            place = 0
            return !chunk.lines.isEmpty
        }

        /// Looks at the record in hand.
        func withLine<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            unsafe chunk.bytes.withUnsafeBytes { bytes in
                unsafe body(UnsafeRawBufferPointer(rebasing: bytes[chunk.lines[place]]))
            }
        }

        var line: [UInt8] { unsafe withLine { unsafe Array($0) } }
        var head: OutputLine { unsafe withLine { unsafe OutputLine($0) } }
    }

    /// A comparison that goes on with what earlier partitions have found.
    init(
        _ outputs: any PublishedOutputs,
        partition: Int32,
        entities: Set<String>,
        after report: VerificationReport
    ) {
        self.outputs = outputs
        self.partition = partition
        self.entities = entities.map { Array($0.utf8) }
        self.report = report
    }

    /// Compares what a machine has written.
    func take(
        _ buffers: [OutputBuffer],
        from firstSequences: [Int64]
    ) throws(ReplayFailure) {
        if topics.isEmpty { try begin(firstSequences) }
        for (topic, buffer) in buffers.enumerated() {
            for index in 0..<buffer.count {
                // The value stands as long as nothing is written to the buffer.
                try unsafe compare(buffer.value(at: index), topic)
            }
        }
    }

    /// What was published beside it, up to a journal offset.
    func finish(from firstSequences: [Int64], below end: Int64) throws(ReplayFailure) {
        if topics.isEmpty { try begin(firstSequences) }
        for topic in topics.indices {
            while try topics[topic].fill() {
                let head = topics[topic].head
                if let offset = head.offset, offset >= end, isOurs(head, topic) { break }
                if isOurs(head, topic) { noteExtra(topic, head) }
                topics[topic].place += 1
            }
        }
    }

    private func begin(_ firstSequences: [Int64]) throws(ReplayFailure) {
        for topic in OutputTopic.allCases {
            let first = firstSequences[Int(topic.rawValue)]
            var cursor = Cursor(lines: try outputs.lines(topic, partition))
            cursor.firstSequence = first
            try cursor.lines.begin(at: first)
            if cursor.lines.low > 0 {
                cursor.firstThere = try cursor.fill() ? cursor.head.sequence ?? 0 : .max
            }
            topics.append(cursor)
        }
    }

    /// Whether a published record belongs to what is compared.
    private func isOurs(_ head: OutputLine, _ topic: Int) -> Bool {
        if let partition = head.partition, partition != Int64(self.partition) { return false }
        if let sequence = head.sequence, sequence < topics[topic].firstSequence { return false }
        guard !entities.isEmpty, let entity = head.entity else { return true }
        return entities.contains(entity)
    }

    private func compare(_ line: UnsafeRawBufferPointer, _ topic: Int) throws(ReplayFailure) {
        while true {
            guard try topics[topic].fill() else { return unsafe noteMissing(topic, line) }
            let isSame = unsafe topics[topic].withLine { published in
                guard let left = published.baseAddress, let right = line.baseAddress,
                    published.count == line.count
                else { return false }
                // Both have so many bytes.
                return unsafe memcmp(left, right, line.count) == 0
            }
            if isSame {
                report.topics[topic].same += 1
                topics[topic].place += 1
                return
            }
            if topic == Int(OutputTopic.decisions.rawValue),
                unsafe topics[topic].withLine({ unsafe StateHashField.isOnlyDifference($0, line) })
            {
                report.topics[topic].same += 1
                report.topics[topic].otherLayouts += 1
                topics[topic].place += 1
                return
            }
            let published = topics[topic].head
            let replayed = unsafe OutputLine(line)
            guard isOurs(published, topic) else {
                topics[topic].place += 1
                continue
            }
            if published.sequence != replayed.sequence {
                // One without a number is nobody's counterpart.
                if let left = published.sequence, left > replayed.sequence ?? 0 {
                    return unsafe noteMissing(topic, line)
                }
                noteExtra(topic, published)
                topics[topic].place += 1
                continue
            }
            report.topics[topic].different += 1
            report.note(
                .init(
                    kind: .different,
                    topic: report.topics[topic].name,
                    partition: partition,
                    sequence: replayed.sequence,
                    journalOffset: replayed.offset,
                    published: topics[topic].line,
                    replayed: unsafe Array(line)
                )
            )
            topics[topic].place += 1
            return
        }
    }

    private func noteMissing(_ topic: Int, _ line: UnsafeRawBufferPointer) {
        let head = unsafe OutputLine(line)
        if let sequence = head.sequence, sequence < topics[topic].firstThere {
            report.topics[topic].gone += 1
            return
        }
        report.topics[topic].missing += 1
        report.note(
            .init(
                kind: .missing,
                topic: report.topics[topic].name,
                partition: partition,
                sequence: head.sequence,
                journalOffset: head.offset,
                published: nil,
                replayed: unsafe Array(line)
            )
        )
    }

    private func noteExtra(_ topic: Int, _ head: OutputLine) {
        report.topics[topic].extra += 1
        report.note(
            .init(
                kind: .extra,
                topic: report.topics[topic].name,
                partition: partition,
                sequence: head.sequence,
                journalOffset: head.offset,
                published: topics[topic].line,
                replayed: nil
            )
        )
    }
}

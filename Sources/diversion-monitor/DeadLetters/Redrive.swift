internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka

/// Sends the records of dead letters to their source topics again, each once.
///
/// Source record and ``SentRecord`` go out in one transaction of the identifier `<app>.redrive`. Whoever begins fences
/// whoever was before, and only then reads what was sent: so of any number of runs, one after another or side by side,
/// one sends a letter.
struct Redrive: ~Copyable {
    /// Why a letter is not sent.
    enum Refusal: String, CaseIterable, Sendable {
        case alreadySent, cameBack, truncated, fromFile, foreignTopic, noPartition, damaged,
            timeless

        /// The reason in words, behind "…: ".
        func phrase(attempts: Int) -> String {
            switch self {
            case .alreadySent: "was sent again already"
            case .cameBack:
                "was sent again \(attempts == 1 ? "once" : "\(attempts) times") and came back; mend its source,"
                    + " or allow more with --attempts"
            case .truncated:
                "is larger than 1 MiB, so only its beginning was kept; its source must send it in parts"
            case .fromFile: "came from a file; score the file again"
            case .foreignTopic:
                "is from a topic that is no source of these settings; add it to topics.*, or leave it"
            case .noPartition: "is from a partition that its topic does not have any more"
            case .damaged: "has a value that is no base64; it was damaged"
            case .timeless:
                "has a source record that is gone, and with clock: records its time is needed"
            }
        }

        /// Whether it is not as the person wished: what was sent already is.
        var isFailure: Bool { self != .alreadySent }
    }

    let settings: MonitorSettings
    /// How often an event may be sent again.
    let attempts: Int
    private let originals: OriginalRecords
    private let sources: Set<String>
    private let needsTime: Bool
    private var partitionCounts: [String: Int32] = [:]
    private var found: [LetterID: OriginalRecords.Original] = [:]
    private var sent: [LetterID: Int] = [:]

    /// A redrive; `needsTime` where record times count as they are (`clock: records`).
    init(
        _ settings: MonitorSettings,
        attempts: Int,
        needsTime: Bool
    ) throws(CommandFailure) {
        self.settings = settings
        self.attempts = attempts
        self.needsTime = needsTime
        sources = Set(settings.sourceNames)
        originals = try OriginalRecords(settings)
    }

    /// Learns that a letter was sent.
    mutating func learn(_ record: SentRecord) { sent[record.letter] = record.attempt }

    /// Looks for the source records of letters: before they are judged, and sent.
    mutating func look(for letters: [DeadLetter]) throws(CommandFailure) {
        var there: [DeadLetter] = []
        for letter in letters where sent[letter.id] == nil {
            if case .topic(let topic, let partition, _) = letter.source, sources.contains(topic),
                try partition < partitionCount(of: topic)
            {
                there.append(letter)
            }
        }
        found = try originals.find(there)
    }

    /// Why a letter is not sent; nil where it is.
    mutating func refusal(of letter: DeadLetter) throws(CommandFailure) -> Refusal? {
        if sent[letter.id] != nil { return .alreadySent }
        guard case .topic(let topic, let partition, _) = letter.source else { return .fromFile }
        guard sources.contains(topic) else { return .foreignTopic }
        if letter.isTruncated { return .truncated }
        if letter.attempts >= attempts { return .cameBack }
        if letter.value == nil { return .damaged }
        if try partition >= partitionCount(of: topic) { return .noPartition }
        if needsTime, found[letter.id] == nil { return .timeless }
        return nil
    }

    private mutating func partitionCount(of topic: String) throws(CommandFailure) -> Int32 {
        if let count = partitionCounts[topic] { return count }
        let count = try originals.partitionCount(of: topic)
        partitionCounts[topic] = count
        return count
    }

    /// A producer that has fenced every redrive before it.
    static func producer(
        _ settings: MonitorSettings
    ) throws(CommandFailure) -> TransactionalProducer {
        do {
            var producer = try TransactionalProducer(
                id: settings.application + ".redrive",
                settings.client(.producer)
            )
            try producer.initialize()
            return producer
        } catch let error as KafkaError {
            throw CommandFailure(kafka: error)
        } catch {
            throw CommandFailure("\(error). Start it again.", status: .tryAgain)
        }
    }

    /// Sends letters in one transaction, each with the record that says so.
    ///
    /// - Returns: whether the producer can be used any more.
    mutating func send(
        _ letters: [DeadLetter],
        by producer: inout TransactionalProducer
    ) throws(CommandFailure) -> Bool {
        var records: [Outgoing] = []
        for letter in letters { records.append(outgoing(letter)) }
        do {
            let letterTopic = try producer.topic(
                settings.name(of: .deadLetters),
                within: .seconds(10)
            )
            var topics: [String: ProducerTopic] = [:]
            for name in Set(records.map(\.topic)).sorted() {
                topics[name] = try producer.topic(name, within: .seconds(10))
            }
            try producer.begin()
            for record in records {
                guard let topic = topics[record.topic] else { continue }
                try record.send(by: &producer, to: topic, beside: letterTopic)
            }
            let outcome = try producer.commit()
            for record in records { sent[record.letter.id] = record.mark.attempt }
            return outcome == .committed
        } catch let error as KafkaError {
            throw error.isTooLarge ? Self.tooLarge(letters) : CommandFailure(kafka: error)
        } catch {
            if let refused = (error as? TransactionError)?.delivery, refused.isTooLarge {
                throw Self.tooLarge(letters)
            }
            throw CommandFailure(
                "\(error). Start it again: what was sent is not sent twice.",
                status: .tryAgain
            )
        }
    }

    /// A record that fitted its topic may not fit with three headers more.
    private static func tooLarge(_ letters: [DeadLetter]) -> CommandFailure {
        let largest = letters.max { ($0.value?.count ?? 0) < ($1.value?.count ?? 0) }
        return CommandFailure(
            "could not send letter \(largest?.id.text ?? "-"): with its headers it is larger than its topic"
                + " takes. Raise the topic's max.message.bytes, or name the other letters. Nothing of its"
                + " transaction was sent."
        )
    }

    private func outgoing(_ letter: DeadLetter) -> Outgoing {
        guard case .topic(let topic, let partition, _) = letter.source, let value = letter.value
        else { preconditionFailure("only letters that are not refused are sent") }
        let original = found[letter.id]
        let mark = RedriveMark(
            attempt: letter.attempts + 1,
            letter: letter.id.text,
            origin: letter.mark?.origin ?? letter.source.place
        )
        return Outgoing(
            letter: letter,
            topic: topic,
            partition: partition,
            value: value,
            original: original,
            mark: mark,
            time: needsTime ? original?.milliseconds : nil
        )
    }
}

/// A record on its way to its source topic.
private struct Outgoing {
    let letter: DeadLetter
    let topic: String
    let partition: Int32
    let value: [UInt8]
    let original: OriginalRecords.Original?
    let mark: RedriveMark
    /// Its time in Kafka; nil is now.
    let time: Int64?

    /// Sends it, and the record that says so to the letter's partition.
    func send(
        by producer: inout TransactionalProducer,
        to topic: ProducerTopic,
        beside letterTopic: ProducerTopic
    ) throws(KafkaError) {
        let names = Set(mark.headers.map(\.name))
        let headers =
            (original?.headers ?? []).filter { !names.contains($0.name) }
            + mark.headers.map { Header($0.name, Array($0.value.utf8)) }
        // The spans are used up while the arrays stand.
        if let key = original?.key {
            try unsafe producer.produce(
                value.span.bytes,
                key: key.span.bytes,
                headers: headers,
                timestampMilliseconds: time,
                to: topic,
                partition: partition
            )
        } else {
            try unsafe producer.produce(
                value.span.bytes,
                headers: headers,
                timestampMilliseconds: time,
                to: topic,
                partition: partition
            )
        }
        let said = Array(
            SentRecord.json(letter, mark, sha256: SHA256.hex(SHA256.hash(value))).utf8
        )
        let saidHeaders = [Header("code", Array(SentRecord.code.utf8))]
        if let entity = letter.entity.map({ Array($0.utf8) }) {
            try unsafe producer.produce(
                said.span.bytes,
                key: entity.span.bytes,
                headers: saidHeaders,
                to: letterTopic,
                partition: letter.id.partition
            )
        } else {
            try unsafe producer.produce(
                said.span.bytes,
                headers: saidHeaders,
                to: letterTopic,
                partition: letter.id.partition
            )
        }
    }
}

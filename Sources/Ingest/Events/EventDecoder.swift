public import Journal

/// A topic or file that records come from, as ``EventDecoder/addSource(_:isFile:)`` gave it out.
public struct SourceName: BitwiseCopyable, Sendable {
    let text: Text
    let isFile: Bool
}

/// One source record's JSON → one event of the journal, or a ``Rejection``.
///
///     {"event_type":"purchase","event_id":"p1",…}   ▶   header, body = .purchase(…)
///
/// One pass over the bytes checks all of RFC 8259, in unknown fields too, and notes where the values of known fields
/// stand; then they are validated in the order of EVENTS' tables, since `event_type` may come last. Nothing is
/// allocated for a record that is valid.
///
/// The decoder holds one event at a time: after ``decode(_:from:recordedAt:)`` the caller asks for the partition and
/// calls ``append(to:source:digest:)`` before it decodes the next.
@safe
public struct EventDecoder: ~Copyable {
    /// Largest record: 1 MiB.
    public static let recordLimit = 1 << 20
    /// Deepest nesting, the record itself counted.
    public static let depthLimit = 32

    var reader: RecordReader
    private let tokenizer: Tokenizer?
    private let horizonMicroseconds: Int64
    private var sourceNames: [UInt8] = []
    private var isFile = false

    /// What every event has. Its source is a blank that ``append(to:source:digest:)`` fills.
    public private(set) var header: EventHeader
    /// The event. Its texts are pieces of ``texts``.
    public private(set) var body: EventBody

    /// A decoder.
    ///
    /// - Parameters:
    ///   - tokenizer: gives patients their tokens; without one, records carry none.
    ///   - horizonDays: `horizon_days` of the journal (SEMANTICS 35).
    ///   - acceptsTwelveDigitNDCs: whether twelve digits and 6-4-2 name a product, as they will from 2033 on. Until
    ///     then they can't be normalised, and the rules say so (SEMANTICS 16).
    public init(
        tokenizer: Tokenizer? = nil,
        horizonDays: Int32 = 400,
        acceptsTwelveDigitNDCs: Bool = false
    ) {
        self.tokenizer = tokenizer
        horizonMicroseconds = Int64(horizonDays) * 86_400_000_000
        reader = RecordReader(
            room: tokenizer?.byteCount ?? 0,
            acceptsTwelveDigits: acceptsTwelveDigitNDCs
        )
        header = EventHeader(
            recordedAt: .distantPast,
            source: RecordSource(partition: -1, offset: 0, counter: 0),
            sourceName: .empty,
            entity: .empty,
            eventID: .empty,
            occurredAt: .absent
        )
        body = .disposition(
            Disposition(
                subjectID: .empty,
                decision: .acknowledged,
                actor: .empty,
                role: .empty,
                note: .empty
            )
        )
    }

    /// Makes a topic or file known. Once per source, not per record: its name is kept for the decoder's life.
    public mutating func addSource(_ name: String, isFile: Bool) -> SourceName {
        let place = sourceNames.count
        sourceNames += Array(name.utf8)
        reader = RecordReader(
            room: sourceNames.count + (tokenizer?.byteCount ?? 0),
            acceptsTwelveDigits: reader.acceptsTwelveDigits
        )
        reader.scratch.put(sourceNames, at: 0)
        return SourceName(text: Text(offset: place, count: name.utf8.count), isFile: isFile)
    }

    /// Decodes one record; its event is then in ``header`` and ``body``.
    ///
    /// - Parameters:
    ///   - record: the bytes of the Kafka value or the line.
    ///   - source: where it is from.
    ///   - recordedAt: the Kafka record's timestamp; nil for a file, whose records say it themselves.
    /// - Throws: why the record is a dead letter.
    @inlinable
    public mutating func decode(
        _ record: RawSpan,
        from source: SourceName,
        recordedAt: Instant?
    ) throws(Rejection) {
        // The closure's error is caught inside it, since `withUnsafeBytes` hands on a typed one only of one kind.
        let rejection: Rejection? = unsafe record.withUnsafeBytes { bytes in
            unsafe reject(bytes, from: source, recordedAt: recordedAt)
        }
        if let rejection { throw rejection }
    }

    /// Decodes one record that stands at `bytes`; nil where it is an event.
    @usableFromInline
    mutating func reject(
        _ bytes: UnsafeRawBufferPointer,
        from source: SourceName,
        recordedAt: Instant?
    ) -> Rejection? {
        do {
            unsafe try read(bytes, from: source, recordedAt: recordedAt)
            return nil
        } catch {
            return reader.rejection(for: error)
        }
    }

    private mutating func read(
        _ bytes: UnsafeRawBufferPointer,
        from source: SourceName,
        recordedAt: Instant?
    ) throws(Fault) {
        guard bytes.count <= EventDecoder.recordLimit else {
            reader.seen = 0
            reader.present = 0
            throw Fault(.tooLarge, at: reader.recordPlace)
        }
        unsafe reader.scratch.put(bytes, at: reader.recordPlace)
        try reader.scanRecord(count: bytes.count)
        try reader.readEvent(&header, &body, recordedAt: recordedAt)
        header.sourceName = source.text
        isFile = source.isFile
        switch body {
        case .encounter:
            writeTokens()
        case .dispense:
            try checkHorizon()
            writeTokens()
        case .claim, .purchase, .disposition:
            header.tokens = .empty
            try checkHorizon()
        case .adjustment:
            header.tokens = .empty
        }
    }

    /// Not recorded later than the horizon after it happened (SEMANTICS 35).
    private func checkHorizon() throws(Fault) {
        let (age, isOver) = header.recordedAt.microseconds.subtractingReportingOverflow(
            header.occurredAt.instant.microseconds
        )
        guard !isOver, age <= horizonMicroseconds else { throw Fault(.beyondHorizon, .occurredAt) }
    }

    private mutating func writeTokens() {
        guard let tokenizer else {
            header.tokens = .empty
            return
        }
        let patient = reader.slots[.patientID]
        let place = sourceNames.count
        // The reader was made with room for the names and the tokens before its record.
        unsafe tokenizer.write(
            entity: reader.scratch.bytes(
                Int(header.entity.offset),
                count: Int(header.entity.count)
            ),
            patient: reader.scratch.bytes(patient.place, count: patient.count),
            to: reader.scratch.base + place
        )
        header.tokens = Text(offset: place, count: tokenizer.byteCount)
    }

    /// The bytes that all texts of ``header`` and ``body`` are pieces of; good until the next record.
    public var texts: UnsafeRawBufferPointer {
        unsafe reader.scratch.bytes(0, count: reader.scratch.capacity)
    }

    /// The journal partition among `count` that the event belongs to: its entity's, as Kafka's Java client places it.
    public func partition(count: Int32) -> Int32 {
        unsafe Partitioner.partition(
            of: reader.scratch.bytes(Int(header.entity.offset), count: Int(header.entity.count)),
            count: count
        )
    }

    /// Writes the event that was decoded last as a journal record.
    ///
    /// - Parameters:
    ///   - batch: takes the record.
    ///   - source: where it was copied from, and its number in this journal partition.
    ///   - digest: SHA-256 of the source record's bytes, or empty.
    public mutating func append(
        to batch: RecordBatch,
        source: RecordSource,
        digest: [UInt8] = []
    ) {
        header.source = source
        unsafe batch.append(header, body, textsIn: texts, isFile: isFile, digest: digest)
    }
}

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

    var scratch: Scratch
    /// Where a record is copied to: behind the names of sources and the tokens.
    var recordPlace: Int
    let fields = FieldTable()
    let codes = ContractCodes()
    let slots = Slots()
    /// Known fields whose key was seen, and those of them whose value is not null.
    var seen: UInt64 = 0
    var present: UInt64 = 0
    /// Unknown keys of the record, and all keys of the objects that are open inside it.
    var keys: [Text] = []
    var dates = DateCache()

    private let tokenizer: Tokenizer?
    private let horizonMicroseconds: Int64
    let acceptsTwelveDigits: Bool
    private var sourceNames: [UInt8] = []

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
        acceptsTwelveDigits = acceptsTwelveDigitNDCs
        recordPlace = tokenizer?.byteCount ?? 0
        scratch = Scratch(capacity: recordPlace + EventDecoder.recordLimit)
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
        let tokens = tokenizer?.byteCount ?? 0
        recordPlace = sourceNames.count + tokens
        scratch = Scratch(capacity: recordPlace + EventDecoder.recordLimit)
        scratch.put(sourceNames, at: 0)
        return SourceName(text: Text(offset: place, count: name.utf8.count), isFile: isFile)
    }

    /// Decodes one record; its event is then in ``header`` and ``body``.
    ///
    /// - Parameters:
    ///   - record: the bytes of the Kafka value or the line.
    ///   - source: where it is from.
    ///   - recordedAt: the Kafka record's timestamp; nil for a file, whose records say it themselves.
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
            return rejection(for: error)
        }
    }

    private mutating func read(
        _ bytes: UnsafeRawBufferPointer,
        from source: SourceName,
        recordedAt: Instant?
    ) throws(Fault) {
        guard bytes.count <= EventDecoder.recordLimit else {
            seen = 0
            present = 0
            throw Fault(.tooLarge, at: recordPlace)
        }
        unsafe scratch.put(bytes, at: recordPlace)
        try scanRecord(count: bytes.count)
        let type = try eventType()
        var tokens = Text.empty
        header.eventID = try identifier(.eventID)
        header.entity = try entity()
        header.occurredAt = try timestamp(.occurredAt)
        let published = try optionalTimestamp(.recordedAt)
        let recorded =
            recordedAt ?? (published.isPresent ? published : header.occurredAt).instant
        header.recordedAt = recorded
        header.sourceName = source.text
        isFile = source.isFile
        switch type {
        case .encounter: body = .encounter(try encounter())
        case .dispense: body = .dispense(try dispense())
        case .claim: body = .claim(try claim())
        case .purchase: body = .purchase(try purchase())
        case .disposition: body = .disposition(try disposition())
        case .adjustment: body = .adjustment(try adjustment())
        }
        switch type {
        case .dispense, .claim, .purchase, .disposition:
            let age = recorded.microseconds.subtractingReportingOverflow(
                header.occurredAt.instant.microseconds
            )
            guard !age.overflow, age.partialValue <= horizonMicroseconds else {
                throw Fault(.beyondHorizon, .occurredAt)
            }
        case .encounter, .adjustment: break
        }
        switch type {
        case .encounter, .dispense:
            if let tokenizer {
                let slot = slots[.patientID]
                let place = sourceNames.count
                unsafe tokenizer.write(
                    entity: scratch.bytes(
                        Int(header.entity.offset),
                        count: Int(header.entity.count)
                    ),
                    patient: scratch.bytes(slot.place, count: slot.count),
                    to: scratch.base + place
                )
                tokens = Text(offset: place, count: tokenizer.byteCount)
            }
        case .claim, .purchase, .disposition, .adjustment: break
        }
        header.tokens = tokens
    }

    private var isFile = false

    /// The bytes that all texts of ``header`` and ``body`` are pieces of; good until the next record.
    public var texts: UnsafeRawBufferPointer {
        unsafe scratch.bytes(0, count: recordPlace + EventDecoder.recordLimit)
    }

    /// The journal partition among `count` that the event belongs to: its entity's, as Kafka's Java client places it.
    public func partition(count: Int32) -> Int32 {
        unsafe Partitioner.partition(
            of: scratch.bytes(Int(header.entity.offset), count: Int(header.entity.count)),
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

/// The value of each field of a record: only those in ``EventDecoder/present`` mean anything.
@safe
struct Slots: ~Copyable {
    private let memory: UnsafeMutablePointer<Slot>

    init() {
        unsafe memory = UnsafeMutablePointer<Slot>.allocate(capacity: 64)
        unsafe memory.initialize(repeating: Slot(place: 0, count: 0, kind: .null), count: 64)
    }
    deinit { unsafe memory.deallocate() }

    // A field's raw value is below 64.
    @inline(__always)
    subscript(field: Field) -> Slot { unsafe memory[Int(field.rawValue)] }
    @inline(__always)
    func set(_ slot: Slot, _ field: Field) { unsafe memory[Int(field.rawValue)] = slot }
}

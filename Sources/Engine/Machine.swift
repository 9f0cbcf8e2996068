public import Journal
internal import Synchronization

/// A journal that must not be folded further: what only a bug, or a lost or doubled record, can cause.
public struct MachineFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Journal offset of the record.
    public let offset: Int64
    public let description: String
}

/// How many records ended how. Each ends in exactly one way:
///
///     records = control + applied + duplicates + encountersTooOld + adjustmentsUnapproved
///             + dispositionsWithoutEffect + claimsRejected + superseded
///
/// Of the applied ones `reversalsOfUnknownFills` found nothing to reverse.
public struct MachineCounts: Sendable, Hashable {
    /// All records of the journal, control records included.
    public var records: Int64 = 0
    /// Control records: genesis, registrations, ticks, reference rows, policies.
    public var control: Int64 = 0
    /// Events that were applied.
    public var applied: Int64 = 0
    /// Events whose identifier had been seen.
    public var duplicates: Int64 = 0
    /// Encounters that can touch no admissible fill any more (SEMANTICS 35).
    public var encountersTooOld: Int64 = 0
    /// Adjustments without a second person's approval (37).
    public var adjustmentsUnapproved: Int64 = 0
    /// Dispositions about a subject that is not known, or no longer, or with a decision that does not fit it.
    public var dispositionsWithoutEffect: Int64 = 0
    /// Reversals and returns of fills that are not, or no longer, known (35); they are applied, too.
    public var reversalsOfUnknownFills: Int64 = 0
    /// Claims that the payer rejected: ignored (10).
    public var claimsRejected: Int64 = 0
    /// Older versions that a newer record had overtaken.
    public var superseded: Int64 = 0

    /// Decisions written, by outcome as text.
    public var decisions: [Int64] = Array(repeating: 0, count: 6)
    /// Alerts opened, by `Rule.rawValue`.
    public var alertsOpened: [Int64] = Array(repeating: 0, count: Rule.allCases.count)

    /// A record of nothing.
    public init() {}
}

/// How large the state is.
public struct MachineSize: Sendable, Hashable {
    public var fills = 0
    public var dispenses = 0
    public var claims = 0
    public var encounters = 0
    public var patients = 0
    public var alerts = 0
    public var accumulators = 0
    public var replenishments = 0
    public var eventIDs = 0
    /// Fills whose last decision is `pending`: they wait for something or for its grace to end.
    public var pendingFills = 0

    /// The size of nothing.
    public init() {}
}

/// The deterministic state machine: a journal partition in, decisions, alerts, increments and replenishments out.
///
///     var machine = Machine()
///     try machine.apply(record, offset: 17)      // outputs are in `machine.outputs`
///
/// One owner, one thread. No clock, no randomness, no I/O: equal journals give equal bytes. All that an entity ever
/// did is in one partition, so machines share nothing.
@safe
public struct Machine: ~Copyable {
    /// What was written since ``removeOutputs()``, by `OutputTopic.rawValue`.
    public private(set) var outputs: [OutputBuffer] { didSet { lend() } }
    /// The same buffers, uncounted: they live as long as ``outputs`` holds them.
    @safe
    private var lent: [4 of Unmanaged<OutputBuffer>]
    public internal(set) var counts = MachineCounts()
    /// Whether outputs are counted, with their `sequence`, and not written: for a part of the journal whose outputs nobody
    /// wants again. Decisions, ledger and alerts are the same.
    public var isSilent = false

    /// Pins the machine to its place: a struct with an atomic in it is only ever handed on by its address. Without it
    /// each call of a method that only reads copied all 1,576 bytes of the machine: 1.5 million events took 11.0 s of user time, and take 8.6 s with it.
    private let pin = Atomic<Int>(0)

    // MARK: the record in hand
    var inHand = Prepared()
    /// The group that is being folded.
    var prepared = PreparedGroup()
    var partition: Int32 = 0
    var recordNumber: Int64 = -1
    var offset: Int64 = 0
    var change = Change.none
    /// Number of outputs that this record has caused, by topic.
    var outputIndex: [4 of Int64] = .init(repeating: 0)
    /// Next `sequence`, by topic.
    var sequence: [4 of Int64] = .init(repeating: 0)
    /// The proof that the next decision carries; 0 for none.
    var proof: UInt64 = 0

    // MARK: time
    var now = Instant.distantPast
    var clock = MonitorClock.records
    var horizonDays = 400
    var sources = Sources()
    var deadlines = Deadlines()
    /// While a deadline fires, its moment: what is judged then is judged as of it, not as of the record that brought time
    /// so far. Later than any between two deadlines.
    var firing = Int64.max
    /// Fills that arrived before any monitor time was known.
    var undated: [UInt32] = []
    /// Last day for which forgetting has been done.
    var forgottenDay = Int32.min
    var fillBuckets = DayRing()
    var encounterBuckets = DayRing()

    // MARK: reference and policy
    var reference = Reference()
    var policies: [CompiledPolicy] = []
    /// The numbers of each version, beside it, so that rules read them without touching a reference.
    var numbers: [PolicyNumbers] = []
    /// Per version, by number of a set of clarification codes: whether the marker is among them.
    var isMarked: [[Bool]] = []
    /// Texts that the policies decide, as they are written.
    var fragments = Texts()
    var pieces = Column<PieceRow>()
    var codeSets = Texts()
    /// When what the record in hand tells of happened.
    private(set) var recordOccurredAt: Int64 = .min
    var keyIDs = Texts()
    /// Pairs of entity and key: what a patient's token was made for.
    var scopes = Names()

    // MARK: state
    var eventIDs = EventIDs()
    var identifiers = LongIdentifiers()
    var patients = Column<PatientRow>()
    var patientIndex = Index()
    var encounters = Column<EncounterRow>()
    var encounterIndex = Index()
    var encounterVersions = Column<EncounterVersionRow>()
    var dispenses = Column<DispenseRow>()
    var dispenseIndex = Index()
    var claims = Column<ClaimRow>()
    var fills = Column<FillRow>()
    /// How many of ``fills`` were decided to be pending; kept in step, since to count them would touch each.
    var pendingFills = 0
    var fillIndex = Index()
    var alerts = Column<AlertRow>()
    var alertIndex = Index()
    var hasAlertIndex = false
    /// The invoice of an alert about one; looked up only.
    var invoices: [UInt32: InvoiceRow] = [:]
    /// From accumulator, rule and invoice to the alert: 40,000 of one accumulator took 22 s looked at one
    /// by one, and 0.1 so.
    var invoiceIndex = Index()
    var dispositions: [UInt32: [DispositionNote]] = [:]
    var accumulators = Column<AccumulatorRow>()
    var accumulatorIndex = Index()
    var uses = Column<UseRow>()
    var replenishments = Column<ReplenishmentRow>()
    var replenishmentIndex = Index()
    var feeds = Column<FeedRow>()
    var feedProfiles = Column<FeedProfile>()
    /// By entity: the first moment at which a record of it must look at its feeds.
    var feedChecks = Column<Int64>()
    /// Whether graces ever stood still: until then nobody asks for how long.
    var hasHolds = false

    // MARK: made of the state, where it is needed
    /// Of patients of whom far too much is remembered.
    var crowds = Crowds()
    /// How long a walk along a patient's chain may be before their crowd is made.
    var crowdSize = 256

    // MARK: scratch, kept for its memory
    var stamp = RecordStamp()
    /// Values of an alert while it is written, and the key that its id is hashed from.
    let scratch = OutputBuffer(capacity: 1 << 16)
    let keys = OutputBuffer(capacity: 1 << 16)
    /// The patient into which this record's tokens merged another; 0 for none.
    var mergedPatient: UInt32 = 0
    var live: [UInt32] = []
    var affected: [UInt32] = []
    var due: [UInt32] = []
    var leaving: [UInt32] = []

    /// What caused a decision (OUTPUTS, `change`).
    enum Change: UInt8, BitwiseCopyable {
        case none, encounter, dispense, claim, disposition, adjustment, deadline, reference, policy

        var text: StaticString {
            switch self {
            case .none: ""
            case .encounter: "encounter"
            case .dispense: "dispense"
            case .claim: "claim"
            case .disposition: "disposition"
            case .adjustment: "adjustment"
            case .deadline: "deadline"
            case .reference: "reference"
            case .policy: "policy"
            }
        }
    }

    /// A machine that has seen nothing.
    public init() {
        let buffers = OutputTopic.allCases.map { _ in OutputBuffer() }
        outputs = buffers
        unsafe lent = .init { place in unsafe Unmanaged.passUnretained(buffers[place]) }
    }

    private mutating func lend() {
        let buffers = outputs
        unsafe lent = .init { place in unsafe Unmanaged.passUnretained(buffers[place]) }
    }

    /// A pen at the end of an output topic's buffer.
    @inline(__always)
    func pen(_ topic: OutputTopic) -> Pen {
        unsafe lent[Int(topic.rawValue)]._withUnsafeGuaranteedRef { $0.pen() }
    }

    /// Ends the record that `pen` wrote.
    @inline(__always)
    func end(_ pen: Pen, _ topic: OutputTopic, _ entity: UInt32) {
        unsafe lent[Int(topic.rawValue)]._withUnsafeGuaranteedRef { $0.finish(pen, entity: entity) }
    }

    /// Empties the output buffers; `sequence` goes on.
    public func removeOutputs() {
        for output in outputs { output.removeAll() }
    }

    /// Hands out what was written and goes on in other, empty buffers, so that somebody else may write it away.
    ///
    /// - Parameter buffers: one per `OutputTopic`.
    /// - Returns: the buffers that were written to, in the same order.
    public mutating func exchangeOutputs(for buffers: [OutputBuffer]) -> [OutputBuffer] {
        precondition(buffers.count == outputs.count, "one buffer per output topic")
        let full = outputs
        outputs = buffers
        for output in outputs { output.removeAll() }
        return full
    }

    /// Bytes in the output buffers.
    public var outputByteCount: Int { outputs.reduce(0) { unsafe $0 + $1.byteCount } }

    /// Monitor time; nil while none is known.
    public var monitorTime: Instant? { now == .distantPast ? nil : now }
    /// Number that the next record will get: how many have been folded.
    public var nextRecordNumber: Int64 { recordNumber + 1 }
    /// Whether reference rows and a policy stand in the journal, so that events may follow.
    public var isReady: Bool { reference.isComplete && !policies.isEmpty }

    /// Sizes of the state's tables.
    public var size: MachineSize {
        var size = MachineSize()
        size.fills = fills.count
        size.dispenses = dispenses.count
        size.claims = claims.count
        size.encounters = encounters.count
        size.patients = patients.count
        size.alerts = alerts.count
        size.accumulators = accumulators.count
        size.replenishments = replenishments.count
        size.eventIDs = eventIDs.count
        size.pendingFills = pendingFills
        return size
    }

    /// The 340B ID of an entity by its number in an ``OutputBuffer``: the key of the record on Kafka.
    public func entityKey(_ number: UInt32) -> [UInt8] { text(of: reference.entities.rows[number]) }

    /// Folds one record.
    ///
    /// - Parameters:
    ///   - record: a record that has passed `RecordView.check()`.
    ///   - offset: its offset in the journal partition, larger than that of the one before.
    /// - Throws: ``MachineFault`` where the journal has a gap, a repeat or no beginning. The machine is then useless.
    public mutating func apply(_ record: RecordView, offset: Int64) throws(MachineFault) {
        inHand = prepare(record)
        try apply(prepared: record, offset: offset)
    }

    /// Folds the record whose keys are in `inHand`.
    mutating func apply(prepared record: RecordView, offset: Int64) throws(MachineFault) {
        beginRecord(at: offset)
        guard let kind = record.kind else { throw fault("the record's kind is unknown") }
        if recordNumber == 0, kind != .genesis {
            throw fault("the journal does not begin with its genesis record")
        }
        switch kind {
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment:
            try applyEvent(record, kind)
        case .genesis:
            guard recordNumber == 0 else { throw fault("a second genesis record") }
            let genesis = record.genesis
            partition = genesis.partition
            horizonDays = Int(genesis.horizonDays)
            clock = genesis.clock
            counts.control += 1
        case .sourceRegistered:
            let source = record.sourceRegistration
            sources.register(topic: source.topic, partition: source.partition)
            counts.control += 1
        case .sourceRetired:
            let source = record.retiredSource
            sources.retire(topic: source.topic, partition: source.partition)
            counts.control += 1
            if let time = sources.time { advance(to: time) }
        case .tick:
            counts.control += 1
            for progress in record.progress { sources.reach(progress) }
            if clock == .ticks, let time = sources.time { advance(to: time) }
        case .referenceRow:
            try checkSource(record, isEvent: false)
            counts.control += 1
            guard let row = record.referenceRow else {
                throw fault("a reference row has other columns")
            }
            reference.stage(row)
        case .referenceComplete:
            try checkSource(record, isEvent: false)
            counts.control += 1
            let touched = reference.complete()
            redecide(touched)
        case .policy:
            try checkSource(record, isEvent: false)
            counts.control += 1
            guard let policy = Policy(canonicalBytes: record.policyBytes) else {
                throw fault("the policy's bytes are none that this version reads")
            }
            adopt(policy)
        }
    }

    /// Counts the record that is folded next.
    @inline(__always)
    mutating func beginRecord(at offset: Int64) {
        recordNumber += 1
        self.offset = offset
        outputIndex = .init(repeating: 0)
        counts.records += 1
        if recordNumber & (Self.proofInterval - 1) == 0, recordNumber > 0 { proof = prove() }
    }

    func fault(_ text: String) -> MachineFault {
        MachineFault(
            offset: offset,
            description: "record \(recordNumber) at offset \(offset): \(text)"
        )
    }

    mutating func checkSource(_ record: RecordView, isEvent: Bool) throws(MachineFault) {
        let name = record.text(0)
        guard !name.isEmpty else { return }
        let source = record.source
        // The name's bytes are used up while the record stands.
        if let problem = unsafe sources.take(record.bytes(name), source, isEvent: isEvent) {
            throw fault("\(record.string(name))/\(source.partition) \(problem)")
        }
    }

    private mutating func applyEvent(_ record: RecordView, _ kind: RecordKind) throws(MachineFault)
    {
        try checkSource(record, isEvent: true)
        guard isReady else {
            throw fault("an event before a complete publication of reference rows and a policy")
        }
        let header = record.eventHeader
        recordOccurredAt = header.occurredAt.instant.microseconds
        let entity = inHand.entity
        // The day must exist before any time does: then the record's own stands for it.
        let arrival = max(now, header.recordedAt)
        let time = clock == .records || now == .distantPast ? arrival : now
        let day = UInt16(clamping: max(1, time.utcDate.day))
        let seen = max(day, UInt16(clamping: arrival.utcDate.day))
        guard
            eventIDs.insert(
                high: inHand.idHigh,
                low: inHand.idLow,
                day: day,
                seen: seen,
                horizon: horizonDays
            )
        else {
            counts.duplicates += 1
            return
        }
        if clock == .records { advance(to: header.recordedAt) }
        hear(kind, entity, at: arrival.microseconds)
        switch kind {
        case .encounter: apply(record.encounter, header, entity, record)
        case .dispense: apply(record.dispense, header, entity, record)
        case .claim: apply(record.claim, header, entity, record)
        case .purchase: apply(record.purchase, header, entity, record)
        case .disposition: apply(record.disposition, header, entity, record)
        case .adjustment: apply(record.adjustment, header, entity, record)
        case .genesis, .sourceRegistered, .sourceRetired, .tick, .referenceRow, .referenceComplete,
            .policy:
            preconditionFailure("only events come here")
        }
    }
}

/// The fields of the contract's events, in the order of EVENTS' tables.
///
/// The raw value is a bit in the set of fields that a record holds, so there may be at most 64.
enum Field: UInt8, CaseIterable, BitwiseCopyable {
    // Common to every event.
    case eventType, eventID, coveredEntityID, occurredAt, recordedAt
    // Encounter.
    case encounterID, patientID, classCode, status, siteID, providerNPI, start, end
    // Dispense.
    case dispenseID, rxNumber, fillNumber, pharmacyNPI, prescriberNPI, ndc, quantity, unit
    case daysSupply, writtenOn, setting, payment, dispensingStatus
    // Claim.
    case claimID, transaction, coverageOrder, bin, pcn, group, clarificationCodes, claimed340B
    // Purchase.
    case invoiceID, line, account, packages, unitPrice
    // Disposition.
    case subjectID, decision, actor, role, note
    // Adjustment.
    case adjustmentID, packagesOutstanding, reason, approvedBy

    /// The key as the contract writes it.
    var name: String {
        switch self {
        case .eventType: "event_type"
        case .eventID: "event_id"
        case .coveredEntityID: "covered_entity_id"
        case .occurredAt: "occurred_at"
        case .recordedAt: "recorded_at"
        case .encounterID: "encounter_id"
        case .patientID: "patient_id"
        case .classCode: "class"
        case .status: "status"
        case .siteID: "site_id"
        case .providerNPI: "provider_npi"
        case .start: "start"
        case .end: "end"
        case .dispenseID: "dispense_id"
        case .rxNumber: "rx_number"
        case .fillNumber: "fill_number"
        case .pharmacyNPI: "pharmacy_npi"
        case .prescriberNPI: "prescriber_npi"
        case .ndc: "ndc"
        case .quantity: "quantity"
        case .unit: "unit"
        case .daysSupply: "days_supply"
        case .writtenOn: "written_on"
        case .setting: "setting"
        case .payment: "payment"
        case .dispensingStatus: "dispensing_status"
        case .claimID: "claim_id"
        case .transaction: "transaction"
        case .coverageOrder: "coverage_order"
        case .bin: "bin"
        case .pcn: "pcn"
        case .group: "group"
        case .clarificationCodes: "submission_clarification_codes"
        case .claimed340B: "claimed_340b"
        case .invoiceID: "invoice_id"
        case .line: "line"
        case .account: "account"
        case .packages: "packages"
        case .unitPrice: "unit_price"
        case .subjectID: "subject_id"
        case .decision: "decision"
        case .actor: "actor"
        case .role: "role"
        case .note: "note"
        case .adjustmentID: "adjustment_id"
        case .packagesOutstanding: "packages_outstanding"
        case .reason: "reason"
        case .approvedBy: "approved_by"
        }
    }

    /// This field's bit.
    @inline(__always)
    var bit: UInt64 { 1 << UInt64(rawValue) }
}

/// What a key's bytes are compared by: its first and last words. Together they cover every byte of a key of at most
/// 32 bytes, so equal words and equal length are equal keys.
struct KeyWords: BitwiseCopyable {
    /// Bytes 0 to 7, zero behind the key's end.
    var first: UInt64
    /// Bytes 8 to 15 of a key of more than 16 bytes, else 0.
    var second: UInt64
    /// The eight bytes before the last eight of a key of more than 16 bytes, else 0.
    var beforeLast: UInt64
    /// The last eight bytes of a key of more than 8 bytes, else 0.
    var last: UInt64

    /// The words of the key of `count` bytes at `place`; `count` is 0 to 32.
    @inline(__always)
    init(_ scratch: borrowing Scratch, at place: Int, count: Int) {
        let head = scratch.word(place)
        first = count < 8 ? head & Scratch.mask(count) : head
        last = count > 8 ? scratch.word(place + count - 8) : 0
        second = count > 16 ? scratch.word(place + 8) : 0
        beforeLast = count > 16 ? scratch.word(place + count - 16) : 0
    }
}

/// Finds the field that a key names.
///
/// A source writes its keys in one order, so the field that followed last time is tried first: that skips the search
/// for the key's end. Otherwise one multiplication gives the one place to look; the
/// multiplier is searched when the table is made, so that no two fields share a place.
@safe
struct FieldTable: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var words: KeyWords
        var count: Int
        var field: UInt8
    }
    /// What follows in a context: a key between its quotes, and which of 32 bytes count.
    struct Step: BitwiseCopyable {
        // Ones alone never match: 1 is a control character.
        fileprivate var low = SIMD16<UInt8>(repeating: 1)
        fileprivate var high = SIMD16<UInt8>(repeating: 0)
        fileprivate var lowMask = SIMD16<UInt8>(repeating: 0xFF)
        fileprivate var highMask = SIMD16<UInt8>(repeating: 0)
        /// Bytes of the key with its quotes.
        fileprivate(set) var count = 0
        /// The field's bit.
        fileprivate(set) var bit: UInt64 = 0
        /// The context behind the field.
        fileprivate(set) var next = Context()
        fileprivate var rawField = FieldTable.absent

        /// The field; only of a step that matches.
        @inline(__always)
        var field: Field {
            // A step that matches was made of a field.
            unsafe unsafeBitCast(rawField, to: Field.self)
        }

        /// Whether the key stands at `place`. With its quotes, nearly every key fits sixteen bytes.
        @inline(__always)
        func matches(_ scratch: borrowing Scratch, at place: Int) -> Bool {
            guard Scratch.isZero((scratch.block(place) ^ low) & lowMask) else { return false }
            return count <= 16 || Scratch.isZero((scratch.block(place &+ 16) ^ high) & highMask)
        }
    }
    private static let placeBits: UInt64 = 8
    private static let absent: UInt8 = 0xFF

    private let entries: UnsafeMutablePointer<Entry>
    /// What each field's key looks like in a record.
    private let patterns: UnsafeMutablePointer<Step>
    /// What followed last time, by context; something that never matches where nothing has.
    private let steps: UnsafeMutablePointer<Step>
    private let multiplier: UInt64

    /// Where a record's keys stand: the field before, and one of eight kinds of record.
    struct Context: BitwiseCopyable {
        fileprivate var index = 64 * 8

        /// Behind `field`.
        @inline(__always)
        mutating func move(behind field: Field) {
            index = Int(truncatingIfNeeded: field.rawValue) << 3 | index & 7
        }
        /// The record's type begins with `byte`.
        @inline(__always)
        mutating func setType(_ byte: UInt8) {
            index = index & ~7 | Int(truncatingIfNeeded: byte & 7)
        }
    }

    init() {
        let scratch = Scratch(capacity: 64)
        var known: [(words: KeyWords, count: Int, field: Field)] = []
        for field in Field.allCases {
            let name = Array(field.name.utf8)
            scratch.put(name, at: 0)
            let words = KeyWords(scratch, at: 0, count: name.count)
            known.append((words, name.count, field))
        }
        let size = 1 << Int(FieldTable.placeBits)
        var candidate: UInt64 = 0x9E37_79B9_7F4A_7C15
        search: while true {
            var taken = [Bool](repeating: false, count: size)
            for one in known {
                let place = FieldTable.place(one.words, one.count, candidate)
                if taken[place] {
                    candidate = (candidate &* 6_364_136_223_846_793_005 &+ 1_442_695) | 1
                    continue search
                }
                taken[place] = true
            }
            break
        }
        multiplier = candidate
        unsafe entries = UnsafeMutablePointer<Entry>.allocate(capacity: size)
        let none = KeyWords(scratch, at: 48, count: 1)
        unsafe entries.initialize(
            repeating: Entry(words: none, count: 0, field: FieldTable.absent),
            count: size
        )
        for one in known {
            let place = FieldTable.place(one.words, one.count, candidate)
            unsafe entries[place] = Entry(
                words: one.words,
                count: one.count,
                field: one.field.rawValue
            )
        }
        unsafe patterns = UnsafeMutablePointer<Step>.allocate(capacity: 64)
        unsafe patterns.initialize(repeating: Step(), count: 64)
        for field in Field.allCases {
            unsafe patterns[Int(field.rawValue)] = FieldTable.pattern(field)
        }
        unsafe steps = UnsafeMutablePointer<Step>.allocate(capacity: 65 * 8)
        unsafe steps.initialize(repeating: Step(), count: 65 * 8)
    }

    deinit {
        unsafe entries.deallocate()
        unsafe patterns.deallocate()
        unsafe steps.deallocate()
    }

    /// What followed in a context last time.
    @inline(__always)
    func step(in context: Context) -> UnsafePointer<Step> {
        // A context is below 65 × 8.
        unsafe UnsafePointer(steps + context.index)
    }

    /// Keeps what follows in a context.
    @inline(__always)
    func learn(_ field: Field, in context: Context) {
        // A context and a field's raw value are below what was allocated.
        unsafe steps[context.index] = patterns[Int(field.rawValue)]
        unsafe steps[context.index].next = context
        unsafe steps[context.index].next.move(behind: field)
    }

    private static func pattern(_ field: Field) -> Step {
        let text = Array("\"\(field.name)\"".utf8)
        precondition(text.count <= 32, "a key with its quotes fits 32 bytes")
        var step = Step()
        step.low = .zero
        step.lowMask = .zero
        for (index, byte) in text.enumerated() {
            if index < 16 {
                step.low[index] = byte
                step.lowMask[index] = 0xFF
            } else {
                step.high[index - 16] = byte
                step.highMask[index - 16] = 0xFF
            }
        }
        step.count = text.count
        step.bit = field.bit
        step.rawField = field.rawValue
        return step
    }

    @inline(__always)
    private func isSame(_ entry: UnsafeMutablePointer<Entry>, _ words: KeyWords) -> Bool {
        unsafe entry.pointee.words.first == words.first && entry.pointee.words.last == words.last
            && entry.pointee.words.second == words.second
            && entry.pointee.words.beforeLast == words.beforeLast
    }

    @inline(__always)
    private static func place(_ words: KeyWords, _ count: Int, _ multiplier: UInt64) -> Int {
        let mixed = (words.first ^ (words.last &* 31) &+ UInt64(truncatingIfNeeded: count))
        return Int(truncatingIfNeeded: (mixed &* multiplier) >> (64 - placeBits))
    }

    /// The field whose key is the `count` bytes at `place`, or nil.
    @inline(__always)
    func field(_ scratch: borrowing Scratch, at place: Int, count: Int) -> Field? {
        guard count >= 1, count <= 32 else { return nil }
        let words = KeyWords(scratch, at: place, count: count)
        // `place` gives a number below the table's size.
        let entry = unsafe entries + FieldTable.place(words, count, multiplier)
        guard unsafe entry.pointee.count == count, unsafe isSame(entry, words) else { return nil }
        return unsafe unsafeBitCast(entry.pointee.field, to: Field.self)
    }
}

internal import Engine
internal import Journal

/// What an explanation is about: which outputs and records belong to it.
struct ExplainedSubject {
    let id: ExplainedID
    let entity: [UInt8]
    /// What names the fill in outputs; nil where it is about none.
    let fillKey: [UInt8]?
    /// What names the accumulator.
    let accumulatorKey: [UInt8]?
    /// Sequences of the accumulator's increments that a replenishment covers.
    private let covered: ClosedRange<Int64>?
    /// Sequence of the increment that is explained.
    private let sequence: Int64?
    /// The replenishment behind an increment.
    private let replenishmentID: [UInt8]?
    private let start: [UInt8]
    private let idText: [UInt8]
    private let rxNumber: [UInt8]
    private let fillNumber: UInt32

    /// How an output belongs to the subject.
    enum Relation { case none, movement, essential }

    init?(_ id: ExplainedID, _ line: ExplainedLine) {
        guard let entity = line.entity else { return nil }
        self.id = id
        self.entity = entity
        start = Array("{\"covered_entity_id\":\"".utf8) + entity + Array("\",".utf8)
        fillKey = line.fillKey
        idText = Array("\"\(id.text)\"".utf8)
        var covered: ClosedRange<Int64>?
        var sequence: Int64?
        switch id {
        case .decision: accumulatorKey = nil
        case .alert: accumulatorKey = fillKey == nil ? line.accumulatorKey : nil
        case .increment:
            accumulatorKey = line.accumulatorKey
            sequence = line.number("key_sequence")
        case .replenishment:
            accumulatorKey = line.accumulatorKey
            if let first = line.number("first"), let last = line.number("last"), first <= last {
                covered = first...last
            }
        }
        self.covered = covered
        self.sequence = sequence
        replenishmentID = line.between("\"replenishment_id\":\"", "\"")
        let key = fillKey.map(ExplainedLine.init)
        rxNumber = Self.plain(key?.between("\"rx_number\":\"", "\",\"fill_number\":") ?? [])
        fillNumber = UInt32(clamping: key?.number("fill_number") ?? 0)
    }

    /// How an output of a topic belongs to the subject.
    func relation(_ topic: OutputTopic, _ line: ExplainedLine) -> Relation {
        guard line.bytes.starts(with: start) else { return .none }
        if line.contains(idText) { return .essential }
        if let fillKey, line.contains(fillKey + Array(",\"dispense_id\":".utf8)) {
            return .essential
        }
        guard let accumulatorKey, line.contains(accumulatorKey) else { return .none }
        switch topic {
        case .decisions: return .none
        case .alerts: return .essential
        case .accumulators:
            if let covered, let number = line.number("key_sequence"), covered ~= number {
                return .essential
            }
            if case .replenishment = id { return .none }
            return .movement
        case .replenishments:
            if let replenishmentID, line.contains(replenishmentID) { return .essential }
            if let sequence, let first = line.number("first"), let last = line.number("last"),
                first <= sequence, sequence <= last
            {
                return .essential
            }
            return .none
        }
    }

    /// Whether a source record names the fill, the accumulator's purchases, or answers the alert or replenishment.
    func isNamed(by record: RecordView, _ kind: RecordKind) -> Bool {
        switch kind {
        case .dispense where fillKey != nil:
            let dispense = record.dispense
            guard dispense.fillNumber == fillNumber else { return false }
            // The bytes are compared while the record stands.
            return unsafe record.bytes(dispense.rxNumber).elementsEqual(rxNumber)
                && isOfPharmacy(record)
        case .claim where fillKey != nil:
            let claim = record.claim
            guard claim.fillNumber == fillNumber else { return false }
            return unsafe record.bytes(claim.rxNumber).elementsEqual(rxNumber)
                && isOfPharmacy(record)
        case .disposition:
            return record.string(record.disposition.subjectID) == id.text
        case .purchase, .adjustment:
            // What was bought does not move a balance: it says nothing about one increment.
            guard accumulatorKey != nil, sequence == nil else { return false }
            return isOfAccumulator(record)
        default: return false
        }
    }

    private func isOfPharmacy(_ record: RecordView) -> Bool {
        guard let fillKey, record.coveredEntity.map({ Array($0.utf8) }) == entity else {
            return false
        }
        return ExplainedLine(fillKey).contains(Self.member("pharmacy_npi", of: record.fields))
    }

    private func isOfAccumulator(_ record: RecordView) -> Bool {
        guard let accumulatorKey, record.coveredEntity.map({ Array($0.utf8) }) == entity else {
            return false
        }
        let (key, fields) = (ExplainedLine(accumulatorKey), record.fields)
        return key.contains(Self.member("pharmacy_npi", of: fields))
            && key.contains(Self.member("ndc", of: fields, as: "ndc11"))
            && key.contains(Self.member("account", of: fields))
    }

    /// A field as outputs write it.
    private static func member(
        _ name: String,
        of fields: [RecordField],
        as written: String? = nil
    ) -> [UInt8] {
        let value = fields.first { $0.name == name }?.word ?? ""
        return Array("\"\(written ?? name)\":\"\(value)\"".utf8)
    }

    /// A JSON string's inside without its escapes, of which outputs write three.
    private static func plain(_ bytes: [UInt8]) -> [UInt8] {
        var plain: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let letter = rest.popFirst() else {
                plain.append(byte)
                continue
            }
            guard letter == UInt8(ascii: "u") else {
                plain.append(letter)
                continue
            }
            let digits = String(decoding: rest.prefix(4), as: UTF8.self)
            plain.append(UInt8(digits, radix: 16) ?? 0)
            rest = rest.dropFirst(4)
        }
        return plain
    }
}

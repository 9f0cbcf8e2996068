/// How many fixed bytes and texts a kind of record has, and which of its bytes are codes.
struct RecordShape {
    /// Bytes between the header and the table of text ends.
    let fixedSize: Int
    /// Number of texts.
    let textCount: Int
    /// Whether the number of texts is the record's own (rows, ticks).
    let hasOpenTextCount: Bool
    private let kind: RecordKind

    init(_ kind: RecordKind) {
        self.kind = kind
        switch kind {
        case .genesis: (fixedSize, textCount, hasOpenTextCount) = (12, 1, false)
        case .sourceRegistered: (fixedSize, textCount, hasOpenTextCount) = (12, 2, false)
        case .sourceRetired: (fixedSize, textCount, hasOpenTextCount) = (4, 2, false)
        case .tick: (fixedSize, textCount, hasOpenTextCount) = (4, 1, true)
        case .referenceRow: (fixedSize, textCount, hasOpenTextCount) = (2, 1, true)
        case .referenceComplete: (fixedSize, textCount, hasOpenTextCount) = (8, 2, false)
        case .policy: (fixedSize, textCount, hasOpenTextCount) = (0, 2, false)
        case .encounter: (fixedSize, textCount, hasOpenTextCount) = (10 + 30, 7, false)
        case .dispense: (fixedSize, textCount, hasOpenTextCount) = (10 + 49, 11, false)
        case .claim: (fixedSize, textCount, hasOpenTextCount) = (10 + 36, 12, false)
        case .purchase: (fixedSize, textCount, hasOpenTextCount) = (10 + 41, 7, false)
        case .disposition: (fixedSize, textCount, hasOpenTextCount) = (10 + 1, 8, false)
        case .adjustment: (fixedSize, textCount, hasOpenTextCount) = (10 + 34, 10, false)
        }
    }

    /// Every byte that stands for a value of a list must name one.
    func checkCodes(of record: RecordView) throws(RecordFault) {
        func check<Code: ContractCode>(_ offset: Int, _: Code.Type) throws(RecordFault) {
            guard Code(rawValue: record.load(offset)) != nil else {
                throw RecordFault(reason: .unknownCode, at: offset)
            }
        }
        func checkOptional<Code: ContractCode>(
            _ offset: Int,
            _: Code.Type
        ) throws(RecordFault) {
            let code: UInt8 = record.load(offset)
            guard code == noCode || Code(rawValue: code) != nil else {
                throw RecordFault(reason: .unknownCode, at: offset)
            }
        }
        switch kind {
        case .encounter:
            try check(EncounterLayout.classCode, EncounterClass.self)
            try check(EncounterLayout.status, EncounterStatus.self)
        case .dispense:
            try check(DispenseLayout.unit, BillingUnit.self)
            try check(DispenseLayout.status, DispenseStatus.self)
            try check(DispenseLayout.setting, DispenseSetting.self)
            try check(DispenseLayout.payment, Payment.self)
            try checkOptional(DispenseLayout.dispensingStatus, DispensingStatus.self)
        case .claim:
            try check(ClaimLayout.transaction, ClaimTransaction.self)
            try check(ClaimLayout.status, ClaimStatus.self)
            try checkOptional(ClaimLayout.dispensingStatus, DispensingStatus.self)
        case .purchase:
            try check(PurchaseLayout.account, Account.self)
        case .disposition:
            try check(DispositionLayout.decision, DispositionDecision.self)
        case .adjustment:
            try check(AdjustmentLayout.account, Account.self)
            try check(AdjustmentLayout.reason, AdjustmentReason.self)
        case .referenceRow:
            guard ReferenceTable(rawValue: record.load(RecordView.headerSize)) != nil else {
                throw RecordFault(reason: .unknownCode, at: RecordView.headerSize)
            }
        case .tick:
            let pairs = Int(record.load(RecordView.headerSize, as: UInt32.self))
            guard record.textCount == 1 + 2 * pairs else {
                throw RecordFault(reason: .wrongShape, at: RecordView.headerSize)
            }
            for index in 0..<pairs {
                guard record.text(2 + 2 * index).count == 12 else {
                    throw RecordFault(reason: .wrongShape, at: RecordView.headerSize)
                }
            }
        case .genesis, .sourceRegistered, .sourceRetired, .referenceComplete, .policy:
            break
        }
    }
}

/// The byte of an optional code that is absent.
@usableFromInline
let noCode: UInt8 = 0xFF

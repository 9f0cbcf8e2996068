// The bytes of the six events. Every writer puts the fields in the order in which its layout counts them; the golden
// bytes under fixtures/journal hold the result.

/// Where the fixed fields that all events share begin. Texts: 0 source name, 1 entity, 2 event id, 3 tokens, then the
/// kind's own.
@usableFromInline
enum EventLayout {
    @usableFromInline static let occurredAt = 40
    @usableFromInline static let occurredOffset = 48
}

@usableFromInline
enum EncounterLayout {
    @usableFromInline static let start = 50
    @usableFromInline static let startOffset = 58
    @usableFromInline static let end = 60
    @usableFromInline static let endOffset = 68
    @usableFromInline static let provider = 70
    @usableFromInline static let classCode = 78
    @usableFromInline static let status = 79
}

@usableFromInline
enum DispenseLayout {
    @usableFromInline static let fillNumber = 50
    @usableFromInline static let pharmacy = 54
    @usableFromInline static let prescriber = 62
    @usableFromInline static let ndc = 70
    @usableFromInline static let quantity = 78
    @usableFromInline static let daysSupply = 86
    @usableFromInline static let writtenOn = 90
    @usableFromInline static let unit = 94
    @usableFromInline static let status = 95
    @usableFromInline static let setting = 96
    @usableFromInline static let payment = 97
    @usableFromInline static let dispensingStatus = 98
}

@usableFromInline
enum ClaimLayout {
    @usableFromInline static let fillNumber = 50
    @usableFromInline static let pharmacy = 54
    @usableFromInline static let ndc = 62
    @usableFromInline static let quantity = 70
    @usableFromInline static let coverageOrder = 78
    @usableFromInline static let transaction = 82
    @usableFromInline static let status = 83
    @usableFromInline static let dispensingStatus = 84
    @usableFromInline static let isClaimed340B = 85
}

@usableFromInline
enum PurchaseLayout {
    @usableFromInline static let line = 50
    @usableFromInline static let pharmacy = 58
    @usableFromInline static let ndc = 66
    @usableFromInline static let packages = 74
    @usableFromInline static let unitPrice = 82
    @usableFromInline static let account = 90
}

@usableFromInline
enum DispositionLayout {
    @usableFromInline static let decision = 50
}

@usableFromInline
enum AdjustmentLayout {
    @usableFromInline static let pharmacy = 50
    @usableFromInline static let ndc = 58
    @usableFromInline static let quantity = 66
    @usableFromInline static let packagesOutstanding = 74
    @usableFromInline static let account = 82
    @usableFromInline static let reason = 83
}

extension RecordBatch {
    /// Writes the header that all records share. `reserve` has been called for the whole record.
    @inlinable
    func begin(
        _ kind: RecordKind,
        recordedAt: Instant,
        source: RecordSource,
        isFile: Bool,
        hasDigest: Bool,
        fixedSize: Int,
        textCount: Int
    ) -> Int {
        unsafe cursor = used
        let start = unsafe cursor
        put(journalFormat)
        put(kind.rawValue)
        put(((isFile ? 1 : 0) | (hasDigest ? 2 : 0)) as UInt8)
        put(0 as UInt8)
        put(0 as UInt32)
        put(recordedAt.microseconds)
        put(source.counter)
        put(source.offset)
        put(source.partition)
        put(UInt16(truncatingIfNeeded: 40 + fixedSize))
        put(UInt16(truncatingIfNeeded: textCount))
        return start
    }

    @inlinable
    func putEnd(_ text: Text, _ end: inout UInt32) {
        end &+= text.count
        put(end)
    }

    @inlinable
    func finish(from start: Int, digest: [UInt8]) {
        for byte in digest { put(byte) }
        finish(from: start)
    }

    /// Adds an event whose texts are pieces of `base`.
    ///
    /// - Parameters:
    ///   - header: what every event has; the counter is the caller's business.
    ///   - body: the event.
    ///   - base: the bytes that all texts of header and body are pieces of.
    ///   - isFile: whether the source is a file, so that its offset is a line.
    ///   - digest: SHA-256 of the source record's bytes (32), or empty.
    @inlinable
    public func append(
        _ header: EventHeader,
        _ body: EventBody,
        textsIn base: UnsafeRawBufferPointer,
        isFile: Bool,
        digest: [UInt8] = []
    ) {
        // Every text of an event is a piece of `base`, and a record is never longer than its fixed fields plus
        // all texts, of which each may be counted once.
        let origin = unsafe base.baseAddress ?? UnsafeRawPointer(memory)
        switch body {
        case .encounter(let value):
            unsafe append(header, value, origin, isFile: isFile, digest: digest)
        case .dispense(let value):
            unsafe append(header, value, origin, isFile: isFile, digest: digest)
        case .claim(let value):
            unsafe append(header, value, origin, isFile: isFile, digest: digest)
        case .purchase(let value):
            unsafe append(header, value, origin, isFile: isFile, digest: digest)
        case .disposition(let value):
            unsafe append(header, value, origin, isFile: isFile, digest: digest)
        case .adjustment(let value):
            unsafe append(header, value, origin, isFile: isFile, digest: digest)
        }
    }

    @inlinable
    func append(
        _ header: EventHeader,
        _ value: Encounter,
        _ base: UnsafeRawPointer,
        isFile: Bool,
        digest: [UInt8]
    ) {
        let bytes =
            Int(header.sourceName.count) + Int(header.entity.count) + Int(header.eventID.count)
            + Int(header.tokens.count)
            + Int(value.encounterID.count)
            + Int(value.siteID.count)
            + Int(value.provider.text.count)
        reserve(40 + 40 + 28 + bytes + digest.count)
        let start = begin(
            .encounter,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: 40,
            textCount: 7
        )
        put(header.occurredAt.instant.microseconds)
        put(header.occurredAt.offsetMinutes)
        put(value.start.instant.microseconds)
        put(value.start.offsetMinutes)
        put(value.end.instant.microseconds)
        put(value.end.offsetMinutes)
        put(value.provider.digits)
        put(value.classCode.rawValue)
        put(value.status.rawValue)
        var end: UInt32 = 0
        putEnd(header.sourceName, &end)
        putEnd(header.entity, &end)
        putEnd(header.eventID, &end)
        putEnd(header.tokens, &end)
        putEnd(value.encounterID, &end)
        putEnd(value.siteID, &end)
        putEnd(value.provider.text, &end)
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
        unsafe put(value.encounterID, of: base)
        unsafe put(value.siteID, of: base)
        unsafe put(value.provider.text, of: base)
        finish(from: start, digest: digest)
    }

    @inlinable
    func append(
        _ header: EventHeader,
        _ value: Dispense,
        _ base: UnsafeRawPointer,
        isFile: Bool,
        digest: [UInt8]
    ) {
        let bytes =
            Int(header.sourceName.count) + Int(header.entity.count) + Int(header.eventID.count)
            + Int(header.tokens.count)
            + Int(value.dispenseID.count)
            + Int(value.rxNumber.count)
            + Int(value.siteID.count)
            + Int(value.encounterID.count)
            + Int(value.pharmacy.text.count)
            + Int(value.prescriber.text.count)
            + Int(value.ndc.text.count)
        reserve(40 + 59 + 44 + bytes + digest.count)
        let start = begin(
            .dispense,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: 59,
            textCount: 11
        )
        put(header.occurredAt.instant.microseconds)
        put(header.occurredAt.offsetMinutes)
        put(value.fillNumber)
        put(value.pharmacy.digits)
        put(value.prescriber.digits)
        put(value.ndc.code)
        put(value.quantity.millionths)
        put(value.daysSupply)
        put(value.writtenOn.day)
        put(value.unit.rawValue)
        put(value.status.rawValue)
        put(value.setting.rawValue)
        put(value.payment.rawValue)
        put(value.dispensingStatus?.rawValue ?? noCode)
        var end: UInt32 = 0
        putEnd(header.sourceName, &end)
        putEnd(header.entity, &end)
        putEnd(header.eventID, &end)
        putEnd(header.tokens, &end)
        putEnd(value.dispenseID, &end)
        putEnd(value.rxNumber, &end)
        putEnd(value.siteID, &end)
        putEnd(value.encounterID, &end)
        putEnd(value.pharmacy.text, &end)
        putEnd(value.prescriber.text, &end)
        putEnd(value.ndc.text, &end)
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
        unsafe put(value.dispenseID, of: base)
        unsafe put(value.rxNumber, of: base)
        unsafe put(value.siteID, of: base)
        unsafe put(value.encounterID, of: base)
        unsafe put(value.pharmacy.text, of: base)
        unsafe put(value.prescriber.text, of: base)
        unsafe put(value.ndc.text, of: base)
        finish(from: start, digest: digest)
    }

    @inlinable
    func append(
        _ header: EventHeader,
        _ value: Claim,
        _ base: UnsafeRawPointer,
        isFile: Bool,
        digest: [UInt8]
    ) {
        let bytes =
            Int(header.sourceName.count) + Int(header.entity.count) + Int(header.eventID.count)
            + Int(header.tokens.count)
            + Int(value.claimID.count)
            + Int(value.rxNumber.count)
            + Int(value.bin.count)
            + Int(value.pcn.count)
            + Int(value.group.count)
            + Int(value.clarificationCodes.count)
            + Int(value.pharmacy.text.count)
            + Int(value.ndc.text.count)
        reserve(40 + 46 + 48 + bytes + digest.count)
        let start = begin(
            .claim,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: 46,
            textCount: 12
        )
        put(header.occurredAt.instant.microseconds)
        put(header.occurredAt.offsetMinutes)
        put(value.fillNumber)
        put(value.pharmacy.digits)
        put(value.ndc.code)
        put(value.quantity.millionths)
        put(value.coverageOrder)
        put(value.transaction.rawValue)
        put(value.status.rawValue)
        put(value.dispensingStatus?.rawValue ?? noCode)
        put((value.isClaimed340B ? 1 : 0) as UInt8)
        var end: UInt32 = 0
        putEnd(header.sourceName, &end)
        putEnd(header.entity, &end)
        putEnd(header.eventID, &end)
        putEnd(header.tokens, &end)
        putEnd(value.claimID, &end)
        putEnd(value.rxNumber, &end)
        putEnd(value.bin, &end)
        putEnd(value.pcn, &end)
        putEnd(value.group, &end)
        putEnd(value.clarificationCodes, &end)
        putEnd(value.pharmacy.text, &end)
        putEnd(value.ndc.text, &end)
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
        unsafe put(value.claimID, of: base)
        unsafe put(value.rxNumber, of: base)
        unsafe put(value.bin, of: base)
        unsafe put(value.pcn, of: base)
        unsafe put(value.group, of: base)
        unsafe put(value.clarificationCodes, of: base)
        unsafe put(value.pharmacy.text, of: base)
        unsafe put(value.ndc.text, of: base)
        finish(from: start, digest: digest)
    }

    @inlinable
    func append(
        _ header: EventHeader,
        _ value: Purchase,
        _ base: UnsafeRawPointer,
        isFile: Bool,
        digest: [UInt8]
    ) {
        let bytes =
            Int(header.sourceName.count) + Int(header.entity.count) + Int(header.eventID.count)
            + Int(header.tokens.count)
            + Int(value.invoiceID.count)
            + Int(value.pharmacy.text.count)
            + Int(value.ndc.text.count)
        reserve(40 + 51 + 28 + bytes + digest.count)
        let start = begin(
            .purchase,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: 51,
            textCount: 7
        )
        put(header.occurredAt.instant.microseconds)
        put(header.occurredAt.offsetMinutes)
        put(value.line)
        put(value.pharmacy.digits)
        put(value.ndc.code)
        put(value.packages)
        put(value.unitPrice.millionths)
        put(value.account.rawValue)
        var end: UInt32 = 0
        putEnd(header.sourceName, &end)
        putEnd(header.entity, &end)
        putEnd(header.eventID, &end)
        putEnd(header.tokens, &end)
        putEnd(value.invoiceID, &end)
        putEnd(value.pharmacy.text, &end)
        putEnd(value.ndc.text, &end)
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
        unsafe put(value.invoiceID, of: base)
        unsafe put(value.pharmacy.text, of: base)
        unsafe put(value.ndc.text, of: base)
        finish(from: start, digest: digest)
    }

    @inlinable
    func append(
        _ header: EventHeader,
        _ value: Disposition,
        _ base: UnsafeRawPointer,
        isFile: Bool,
        digest: [UInt8]
    ) {
        let bytes =
            Int(header.sourceName.count) + Int(header.entity.count) + Int(header.eventID.count)
            + Int(header.tokens.count)
            + Int(value.subjectID.count)
            + Int(value.actor.count)
            + Int(value.role.count)
            + Int(value.note.count)
        reserve(40 + 11 + 32 + bytes + digest.count)
        let start = begin(
            .disposition,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: 11,
            textCount: 8
        )
        put(header.occurredAt.instant.microseconds)
        put(header.occurredAt.offsetMinutes)
        put(value.decision.rawValue)
        var end: UInt32 = 0
        putEnd(header.sourceName, &end)
        putEnd(header.entity, &end)
        putEnd(header.eventID, &end)
        putEnd(header.tokens, &end)
        putEnd(value.subjectID, &end)
        putEnd(value.actor, &end)
        putEnd(value.role, &end)
        putEnd(value.note, &end)
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
        unsafe put(value.subjectID, of: base)
        unsafe put(value.actor, of: base)
        unsafe put(value.role, of: base)
        unsafe put(value.note, of: base)
        finish(from: start, digest: digest)
    }

    @inlinable
    func append(
        _ header: EventHeader,
        _ value: Adjustment,
        _ base: UnsafeRawPointer,
        isFile: Bool,
        digest: [UInt8]
    ) {
        let bytes =
            Int(header.sourceName.count) + Int(header.entity.count) + Int(header.eventID.count)
            + Int(header.tokens.count)
            + Int(value.adjustmentID.count)
            + Int(value.actor.count)
            + Int(value.approvedBy.count)
            + Int(value.note.count)
            + Int(value.pharmacy.text.count)
            + Int(value.ndc.text.count)
        reserve(40 + 44 + 40 + bytes + digest.count)
        let start = begin(
            .adjustment,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: 44,
            textCount: 10
        )
        put(header.occurredAt.instant.microseconds)
        put(header.occurredAt.offsetMinutes)
        put(value.pharmacy.digits)
        put(value.ndc.code)
        put(value.quantity.millionths)
        put(value.packagesOutstanding)
        put(value.account.rawValue)
        put(value.reason.rawValue)
        var end: UInt32 = 0
        putEnd(header.sourceName, &end)
        putEnd(header.entity, &end)
        putEnd(header.eventID, &end)
        putEnd(header.tokens, &end)
        putEnd(value.adjustmentID, &end)
        putEnd(value.actor, &end)
        putEnd(value.approvedBy, &end)
        putEnd(value.note, &end)
        putEnd(value.pharmacy.text, &end)
        putEnd(value.ndc.text, &end)
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
        unsafe put(value.adjustmentID, of: base)
        unsafe put(value.actor, of: base)
        unsafe put(value.approvedBy, of: base)
        unsafe put(value.note, of: base)
        unsafe put(value.pharmacy.text, of: base)
        unsafe put(value.ndc.text, of: base)
        finish(from: start, digest: digest)
    }
}

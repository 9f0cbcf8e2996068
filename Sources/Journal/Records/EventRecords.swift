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
    ) -> RecordCursor {
        // `reserve` made room for all that is put at the cursor.
        var record = unsafe RecordCursor(at: memory + used)
        record.put(journalFormat)
        record.put(kind.rawValue)
        record.put(((isFile ? 1 : 0) | (hasDigest ? 2 : 0)) as UInt8)
        record.put(0 as UInt8)
        record.put(0 as UInt32)
        record.put(recordedAt.microseconds)
        record.put(source.counter)
        record.put(source.offset)
        record.put(source.partition)
        record.put(UInt16(truncatingIfNeeded: 40 + fixedSize))
        record.put(UInt16(truncatingIfNeeded: textCount))
        return record
    }

    /// Makes room for an event and writes what all events begin with.
    @inlinable
    @inline(__always)
    func begin(
        _ kind: RecordKind,
        _ header: EventHeader,
        isFile: Bool,
        digest: [UInt8],
        fixedSize: Int,
        textCount: Int,
        textBytes: Int
    ) -> RecordCursor {
        reserve(40 + fixedSize + 4 * textCount + textBytes + digest.count)
        var record = begin(
            kind,
            recordedAt: header.recordedAt,
            source: header.source,
            isFile: isFile,
            hasDigest: !digest.isEmpty,
            fixedSize: fixedSize,
            textCount: textCount
        )
        record.put(header.occurredAt)
        return record
    }

    @inlinable
    func finish(_ record: RecordCursor, digest: [UInt8]) {
        var record = record
        for byte in digest { record.put(byte) }
        finish(record)
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
            header.textBytes + Int(value.encounterID.count)
            + Int(value.siteID.count)
            + Int(value.provider.text.count)
        var record = begin(
            .encounter,
            header,
            isFile: isFile,
            digest: digest,
            fixedSize: 40,
            textCount: 7,
            textBytes: bytes
        )
        record.put(value.start)
        record.put(value.end)
        record.put(value.provider.digits)
        record.put(value.classCode.rawValue)
        record.put(value.status.rawValue)
        record.putEnds(header)
        record.putEnd(value.encounterID)
        record.putEnd(value.siteID)
        record.putEnd(value.provider.text)
        unsafe record.putTexts(header, of: base)
        unsafe record.put(value.encounterID, of: base)
        unsafe record.put(value.siteID, of: base)
        unsafe record.put(value.provider.text, of: base)
        finish(record, digest: digest)
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
            header.textBytes + Int(value.dispenseID.count)
            + Int(value.rxNumber.count)
            + Int(value.siteID.count)
            + Int(value.encounterID.count)
            + Int(value.pharmacy.text.count)
            + Int(value.prescriber.text.count)
            + Int(value.ndc.text.count)
        var record = begin(
            .dispense,
            header,
            isFile: isFile,
            digest: digest,
            fixedSize: 59,
            textCount: 11,
            textBytes: bytes
        )
        record.put(value.fillNumber)
        record.put(value.pharmacy.digits)
        record.put(value.prescriber.digits)
        record.put(value.ndc.code)
        record.put(value.quantity.millionths)
        record.put(value.daysSupply)
        record.put(value.writtenOn.day)
        record.put(value.unit.rawValue)
        record.put(value.status.rawValue)
        record.put(value.setting.rawValue)
        record.put(value.payment.rawValue)
        record.put(value.dispensingStatus?.rawValue ?? noCode)
        record.putEnds(header)
        record.putEnd(value.dispenseID)
        record.putEnd(value.rxNumber)
        record.putEnd(value.siteID)
        record.putEnd(value.encounterID)
        record.putEnd(value.pharmacy.text)
        record.putEnd(value.prescriber.text)
        record.putEnd(value.ndc.text)
        unsafe record.putTexts(header, of: base)
        unsafe record.put(value.dispenseID, of: base)
        unsafe record.put(value.rxNumber, of: base)
        unsafe record.put(value.siteID, of: base)
        unsafe record.put(value.encounterID, of: base)
        unsafe record.put(value.pharmacy.text, of: base)
        unsafe record.put(value.prescriber.text, of: base)
        unsafe record.put(value.ndc.text, of: base)
        finish(record, digest: digest)
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
            header.textBytes + Int(value.claimID.count)
            + Int(value.rxNumber.count)
            + Int(value.bin.count)
            + Int(value.pcn.count)
            + Int(value.group.count)
            + Int(value.clarificationCodes.count)
            + Int(value.pharmacy.text.count)
            + Int(value.ndc.text.count)
        var record = begin(
            .claim,
            header,
            isFile: isFile,
            digest: digest,
            fixedSize: 46,
            textCount: 12,
            textBytes: bytes
        )
        record.put(value.fillNumber)
        record.put(value.pharmacy.digits)
        record.put(value.ndc.code)
        record.put(value.quantity.millionths)
        record.put(value.coverageOrder)
        record.put(value.transaction.rawValue)
        record.put(value.status.rawValue)
        record.put(value.dispensingStatus?.rawValue ?? noCode)
        record.put((value.isClaimed340B ? 1 : 0) as UInt8)
        record.putEnds(header)
        record.putEnd(value.claimID)
        record.putEnd(value.rxNumber)
        record.putEnd(value.bin)
        record.putEnd(value.pcn)
        record.putEnd(value.group)
        record.putEnd(value.clarificationCodes)
        record.putEnd(value.pharmacy.text)
        record.putEnd(value.ndc.text)
        unsafe record.putTexts(header, of: base)
        unsafe record.put(value.claimID, of: base)
        unsafe record.put(value.rxNumber, of: base)
        unsafe record.put(value.bin, of: base)
        unsafe record.put(value.pcn, of: base)
        unsafe record.put(value.group, of: base)
        unsafe record.put(value.clarificationCodes, of: base)
        unsafe record.put(value.pharmacy.text, of: base)
        unsafe record.put(value.ndc.text, of: base)
        finish(record, digest: digest)
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
            header.textBytes + Int(value.invoiceID.count)
            + Int(value.pharmacy.text.count)
            + Int(value.ndc.text.count)
        var record = begin(
            .purchase,
            header,
            isFile: isFile,
            digest: digest,
            fixedSize: 51,
            textCount: 7,
            textBytes: bytes
        )
        record.put(value.line)
        record.put(value.pharmacy.digits)
        record.put(value.ndc.code)
        record.put(value.packages)
        record.put(value.unitPrice.millionths)
        record.put(value.account.rawValue)
        record.putEnds(header)
        record.putEnd(value.invoiceID)
        record.putEnd(value.pharmacy.text)
        record.putEnd(value.ndc.text)
        unsafe record.putTexts(header, of: base)
        unsafe record.put(value.invoiceID, of: base)
        unsafe record.put(value.pharmacy.text, of: base)
        unsafe record.put(value.ndc.text, of: base)
        finish(record, digest: digest)
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
            header.textBytes + Int(value.subjectID.count)
            + Int(value.actor.count)
            + Int(value.role.count)
            + Int(value.note.count)
        var record = begin(
            .disposition,
            header,
            isFile: isFile,
            digest: digest,
            fixedSize: 11,
            textCount: 8,
            textBytes: bytes
        )
        record.put(value.decision.rawValue)
        record.putEnds(header)
        record.putEnd(value.subjectID)
        record.putEnd(value.actor)
        record.putEnd(value.role)
        record.putEnd(value.note)
        unsafe record.putTexts(header, of: base)
        unsafe record.put(value.subjectID, of: base)
        unsafe record.put(value.actor, of: base)
        unsafe record.put(value.role, of: base)
        unsafe record.put(value.note, of: base)
        finish(record, digest: digest)
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
            header.textBytes + Int(value.adjustmentID.count)
            + Int(value.actor.count)
            + Int(value.approvedBy.count)
            + Int(value.note.count)
            + Int(value.pharmacy.text.count)
            + Int(value.ndc.text.count)
        var record = begin(
            .adjustment,
            header,
            isFile: isFile,
            digest: digest,
            fixedSize: 44,
            textCount: 10,
            textBytes: bytes
        )
        record.put(value.pharmacy.digits)
        record.put(value.ndc.code)
        record.put(value.quantity.millionths)
        record.put(value.packagesOutstanding)
        record.put(value.account.rawValue)
        record.put(value.reason.rawValue)
        record.putEnds(header)
        record.putEnd(value.adjustmentID)
        record.putEnd(value.actor)
        record.putEnd(value.approvedBy)
        record.putEnd(value.note)
        record.putEnd(value.pharmacy.text)
        record.putEnd(value.ndc.text)
        unsafe record.putTexts(header, of: base)
        unsafe record.put(value.adjustmentID, of: base)
        unsafe record.put(value.actor, of: base)
        unsafe record.put(value.approvedBy, of: base)
        unsafe record.put(value.note, of: base)
        unsafe record.put(value.pharmacy.text, of: base)
        unsafe record.put(value.ndc.text, of: base)
        finish(record, digest: digest)
    }
}

extension EventHeader {
    /// Bytes of the texts that all events have.
    @inlinable
    var textBytes: Int {
        Int(sourceName.count) + Int(entity.count) + Int(eventID.count) + Int(tokens.count)
    }
}

extension RecordCursor {
    /// Writes where the texts that all events have end.
    @inlinable
    @inline(__always)
    mutating func putEnds(_ header: EventHeader) {
        putEnd(header.sourceName)
        putEnd(header.entity)
        putEnd(header.eventID)
        putEnd(header.tokens)
    }

    /// Writes the texts that all events have.
    @unsafe
    @inlinable
    @inline(__always)
    mutating func putTexts(_ header: EventHeader, of base: UnsafeRawPointer) {
        unsafe put(header.sourceName, of: base)
        unsafe put(header.entity, of: base)
        unsafe put(header.eventID, of: base)
        unsafe put(header.tokens, of: base)
    }

    /// Writes a moment and its offset from UTC.
    @inlinable
    @inline(__always)
    mutating func put(_ time: Timestamp) {
        put(time.instant.microseconds)
        put(time.offsetMinutes)
    }
}

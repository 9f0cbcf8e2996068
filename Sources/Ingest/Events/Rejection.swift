/// Why a source record goes to the dead letters instead of the journal.
public struct Rejection: Error, Hashable, Sendable {
    /// The kinds of trouble, by the name they have in `error.code`.
    public enum Code: String, CaseIterable, Sendable {
        /// Not JSON by RFC 8259: grammar, UTF-8, surrogates.
        case notJSON = "not_json"
        /// JSON, but no object.
        case notAnObject = "not_an_object"
        /// A key twice in one object, at any level.
        case duplicateKey = "duplicate_key"
        /// Arrays and objects nested deeper than 32, the record itself counted.
        case tooDeep = "too_deep"
        /// More than 1 MiB.
        case tooLarge = "too_large"
        /// `event_type` is none of the contract's.
        case unknownEventType = "unknown_event_type"
        /// A required field is absent or null.
        case missingField = "missing_field"
        /// A field has the wrong type or a value that the contract does not allow.
        case invalidField = "invalid_field"
        /// Recorded more than `horizon_days` after it happened (SEMANTICS 35).
        case beyondHorizon = "beyond_horizon"
    }

    /// The kind of trouble.
    public var code: Code
    /// The field that is in the way; empty where it is the record as a whole.
    public var field: String
    /// What could not be done and why, for a person. Never a value of the record: it may be about a patient.
    public var message: String
    /// What to do about it.
    public var hint: String
    /// The record's covered entity, where it could be read.
    public var coveredEntityID: String?

    /// A rejection with all its parts.
    public init(
        code: Code,
        field: String,
        message: String,
        hint: String,
        coveredEntityID: String? = nil
    ) {
        self.code = code
        self.field = field
        self.message = message
        self.hint = hint
        self.coveredEntityID = coveredEntityID
    }
}

/// What is wrong, as the decoder's inner functions say it: no memory, no text.
struct Fault: Error, BitwiseCopyable {
    enum Reason: UInt8 {
        // Grammar.
        case empty, byteOrderMark, unexpectedByte, unfinished, trailingBytes, badNumber, badLiteral
        case controlCharacter, badUTF8, badEscape, loneSurrogate, keyExpected, colonExpected
        case commaExpected
        case notAnObject, tooDeep, duplicateKnown, duplicateUnknown, tooLarge
        // Fields.
        case unknownType, missing, notAString, notANumber, notAnInteger, notABoolean
        case notAnArrayOfStrings, emptyText
        case tooLong, badEntity, notInList, integerOutOfRange, negative, belowOne, zero
        case notATimestamp, noOffset, impossibleTime, notADate, notADecimal, decimalOutOfRange
        case notPositive
        case beyondHorizon
    }
    var reason: Reason
    /// The field in the way, or 0xFF.
    var field: UInt8
    /// Place in the scratch where it shows; of an unknown duplicate key the key's first byte.
    var place: Int32
    /// Bytes of an unknown duplicate key.
    var count: Int32

    @inline(__always)
    init(_ reason: Reason, at place: Int, count: Int = 0) {
        self.reason = reason
        self.field = 0xFF
        self.place = Int32(truncatingIfNeeded: place)
        self.count = Int32(truncatingIfNeeded: count)
    }

    @inline(__always)
    init(_ reason: Reason, _ field: Field) {
        self.reason = reason
        self.field = field.rawValue
        self.place = 0
        self.count = 0
    }
}

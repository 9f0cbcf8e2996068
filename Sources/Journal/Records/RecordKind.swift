/// What a journal record is. The code is its second byte.
@frozen
public enum RecordKind: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// The first record: partition count, format, horizon, how monitor time is made.
    case genesis = 1
    /// A source partition is known from here on, with the first offset copied from it.
    case sourceRegistered = 2
    /// Progress of source partitions: the only thing that moves monitor time on Kafka.
    case tick = 3
    /// One row of a reference table, put or withdrawn; takes effect at the next `referenceComplete`.
    case referenceRow = 4
    /// A publication of reference rows ends: they take effect here, all together.
    case referenceComplete = 5
    /// A version of the policy.
    case policy = 6
    /// A source partition is gone for good and no longer holds monitor time.
    case sourceRetired = 7
    case encounter = 16
    case dispense = 17
    case claim = 18
    case purchase = 19
    case disposition = 20
    case adjustment = 21
}

/// The version of the journal's bytes that this program writes, the first byte of every record.
public let journalFormat: UInt8 = 1

/// Where a journal record was copied from.
@frozen
public struct RecordSource: BitwiseCopyable, Hashable, Sendable {
    /// Source partition; -1 for a file.
    public var partition: Int32
    /// Offset in the source partition; for a file the line, from 1.
    public var offset: Int64
    /// How many records this source partition has given to this journal partition before: gapless from 0.
    public var counter: UInt64

    /// A place in a source.
    public init(partition: Int32, offset: Int64, counter: UInt64) {
        self.partition = partition
        self.offset = offset
        self.counter = counter
    }
}

/// A piece of some bytes: where it starts and how long it is. Which bytes is said beside it.
@frozen
public struct Text: BitwiseCopyable, Sendable {
    /// First byte.
    public var offset: UInt32
    /// Number of bytes.
    public var count: UInt32

    /// A piece from `offset` of `count` bytes.
    @inlinable
    public init(offset: Int, count: Int) {
        self.offset = UInt32(truncatingIfNeeded: offset)
        self.count = UInt32(truncatingIfNeeded: count)
    }

    /// No text.
    @inlinable
    public static var empty: Text { Text(offset: 0, count: 0) }

    @inlinable
    public var isEmpty: Bool { count == 0 }
    /// Both ends, for slicing.
    @inlinable
    public var range: Range<Int> { Int(offset)..<Int(offset) + Int(count) }
}

/// An NPI: ten digits as a number, or whatever else the source wrote as text.
///
/// A wrong NPI is a fact for the rules, not a fault of the record, so any text must pass.
@frozen
public struct Npi: BitwiseCopyable, Sendable {
    /// The ten digits as a number; ``other`` where it is not ten digits.
    public var digits: UInt64
    /// The text where it is not ten digits; else empty.
    public var text: Text

    /// An NPI of ten digits.
    @inlinable
    public init(digits: UInt64) {
        self.digits = digits
        self.text = .empty
    }
    /// Something that is no NPI.
    @inlinable
    public init(text: Text) {
        self.digits = Npi.other
        self.text = text
    }
    /// Larger than any ten digits.
    public static let other = UInt64.max
}

/// A product code: the digits of a normalised NDC with their number, or whatever else the source wrote.
///
/// The number of digits is kept beside the value, since NDCs of twelve digits (6-4-2) take effect in 2033.
@frozen
public struct Ndc: BitwiseCopyable, Sendable {
    /// Number of digits in the top byte, value below; ``other`` where it can't be normalised.
    public var code: UInt64
    /// The text where it can't be normalised; else empty.
    public var text: Text

    /// A normalised code of `digitCount` digits.
    @inlinable
    public init(value: UInt64, digitCount: Int) {
        code = UInt64(digitCount) << 56 | value
        text = .empty
    }
    /// A code that can't be normalised.
    @inlinable
    public init(text: Text) {
        code = Ndc.other
        self.text = text
    }
    /// No normalised code.
    public static let other = UInt64.max
    /// Whether the source's text could be normalised.
    @inlinable
    public var isNormalised: Bool { code != Ndc.other }
}

/// An exact decimal in billing units, packages' sizes or dollars: millionths in a 64-bit integer.
///
/// The contract allows twelve digits before the point and six after it: 10^18, which fits with room for eight
/// additions. Balances, which add without end, are ``Balance``. Never floating point.
@frozen
public struct Quantity: BitwiseCopyable, Hashable, Comparable, Sendable {
    /// Millionths of a unit.
    public var millionths: Int64

    /// A quantity from millionths.
    @inlinable
    public init(millionths: Int64) { self.millionths = millionths }

    /// Nothing.
    public static let zero = Quantity(millionths: 0)
    /// "The record gives none."
    public static let absent = Quantity(millionths: .min)

    @inlinable
    public static func < (left: Quantity, right: Quantity) -> Bool {
        left.millionths < right.millionths
    }

    /// The sum, held at the largest number there is: parts of one fill that add up to more than nine trillion units
    /// are no quantity, but must not stop the stream either.
    @inlinable
    public func adding(_ other: Quantity) -> Quantity {
        let (sum, overflow) = millionths.addingReportingOverflow(other.millionths)
        return Quantity(millionths: overflow ? .max : sum)
    }

    /// Why a text is no decimal of the contract.
    public enum Fault: Error, Sendable {
        /// Something else than digits with at most one point between them.
        case notADecimal
        /// More than twelve digits before the point, or six after it, trailing zeros aside.
        case outOfRange
    }

    /// The number that `text` writes: digits with an optional point and digits; with `signed`, a leading `+` or `-`.
    public init(_ text: some Collection<UInt8>, signed: Bool = false) throws(Fault) {
        var rest = text[...]
        var negative = false
        if signed, let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        {
            negative = first == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        var whole: Int64 = 0
        var fraction: Int64 = 0
        var places = 0
        var significant = 0
        var hasPoint = false
        var hasDigit = false
        var tooLong = false
        for byte in rest {
            if byte == UInt8(ascii: ".") {
                guard !hasPoint, hasDigit else { throw .notADecimal }
                hasPoint = true
                hasDigit = false
                continue
            }
            guard byte >= 48, byte <= 57 else { throw .notADecimal }
            hasDigit = true
            let digit = Int64(byte - 48)
            if hasPoint {
                places += 1
                if places <= 6 {
                    fraction = fraction * 10 + digit
                } else if digit != 0 {
                    tooLong = true
                }
            } else {
                if significant > 0 || digit != 0 { significant += 1 }
                if significant > 12 { tooLong = true } else { whole = whole * 10 + digit }
            }
        }
        guard hasDigit else { throw .notADecimal }
        guard !tooLong else { throw .outOfRange }
        while places < 6 {
            fraction *= 10
            places += 1
        }
        let value = whole * 1_000_000 + fraction
        millionths = negative ? -value : value
    }

    /// Without exponent or trailing zeros: `-0.5`, `30`.
    public var text: String { Balance(millionths: Int128(millionths)).text }
}

/// A sum of quantities: millionths in 128 bits, so that no number of additions overflows.
@frozen
public struct Balance: BitwiseCopyable, Hashable, Comparable, Sendable {
    /// Millionths of a unit.
    public var millionths: Int128

    /// A balance from millionths.
    @inlinable
    public init(millionths: Int128) { self.millionths = millionths }

    /// The balance that holds one quantity.
    @inlinable
    public init(_ quantity: Quantity) { self.millionths = Int128(quantity.millionths) }

    /// Nothing.
    public static let zero = Balance(millionths: 0)

    @inlinable
    public static func < (left: Balance, right: Balance) -> Bool {
        left.millionths < right.millionths
    }
    /// The sum.
    @inlinable
    public static func + (left: Balance, right: Balance) -> Balance {
        Balance(millionths: left.millionths &+ right.millionths)
    }
    /// The difference.
    @inlinable
    public static func - (left: Balance, right: Balance) -> Balance {
        Balance(millionths: left.millionths &- right.millionths)
    }
    /// The negative.
    @inlinable
    public static prefix func - (value: Balance) -> Balance {
        Balance(millionths: 0 &- value.millionths)
    }
    /// So many packages of `size` each.
    @inlinable
    public static func packages(_ count: Int64, of size: Quantity) -> Balance {
        Balance(millionths: Int128(count) &* Int128(size.millionths))
    }

    /// Without exponent or trailing zeros: `-0.5`, `30`.
    public var text: String {
        let magnitude = millionths.magnitude
        var result = String(magnitude / 1_000_000)
        var fraction = UInt64(magnitude % 1_000_000)
        if fraction > 0 {
            var places = 6
            while fraction % 10 == 0 {
                fraction /= 10
                places -= 1
            }
            let digits = String(fraction)
            result += "." + String(repeating: "0", count: places - digits.count) + digits
        }
        return millionths < 0 ? "-" + result : result
    }
}

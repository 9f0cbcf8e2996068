/// Why bytes are no state that this version can take up.
public struct StateFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// As a fragment that reads after "could not restore the state: ".
    public let description: String

    /// A fault that reads after "could not restore the state: ".
    public init(_ description: String) { self.description = description }
}

/// One pass over everything that a machine remembers.
///
/// Each table lists its memory once, in `visit(_:)`, and the pass says what happens to it: measured, written away, read
/// back, or hashed. What is listed is what can be restored, so nothing can be written that is not read, or the other way
/// round.
///
///     measuring   8 + 88·n + …           how large an image will be
///     writing     memory ─▶ image        a copy: the pause that a snapshot costs
///     reading     source ─▶ memory
///     proving     memory ─▶ 64 bits      all small values, and one of 64 stripes of each large table
///
/// Equal journals give equal bytes, whatever the batches they were folded in: rows have no gaps between their fields, and
/// dictionaries are listed in the order of their keys.
@safe
struct StateArchive: ~Copyable {
    enum Pass {
        case measuring, writing, reading, proving
    }
    let pass: Pass
    /// Bytes so far.
    private(set) var byteCount = 0
    /// The first thing that was wrong; from then on nothing is read.
    private(set) var fault: StateFault?
    /// While proving: the hash so far.
    private(set) var proof: UInt64 = Hash.first
    private var stripe = 0
    private var target: UnsafeMutableRawBufferPointer
    private let source: ((UnsafeMutableRawBufferPointer) throws(StateFault) -> Void)?

    static var stripes: Int { 64 }

    /// A pass that only counts.
    init() {
        pass = .measuring
        unsafe source = nil
        unsafe target = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// A pass that writes into memory which is large enough.
    init(writingTo target: UnsafeMutableRawBufferPointer) {
        pass = .writing
        unsafe source = nil
        unsafe self.target = target
    }

    /// A pass that reads.
    init(_ source: @escaping (UnsafeMutableRawBufferPointer) throws(StateFault) -> Void) {
        pass = .reading
        unsafe self.source = source
        unsafe target = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// A pass that hashes one stripe.
    init(proving stripe: Int) {
        pass = .proving
        unsafe source = nil
        unsafe target = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        self.stripe = stripe
    }

    var isReading: Bool { pass == .reading }

    /// Notes that what was read can't be.
    mutating func fail(_ text: String) {
        if fault == nil { fault = StateFault(text) }
    }

    /// Memory that is there, at its full length.
    ///
    /// - Parameters:
    ///   - base: where it begins.
    ///   - count: bytes, as the table itself knows them or has just read them.
    mutating func memory(_ base: UnsafeMutableRawPointer, _ count: Int) {
        guard fault == nil, count > 0 else { return }
        switch pass {
        case .measuring: break
        case .writing:
            let room = unsafe target.count
            precondition(byteCount + count <= room, "an image is as large as it was measured")
            guard let start = unsafe target.baseAddress else { return }
            // Inside the target, by the check above.
            unsafe (start + byteCount).copyMemory(from: base, byteCount: count)
        case .reading:
            do throws(StateFault) {
                // The table has made room for so many bytes.
                try unsafe source?(UnsafeMutableRawBufferPointer(start: base, count: count))
            } catch {
                fault = error
            }
        case .proving:
            var (start, end) = (0, count)
            if count > 1 << 16 {
                let width = count / Self.stripes
                start = width * stripe
                end = stripe == Self.stripes - 1 ? count : start + width
            }
            // Inside the table's own memory.
            proof = unsafe Hash.bytes(
                UnsafeRawBufferPointer(start: base + start, count: end - start),
                seed: proof ^ UInt64(count)
            )
        }
        byteCount += count
    }

    /// A number, a moment or a flag: a value without gaps.
    mutating func value<Value: BitwiseCopyable>(_ value: inout Value) {
        unsafe withUnsafeMutableBytes(of: &value) { bytes in
            if let base = bytes.baseAddress { unsafe memory(base, bytes.count) }
        }
    }

    /// A number that is only written, and while reading the one that stands there.
    mutating func number(_ number: Int) -> Int {
        var value = Int64(number)
        self.value(&value)
        return fault == nil ? Int(value) : 0
    }

    /// A count of things of some bytes each.
    ///
    /// - Returns: the count, while reading the one that stands there; 0 where it can't be true.
    mutating func count(_ count: Int, of stride: Int) -> Int {
        let found = number(count)
        let room = Region.reserved / 2 / max(1, stride)
        guard found >= 0, found <= room else {
            fail("it counts \(found) rows where there is room for \(room)")
            return 0
        }
        return found
    }

    /// Values in an array, without gaps.
    mutating func array<Value: BitwiseCopyable>(_ values: inout [Value], filler: Value) {
        let count = count(values.count, of: MemoryLayout<Value>.stride)
        if isReading { values = Array(repeating: filler, count: count) }
        unsafe values.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { unsafe memory(base, bytes.count) }
        }
    }

    /// Bytes.
    mutating func bytes(_ bytes: inout [UInt8]) { array(&bytes, filler: 0) }

    /// A text.
    mutating func text(_ text: inout String) {
        var bytes = Array(text.utf8)
        self.bytes(&bytes)
        if isReading { text = String(decoding: bytes, as: UTF8.self) }
    }

    /// Things in an array that list their own parts.
    mutating func list<Value>(
        _ values: inout [Value],
        filler: @autoclosure () -> Value,
        _ visit: (inout Value, inout StateArchive) -> Void
    ) {
        let count = count(values.count, of: 1)
        if isReading { values = [] }
        for place in 0..<count {
            if fault != nil { return }
            if isReading { values.append(filler()) }
            visit(&values[place], &self)
        }
    }

    /// A dictionary, in the order of its keys.
    mutating func dictionary<Value>(
        _ values: inout [UInt32: Value],
        filler: @autoclosure () -> Value,
        _ visit: (inout Value, inout StateArchive) -> Void
    ) {
        let count = count(values.count, of: 1)
        let keys = values.keys.sorted()
        if isReading { values = [:] }
        for place in 0..<count {
            if fault != nil { return }
            var key = isReading ? 0 : keys[place]
            value(&key)
            visit(&values[key, default: filler()], &self)
        }
    }
}

/// The last field of a decision that carries a proof of the state: `…,"state_hash":"3:0123456789abcdef"}`.
///
/// A hash is of the state as one version of the program lays it out; the number before the colon says which. Versions
/// before the third wrote the sixteen digits alone. Another layout makes another hash and changes no decision.
@safe
struct StateHashField {
    /// The decision up to the value.
    let rest: UnsafeRawBufferPointer
    /// What stands before the colon; empty where there is none.
    let layout: UnsafeRawBufferPointer

    /// Of a decision as it is published; nil where it carries no hash.
    @unsafe
    init?(of decision: UnsafeRawBufferPointer) {
        // `null}`, or `"}` and a value of a few digits before it.
        guard decision.count > 40, unsafe decision[decision.count - 2] == UInt8(ascii: "\"") else {
            return nil
        }
        let end = decision.count - 2
        let tail = unsafe decision[end - 38..<end]
        guard let start = unsafe tail.lastIndex(of: UInt8(ascii: "\"")) else { return nil }
        let value = unsafe decision[start + 1..<end]
        let colon = unsafe value.firstIndex(of: UInt8(ascii: ":")) ?? value.startIndex
        unsafe rest = UnsafeRawBufferPointer(rebasing: decision[..<start])
        unsafe layout = UnsafeRawBufferPointer(rebasing: value[..<colon])
    }

    /// Whether two records are the same but for hashes of two layouts.
    @unsafe
    static func isOnlyDifference(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        guard let left = unsafe StateHashField(of: left),
            let right = unsafe StateHashField(of: right)
        else { return false }
        return unsafe !left.layout.elementsEqual(right.layout)
            && left.rest.elementsEqual(right.rest)
    }
}

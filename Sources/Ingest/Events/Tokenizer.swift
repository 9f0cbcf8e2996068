public import Journal

/// Turns a patient's identifier into the tokens that a record carries: one per key, the first key's first.
///
/// Several keys are held while one is replaced by another. A token takes about 150 ns with the processor's SHA
/// instructions, about what a miss in a table of known patients would cost: there is none.
public struct Tokenizer: Sendable {
    private let keys: [PatientTokenKey]
    private let names: [[UInt8]]
    /// Bytes of all tokens of one patient.
    public let byteCount: Int

    /// A tokenizer with one or more keys; the first is the one that outputs show.
    public init(_ primary: PatientTokenKey, others: [PatientTokenKey] = []) {
        keys = [primary] + others
        names = keys.map { Array($0.keyID.utf8) }
        byteCount = names.reduce(0) { $0 + PatientToken.size(keyIDCount: $1.count) }
    }

    /// Writes ``byteCount`` bytes to `out`.
    @unsafe
    func write(
        entity: UnsafeRawBufferPointer,
        patient: UnsafeRawBufferPointer,
        to out: UnsafeMutableRawPointer
    ) {
        var place = unsafe out
        for index in keys.indices {
            let name = names[index]
            unsafe place.storeBytes(of: UInt8(truncatingIfNeeded: name.count), as: UInt8.self)
            for offset in name.indices {
                unsafe place.storeBytes(of: name[offset], toByteOffset: 1 + offset, as: UInt8.self)
            }
            unsafe place += 1 + name.count
            unsafe keys[index].token(entity: entity, patient: patient, into: place)
            unsafe place += 16
        }
    }
}

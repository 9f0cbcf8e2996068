public import Journal

/// Turns a patient's identifier into the tokens that a record carries: one per key, the first key's first.
///
/// Several keys are held while one is replaced by another. A token takes about 150 ns with the processor's SHA
/// instructions, about what a miss in a table of known patients would cost: there is none.
public struct Tokenizer: Sendable {
    private let keys: [PatientTokenKey]
    /// All tokens of one patient, with zeros where the hashes come.
    private let blanks: [UInt8]
    /// Bytes of all tokens of one patient.
    public let byteCount: Int

    /// A tokenizer with one or more keys.
    ///
    /// - Parameters:
    ///   - primary: the key that outputs show.
    ///   - others: keys beside it, while one replaces another.
    public init(_ primary: PatientTokenKey, others: [PatientTokenKey] = []) {
        keys = [primary] + others
        blanks = keys.flatMap { key in
            [UInt8(truncatingIfNeeded: key.keyID.utf8.count)] + Array(key.keyID.utf8)
                + [UInt8](repeating: 0, count: 16)
        }
        byteCount = blanks.count
    }

    /// Writes ``byteCount`` bytes to `out`.
    @unsafe
    func write(
        entity: UnsafeRawBufferPointer,
        patient: UnsafeRawBufferPointer,
        to out: UnsafeMutableRawPointer
    ) {
        unsafe blanks.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress {
                unsafe out.copyMemory(from: base, byteCount: bytes.count)
            }
        }
        var place = unsafe out
        for index in keys.indices {
            // A blank begins with how many bytes the key's name has.
            let name = unsafe Int(place.load(as: UInt8.self))
            unsafe keys[index].token(entity: entity, patient: patient, into: place + 1 + name)
            unsafe place += PatientToken.size(keyIDCount: name)
        }
    }
}

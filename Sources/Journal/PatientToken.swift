internal import COpenSSL

/// A secret key that turns patient identifiers into tokens, with the name that the tokens carry.
///
/// A token is HMAC-SHA-256(key, entity ‖ 0x1F ‖ patient_id), its first 16 bytes (OUTPUTS). It is pseudonymised, not
/// de-identified, information (45 CFR 164.514(c)).
public struct PatientTokenKey: Sendable, CustomStringConvertible {
    /// `k1`, `k2`, …, or `test` for the published key: 1 to 16 bytes of `a-z0-9`.
    public let keyID: String
    /// SHA-256 states that have already taken the key's inner and outer block: per identifier two compressions are
    /// left of four, and EVP's set-up, dearer than the hash, is never paid.
    private let inner: State
    private let outer: State

    private struct State: @unchecked Sendable {
        // A plain C struct of integers, only ever copied.
        var context = SHA256_CTX()
    }

    /// A key of at least 32 bytes.
    ///
    /// - Returns: nil where the name or the key is unfit.
    public init?(keyID: String, key: [UInt8]) {
        let name = Array(keyID.utf8)
        guard (1...16).contains(name.count), key.count >= 32,
            name.allSatisfy({ (48...57).contains($0) || (97...122).contains($0) })
        else { return nil }
        self.keyID = keyID
        // FIPS 198-1: keys longer than a block are hashed first.
        var block = key.count > 64 ? SHA256.hash(key) : key
        block += [UInt8](repeating: 0, count: 64 - block.count)
        func state(_ pad: UInt8) -> State {
            var state = State()
            let bytes = block.map { $0 ^ pad }
            unsafe SHA256_Init(&state.context)
            // 64 bytes, as long as the array.
            unsafe SHA256_Update(&state.context, bytes, 64)
            return state
        }
        inner = state(0x36)
        outer = state(0x5C)
    }

    /// The published key of demonstrations and tests: tokens made with it protect nobody.
    public static let published: PatientTokenKey = {
        let bytes = Array("diversion-monitor published test key, protects nobody".utf8)
        guard let key = PatientTokenKey(keyID: "test", key: bytes) else {
            preconditionFailure("the published key is a valid key")
        }
        return key
    }()

    /// The first 16 bytes of the HMAC over `entity`, 0x1F and `patient`, written to `out` (16 bytes).
    public func token(
        entity: UnsafeRawBufferPointer,
        patient: UnsafeRawBufferPointer,
        into out: UnsafeMutableRawPointer
    ) {
        var context = inner.context
        var separator: UInt8 = 0x1F
        var digest: [32 of UInt8] = .init(repeating: 0)
        unsafe SHA256_Update(&context, entity.baseAddress, entity.count)
        unsafe SHA256_Update(&context, &separator, 1)
        unsafe SHA256_Update(&context, patient.baseAddress, patient.count)
        unsafe withUnsafeMutableBytes(of: &digest) { raw in
            // The digest's 32 bytes are written and read within this closure.
            unsafe SHA256_Final(raw.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
            var second = outer.context
            unsafe SHA256_Update(&second, raw.baseAddress, 32)
            unsafe SHA256_Final(raw.baseAddress?.assumingMemoryBound(to: UInt8.self), &second)
            if let base = raw.baseAddress { unsafe out.copyMemory(from: base, byteCount: 16) }
        }
    }

    /// Never the key.
    public var description: String { "key \(keyID)" }
}

/// How tokens lie in a record: for each, one byte with the length of the key's name, the name, 16 bytes.
public enum PatientToken {
    /// Bytes of one token whose key has a name of `keyIDCount` bytes.
    @inlinable
    public static func size(keyIDCount: Int) -> Int { 1 + keyIDCount + 16 }
}

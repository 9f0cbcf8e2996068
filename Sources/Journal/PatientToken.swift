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

    /// The eight words that SHA-256 carries from block to block.
    private typealias State = SIMD8<UInt32>

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
            var context = SHA256_CTX()
            let bytes = block.map { $0 ^ pad }
            unsafe SHA256_Init(&context)
            // 64 bytes, as long as the array.
            unsafe SHA256_Transform(&context, bytes)
            // Eight words of 32 bits either way.
            return unsafe unsafeBitCast(context.h, to: State.self)
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

    /// The first 16 bytes of the HMAC over `entity`, 0x1F and `patient`, written to `out`.
    ///
    /// The blocks are laid out here and compressed one by one. `SHA256_Update` and `SHA256_Final`, six calls, took
    /// about 700 instructions a token beside the two compressions; this takes 150.
    ///
    /// - Parameters:
    ///   - entity: the covered entity's identifier.
    ///   - patient: the patient's identifier, as the entity writes it.
    ///   - out: has room for 16 bytes.
    public func token(
        entity: UnsafeRawBufferPointer,
        patient: UnsafeRawBufferPointer,
        into out: UnsafeMutableRawPointer
    ) {
        let count = entity.count + 1 + patient.count
        var context = SHA256_CTX()
        // A state is as large as the context's eight words.
        unsafe context.h = unsafeBitCast(inner, to: type(of: context.h))
        var memory: [8 of UInt64] = .init(repeating: 0)
        unsafe withUnsafeMutableBytes(of: &memory) { block in
            // Both pieces and the byte between them end before the block's last nine bytes, or go to memory of their
            // own.
            if count <= 55 {
                unsafe PatientTokenKey.lay(entity, patient, in: block)
                unsafe PatientTokenKey.end(block, messageCount: count)
                unsafe SHA256_Transform(&context, block.baseAddress)
            } else {
                unsafe PatientTokenKey.compress(entity, patient, into: &context)
            }
            // The outer message is the inner hash.
            unsafe PatientTokenKey.put(context, in: block)
            unsafe UnsafeMutableRawBufferPointer(rebasing: block[32...]).initializeMemory(
                as: UInt64.self,
                repeating: 0
            )
            unsafe PatientTokenKey.end(block, messageCount: 32)
            unsafe context.h = unsafeBitCast(outer, to: type(of: context.h))
            unsafe SHA256_Transform(&context, block.baseAddress)
            unsafe PatientTokenKey.put(context, in: block)
            if let base = block.baseAddress { unsafe out.copyMemory(from: base, byteCount: 16) }
        }
    }

    /// Puts the message at the beginning of `block`, which is large enough.
    @inline(__always)
    private static func lay(
        _ entity: UnsafeRawBufferPointer,
        _ patient: UnsafeRawBufferPointer,
        in block: UnsafeMutableRawBufferPointer
    ) {
        guard let base = block.baseAddress else { return }
        if let bytes = entity.baseAddress {
            unsafe base.copyMemory(from: bytes, byteCount: entity.count)
        }
        unsafe base.storeBytes(of: 0x1F, toByteOffset: entity.count, as: UInt8.self)
        if let bytes = patient.baseAddress {
            unsafe (base + entity.count + 1).copyMemory(from: bytes, byteCount: patient.count)
        }
    }

    /// Puts FIPS 180-4's padding behind a message that followed the key's block: a bit, and at the end of `blocks` how
    /// many bits there are. The bytes between are zero.
    @inline(__always)
    private static func end(_ blocks: UnsafeMutableRawBufferPointer, messageCount: Int) {
        unsafe blocks.storeBytes(of: 0x80, toByteOffset: messageCount, as: UInt8.self)
        unsafe blocks.storeBytes(
            of: UInt64(8 * (64 + messageCount)).bigEndian,
            toByteOffset: blocks.count - 8,
            as: UInt64.self
        )
    }

    /// Writes the hash that `context` holds to the first 32 bytes of `block`.
    @inline(__always)
    private static func put(_ context: SHA256_CTX, in block: UnsafeMutableRawBufferPointer) {
        let words = unsafe unsafeBitCast(context.h, to: State.self)
        for index in 0..<8 {
            unsafe block.storeBytes(
                of: words[index].bigEndian,
                toByteOffset: 4 * index,
                as: UInt32.self
            )
        }
    }

    /// Compresses a message that needs more than one block.
    @inline(never)
    private static func compress(
        _ entity: UnsafeRawBufferPointer,
        _ patient: UnsafeRawBufferPointer,
        into context: inout SHA256_CTX
    ) {
        let count = entity.count + 1 + patient.count
        var blocks = [UInt8](repeating: 0, count: (count + 9 + 63) / 64 * 64)
        unsafe blocks.withUnsafeMutableBytes { memory in
            unsafe lay(entity, patient, in: memory)
            unsafe end(memory, messageCount: count)
            for place in stride(from: 0, to: memory.count, by: 64) {
                // A whole number of blocks was allocated.
                unsafe SHA256_Transform(&context, memory.baseAddress.map { unsafe $0 + place })
            }
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

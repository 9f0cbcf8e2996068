internal import CXXHash

/// XXH3 of 128 bits: finds damage, at the speed of memory. It is no proof against an adversary: who may write to the topic
/// may write another state.
struct StateChecksum: Equatable, Sendable {
    var high: UInt64
    var low: UInt64

    /// Thirty-two hexadecimal digits.
    var text: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// The checksum that thirty-two digits name.
    init?(text: some StringProtocol) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.high = high
        self.low = low
        // Other spellings of the same number are damage, too.
        guard self.text == text else { return nil }
    }

    /// Of some bytes, under a seed.
    init(of bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) {
        // The buffer is as long as its count.
        let hash = unsafe XXH3_128bits_withSeed(bytes.baseAddress, bytes.count, seed)
        high = hash.high64
        low = hash.low64
    }

    fileprivate init(_ hash: XXH128_hash_t) {
        high = hash.high64
        low = hash.low64
    }
}

/// A checksum of bytes that come in pieces.
@safe
final class RunningChecksum {
    private let state: OpaquePointer

    init() {
        guard let state = unsafe XXH3_createState() else {
            preconditionFailure("the system has no memory for a checksum")
        }
        unsafe self.state = state
        _ = unsafe XXH3_128bits_reset(state)
    }

    deinit { _ = unsafe XXH3_freeState(state) }

    /// Takes the next piece.
    func add(_ bytes: UnsafeRawBufferPointer) {
        // The buffer is as long as its count.
        _ = unsafe XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// Of all pieces so far.
    var checksum: StateChecksum { StateChecksum(unsafe XXH3_128bits_digest(state)) }
}

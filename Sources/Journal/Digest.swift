internal import COpenSSL

/// SHA-256 (FIPS 180-4) by OpenSSL's libcrypto, which uses the processor's own instructions.
public enum SHA256 {
    /// Writes the hash of `bytes` to `out`, which has room for 32 bytes.
    ///
    /// Not by `SHA256()`: since OpenSSL 3 that looks its method up by name and allocates, 0.3 µs for a key of 60 bytes
    /// whose hash takes 0.1.
    @inline(__always)
    private static func write(_ bytes: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<UInt8>)
    {
        var context = SHA256_CTX()
        // OpenSSL reads `count` bytes of the buffer it is given and writes 32 into `out`.
        unsafe SHA256_Init(&context)
        unsafe SHA256_Update(&context, bytes.baseAddress, bytes.count)
        unsafe SHA256_Final(out, &context)
    }

    /// The 32 bytes of `bytes`' hash.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: 32)
        unsafe result.withUnsafeMutableBufferPointer { out in
            if let base = out.baseAddress { unsafe write(bytes, to: base) }
        }
        return result
    }

    /// The 32 bytes of `bytes`' hash.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe hash($0) }
    }

    /// Writes the 32 bytes of `bytes`' hash over those of `result`, without an allocation.
    public static func hash(_ bytes: UnsafeRawBufferPointer, into result: inout [UInt8]) {
        precondition(result.count == 32, "a hash has 32 bytes")
        unsafe result.withUnsafeMutableBufferPointer { out in
            if let base = out.baseAddress { unsafe write(bytes, to: base) }
        }
    }

    /// The first 16 bytes of the hash, as two big-endian halves, without an allocation.
    public static func prefix(_ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        var out: [32 of UInt8] = .init(repeating: 0)
        unsafe withUnsafeMutableBytes(of: &out) { raw in
            if let base = raw.baseAddress {
                unsafe write(bytes, to: base.assumingMemoryBound(to: UInt8.self))
            }
        }
        return unsafe withUnsafeBytes(of: out) { raw in
            unsafe (
                UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// Lower-case hexadecimal.
    public static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

extension SHA256 {
    /// SHA-256 of bytes that come in pieces.
    public struct Stream: ~Copyable {
        private var context = SHA256_CTX()

        /// Of nothing so far.
        public init() { unsafe SHA256_Init(&context) }

        /// Takes the next piece.
        public mutating func add(_ bytes: RawSpan) {
            // OpenSSL reads the bytes of the span and keeps what it needs of them.
            _ = unsafe bytes.withUnsafeBytes {
                unsafe SHA256_Update(&context, $0.baseAddress, $0.count)
            }
        }

        /// The 32 bytes of the hash of all pieces.
        public consuming func finish() -> [UInt8] {
            var result = [UInt8](repeating: 0, count: 32)
            unsafe SHA256_Final(&result, &context)
            return result
        }
    }
}

import Journal
import Testing

/// A token is the HMAC of RFC 2104, however long the two identifiers are: its blocks are laid out by hand.
struct TokenTests {
    /// RFC 2104 over the one-shot hash.
    private func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var block = key.count > 64 ? SHA256.hash(key) : key
        block += [UInt8](repeating: 0, count: 64 - block.count)
        let inner = SHA256.hash(block.map { $0 ^ 0x36 } + message)
        return SHA256.hash(block.map { $0 ^ 0x5C } + inner)
    }

    @Test(arguments: [32, 63, 64, 65, 200])
    func `of identifiers of every length around a block's end`(keyCount: Int) throws {
        let secret = (0..<keyCount).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        let key = try #require(PatientTokenKey(keyID: "k1", key: secret))
        let entity = Array("DSH330214".utf8)
        for count in 0...200 {
            let patient = (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ 33) }
            var token = [UInt8](repeating: 0, count: 16)
            entity.withUnsafeBytes { entity in
                patient.withUnsafeBytes { patient in
                    token.withUnsafeMutableBytes { out in
                        if let base = out.baseAddress {
                            key.token(entity: entity, patient: patient, into: base)
                        }
                    }
                }
            }
            #expect(token == Array(hmac(secret, entity + [0x1F] + patient).prefix(16)))
        }
    }
}

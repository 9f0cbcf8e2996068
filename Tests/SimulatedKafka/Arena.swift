import Synchronization

/// Bytes that stay where they are until the cluster is gone: records point into it.
final class Arena {
    private static let size = 1 << 20
    private static let pool = Mutex<[UInt]>([])

    private var chunks: [UnsafeMutableRawPointer] = []
    private var large: [UnsafeMutableRawPointer] = []
    private var used = Arena.size

    deinit {
        let places = chunks.map { UInt(bitPattern: $0) }
        Self.pool.withLock { $0 += places }
        for one in large { one.deallocate() }
    }

    /// Copies bytes in.
    func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer {
        let place: UnsafeMutableRawPointer
        if bytes.count > Self.size / 4 {
            place = .allocate(byteCount: bytes.count, alignment: 16)
            large.append(place)
        } else {
            if used + bytes.count > Self.size {
                let old = Self.pool.withLock { $0.popLast() }
                chunks.append(
                    old.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
                        ?? .allocate(byteCount: Self.size, alignment: 16)
                )
                used = 0
            }
            place = chunks[chunks.count - 1] + used
            used += (bytes.count + 7) & ~7
        }
        if let base = bytes.baseAddress {
            place.copyMemory(from: base, byteCount: bytes.count)
        }
        return UnsafeRawPointer(place)
    }
}

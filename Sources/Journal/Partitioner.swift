/// Which partition Kafka's Java client gives a key: murmur2, as in `org.apache.kafka.common.utils.Utils`.
public enum Partitioner {
    /// The partition of `key` among `count`.
    public static func partition(of key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
        unsafe Int32(bitPattern: murmur2(key) & 0x7FFF_FFFF) % count
    }

    /// murmur2 with the seed 0x9747b28c.
    static func murmur2(_ data: UnsafeRawBufferPointer) -> UInt32 {
        let m: UInt32 = 0x5BD1_E995
        var h: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: data.count)
        var index = 0
        while index + 4 <= data.count {
            // Four bytes inside the buffer, little-endian as the Java code reads them.
            var k = unsafe UInt32(
                littleEndian: data.loadUnaligned(fromByteOffset: index, as: UInt32.self)
            )
            k = k &* m
            k ^= k >> 24
            k = k &* m
            h = h &* m
            h ^= k
            index += 4
        }
        let rest = data.count - index
        if rest == 3 { unsafe h ^= UInt32(data[index + 2]) << 16 }
        if rest >= 2 { unsafe h ^= UInt32(data[index + 1]) << 8 }
        if rest >= 1 {
            unsafe h ^= UInt32(data[index])
            h = h &* m
        }
        h ^= h >> 13
        h = h &* m
        h ^= h >> 15
        return h
    }
}

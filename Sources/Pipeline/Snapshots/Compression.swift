internal import CZstd

/// Compresses pieces, each by itself, with zstd at its fastest usual level.
@safe
final class Compressor {
    private let context: OpaquePointer
    private var room: UnsafeMutableRawBufferPointer

    /// Level 1: 430 MB of state became 44 % at 480 MB/s a core, level 3 made 42 % of it at half of that.
    private static var level: Int32 { 1 }

    /// A compressor of pieces of at most so many bytes.
    init(pieceSize: Int) {
        guard let context = unsafe ZSTD_createCCtx() else {
            preconditionFailure("the system has no memory for zstd")
        }
        unsafe self.context = context
        unsafe room = .allocate(byteCount: ZSTD_compressBound(pieceSize), alignment: 16)
    }

    deinit {
        _ = unsafe ZSTD_freeCCtx(context)
        unsafe room.deallocate()
    }

    /// A piece, compressed; the bytes stay until the next one.
    func compress(_ piece: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // The room is as large as the worst case of the piece's size.
        let size = unsafe ZSTD_compressCCtx(
            context,
            room.baseAddress,
            room.count,
            piece.baseAddress,
            piece.count,
            Self.level
        )
        precondition(ZSTD_isError(size) == 0, "zstd has room for the worst case")
        return unsafe UnsafeRawBufferPointer(rebasing: room[..<size])
    }
}

/// Takes compressed pieces apart.
@safe
final class Decompressor {
    private let context: OpaquePointer

    init() {
        guard let context = unsafe ZSTD_createDCtx() else {
            preconditionFailure("the system has no memory for zstd")
        }
        unsafe self.context = context
    }

    deinit { _ = unsafe ZSTD_freeDCtx(context) }

    /// Writes a piece's bytes into a buffer of exactly their size.
    ///
    /// - Returns: whether they were as many.
    func decompress(
        _ piece: UnsafeRawBufferPointer,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Bool {
        // Both are as long as their counts; zstd writes no further.
        let size = unsafe ZSTD_decompressDCtx(
            context,
            buffer.baseAddress,
            buffer.count,
            piece.baseAddress,
            piece.count
        )
        return ZSTD_isError(size) == 0 && size == buffer.count
    }
}

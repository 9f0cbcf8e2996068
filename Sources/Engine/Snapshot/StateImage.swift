internal import CShims

/// All that a machine remembers at one moment, as bytes: a copy, so that the machine may go on while somebody compresses
/// and writes them.
///
/// The copy is the only pause that a snapshot costs. It is made into pages of 2 MiB, whose first touch costs a tenth of
/// that of pages of 4 KiB.
@safe
public final class StateImage: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    /// How large the image is.
    public let byteCount: Int
    /// How many journal records the state is made of.
    public let recordCount: Int64

    /// Copies a machine's state.
    public init(of machine: inout Machine) {
        byteCount = machine.stateByteCount
        recordCount = machine.nextRecordNumber
        guard let memory = unsafe dm_reserve(max(byteCount, 1)) else {
            preconditionFailure("the system refuses \(byteCount) bytes for an image of the state")
        }
        unsafe base = memory
        unsafe dm_want_huge_pages(base, byteCount)
        unsafe machine.copyState(
            to: UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        )
    }

    deinit { unsafe dm_release(base, max(byteCount, 1)) }

    /// Shows the bytes for the length of a call.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // The memory lives as long as the image, and that through the call.
        withExtendedLifetime(self) {
            unsafe body(UnsafeRawBufferPointer(start: base, count: byteCount))
        }
    }
}

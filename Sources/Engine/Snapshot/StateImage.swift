internal import CShims

/// All that a machine remembers at one moment, as bytes: a copy, so that the machine may go on while somebody compresses
/// and writes them.
///
/// The copy is the only pause that a snapshot costs. Memory that was never touched costs four times what copying does, so
/// somebody else touches it beforehand: 312 MB were copied in 0.16 s into fresh memory, and in 0.04 s into this.
@safe
public final class StateImage: @unchecked Sendable {
    // One owner at a time: it is handed on between threads, never shared.
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    /// How large the image is.
    public private(set) var byteCount = 0
    /// How many journal records the state is made of.
    public private(set) var recordCount: Int64 = 0

    /// Room for a state of a size, touched.
    public init(room: Int) {
        capacity = max(room, 1)
        guard let memory = unsafe dm_reserve(capacity) else {
            preconditionFailure("the system refuses \(room) bytes for an image of the state")
        }
        unsafe base = memory
        // All inside what was reserved.
        for place in stride(from: 0, to: capacity, by: 4096) {
            unsafe base.storeBytes(of: 1, toByteOffset: place, as: UInt8.self)
        }
    }

    /// A copy of a machine's state.
    public convenience init(of machine: inout Machine) {
        self.init(room: machine.stateByteCount)
        let isCopied = take(&machine)
        precondition(isCopied, "a state is as large as it was a moment ago")
    }

    deinit { unsafe dm_release(base, capacity) }

    /// Copies a machine's state.
    ///
    /// - Returns: whether there was room.
    public func take(_ machine: inout Machine) -> Bool {
        let count = machine.stateByteCount
        guard count <= capacity else { return false }
        byteCount = count
        recordCount = machine.nextRecordNumber
        unsafe machine.copyState(to: UnsafeMutableRawBufferPointer(start: base, count: count))
        return true
    }

    /// Shows the bytes for the length of a call.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // The memory lives as long as the image, and that through the call.
        withExtendedLifetime(self) {
            unsafe body(UnsafeRawBufferPointer(start: base, count: byteCount))
        }
    }
}

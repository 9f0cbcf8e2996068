import CKafka
import Glibc
import Synchronization

/// A counting semaphore that may outlive the thread that waits on it.
///
/// Safe to share: `sem_t` is made for several threads, and the memory lives as long as any
/// reference to this object.
@safe final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        _ = unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        _ = unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// Lets one waiter go on.
    func signal() { _ = unsafe sem_post(semaphore) }

    /// Waits without end.
    func wait() {
        while unsafe sem_wait(semaphore) != 0 && errno == EINTR {}
    }

    /// Waits until `limit` is over; false when nobody signalled.
    func wait(atMost limit: Duration) -> Bool {
        var end = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &end)
        let nanoseconds = Int(end.tv_nsec) + Int(limit.milliseconds) * 1_000_000
        end.tv_sec += nanoseconds / 1_000_000_000
        end.tv_nsec = nanoseconds % 1_000_000_000
        while unsafe sem_clockwait(semaphore, CLOCK_MONOTONIC, &end) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }
}

/// Starts a thread that nobody joins; what it needs it must hold itself.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    // Safe: the box is retained for the thread, which takes it over exactly once.
    let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
    let failure = unsafe pthread_create(
        &thread,
        nil,
        { argument in
            // Safe: the argument is the box above.
            unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        },
        box
    )
    precondition(failure == 0, "could not start a thread: the system has no more of them")
    _ = unsafe pthread_setname_np(thread, String(name.prefix(15)))
    _ = pthread_detach(thread)
}

/// Where a call that may come too late leaves its result.
private final class Slot<Result: Sendable>: Sendable {
    let result = Mutex<Result?>(nil)
    let done = Semaphore()
}

/// Runs a call that may ignore its own time-out and leaves it behind when `limit` is over.
///
/// librdkafka 2.0.2 has several such calls (`rd_kafka_query_watermark_offsets`: 20 s for 2 s;
/// `rd_kafka_consumer_close`: for ever). The call goes on in its thread and its result is dropped.
func leavingBehind<Result: Sendable>(
    after limit: Duration,
    named name: String,
    _ body: @escaping @Sendable () -> Result
) -> Result? {
    let slot = Slot<Result>()
    startThread(named: name) {
        let result = body()
        slot.result.withLock { $0 = result }
        slot.done.signal()
    }
    _ = slot.done.wait(atMost: limit)
    return slot.result.withLock { $0 }
}

internal import Glibc

/// A queue between two threads that holds a few values and makes the faster side wait.
///
/// The only state that two threads share in a file run, and between a partition and the compressor of its snapshot: values
/// go through it by the batch, each with one owner.
@safe
final class Channel<Value: Sendable>: @unchecked Sendable {
    // Guarded by `mutex`.
    private var values: [Value] = []
    private var isClosed = false
    private let capacity: Int
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// A channel that holds up to `capacity` values.
    init(capacity: Int) {
        self.capacity = capacity
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(changed, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Puts a value in, waiting for room; false where the other side has closed the channel.
    @discardableResult
    func send(_ value: Value) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while values.count >= capacity, !isClosed { unsafe pthread_cond_wait(changed, mutex) }
        guard !isClosed else { return false }
        values.append(value)
        unsafe pthread_cond_broadcast(changed)
        return true
    }

    /// Takes the oldest value, waiting for one; nil where the channel is closed and empty.
    func receive() -> Value? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while values.isEmpty, !isClosed { unsafe pthread_cond_wait(changed, mutex) }
        guard !values.isEmpty else { return nil }
        let value = values.removeFirst()
        unsafe pthread_cond_broadcast(changed)
        return value
    }

    /// Takes the oldest value if there is one, without waiting.
    func poll() -> Value? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard !values.isEmpty else { return nil }
        let value = values.removeFirst()
        unsafe pthread_cond_broadcast(changed)
        return value
    }

    /// Whether ``poll()`` would give a value.
    var isReady: Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return !values.isEmpty
    }

    /// No value comes any more; what is in it can still be taken.
    func close() {
        unsafe pthread_mutex_lock(mutex)
        isClosed = true
        unsafe pthread_cond_broadcast(changed)
        unsafe pthread_mutex_unlock(mutex)
    }
}

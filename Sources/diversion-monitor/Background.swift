internal import Glibc
internal import Pipeline
internal import Synchronization

/// A service on a thread of its own.
@safe
final class Background: @unchecked Sendable {
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    private let ended = Mutex<ServiceEnd?>(nil)
    private var thread = pthread_t()

    /// Starts to run it.
    init(_ body: @escaping @Sendable () -> ServiceEnd) {
        let box = Body { [self] in
            let end = body()
            ended.withLock { $0 = end }
        }
        // Safe: the box is retained for the thread, which takes it over exactly once.
        let argument = unsafe Unmanaged.passRetained(box).toOpaque()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            argument
        )
        precondition(status == 0, "the system has no thread left")
    }

    /// How it ended; nil while it runs.
    var result: ServiceEnd? { ended.withLock { $0 } }

    /// Waits until it has ended.
    func wait() { pthread_join(thread, nil) }
}

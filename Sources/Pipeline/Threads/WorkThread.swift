internal import CShims
internal import Glibc

/// A thread of its own for work that blocks.
@safe
final class WorkThread: @unchecked Sendable {
    private final class Body {
        let name: String
        let run: () -> Void
        init(_ name: String, _ run: @escaping () -> Void) {
            self.name = name
            self.run = run
        }
    }
    private var handle = pthread_t()

    /// Starts a thread that runs `body`; tools for the system's threads show its name, of at most 15 bytes.
    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Body(name, body)).toOpaque()
        let status = unsafe pthread_create(
            &handle,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                // The box was retained for this thread alone.
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                unsafe dm_name_thread(body.name)
                body.run()
                return nil
            },
            box
        )
        precondition(status == 0, "the system has no thread left")
    }

    /// Waits until it has ended.
    func join() { pthread_join(handle, nil) }
}

/// The wall clock, held to the monotonic one.
///
/// A clock that is set forward while the service runs would let every grace expire at once. A step of more than five
/// minutes against the monotonic clock is therefore not taken: time goes on from where it was, until the wall clock
/// comes back into reach or the service is started again. Time never goes back.
struct WallClock {
    private let stepLimit: Int64 = 300_000
    private var last: Int64
    private var lastTick: Int64
    /// The wall clock is out of reach.
    private(set) var isRefused = false

    init() {
        last = Self.milliseconds
        lastTick = Ticker.now
    }

    /// Milliseconds since 1970.
    mutating func now() -> Int64 {
        let tick = Ticker.now
        let expected = last + (tick - lastTick)
        let wall = Self.milliseconds
        isRefused = abs(wall - expected) > stepLimit
        last = max(last, isRefused ? expected : wall)
        lastTick = tick
        return last
    }
}

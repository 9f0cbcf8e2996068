internal import Wording

/// A line that tells how far a long command is, on a terminal only:
///
///     42 % 1,234,567 events 810,000/s 00:03 left
///
/// It is drawn at most ten times a second, however often `update` is called; between drawings an
/// update costs one look at the clock.
public struct ProgressLine {
    private let noun: String
    private var total: Int?
    private let sink: Sink
    private let now: () -> Duration
    private let start: Duration
    private var drawnAt: Duration?
    /// What stands at the line's end: a few words, such as the time that events have reached.
    public var note = ""

    /// Progress of counting `noun`s, in the plural, to `total` if it is known.
    ///
    /// `now` is a clock that only goes forward; nil takes the system's.
    public init(
        of noun: String,
        total: Int? = nil,
        on sink: Sink,
        now: (() -> Duration)? = nil
    ) {
        self.noun = noun
        self.total = total
        self.sink = sink
        let origin = ContinuousClock.now
        self.now = now ?? { ContinuousClock.now - origin }
        start = self.now()
    }

    /// Tells how many are done by now.
    public mutating func update(_ done: Int) {
        guard sink.isTerminal else { return }
        let instant = now()
        if let drawnAt, instant - drawnAt < .milliseconds(100) { return }
        drawnAt = instant
        let seconds = (instant - start) / .seconds(1)
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var line = counted(done, rate)
        if let total, total > done, rate > 0 {
            line += " \(clock((Double(total - done) / rate).rounded(.up))) left"
        }
        draw(note.isEmpty ? line : line + " " + note)
    }

    /// Tells how many are done by now, and how many there are likely to be in the end.
    public mutating func update(_ done: Int, of total: Int?) {
        self.total = total
        update(done)
    }

    /// Draws the end: how many and how long it took.
    public mutating func finish(_ done: Int) {
        guard sink.isTerminal else { return }
        let seconds = (now() - start) / .seconds(1)
        draw(counted(done, seconds > 0 ? Double(done) / seconds : 0) + " in \(clock(seconds))")
        sink.write("\n")
    }

    private func counted(_ done: Int, _ rate: Double) -> String {
        var line = "\(grouped(done)) \(noun) \(grouped(Int(rate)))/s"
        if let total, total > 0 { line = "\(min(100, done * 100 / total)) % " + line }
        return line
    }

    /// A line that would wrap could not be drawn over: it is cut. The escape clears what an
    /// earlier, longer line left behind.
    private func draw(_ line: String) {
        sink.write("\r" + line.prefix(sink.width - 1) + "\u{1B}[K")
    }

    private func clock(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 359_999))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let hours = whole >= 3_600 ? two(whole / 3_600) + ":" : ""
        return hours + two(whole % 3_600 / 60) + ":" + two(whole % 60)
    }
}

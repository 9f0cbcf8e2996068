internal import Metrics
internal import Synchronization

/// Lets the lines of a log through, but of warnings and errors that repeat only a few a minute.
///
/// A broker that is away makes every client complain several times a second. The first five of a kind in a minute are
/// let through; the first of the next minute says how many were held back:
///
///     level=warning role=score event=score-setback partition=3 reason="…" held_back=117
///
/// A kind is role, event and partition.
final class LogGate: Sendable {
    private struct Kind: Hashable {
        let role: String
        let event: String
        let partition: String
    }
    private struct Minute {
        var began: Int64
        var count = 0
        var heldBack = 0
    }

    private static let most = 5
    private static let length: Int64 = 60_000
    /// Beyond so many kinds the oldest minutes are forgotten.
    private static let mostKinds = 1000

    private let minutes = Mutex<[Kind: Minute]>([:])
    private let sink: ServiceLog.Sink
    private let lowest: ServiceLog.Level
    private let lines: Family<Counter>
    private let repeats: Counter

    init(
        _ instruments: ServiceInstruments,
        lowest: ServiceLog.Level,
        sink: @escaping ServiceLog.Sink
    ) {
        self.sink = sink
        self.lowest = lowest
        lines = instruments.logLines
        repeats = instruments.logRepeats[]
    }

    /// Takes a line at a moment of the monotonic clock, in milliseconds.
    func take(_ line: ServiceLog.Line, at now: Int64) {
        lines[line.level.rawValue].add()
        guard line.level >= lowest else { return }
        guard line.level > .info else { return sink(line) }
        let partition = line.values.first { $0.name == "partition" }?.value ?? ""
        let kind = Kind(role: line.role, event: line.event, partition: partition)
        let heldBack: Int? = minutes.withLock { minutes in
            if minutes.count > Self.mostKinds {
                minutes = minutes.filter { now - $0.value.began < Self.length }
            }
            var minute = minutes[kind] ?? Minute(began: now)
            defer { minutes[kind] = minute }
            if now - minute.began >= Self.length {
                let heldBack = minute.heldBack
                minute = Minute(began: now, count: 1)
                return heldBack
            }
            minute.count += 1
            if minute.count <= Self.most { return 0 }
            minute.heldBack += 1
            return nil
        }
        guard let heldBack else { return repeats.add() }
        if heldBack == 0 { return sink(line) }
        sink(
            ServiceLog.Line(
                level: line.level,
                role: line.role,
                event: line.event,
                values: line.values + [("held_back", "\(heldBack)")]
            )
        )
    }
}

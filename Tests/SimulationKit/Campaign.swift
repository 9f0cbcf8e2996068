import CFibers
import Foundation
import Simulator
import Synchronization

/// Many histories, some at a time, in pieces that can be resumed.
public struct Campaign: Sendable {
    /// What all of them together were.
    public struct Sum: Sendable {
        /// Histories lived.
        public var histories = 0
        /// Those in which something went wrong, with their traces.
        public var failures: [(seed: UInt64, failure: String)] = []
        /// Output records that were compared.
        public private(set) var outputs = 0
        var events = 0
        var journal = 0
        var states = 0
        var seconds = 0
        var turns = 0
        var faults: [String: Int] = [:]
        var seen: [String: Int] = [:]

        mutating func add(_ outcome: World.Outcome) {
            histories += 1
            if let failure = outcome.failure { failures.append((outcome.seed, failure)) }
            events += outcome.events
            journal += outcome.journal
            outputs += outcome.outputs
            states += outcome.states
            seconds += outcome.seconds
            turns += outcome.turns
            faults.merge(outcome.faults) { $0 + $1 }
            seen.merge(outcome.seen) { $0 + $1 }
        }

        /// Two lines and two lists.
        public var text: String {
            func list(_ counts: [String: Int]) -> String {
                counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                    .joined(separator: ", ")
            }
            return """
                \(histories) histories, \(failures.count) failed: \(events) events, \(journal) journal \
                records, \(outputs) outputs compared, \(states) states; \(seconds) virtual seconds, \
                \(turns) turns
                faults: \(list(faults))
                seen: \(list(seen))
                """
        }
    }

    /// Events and faults of each.
    public var scale: Plan.Scale
    /// How many are lived at a time, each on a thread of its own.
    public var threads: Int
    /// No more are begun after so many failures.
    public var mostFailures = Int.max

    /// A campaign.
    public init(scale: Plan.Scale, threads: Int = 2) {
        self.scale = scale
        self.threads = threads
        dm_small_pages()
    }

    /// Lives the histories of some seeds.
    public func live(_ seeds: Range<UInt64>) -> Sum {
        let next = Mutex(seeds.lowerBound)
        let sum = Mutex(Sum())
        // Touched here once, so that no two threads read it.
        _ = SampleEvents.shared.lines.count
        let group = DispatchGroup()
        for _ in 0..<threads {
            group.enter()
            let thread = Thread {
                while true {
                    let seed = next.withLock { next -> UInt64? in
                        guard next < seeds.upperBound else { return nil }
                        defer { next += 1 }
                        return next
                    }
                    guard let seed, sum.withLock({ $0.failures.count < mostFailures }) else {
                        break
                    }
                    let outcome = World(seed: seed, scale: scale).run()
                    sum.withLock { $0.add(outcome) }
                }
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        group.wait()
        return sum.withLock { $0 }
    }

    /// The last lines of a history, as a person reads them.
    public func trace(of seed: UInt64, last count: Int = 150) -> [String] {
        var lines: [String] = []
        _ = World(seed: seed, scale: scale) { time, who, what in
            lines.append(Self.line(time, who, what))
            if lines.count > 2 * count { lines.removeFirst(count) }
        }.run()
        return lines.suffix(count)
    }

    private static func line(_ time: Int64, _ who: String, _ what: String) -> String {
        let rest = String(time % 1_000_000)
        let seconds = String(time / 1_000_000)
        return String(repeating: " ", count: max(0, 4 - seconds.count)) + seconds + "."
            + String(repeating: "0", count: 6 - rest.count) + rest + "  \(who)  \(what)"
    }

    // MARK: the command

    /// Does what the words of a command line ask for; the exit status.
    public static func run(_ words: [String: String]) -> Int32 {
        dm_show_lines()
        func number(_ name: String, _ other: Int) -> Int {
            words[name].flatMap { Int($0) } ?? other
        }
        var campaign = Campaign(
            scale: Plan.Scale(events: number("events", 5000), faults: number("faults", 40)),
            threads: number("threads", 2)
        )
        campaign.mostFailures = number("failures", Int.max)
        if let seed = words["trace"].flatMap({ UInt64($0) }) {
            for line in campaign.trace(of: seed, last: number("lines", 100_000)) { print(line) }
            return 0
        }
        let first = UInt64(number("first", 1))
        let end = first + UInt64(number("count", 100))
        var next = first
        // A file of one line a piece: where it ended, and what was found.
        if let path = words["state"],
            let text = try? String(contentsOfFile: path, encoding: .utf8),
            let last = text.split(separator: "\n").last?.split(separator: " ").first
        {
            next = max(next, UInt64(last) ?? first)
        }
        var failed = 0
        while next < end {
            let piece = next..<min(end, next + UInt64(number("piece", 500)))
            let began = Date()
            let sum = campaign.live(piece)
            for (seed, failure) in sum.failures.sorted(by: { $0.seed < $1.seed }) {
                print("seed \(seed): \(failure)")
            }
            failed += sum.failures.count
            print(sum.text)
            print("seeds \(piece), \(Int(Date().timeIntervalSince(began))) s")
            next = piece.upperBound
            if let path = words["state"] {
                let known = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                let seeds = sum.failures.map { "\($0.seed)" }.joined(separator: ",")
                try?
                    (known
                    + "\(next) histories=\(sum.histories) outputs=\(sum.outputs) failed=[\(seeds)]\n")
                    .write(toFile: path, atomically: true, encoding: .utf8)
            }
            if sum.failures.count >= campaign.mostFailures { break }
        }
        return failed == 0 ? 0 : 1
    }
}

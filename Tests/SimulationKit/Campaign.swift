import CFibers
import Foundation
import Simulator

/// Many histories, one after another.
public enum Campaign {
    /// Lives the histories that `words` ask for and prints what became of them; the exit status.
    public static func run(_ words: [String: String]) -> Int32 {
        dm_small_pages()
        dm_show_lines()
        let scale = Plan.Scale(
            events: words["events"].flatMap(Int.init) ?? 5000,
            faults: words["faults"].flatMap(Int.init) ?? 40
        )
        if let seed = words["trace"].flatMap(UInt64.init) {
            let outcome = World(seed: seed, scale: scale) { time, who, what in
                print(line(time, who, what))
            }.run()
            print(outcome.failure ?? "all is well", outcome.digest)
            return outcome.failure == nil ? 0 : 1
        }
        let first = words["first"].flatMap(UInt64.init) ?? 1
        let count = words["count"].flatMap(UInt64.init) ?? 100
        var failed = 0
        var seen: [String: Int] = [:]
        var faults: [String: Int] = [:]
        var sums = (events: 0, journal: 0, outputs: 0, seconds: 0, turns: 0)
        let began = Date()
        for seed in first..<first + count {
            let outcome = World(seed: seed, scale: scale).run()
            if words["each"] != nil { print(outcome) }
            if let failure = outcome.failure {
                failed += 1
                print("seed \(seed): \(failure)")
            }
            seen.merge(outcome.seen) { $0 + $1 }
            faults.merge(outcome.faults) { $0 + $1 }
            sums.events += outcome.events
            sums.journal += outcome.journal
            sums.outputs += outcome.outputs
            sums.seconds += outcome.seconds
            sums.turns += outcome.turns
        }
        let took = Date().timeIntervalSince(began)
        print("\(count) histories, \(failed) failed, \(took) s: \(sums)")
        print("faults", faults.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
        print("seen", seen.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
        return failed == 0 ? 0 : 1
    }

    /// A line of a trace.
    static func line(_ time: Int64, _ who: String, _ what: String) -> String {
        let seconds = String(time / 1_000_000)
        let rest = String(time % 1_000_000)
        return String(repeating: " ", count: max(0, 4 - seconds.count)) + seconds + "."
            + String(repeating: "0", count: 6 - rest.count) + rest + "  \(who)  \(what)"
    }
}

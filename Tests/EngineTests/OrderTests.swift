import Engine
import Foundation
import Journal
import TestKit
import Testing

/// Arrival order never changes a final decision, nor the net quantity of an accumulator (SEMANTICS 2).
struct OrderTests {
    /// The outcome of some lines in one order: what is final, and what does not add up.
    static func run(_ lines: [String]) throws -> (state: [String: String], findings: [String]) {
        var run = try MachineRun(tables: Tables.csv, policies: [try Policy(overrides: [])])
        var audit = Audit()
        for line in lines + [SmallWorld.last] {
            try run.record(line)
            if run.machine.outputByteCount > 0 {
                audit.read(run.machine)
                run.machine.removeOutputs()
            }
        }
        return (audit.finalState, audit.findings)
    }

    /// What differs between two orders of the same lines; nil where nothing does.
    static func difference(_ first: [String], _ second: [String]) throws -> String? {
        let one = try run(first)
        let other = try run(second)
        for findings in [one.findings, other.findings] where !findings.isEmpty {
            return findings.joined(separator: "\n")
        }
        let keys = Set(one.state.keys).union(other.state.keys).sorted()
        let lines = keys.filter { one.state[$0] != other.state[$0] }.map {
            "\($0): \(one.state[$0] ?? "none") | \(other.state[$0] ?? "none")"
        }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }

    /// The fewest lines that still differ: one after another is left out, as long as something differs.
    static func shrink(_ first: [String], _ second: [String]) throws -> ([String], [String]) {
        var first = first
        var second = second
        var index = 0
        while index < first.count {
            var fewer = first
            let line = fewer.remove(at: index)
            var others = second
            if let place = others.firstIndex(of: line) { others.remove(at: place) }
            if try difference(fewer, others) != nil {
                first = fewer
                second = others
            } else {
                index += 1
            }
        }
        return (first, second)
    }

    @Test(arguments: 0..<4)
    func `any order of arrival ends in the same decisions and the same net quantities`(
        part: Int
    ) throws {
        for seed in Effort.seeds(400) where Int(seed % 4) == part {
            let world = SmallWorld(seed: seed)
            let inTime = world.inTime
            var chance = Chance(seed: seed &+ 1 << 40)
            let expected = try Self.run(inTime)
            for order in 0..<3 {
                let shuffled =
                    order == 0 ? inTime.reversed() : inTime.shuffled(using: &chance)
                let came = try Self.run(shuffled)
                guard came.state != expected.state || !(came.findings + expected.findings).isEmpty
                else { continue }
                let (first, second) = try Self.shrink(inTime, shuffled)
                let told = try Self.difference(first, second) ?? "nothing"
                Issue.record(
                    """
                    seed \(seed)
                    \(told)
                    ---- one order
                    \(first.joined(separator: "\n"))
                    ---- another
                    \(second.joined(separator: "\n"))
                    """
                )
                return
            }
        }
    }

    // MARK: time

    /// What an output says beside when it was written and under which number.
    private static func content(_ line: String) -> String {
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
        var fields = object as? [String: Any] ?? [:]
        for name in ["sequence", "event_time", "journal", "decision_id", "increment_id", "cause"] {
            fields[name] = nil
        }
        if var evidence = fields["evidence"] as? [String: Any] {
            evidence["records"] = nil
            fields["evidence"] = evidence
        }
        let data = try? JSONSerialization.data(withJSONObject: fields, options: .sortedKeys)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    /// Nothing but time: a planned visit of an entity that has no fills.
    private static func tick(_ minute: Int) -> String {
        let time = SmallWorld.time(minute)
        return "{\"event_type\":\"encounter\",\"event_id\":\"tick-\(minute)\","
            + "\"covered_entity_id\":\"NONE2\",\"occurred_at\":\"\(time)\","
            + "\"encounter_id\":\"T\",\"patient_id\":\"P\",\"class\":\"AMB\","
            + "\"status\":\"planned\",\"site_id\":\"NONE2\",\"provider_npi\":\"1000000012\","
            + "\"start\":\"\(time)\"}"
    }

    /// Decisions, alerts and increments of a world that ends on the first of June, with ticks of another entity.
    private static func history(_ lines: [String], ticks: [Int]) throws -> [[String]] {
        var run = try MachineRun(tables: Tables.csv, policies: [try Policy(overrides: [])])
        var all = lines.map { (at: SmallWorld.recordedAt($0), line: $0) }
        // A tick stands before the records of its minute: those find what was due before them decided.
        all += ticks.map { (at: Substring(SmallWorld.time($0)), line: tick($0)) }
        for one in all.enumerated().sorted(by: {
            ($0.element.at, -$0.offset) < ($1.element.at, -$1.offset)
        }) {
            try run.record(one.element.line)
        }
        try run.record(SmallWorld.last)
        return [OutputTopic.decisions, .alerts, .accumulators].map {
            run.machine.lines($0).map(content)
        }
    }

    @Test func `what other entities send changes no fill's history`() throws {
        for seed in Effort.seeds(300) {
            let lines = SmallWorld(seed: seed).inTime
            var chance = Chance(seed: seed &+ 1 << 42)
            let quiet = try Self.history(lines, ticks: [])
            let ticks = Set((0..<60).map { _ in chance.number(0...(40 * 1440)) }).sorted()
            let busy = try Self.history(lines, ticks: ticks)
            guard quiet != busy else { continue }
            for (one, other) in zip(quiet, busy) where one != other {
                let place = zip(one, other).prefix { $0 == $1 }.count
                Issue.record(
                    """
                    seed \(seed), after \(place) outputs
                    quiet: \(place < one.count ? one[place] : "nothing")
                    busy: \(place < other.count ? other[place] : "nothing")
                    """
                )
            }
            return
        }
    }
}

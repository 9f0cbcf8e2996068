import Ingest
import Journal

/// `benchmark decode`: what it costs to make journal records of lines.
enum Decode {
    static let usage = """
        benchmark decode FILE [--limit N] [--runs N]

          Lines of FILE in memory → events, in steps that include each other: cutting lines; decoding with full
          validation; the journal record; the patient's token. Beside them, where g++ and libsimdjson are
          installed, simdjson's on-demand parser reads all values of the same lines and validates nothing, or only
          walks from key to key.
          Times are user and system time of one thread.

            --limit N   read at most N lines; 1000000
            --runs N    measure so often, by turns; 5
        """

    private static let steps: [(name: String, step: Lines.Step, hasTokens: Bool)] = [
        ("lines cut", .split, false),
        ("+ decoded and validated", .decode, false),
        ("+ journal record", .append, false),
        ("+ patient token", .append, true),
    ]

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, places: 1, options: ["limit", "runs"])
        let limit = try arguments.count("limit", default: 1_000_000)
        let runs = try arguments.count("runs", default: 5)
        let path = arguments.place(0)
        let lines = try Lines(path, limit: limit)
        let folder = try TemporaryFolder()
        let tokenizer = Tokenizer(.published)
        var parser: Simdjson?
        var problem = ""
        do throws(Failure) { parser = try Simdjson(folder) } catch { problem = error.description }

        var costs = [Samples](repeating: Samples(), count: steps.count)
        var beside = Samples()
        var walking = Samples()
        var count = (lines: 0, rejected: 0)
        for _ in 0..<runs {
            for (place, step) in steps.enumerated() {
                let cost = Meter.measure {
                    count = lines.visit(
                        step.step,
                        tokenizer: step.hasTokens ? tokenizer : nil
                    ) { batch in
                        batch.removeAll()
                        return batch
                    }
                }
                costs[place].add(cost.cpu * 1e9 / Double(max(1, count.lines)))
            }
            if let parser {
                beside.add(try parser.nanosecondsPerLine(path, limit: limit, .read))
                walking.add(try parser.nanosecondsPerLine(path, limit: limit, .walk))
            }
        }

        let size = Double(lines.bytes.count) / Double(max(1, count.lines))
        let table = Table(
            "\(count.lines) lines of \(decimal(size)) bytes, \(count.rejected) of them dead letters"
        )
        let base = parser == nil ? nil : (samples: beside, name: "simdjson reading")
        for (place, step) in steps.enumerated() {
            table.row(step.name, costs[place], "ns/record", over: base)
        }
        if parser == nil {
            table.note("simdjson is not measured: \(problem)")
        } else {
            table.row("simdjson reading all values", beside, "ns/record")
            table.row("simdjson only walking", walking, "ns/record", over: base)
        }
        for (place, step) in steps.enumerated() {
            let rates = Samples(values: costs[place].values.map { 1e9 / $0 })
            table.row("rate: " + step.name, rates, "records/s")
        }
        table.row(
            "peak memory, with the file",
            Samples(values: [Meter.memory("VmHWM", of: "self") / 1e6]),
            "MB"
        )
    }
}

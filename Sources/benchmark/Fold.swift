import Engine
import Ingest
import Journal

/// `benchmark fold`: what the state machine costs, without reading and writing.
enum Fold {
    static let usage = """
        benchmark fold FILE --reference DIR [--limit N] [--runs N]

          Lines of FILE → journal records in memory, then the fold of all of them. Outputs are counted and thrown
          away every 256 KiB of records. Beside it the time in which the records were made.

            --reference DIR   the reference tables
            --limit N         read at most N lines; 1000000
            --runs N          fold so often; 3
        """

    /// What one fold did.
    private struct Result {
        var records = [Int](repeating: 0, count: OutputTopic.allCases.count)
        var bytes = [Int](repeating: 0, count: OutputTopic.allCases.count)
        var counts = MachineCounts()
        var size = MachineSize()
        var resident = 0.0
    }

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, places: 1, options: ["reference", "limit", "runs"])
        let rows = try Beginning.rows(of: arguments.required("reference"))
        let limit = try arguments.count("limit", default: 1_000_000)
        let runs = try arguments.count("runs", default: 3)
        var decoding = Samples()
        var folding = Samples()
        var resident: Samples?
        var result = Result()
        var events = 0.0
        var recordBytes = 0
        for _ in 0..<runs {
            var batches = [Beginning.batch(rows)]
            var count = (lines: 0, rejected: 0)
            // The lines are gone before the fold: it alone is what memory grows by.
            let decode = try decode(arguments.place(0), limit, into: &batches, &count)
            events = Double(max(1, count.lines - count.rejected))
            recordBytes = batches.reduce(0) { $0 + $1.byteCount }
            decoding.add(decode.cpu * 1e9 / events)
            let cost = try Meter.measure { () throws(Failure) in result = try fold(batches) }
            folding.add(cost.cpu * 1e9 / events)
            // Later folds find memory that earlier ones gave back.
            if resident == nil { resident = Samples(values: [result.resident]) }
        }
        let table = Table(
            "\(Int(events)) events as \(recordBytes) bytes of records; applied \(result.counts.applied), "
                + "duplicates \(result.counts.duplicates)"
        )
        table.row("fold", folding, "ns/event", over: (decoding, "making the records"))
        table.row("making the records", decoding, "ns/event")
        table.row("rate: fold", Samples(values: folding.values.map { 1e9 / $0 }), "events/s")
        for topic in OutputTopic.allCases {
            let place = Int(topic.rawValue)
            let records = Double(result.records[place])
            table.row("\(topic.name): records", Samples(values: [records / events]), "/event")
            table.row(
                "\(topic.name): bytes",
                Samples(values: [Double(result.bytes[place]) / events]),
                "bytes/event"
            )
        }
        let all = Samples(values: [Double(result.records.reduce(0, +)) / events])
        let allBytes = Samples(values: [Double(result.bytes.reduce(0, +)) / events])
        table.row("all outputs: records", all, "/event")
        table.row("all outputs: bytes", allBytes, "bytes/event")
        let state = resident ?? Samples()
        table.row("state in memory", state.times(1e-6), "MB")
        let fills = Double(max(1, result.size.fills))
        table.row("state in memory for a fill", state.times(1 / fills), "bytes/fill")
        for line in result.size.lines { table.note(line) }
    }

    static func decode(
        _ path: String,
        _ limit: Int,
        into batches: inout [RecordBatch],
        _ count: inout (lines: Int, rejected: Int)
    ) throws(Failure) -> Cost {
        let lines = try Lines(path, limit: limit)
        return Meter.measure {
            count = lines.visit(.append, tokenizer: Tokenizer(.published)) { batch in
                batches.append(batch)
                return RecordBatch(capacity: 1 << 19)
            }
        }
    }

    private static func fold(_ batches: [RecordBatch]) throws(Failure) -> Result {
        let before = Meter.memory("VmRSS", of: "self")
        var result = Result()
        var machine = Machine()
        var offset: Int64 = 0
        for batch in batches {
            do { try machine.apply(batch, from: &offset) } catch {
                throw Failure("could not fold the records: \(error.description)")
            }
            for place in result.records.indices {
                result.records[place] += machine.outputs[place].count
                result.bytes[place] += machine.outputs[place].byteCount
            }
            machine.removeOutputs()
        }
        result.counts = machine.counts
        result.size = machine.size
        result.resident = Meter.memory("VmRSS", of: "self") - before
        return result
    }
}

extension MachineSize {
    /// The tables' sizes, for people.
    var lines: [String] {
        [
            "fills \(fills), dispenses \(dispenses), claims \(claims), encounters \(encounters)",
            "patients \(patients), alerts \(alerts), accumulators \(accumulators), event ids \(eventIDs)",
        ]
    }
}

import Ingest
import Journal

/// `benchmark growth`: whether an event costs more where there are more patients, or where all goes to one accumulator.
enum Growth {
    static let usage = """
        benchmark growth --monitor PATH --generator GEN [--events N] [--patients N] [--runs N]

          The same number of events of N patients and of 10 N, made by the generator of the shared benchmark and
          scored with one processor, by turns: the ratio of CPU for an event. The generator lets patients begin one
          after another and does not reach all of them in too few events, so those that occur are counted: with fewer
          than 8 times as many the measurement says nothing and fails. Beside them as many events of 10 N patients at
          one pharmacy with one product: a busy accumulator must cost no more than many.

            --monitor PATH    the executable
            --generator GEN   called as `GEN --events N --patients P --parts 1 --seed 7 --out DIR`
            --events N        1000000
            --patients N      the smaller number; 10000
            --runs N          measure so often; 3
        """

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(
            words,
            places: 0,
            options: ["monitor", "generator", "events", "patients", "runs"]
        )
        let monitor = try arguments.required("monitor")
        let generator = try arguments.required("generator")
        let events = try arguments.count("events", default: 1_000_000)
        let patients = try arguments.count("patients", default: 10_000)
        let runs = try arguments.count("runs", default: 3)
        let folder = try TemporaryFolder()
        var loads: [Load] = []
        for (size, busy) in [(patients, false), (patients * 10, false), (patients * 10, true)] {
            let data = try folder.emptyFolder("load-\(loads.count)")
            _ = try Child.run(
                [
                    generator, "--events", "\(events)", "--patients", "\(size)", "--parts", "1",
                    "--seed", "7", "--out", data,
                ] + (busy ? ["--entities", "1", "--pharmacies", "1", "--ndcs", "1"] : []),
                in: folder
            )
            let seen = try patientCount(data + "/events.ndjson")
            let name = "\(seen) patients" + (busy ? ", one pharmacy and product" : "")
            loads.append(Load(name: name, data: data, patients: seen))
        }
        let times = Double(loads[1].patients) / Double(max(1, loads[0].patients))
        guard times >= 8 else {
            throw Failure(
                "only \(loads[1].patients) of \(patients * 10) patients occur in \(events) events, "
                    + "\(decimal(times)) times the \(loads[0].patients) of the smaller number. "
                    + "Give more --events or fewer --patients."
            )
        }
        for _ in 0..<runs {
            for place in loads.indices {
                let output = try folder.emptyFolder("out")
                let cost = try Score.score(
                    monitor,
                    loads[place].data + "/reference",
                    loads[place].data + "/events.ndjson",
                    to: output,
                    in: folder,
                    cores: 1
                )
                loads[place].series.add(cost, events: Double(events))
                loads[place].outputBytes = Files.names(in: output).reduce(0) { sum, name in
                    sum + Double(Files.size("\(output)/\(name)"))
                }
            }
        }
        let table = Table(
            "\(events) events, one processor; \(decimal(times)) times the patients that occur"
        )
        // A ratio far from 1 is explained by the outputs, or by the length of a patient's history.
        for (what, unit, samples) in [
            ("CPU of an event", "us", { $0.series.perEvent }),
            ("outputs", "bytes/event", { Samples(values: [$0.outputBytes / Double(events)]) }),
            ("peak memory", "MB", { $0.series.peak }),
        ] as [(String, String, (Load) -> Samples)] {
            table.row("\(loads[0].name): \(what)", samples(loads[0]), unit)
            for load in loads.dropFirst() {
                table.row(
                    "\(load.name): \(what)",
                    samples(load),
                    unit,
                    over: (samples(loads[0]), loads[0].name)
                )
            }
        }
    }

    /// Events of one kind, and what they cost.
    private struct Load {
        let name: String
        let data: String
        let patients: Int
        var series = Score.Series()
        var outputBytes = 0.0
    }

    /// How many patients occur in a file.
    private static func patientCount(_ path: String) throws(Failure) -> Int {
        var tokens: Set<UInt64> = []
        _ = try Lines(path).visit(.append, tokenizer: Tokenizer(.published)) { batch in
            for index in 0..<batch.count {
                let record = batch.record(at: index)
                // All records are events, whose text 3 is the tokens; of one key, 16 bytes at its end.
                let token = unsafe record.bytes(record.text(3))
                guard token.count >= 16 else { continue }
                tokens.insert(
                    unsafe token.loadUnaligned(fromByteOffset: token.count - 8, as: UInt64.self)
                )
            }
            batch.removeAll()
            return batch
        }
        return tokens.count
    }
}

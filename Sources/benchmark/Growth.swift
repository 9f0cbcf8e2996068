import Ingest
import Journal

/// `benchmark growth`: whether an event costs more where there are more patients.
enum Growth {
    static let usage = """
        benchmark growth --monitor PATH --generator GEN [--events N] [--patients N] [--runs N]

          The same number of events of N patients and of 10 N, made by the generator of the shared benchmark and
          scored with one processor, by turns: the ratio of CPU for an event. The generator lets patients begin one
          after another and does not reach all of them in too few events, so those that occur are counted: with fewer
          than 8 times as many the measurement says nothing and fails.

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
        let wanted = [patients, patients * 10]
        var seen: [Int] = []
        var series = [Score.Series(), Score.Series()]
        var data: [String] = []
        var outputs = [0.0, 0.0]
        for size in wanted {
            data.append(try folder.emptyFolder("patients-\(size)"))
            _ = try Child.run(
                [
                    generator, "--events", "\(events)", "--patients", "\(size)", "--parts", "1",
                    "--seed", "7", "--out", data[data.count - 1],
                ],
                in: folder
            )
            seen.append(try patientCount(data[data.count - 1] + "/events.ndjson"))
        }
        let times = Double(seen[1]) / Double(max(1, seen[0]))
        guard times >= 8 else {
            throw Failure(
                "only \(seen[1]) of \(wanted[1]) patients occur in \(events) events, "
                    + "\(decimal(times)) times the \(seen[0]) of the smaller number. "
                    + "Give more --events or fewer --patients."
            )
        }
        for _ in 0..<runs {
            for (place, data) in data.enumerated() {
                let output = try folder.emptyFolder("out")
                let cost = try Score.score(
                    monitor,
                    data + "/reference",
                    data + "/events.ndjson",
                    to: output,
                    in: folder,
                    cores: 1
                )
                series[place].add(cost, events: Double(events))
                outputs[place] = Files.names(in: output).reduce(0) { sum, name in
                    sum + Double(Files.size("\(output)/\(name)"))
                }
            }
        }
        let table = Table(
            "\(events) events, one processor; \(decimal(times)) times the patients that occur"
        )
        let name = "\(seen[0]) patients"
        table.row("\(seen[0]) patients: CPU of an event", series[0].perEvent, "us")
        table.row(
            "\(seen[1]) patients: CPU of an event",
            series[1].perEvent,
            "us",
            over: (series[0].perEvent, name)
        )
        // A ratio far from 1 is explained here, or by the length of a patient's history.
        let written = outputs.map { Samples(values: [$0 / Double(events)]) }
        table.row("\(seen[0]) patients: outputs", written[0], "bytes/event")
        table.row(
            "\(seen[1]) patients: outputs",
            written[1],
            "bytes/event",
            over: (written[0], name)
        )
        table.row("\(seen[0]) patients: peak memory", series[0].peak, "MB")
        table.row(
            "\(seen[1]) patients: peak memory",
            series[1].peak,
            "MB",
            over: (series[0].peak, name)
        )
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

/// `benchmark growth`: whether an event costs more where there are more patients.
enum Growth {
    static let usage = """
        benchmark growth --monitor PATH --generator GEN [--events N] [--patients N] [--runs N]

          The same number of events of N patients and of 10 N, made by the generator of the shared benchmark and
          scored with one processor, by turns: the ratio of CPU for an event.

            --monitor PATH    the executable
            --generator GEN   called as `GEN --events N --patients P --parts 1 --seed 7 --out DIR`
            --events N        1000000
            --patients N      the smaller number; 100000
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
        let patients = try arguments.count("patients", default: 100_000)
        let runs = try arguments.count("runs", default: 3)
        let folder = try TemporaryFolder()
        let sizes = [patients, patients * 10]
        var series = [Score.Series(), Score.Series()]
        var data: [String] = []
        var outputs = [0.0, 0.0]
        for size in sizes {
            data.append(try folder.emptyFolder("patients-\(size)"))
            _ = try Child.run(
                [
                    generator, "--events", "\(events)", "--patients", "\(size)", "--parts", "1",
                    "--seed", "7", "--out", data[data.count - 1],
                ],
                in: folder
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
        let table = Table("\(events) events, one processor")
        let name = "\(sizes[0]) patients"
        table.row("\(sizes[0]) patients: CPU of an event", series[0].perEvent, "us")
        table.row(
            "\(sizes[1]) patients: CPU of an event",
            series[1].perEvent,
            "us",
            over: (series[0].perEvent, name)
        )
        // What explains a ratio below 1: patients with many events cause more outputs.
        let written = outputs.map { Samples(values: [$0 / Double(events)]) }
        table.row("\(sizes[0]) patients: outputs", written[0], "bytes/event")
        table.row(
            "\(sizes[1]) patients: outputs",
            written[1],
            "bytes/event",
            over: (written[0], name)
        )
        table.row("\(sizes[0]) patients: peak memory", series[0].peak, "MB")
        table.row(
            "\(sizes[1]) patients: peak memory",
            series[1].peak,
            "MB",
            over: (series[0].peak, name)
        )
    }
}

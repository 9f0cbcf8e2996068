/// `benchmark score`: the executable on a file, with one processor and with two.
enum Score {
    static let usage = """
        benchmark score FILE --reference DIR --monitor PATH [--beside 'CMD'] [--runs N]

          Runs `PATH score --reference DIR --output FOLDER FILE`, allowed one processor and two by turns, and with
          --beside also `CMD DIR FOLDER FILE` with one: the calling convention of the shared benchmark, whose
          implementations do less (no decisions, no pseudonyms, no evidence). Checks that one processor and two give
          the same files.

            --reference DIR   the reference tables
            --monitor PATH    the executable
            --beside 'CMD'    another implementation; words are separated by blanks
            --runs N          measure so often, by turns; 3
        """

    /// Figures of one way to run.
    struct Series {
        var cpu = Samples()
        var wall = Samples()
        var peak = Samples()
        var perEvent = Samples()

        mutating func add(_ cost: Cost, events: Double) {
            cpu.add(cost.cpu)
            wall.add(cost.wall)
            peak.add(cost.peak / 1e6)
            perEvent.add(cost.cpu * 1e6 / events)
        }
    }

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(
            words,
            places: 1,
            options: ["reference", "monitor", "beside", "runs"]
        )
        let file = arguments.place(0)
        let reference = try arguments.required("reference")
        let monitor = try arguments.required("monitor")
        let runs = try arguments.count("runs", default: 3)
        let other = arguments.text("beside")?.split(separator: " ").map(String.init)
        let folder = try TemporaryFolder()
        let events = Double(try Files.lineCount(file))
        var one = Series()
        var two = Series()
        var beside = Series()
        var isEqual = true
        let hasTwo = Cores.allowed.count > 1
        for _ in 0..<runs {
            let alone = try folder.emptyFolder("one")
            one.add(
                try score(monitor, reference, file, to: alone, in: folder, cores: 1),
                events: events
            )
            if let other {
                let words = other + [reference, try folder.emptyFolder("beside"), file]
                beside.add(
                    try Child.run(words, in: folder, cores: Cores.last(1)),
                    events: events
                )
            }
            guard hasTwo else { continue }
            let shared = try folder.emptyFolder("two")
            two.add(
                try score(monitor, reference, file, to: shared, in: folder, cores: 2),
                events: events
            )
            if try !areEqual(alone, shared) { isEqual = false }
        }

        let table = Table("\(Int(events)) lines")
        func rows(_ name: String, _ series: Series, _ base: Series?, _ baseName: String) {
            func row(_ figure: String, _ samples: KeyPath<Series, Samples>, _ unit: String) {
                table.row(
                    "\(name): \(figure)",
                    series[keyPath: samples],
                    unit,
                    over: base.map { ($0[keyPath: samples], baseName) }
                )
            }
            row("CPU", \.cpu, "s")
            row("CPU of a line", \.perEvent, "us")
            row("by the clock", \.wall, "s")
            row("peak memory", \.peak, "MB")
        }
        rows("one processor", one, other == nil ? nil : beside, "the other")
        if hasTwo { rows("two processors", two, one, "one processor") }
        if other != nil { rows("the other, one processor", beside, nil, "") }
        guard hasTwo else {
            table.note("this process may use one processor only: two are not measured.")
            return
        }
        guard isEqual else {
            throw Failure("one processor and two give different files: the order is not fixed.")
        }
        table.note("one processor and two give the same files, byte for byte.")
    }

    /// Runs the executable.
    static func score(
        _ monitor: String,
        _ reference: String,
        _ file: String,
        to output: String,
        in folder: TemporaryFolder,
        cores: Int
    ) throws(Failure) -> Cost {
        try Child.run(
            [monitor, "score", "--reference", reference, "--output", output, file],
            in: folder,
            cores: Cores.last(cores)
        )
    }

    private static func areEqual(_ left: String, _ right: String) throws(Failure) -> Bool {
        let names = Files.names(in: left)
        guard !names.isEmpty, names == Files.names(in: right) else { return false }
        for name in names
        where try !Files.areEqual("\(left)/\(name)", "\(right)/\(name)") {
            return false
        }
        return true
    }
}

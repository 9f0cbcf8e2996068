/// `benchmark replay`: a journal folded again, beside the run that wrote it.
enum ReplayMeasure {
    static let usage = """
        benchmark replay FILE --reference DIR --monitor PATH [--runs N]

          Runs `PATH score` on FILE, and by turns `PATH replay` on the journal that it kept: counting outputs, writing
          the same files, and comparing with the files that score wrote. All with one processor. Checks that the files
          are the same.

            --reference DIR   the reference tables
            --monitor PATH    the executable
            --runs N          measure so often, by turns; 3
        """

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, places: 1, options: ["reference", "monitor", "runs"])
        let file = arguments.place(0)
        let reference = try arguments.required("reference")
        let monitor = try arguments.required("monitor")
        let runs = try arguments.count("runs", default: 3)
        let folder = try TemporaryFolder()
        let events = Double(try Files.lineCount(file))
        let journal = folder.path + "/journal.dmj"
        let begin = [monitor, "score", "--quiet", "--reference", reference, "--output"]
        func child(_ words: [String]) throws(Failure) -> Cost {
            try Child.run(words, in: folder, cores: Cores.last(1))
        }
        _ = try child(begin + [try folder.emptyFolder("kept"), "--keep-journal", journal, file])
        let replay = [monitor, "replay", "--yes", "--quiet", journal]
        var score = Score.Series()
        var counting = Score.Series()
        var writing = Score.Series()
        var comparing = Score.Series()
        for _ in 0..<runs {
            let scored = try folder.emptyFolder("score")
            score.add(try child(begin + [scored, file]), events: events)
            counting.add(try child(replay), events: events)
            let replayed = try folder.emptyFolder("replay")
            writing.add(try child(replay + ["--output", replayed]), events: events)
            comparing.add(try child(replay + ["--published", scored]), events: events)
            for name in Files.names(in: replayed) where name.hasSuffix(".ndjson") {
                guard try Files.areEqual("\(scored)/\(name)", "\(replayed)/\(name)") else {
                    throw Failure("score and replay give different files: \(name).")
                }
            }
        }
        let table = Table("\(Int(events)) lines, a journal of \(Files.size(journal)) bytes")
        table.row("score: CPU of a line", score.perEvent, "us")
        for (name, series) in [
            ("replay, counting", counting), ("replay, writing files", writing),
            ("replay, comparing files", comparing),
        ] {
            table.row("\(name): CPU", series.perEvent, "us", over: (score.perEvent, "score"))
            table.row("\(name): by the clock", series.wall, "s", over: (score.wall, "score"))
            table.row("\(name): peak memory", series.peak, "MB", over: (score.peak, "score"))
        }
        table.note("score and replay give the same files, byte for byte.")
    }
}

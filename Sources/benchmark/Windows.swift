import Engine
import Ingest
import Journal

/// `benchmark windows`: whether memory stays where it is once the windows are full.
enum Windows {
    static let usage = """
        benchmark windows [--years N] [--per-day N]

          Steady traffic of encounters, dispenses and claims, made in memory and folded without writing outputs. A
          line is printed for each half year. Fills and event ids are forgotten after 400 days, encounters after
          1,130: from then on memory should be flat. What is proposed is approved on the same day; undecided, each
          proposal would be remembered (64 bytes and its place in an index).

            --years N     5
            --per-day N   events of a day; 2000
            --approve no  nobody decides about anything
        """

    /// The last window to fill: 365 days back from a prescription that lives 365, and the horizon of 400.
    private static let fullDay = 1130
    /// Above this ratio to day 1,130 memory counts as growing: tables grow in steps of 2 MiB.
    private static let bound = 1.05

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, places: 0, options: ["years", "per-day", "approve"])
        let days = Int(Double(try arguments.count("years", default: 5)) * 365.25)
        let perDay = try arguments.count("per-day", default: 2000)
        guard let firstDate = CivilDate(year: 2021, month: 1, day: 1) else {
            preconditionFailure("the calendar has this day")
        }
        let isDecided = arguments.text("approve") != "no"
        var traffic = Traffic(perDay: perDay, from: firstDate)
        var decoder = EventDecoder(tokenizer: Tokenizer(.published))
        let source = decoder.addSource("traffic", isFile: true)
        let batch = RecordBatch(capacity: 1 << 20)
        let floor = Meter.memory("VmRSS", of: "self")
        var machine = Machine()
        var spare = OutputTopic.allCases.map { _ in OutputBuffer() }
        var offset: Int64 = 0
        _ = try fold(Beginning.batch(Traffic.rows), &machine, &offset)
        machine.removeOutputs()

        say(
            "about \(perDay) events a day for \(days) days; \(decimal(floor / 1e6)) MB before the first"
        )
        say(
            [
                "day", "fills", "encounters", "event ids", "patients", "alerts", "fold us/event",
                "VmRSS MB",
            ]
            .map { left($0, 14) }.joined() + left("of day 1,130", 15)
        )
        var events: UInt64 = 0
        var atFull = 0.0
        var most = 0.0
        // Of the folds alone, since the last line.
        var cpu = 0.0
        var eventsBefore: UInt64 = 0
        func append(_ line: [UInt8]) throws(Failure) {
            do throws(Rejection) {
                // The span is used up while the line stands.
                unsafe try decoder.decode(line.span.bytes, from: source, recordedAt: nil)
            } catch {
                throw Failure("the traffic is no events: \(error.message)")
            }
            decoder.append(
                to: batch,
                source: RecordSource(partition: -1, offset: Int64(events), counter: events)
            )
            events += 1
        }
        /// Folds what there is, and gives the ids of what it proposes.
        func foldAll() throws(Failure) -> [String] {
            cpu += try fold(batch, &machine, &offset)
            spare = machine.exchangeOutputs(for: spare)
            return isDecided ? Self.proposals(in: spare) : []
        }
        for day in 0..<days {
            var proposals: [String] = []
            try traffic.visitDay(day) { line throws(Failure) in
                try append(line)
                if batch.byteCount >= 256 << 10 { proposals += try foldAll() }
            }
            proposals += try foldAll()
            for proposal in proposals { try append(traffic.approval(of: proposal, day)) }
            _ = try foldAll()
            let resident = Meter.memory("VmRSS", of: "self")
            let past = day + 1
            if past == fullDay { atFull = resident }
            if past > fullDay { most = max(most, resident) }
            guard past % 183 == 0 || past == fullDay || past == days else { continue }
            let spent = cpu * 1e6 / Double(max(1, events - eventsBefore))
            let size = machine.size
            say(
                [past, size.fills, size.encounters, size.eventIDs, size.patients, size.alerts]
                    .map { left("\($0)", 14) }.joined()
                    + left(decimal(spent), 14) + left(decimal(resident / 1e6), 14)
                    + left(atFull > 0 ? decimal(resident / atFull) : "-", 15)
            )
            cpu = 0
            eventsBefore = events
        }
        let counts = machine.counts
        say(
            "applied \(counts.applied), duplicates \(counts.duplicates), alerts opened "
                + "\(counts.alertsOpened.reduce(0, +)), decisions \(counts.decisions.reduce(0, +))"
        )
        guard most > 0 else {
            return say("too short to say whether memory is flat: more than 1,130 days are needed")
        }
        let ratio = most / atFull
        say(
            "memory is \(ratio <= bound ? "flat" : "not flat"): at most \(decimal(ratio)) of day 1,130's "
                + "on any later day"
        )
    }

    /// Folds a batch and empties it.
    ///
    /// - Returns: user and system seconds.
    private static func fold(
        _ batch: RecordBatch,
        _ machine: inout Machine,
        _ offset: inout Int64
    ) throws(Failure) -> Double {
        let before = Meter.ownCPU
        do { try machine.apply(batch, from: &offset) } catch {
            throw Failure("could not fold the records: \(error.description)")
        }
        batch.removeAll()
        return Meter.ownCPU - before
    }

    /// Ids of what a fold has proposed.
    private static func proposals(in buffers: [OutputBuffer]) -> [String] {
        let buffer = buffers[Int(OutputTopic.replenishments.rawValue)]
        return (0..<buffer.count).compactMap { place in
            // The bytes stand until the buffer is written to again.
            let line = unsafe String(decoding: buffer.value(at: place), as: UTF8.self)
            guard line.contains("\"state\":\"proposed\"") else { return nil }
            return line.split(separator: "\"replenishment_id\":\"").last?.split(separator: "\"")
                .first
                .map(String.init)
        }
    }
}

import Glibc
import Ingest
import Journal
import Kafka
import Pipeline

/// `benchmark kafka`: the service between real topics.
enum KafkaMeasure {
    static let usage = """
        benchmark kafka FILE --reference DIR --bootstrap HOST:PORT [--mode throughput|latency|restart|takeover]
                        [--limit N]
                        [--partitions N] [--broker PID] [--rate N] [--seconds N] [--runs N]

          Sends FILE's events into fresh topics, each with the time at which it was recorded, and runs the service in
          a process of its own with `clock: records`. The topics stay; their prefix is printed.

          throughput   all events are there before the service starts: events/s from the first committed output to
                       the last, seen by the topics' last stable offsets; beside it the rate of sending
          latency      the last N seconds' events are sent at a steady rate when the service has done the others:
                       from sending an event to the arrival of each decision and alert at a read_committed
                       consumer, beside the arrival of the journal's record; the first 10 s are left out

          restart      the service has folded all but the last events, and its snapshots lie --tail records behind; it
                       is killed with -9 and started again at once, while events come at the rate: from the start of
                       the process to the first new output, and to that of the last partition
          takeover     the same with two workers, of which the second is a standby: from the kill of the first, which
                       is noticed when its session is over (6 s), to the outputs of its partitions

            --limit N        read at most N lines; 1000000
            --partitions N   of sources and journal; 4
            --broker PID     of a broker on this machine: its CPU is told, too
            --rate N         events a second; 2000
            --seconds N      how long they come; 30
            --runs N         of throughput, each with topics of its own; 1. A broker that has just started is slow.
                             Of restarts: kills; 10
            --tail N         journal records behind the snapshots; 200000
        """

    /// What was typed.
    struct Wishes {
        let file: String
        let rows: [ReferenceRow]
        let bootstrap: String
        let limit: Int
        let partitions: Int
        let broker: Int32?
        let rate: Int
        let seconds: Int
        let runs: Int
        let tail: Int

        init(_ arguments: Arguments) throws(Failure) {
            file = arguments.place(0)
            rows = try Beginning.rows(of: arguments.required("reference"))
            bootstrap = try arguments.required("bootstrap")
            limit = try arguments.count("limit", default: 1_000_000)
            partitions = try arguments.count("partitions", default: 4)
            broker = arguments.text("broker").flatMap(Int32.init)
            rate = try arguments.count("rate", default: 2000)
            seconds = try arguments.count("seconds", default: 30)
            tail = try arguments.count("tail", default: 200_000)
            runs = try arguments.count(
                "runs",
                default: ["restart", "takeover"].contains(arguments.text("mode")) ? 10 : 1
            )
        }

        var brokerCPU: Double { broker.flatMap { Meter.cpu(ofProcess: $0) } ?? 0 }

        func topics(_ run: Int) -> KafkaTopics {
            KafkaTopics(
                bootstrap: bootstrap,
                prefix: "benchmark-\(Meter.wallMilliseconds)-\(run)",
                partitions: partitions
            )
        }
    }

    static func run(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(
            words,
            places: 1,
            options: [
                "reference", "bootstrap", "mode", "limit", "partitions", "broker", "rate",
                "seconds", "runs", "tail",
            ]
        )
        let mode = arguments.text("mode") ?? "throughput"
        let wishes = try Wishes(arguments)
        do {
            switch mode {
            case "throughput": try throughput(wishes)
            case "latency": try latency(wishes)
            case "restart": try KafkaRestart.measure(wishes, isTakeOver: false)
            case "takeover": try KafkaRestart.measure(wishes, isTakeOver: true)
            default:
                throw Failure(
                    "--mode \(mode): there are throughput, latency, restart and takeover."
                )
            }
        } catch {
            throw error as? Failure ?? Failure("\(error)")
        }
    }

    // MARK: throughput

    private static func throughput(_ wishes: Wishes) throws {
        let folder = try TemporaryFolder()
        var rates = Samples()
        var sending = Samples()
        var cpu = Samples()
        var brokerCPU = Samples()
        var peak = Samples()
        var beginning = Samples()
        var count = 0
        for run in 0..<wishes.runs {
            let topics = wishes.topics(run)
            say("topics \(topics.prefix).*")
            try topics.create(wishes.rows)
            var feed = try KafkaFeed(wishes.file, limit: wishes.limit, to: topics)
            let start = Meter.clock
            while try feed.send() != nil {}
            try feed.flush()
            count = feed.count
            sending.add(Double(count) / (Meter.clock - start))

            let before = wishes.brokerCPU
            let started = Meter.clock
            let service = try KafkaService.start(
                topics,
                partitions: wishes.partitions,
                log: folder.path + "/service"
            )
            defer { service.stop() }
            let span = try watch(topics, service, wishes)
            let events = Double(count)
            rates.add(events / (span.last - span.first))
            beginning.add(span.first - started)
            cpu.add(span.cpu * 1e6 / events)
            brokerCPU.add((span.brokerCPU - before) * 1e6 / events)
            peak.add(service.peak / 1e6)
            service.stop()
            _ = try service.wait()
            let journal = try ends(of: topics.journal, FetchConsumer(settings(topics)))
            guard journal >= Int64(count) else {
                throw Failure("only \(journal) of \(count) events are in the journal.")
            }
        }
        let table = Table("\(count) events, \(wishes.partitions) partitions")
        table.row("throughput", rates, "events/s", over: (sending, "sending"))
        table.row("sending, one thread", sending, "events/s")
        table.row("start to first output", beginning, "s")
        table.row("service: CPU of an event", cpu, "us")
        if wishes.broker != nil {
            table.row("broker: CPU of an event", brokerCPU, "us", over: (cpu, "service"))
        }
        table.row("service: peak memory", peak, "MB")
    }

    private static func settings(_ topics: KafkaTopics) -> ClientSettings {
        ClientSettings(bootstrap: topics.bootstrap)
    }

    /// The sum of the partitions' ends: of committed records and the marks of transactions.
    private static func ends(
        of partitions: [TopicPartition],
        _ consumer: FetchConsumer
    ) throws -> Int64 {
        try consumer.offsets(of: partitions, within: .seconds(20)).reduce(0) { sum, result in
            sum + (try result.get().end)
        }
    }

    /// The time in which the outputs came, and what was spent to its end.
    struct Span {
        var first = 0.0
        var last = 0.0
        var cpu = 0.0
        var brokerCPU = 0.0
    }

    /// Waits until the outputs have come: for three seconds less than a hundredth of the best second's. Later ones
    /// are deadlines that fall due as time goes on.
    @discardableResult
    static func watch(
        _ topics: KafkaTopics,
        _ service: Child,
        _ wishes: Wishes
    ) throws -> Span {
        let consumer = try FetchConsumer(settings(topics))
        let start = Meter.clock
        var first: Double?
        var span = Span()
        var total: Int64 = 0
        var best: Int64 = 0
        var second: (begin: Double, total: Int64, last: Double) = (start, 0, start)
        var quiet = 0
        while quiet < 3 {
            usleep(100_000)
            let now = try ends(of: topics.outputs, consumer)
            let clock = Meter.clock
            if now > total {
                if first == nil { first = clock }
                second.last = clock
            }
            total = now
            guard first != nil else {
                guard clock - start < 60 else {
                    throw Failure("no output within a minute: \(service.printed)")
                }
                continue
            }
            guard clock - second.begin >= 1 else { continue }
            let gained = total - second.total
            best = max(best, gained)
            if gained * 100 >= best {
                span.last = second.last
                span.cpu = service.cpu
                span.brokerCPU = wishes.brokerCPU
                quiet = 0
            } else {
                quiet += 1
            }
            second = (clock, total, clock)
        }
        span.first = first ?? start
        return span
    }

    // MARK: latency

    private static func latency(_ wishes: Wishes) throws {
        let folder = try TemporaryFolder()
        let topics = wishes.topics(0)
        say("topics \(topics.prefix).*")
        try topics.create(wishes.rows)
        var feed = try KafkaFeed(wishes.file, limit: wishes.limit, to: topics)
        let before = max(0, feed.lineCount - wishes.rate * wishes.seconds)
        guard before > 0 else {
            throw Failure("FILE has fewer events than --rate times --seconds, and some before.")
        }
        for _ in 0..<before { _ = try feed.send() }
        try feed.flush()
        let service = try KafkaService.start(
            topics,
            partitions: wishes.partitions,
            log: folder.path + "/service"
        )
        defer { service.stop() }
        _ = try watch(topics, service, wishes)

        var arrivals = KafkaArrivals(topics)
        var queue = try KafkaArrivals.queue(topics)
        // The first event shall not wait for connections.
        let settled = Meter.clock + 1
        while Meter.clock < settled { try arrivals.look(at: &queue) }
        let cpu = service.cpu
        let brokerCPU = wishes.brokerCPU
        let start = Meter.clock
        var sent = 0
        var isAtEnd = false
        while !isAtEnd {
            while Double(sent) <= (Meter.clock - start) * Double(wishes.rate) {
                guard let id = try feed.send() else {
                    isAtEnd = true
                    break
                }
                sent += 1
                arrivals.note(id, isCounted: sent > wishes.rate * 10)
            }
            try feed.poll()
            try arrivals.look(at: &queue)
        }
        let span = Meter.clock - start
        try feed.flush()
        let end = Meter.clock + 3
        while Meter.clock < end { try arrivals.look(at: &queue) }

        let table = Table("\(sent) events at \(decimal(Double(sent) / span)) a second")
        let base = Samples(values: [KafkaArrivals.part(0.5, of: arrivals.journal)])
        for (name, delays) in [
            ("journal", arrivals.journal), ("decision", arrivals.decisions),
            ("alert", arrivals.alerts),
        ] where !delays.isEmpty {
            for (share, title) in [(0.5, "p50"), (0.99, "p99"), (1, "most")] {
                let delay = Samples(values: [KafkaArrivals.part(share, of: delays)])
                table.row(
                    "event → \(name), \(title)",
                    delay,
                    "ms",
                    over: (base, "journal's p50")
                )
            }
            table.note("\(delays.count) of them")
        }
        table.row(
            "service: CPU of an event",
            Samples(values: [(service.cpu - cpu) * 1e6 / Double(sent)]),
            "us"
        )
        if wishes.broker != nil {
            let value = (wishes.brokerCPU - brokerCPU) * 1e6 / Double(sent)
            table.row("broker: CPU of an event", Samples(values: [value]), "us")
        }
        service.stop()
        _ = try service.wait()
    }
}

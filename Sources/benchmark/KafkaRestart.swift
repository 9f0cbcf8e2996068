import Glibc
import Kafka

/// `benchmark kafka --mode restart` and `--mode takeover`: how long nobody decides after a worker was killed.
enum KafkaRestart {
    /// Restarts, or take-overs, and their times.
    static func measure(_ wishes: KafkaMeasure.Wishes, isTakeOver: Bool) throws {
        let folder = try TemporaryFolder()
        let topics = wishes.topics(0)
        say("topics \(topics.prefix).*")
        try topics.create(wishes.rows)
        var feed = try KafkaFeed(wishes.file, limit: wishes.limit, to: topics)
        let paced = wishes.rate * wishes.runs * (isTakeOver ? 30 : 12)
        let before = feed.lineCount - paced - wishes.tail
        guard before > 0 else {
            throw Failure("FILE has fewer than \(paced + wishes.tail) events and some before.")
        }
        func start(_ name: String, snapshots: String, isStandby: Bool) throws -> Child {
            try KafkaService.start(
                topics,
                partitions: wishes.partitions,
                log: folder.path + "/" + name,
                "--instance",
                name,
                "--standby",
                "\(isStandby)",
                "--snapshots",
                snapshots
            )
        }
        // The state, with a snapshot behind all of it.
        for _ in 0..<before { _ = try feed.send() }
        try feed.flush()
        var first = try start("a", snapshots: "soon", isStandby: isTakeOver)
        defer { first.stop() }
        try KafkaMeasure.watch(topics, first, wishes)
        usleep(8_000_000)
        first.stop()
        _ = try first.wait()
        // The tail.
        for _ in 0..<wishes.tail { _ = try feed.send() }
        try feed.flush()
        first = try start("a", snapshots: "never", isStandby: isTakeOver)
        var second: Child?
        if isTakeOver { second = try start("b", snapshots: "never", isStandby: true) }
        defer { second?.stop() }
        try KafkaMeasure.watch(topics, first, wishes)

        var outputs = try NewOutputs(topics)
        var pace = Pace(wishes.rate)
        var anyTimes: [Double] = []
        var allTimes: [Double] = []
        var isFirst = true
        for _ in 0..<wishes.runs {
            // Until all is as ever.
            try pace.run(3, &feed, &outputs)
            if isTakeOver {
                let killed = Meter.clock
                if isFirst { first.killNow() } else { second?.killNow() }
                // What it had committed arrives.
                try pace.run(0.2, &feed, &outputs)
                let times = try pace.untilAll(&feed, &outputs, since: killed, within: 60)
                allTimes.append(times.all)
                anyTimes.append(times.any)
                let again = try start(isFirst ? "a" : "b", snapshots: "never", isStandby: true)
                if isFirst { first = again } else { second = again }
                isFirst.toggle()
                // It joins, and follows.
                try pace.run(15, &feed, &outputs)
            } else {
                first.killNow()
                // What it had committed arrives.
                try pace.run(0.2, &feed, &outputs)
                let started = Meter.clock
                first = try start("a", snapshots: "never", isStandby: false)
                let times = try pace.untilAll(&feed, &outputs, since: started, within: 60)
                anyTimes.append(times.any)
                allTimes.append(times.all)
            }
        }
        let what = isTakeOver ? "kill" : "start"
        let table = Table(
            "\(wishes.runs) kills, \(before) events before, a tail of \(wishes.tail), "
                + "\(wishes.rate) events a second"
        )
        for (title, times) in [
            ("the first new output", anyTimes), ("the last partition's", allTimes),
        ] {
            for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
                table.row(
                    "\(what) → \(title), \(name)",
                    Samples(values: [KafkaArrivals.part(share, of: times)]),
                    "s"
                )
            }
        }
        table.note(allTimes.map { decimal($0) }.joined(separator: " "))
    }

    /// Sends events at a rate.
    private struct Pace {
        let rate: Double
        private var start = Meter.clock
        private var sent = 0.0

        init(_ rate: Int) { self.rate = Double(rate) }

        mutating func run(
            _ seconds: Double,
            _ feed: inout KafkaFeed,
            _ outputs: inout NewOutputs
        ) throws {
            let end = Meter.clock + seconds
            while Meter.clock < end { try step(&feed, &outputs) }
        }

        private mutating func step(_ feed: inout KafkaFeed, _ outputs: inout NewOutputs) throws {
            while sent <= (Meter.clock - start) * rate {
                guard try feed.send() != nil else {
                    throw Failure("FILE has too few events: name a larger one, or fewer --runs.")
                }
                sent += 1
            }
            try feed.poll()
            try outputs.look()
        }

        /// Until each partition of decisions has given a new one.
        mutating func untilAll(
            _ feed: inout KafkaFeed,
            _ outputs: inout NewOutputs,
            since begin: Double,
            within limit: Double
        ) throws -> (any: Double, all: Double) {
            outputs.forget()
            while !outputs.isComplete {
                guard Meter.clock - begin < limit else {
                    throw Failure("a partition has given nothing for \(limit) s")
                }
                try step(&feed, &outputs)
            }
            return (outputs.first - begin, outputs.last - begin)
        }
    }

    /// When each partition of decisions gives something new.
    private struct NewOutputs: ~Copyable {
        private var queue: FetchQueue
        private var seen: [Double?]

        init(_ topics: KafkaTopics) throws {
            let consumer = try FetchConsumer(ClientSettings(bootstrap: topics.bootstrap))
            var queue = consumer.queue()
            let bounds = consumer.offsets(of: topics.decisions, within: .seconds(20))
            for (partition, bound) in zip(topics.decisions, bounds) {
                _ = try queue.start(partition, at: .offset(try bound.get().end))
            }
            seen = topics.decisions.map { _ in nil }
            self.queue = queue
        }

        mutating func look() throws {
            var sources: Set<Int> = []
            do {
                let batch = try queue.next(limit: 4096, waiting: .milliseconds(1))
                for index in 0..<batch.count { sources.insert(batch[index].source) }
            }
            for source in sources where seen[source] == nil { seen[source] = Meter.clock }
        }

        /// What comes from now on is new.
        mutating func forget() { for place in seen.indices { seen[place] = nil } }

        var isComplete: Bool { !seen.contains { $0 == nil } }
        var first: Double { seen.compactMap { $0 }.min() ?? .nan }
        var last: Double { seen.compactMap { $0 }.max() ?? .nan }
    }
}

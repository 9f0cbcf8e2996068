internal import Engine
internal import Journal
internal import Kafka

/// Folds a range of a journal again: to see what was decided and why, to prove that what was published is what the
/// journal says, or to see what another policy would have decided.
///
///     let replay = try Replay(options)
///     let plan = try replay.plan()          // nothing has happened yet
///     let report = try replay.run(plan)
///
/// It joins no group, commits nothing, and writes to no live topic. One thread folds, one partition after the other.
public struct Replay {
    let options: ReplayOptions
    let source: any JournalSource
    let published: (any PublishedOutputs)?

    /// Opens what is to be read.
    ///
    /// - Throws: ``ReplayFailure`` where it can't be read, or where what is asked for makes no sense.
    public init(_ options: ReplayOptions) throws(ReplayFailure) {
        self.options = options
        switch options.journal {
        case .files(let paths): source = try DumpedJournal(paths)
        case .cluster:
            let service = Self.service(of: options)
            source = try TopicJournal(service.consumerSettings, topic: service.journalTopic)
        }
        switch options.published {
        case nil: published = nil
        case .folder(let folder): published = PublishedFolder(folder: folder)
        case .cluster: published = try PublishedTopics(Self.service(of: options))
        }
        if options.published != nil, options.policy != nil {
            throw ReplayFailure(
                "compare with what was published under another policy: it is bound to differ. Leave out the "
                    + "comparison, or the policy.",
                .usage
            )
        }
        if case .topics(let prefix) = options.target {
            try Self.check(prefix, Self.service(of: options))
        }
    }

    private static func service(of options: ReplayOptions) -> ServiceConfiguration {
        guard let service = options.service else {
            preconditionFailure("a replay of a cluster needs its settings")
        }
        return service
    }

    // MARK: topics of the replay

    /// The names of the output topics under another prefix.
    static func names(_ prefix: String, _ service: ServiceConfiguration) -> [String] {
        var other = service
        other.topics.prefix = prefix
        return other.outputTopics
    }

    /// Refuses names that are live topics' names.
    private static func check(
        _ prefix: String,
        _ service: ServiceConfiguration
    ) throws(ReplayFailure) {
        let live =
            service.outputTopics + service.sourceTopics + [
                service.referenceTopic, service.policyTopic, service.journalTopic,
                service.deadLetterTopic,
            ]
        for name in names(prefix, service) where live.contains(name) {
            throw ReplayFailure(
                "replay into topics with the prefix \"\(prefix)\": \(name) is a live topic. Give another prefix, such "
                    + "as replay.",
                .usage
            )
        }
    }

    // MARK: the replay

    /// Does what a plan says.
    ///
    /// - Throws: ``ReplayFailure``; what was written into a folder by then is gone on with by the next run.
    public func run(_ plan: ReplayPlan) throws(ReplayFailure) -> ReplayReport {
        var plan = plan
        let sink: any ReplaySink
        switch options.target {
        case .nowhere: sink = NoSink()
        case .folder(let folder):
            let wanted = ReplayProgressFile(
                arguments: arguments(plan),
                ends: plan.parts.map { ($0.extent.partition, $0.end) }
            )
            let before = try ReplayProgressFile.found(in: folder, for: wanted)
            if let before {
                // The journal may have got more since: the range is the one that was begun.
                for place in plan.parts.indices {
                    plan.parts[place].end = before.ends[place].offset
                }
                if before.partition == nil, options.published == nil, plan.policies == nil {
                    var report = ReplayReport()
                    report.wasDone = true
                    return report
                }
            }
            sink = try FolderSink(folder, wanted, before: before)
        case .topics(let prefix):
            let service = Self.service(of: options)
            sink = try TopicSink(
                service,
                names: Self.names(prefix, service),
                partitions: plan.parts.first?.extent.partitionCount ?? 1
            )
        }
        var run = ReplayRun(options, plan, source, published, sink)
        try run.run()
        return run.report
    }

    /// What makes a replay another one, by name.
    private func arguments(_ plan: ReplayPlan) -> [(name: String, value: String)] {
        func text(_ bound: ReplayBound?) -> String {
            switch bound {
            case nil: ""
            case .offset(let offset): "offset \(offset)"
            case .moment(let moment): "\(moment.microseconds) us"
            }
        }
        let policies = plan.policies.map { policies in
            policies.map { SHA256.hex(SHA256.hash($0.canonicalBytes)) }.joined(separator: ",")
        }
        return [
            ("journal", plan.parts.first.map { "\($0.extent.partitionCount) partitions" } ?? ""),
            ("from", text(options.from)), ("to", text(options.to)),
            ("entity", options.entities.sorted().joined(separator: ",")),
            ("partition", plan.parts.map { "\($0.extent.partition)" }.joined(separator: ",")),
            ("policy", policies ?? ""),
        ]
    }
}

/// A replay while it runs.
private struct ReplayRun: ~Copyable {
    private let options: ReplayOptions
    private let plan: ReplayPlan
    private let source: any JournalSource
    private let published: (any PublishedOutputs)?
    private let sink: any ReplaySink
    private let book: VerdictBook?
    private var folded: Int64 = 0
    private(set) var report = ReplayReport()

    init(
        _ options: ReplayOptions,
        _ plan: ReplayPlan,
        _ source: any JournalSource,
        _ published: (any PublishedOutputs)?,
        _ sink: any ReplaySink
    ) {
        self.options = options
        self.plan = plan
        self.source = source
        self.published = published
        self.sink = sink
        book = plan.policies == nil ? nil : VerdictBook()
        if published != nil { report.verification = VerificationReport() }
    }

    mutating func run() throws(ReplayFailure) {
        for (place, part) in plan.parts.enumerated() {
            let partition = part.extent.partition
            // Outputs that are there already need no fold; a comparison and another policy's verdicts do.
            if sink.isDone(partition), published == nil, book == nil { continue }
            let isWhole = try fold(part)
            if !isWhole {
                report.isInterrupted = true
                break
            }
            let next = place + 1 < plan.parts.count ? plan.parts[place + 1].extent.partition : nil
            try sink.end(of: partition, next: next)
        }
        try sink.finish(isInterrupted: report.isInterrupted)
        if let book, !report.isInterrupted { report.verdicts = book.diff(plan.policies ?? []) }
    }

    /// Whether nobody looks at outputs, so that they need not be written to be counted.
    private var isCounting: Bool {
        sink is NoSink && published == nil && book == nil && options.entities.isEmpty
    }

    /// Folds one partition; false where the replay was stopped.
    private mutating func fold(_ part: ReplayPlan.Part) throws(ReplayFailure) -> Bool {
        let partition = part.extent.partition
        let (sink, book, options) = (sink, book, options)
        var fold = PartitionFold(
            // Another policy begins with the journal's first one.
            .state(of: partition, before: book == nil ? options.from : nil),
            from: options.from,
            to: options.to,
            policies: plan.policies,
            isHeardBefore: book != nil,
            mark: sink.mark(of: partition),
            isHeardBeforeMark: published != nil || book != nil,
            isCounting: isCounting
        )
        // With another policy the one that was in force is folded beside it.
        var other: PartitionFold? =
            book == nil
            ? nil
            : PartitionFold(
                .state(of: partition, before: nil),
                from: options.from,
                to: options.to,
                isHeardBefore: true
            )
        let verification = published.map { published in
            Verification(
                published,
                partition: partition,
                entities: options.entities,
                after: report.verification ?? VerificationReport()
            )
        }
        var filter = EntityFilter(options.entities)
        // Of some entities only their own are counted.
        var filtered = report.outputs.map { _ in 0 as Int64 }
        func take(
            _ machine: inout Machine,
            _ place: PartitionFold.Place
        ) throws(ReplayFailure) {
            filter.apply(to: machine)
            book?.take(machine.outputs, .after, isInRange: place.isLive)
            guard place.isLive else { return machine.removeOutputs() }
            try verification?.take(machine.outputs, from: place.firstSequences)
            for index in filtered.indices { filtered[index] += Int64(machine.outputs[index].count) }
            try sink.take(&machine, of: partition, at: place)
        }
        var otherFilter = EntityFilter(options.entities)
        func takeOther(
            _ machine: inout Machine,
            _ place: PartitionFold.Place
        ) throws(ReplayFailure) {
            otherFilter.apply(to: machine)
            book?.take(machine.outputs, .before, isInRange: place.isLive)
            machine.removeOutputs()
        }
        var isStopped = false
        var count = folded
        let total = plan.records
        let start = fold.place.next
        try source.read(partition, from: start, below: part.end) {
            (records, offsets) throws(ReplayFailure) in
            try fold.fold(records, offsets, take)
            if book != nil {
                try other?.fold(records, offsets, takeOther)
                for (place, record) in records.enumerated() where offsets[place] < fold.place.next {
                    book?.take(record)
                }
            }
            count += Int64(records.count)
            options.progress?(
                ReplayProgress(
                    records: count,
                    total: total,
                    partition: partition,
                    monitorTime: fold.machine.monitorTime
                )
            )
            isStopped = options.stop.isStopped
            return !isStopped && !fold.isOver
        }
        try fold.finish(take)
        try other?.finish(takeOther)
        if let verification {
            // What lies behind the place at which it was stopped was not looked at.
            if !isStopped, fold.place.isLive {
                let end = fold.isOver ? fold.place.next : part.end
                try verification.finish(from: fold.place.firstSequences, below: end)
            }
            report.verification = verification.report
        }
        folded = count
        report.records = count
        report.rangeRecords += fold.liveRecords
        let counts = options.entities.isEmpty ? fold.outputCounts : filtered
        for index in counts.indices { report.outputs[index].count += counts[index] }
        return !isStopped
    }
}

/// Keeps the outputs of some covered entities.
private struct EntityFilter {
    private let names: Set<[UInt8]>
    /// By the machine's number; nil where it was not looked up yet.
    private var isWanted: [Bool?] = []

    init(_ entities: Set<String>) { names = Set(entities.map { Array($0.utf8) }) }

    mutating func apply(to machine: borrowing Machine) {
        guard !names.isEmpty else { return }
        for buffer in machine.outputs {
            for entity in buffer.entities {
                let number = Int(entity)
                while isWanted.count <= number { isWanted.append(nil) }
                if isWanted[number] == nil {
                    isWanted[number] = names.contains(machine.entityKey(entity))
                }
            }
            let isWanted = isWanted
            buffer.keep { isWanted[Int($0)] == true }
        }
    }
}

internal import Glibc
internal import Kafka
public import Metrics
internal import Synchronization

/// One thing that must hold for a service to be alive or ready.
public struct Check: Sendable, Equatable {
    /// A short name, such as `partition 3`.
    public let name: String
    /// It holds.
    public let holds: Bool
    /// How it is, in a few words: `live`, `recovering 41 %`.
    public let detail: String

    /// States a check.
    public init(_ name: String, _ holds: Bool, _ detail: String) {
        self.name = name
        self.holds = holds
        self.detail = detail
    }
}

/// What other programs may ask a running service: its metrics, whether it is alive, whether it is ready.
///
/// All of it is answered from what the service's threads have told, without waiting for any of them.
public final class Operations: Sendable {
    let instruments = ServiceInstruments()
    let watchdog: Watchdog
    let clients: ClientWatch

    private struct State {
        var roles: Set<ServiceConfiguration.Role> = []
        var partitions: [Int32: PartitionInstruments] = [:]
        /// What became of the look at the topics; nil as long as it goes on.
        var topics: Check?
        /// When a role was given partitions last, possibly none.
        var joined: [String: Int] = [:]
        var isStopping = false
    }
    private let state = Mutex(State())

    /// How old the word of Kafka's client may be, in milliseconds.
    private static let patience: Int64 = 10_000

    init() {
        watchdog = Watchdog(hangs: instruments.hangs[])
        clients = ClientWatch(instruments)
        ProcessReadings.add(to: instruments.registry)
        instruments.registry.beforeText { [weak self] in self?.refresh() }
    }

    /// All metrics.
    public var metrics: Registry { instruments.registry }

    private func refresh() {
        let wall = WallClock.milliseconds
        for one in state.withLock({ Array($0.partitions.values) }) { one.refresh(wall: wall) }
        clients.refresh()
    }

    // MARK: told by the service

    /// The service begins.
    func begin(_ configuration: ServiceConfiguration) {
        state.withLock { $0.roles = configuration.roles }
        instruments.prepare(configuration.roles)
        instruments.buildInformation[configuration.version, LibraryVersion.text].set(1)
    }

    /// The service is to end.
    func stopping() { state.withLock { $0.isStopping = true } }

    /// The topics were looked at; where they fit, the journal has so many partitions.
    func topics(_ check: Check, journalPartitions: Int32? = nil) {
        state.withLock { $0.topics = check }
        if let journalPartitions { instruments.journalPartitions[].set(journalPartitions) }
    }

    /// The group has given a role so many partitions.
    func assigned(_ role: ServiceConfiguration.Role, _ count: Int) {
        state.withLock { $0.joined[role.rawValue] = count }
        instruments.rebalances[role.rawValue].add()
        instruments.partitionsOwned[role.rawValue].set(count)
    }

    /// The group has given up on a role.
    func lost(_ role: ServiceConfiguration.Role) {
        state.withLock { $0.joined[role.rawValue] = nil }
        instruments.partitionsOwned[role.rawValue].set(0)
    }

    /// A fetch was begun again, since records waited that did not come.
    func restartedFetch(_ role: ServiceConfiguration.Role) {
        instruments.silences[role.rawValue].add()
    }

    /// What counts for a journal partition: the same for all its threads, one after another.
    func partition(_ number: Int32) -> PartitionInstruments {
        state.withLock { state in
            if let known = state.partitions[number] { return known }
            let new = PartitionInstruments(number, instruments)
            state.partitions[number] = new
            return new
        }
    }

    // MARK: asked by others

    /// The process is alive: no thread hangs. One that is not should be ended and started again.
    public var liveness: [Check] {
        [Check("ping", true, "ok")] + watchdogChecks
    }

    private var watchdogChecks: [Check] {
        let hanging = watchdog.hanging
        if hanging.isEmpty { return [Check("watchdog", true, "ok")] }
        return hanging.map { Check("watchdog", false, "\($0) takes too long") }
    }

    /// The service does its work: the topics fit, Kafka answers, each partition it was given is live.
    public var readiness: [Check] {
        let (roles, partitions, topics, joined, isStopping) = state.withLock {
            ($0.roles, $0.partitions, $0.topics, $0.joined, $0.isStopping)
        }
        var checks = [Check("ping", true, "ok")] + watchdogChecks
        checks.append(Check("shutdown", !isStopping, isStopping ? "going on" : "ok"))
        checks.append(topics ?? Check("topics", false, "not looked at yet"))
        for role in ServiceConfiguration.Role.allCases where roles.contains(role) {
            checks.append(kafka(role.rawValue))
            switch joined[role.rawValue] {
            case nil: checks.append(Check("group \(role.rawValue)", false, "not joined"))
            case let count?:
                checks.append(Check("group \(role.rawValue)", true, "\(count) partitions"))
            }
        }
        if roles.contains(.ingest) {
            let isOpen = instruments.journalReady[].value == 1
            let isOurs = (joined["ingest"] ?? 0) > 0
            if isOurs {
                checks.append(
                    Check(
                        "journal",
                        isOpen,
                        isOpen ? "ok" : "reference rows or a policy are missing"
                    )
                )
            }
            let isRefused = instruments.clockRefused[].value == 1
            checks.append(
                Check("clock", !isRefused, isRefused ? "set by more than 5 minutes" : "ok")
            )
        }
        for (number, one) in partitions.sorted(by: { $0.key < $1.key }) {
            let phase = one.phase
            if phase == .none { continue }
            let detail =
                phase == .folding ? "recovering \(Int(one.progress * 100)) %" : phase.name
            checks.append(
                Check("partition \(number)", [.live, .following].contains(phase), detail)
            )
        }
        return checks
    }

    private func kafka(_ role: String) -> Check {
        let name = "kafka \(role)"
        guard let (age, count) = clients.brokersUp("\(role)-member") else {
            return Check(name, false, "nothing heard yet")
        }
        if age > Self.patience { return Check(name, false, "nothing heard for \(age / 1000) s") }
        return Check(name, count > 0, count > 0 ? "ok" : "no broker can be reached")
    }
}

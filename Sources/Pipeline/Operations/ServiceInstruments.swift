internal import Engine
internal import Ingest
internal import Kafka
internal import Metrics

/// Everything that the service counts, by name: the metrics' documentation and their only declaration.
///
/// Who counts looks its instruments up once and adds to them once a batch or transaction.
final class ServiceInstruments: Sendable {
    let registry = Registry(prefix: "diversion_monitor_")

    // MARK: journal partitions
    let journalPartitions: Family<Gauge>
    let journalLagRecords: Family<Gauge>
    let journalLagSeconds: Family<Gauge>
    let journalOffset: Family<Gauge>
    let journalRecords: Family<Counter>
    let events: Family<Counter>
    let decisions: Family<Counter>
    let alertsOpened: Family<Counter>
    let outputs: Family<Counter>
    let pendingFills: Family<Gauge>
    let stateRows: Family<Gauge>
    let stateBytes: Family<Gauge>
    let monitorTime: Family<Gauge>

    // MARK: source partitions
    let sourceLagRecords: Family<Gauge>
    let sourceLagSeconds: Family<Gauge>
    let sourceOffset: Family<Gauge>
    let sourceRecords: Family<Counter>
    let deadLetters: Family<Counter>
    let journalReady: Family<Gauge>
    let clockRefused: Family<Gauge>

    // MARK: transactions and groups
    let transactions: Family<Counter>
    let transactionSeconds: Family<Histogram>
    let setbacks: Family<Counter>
    let rebalances: Family<Counter>
    let partitionsOwned: Family<Gauge>
    let silences: Family<Counter>

    // MARK: recovery
    let partitionPhase: Family<Gauge>
    let recoveryProgress: Family<Gauge>
    let recoverySeconds: Family<Histogram>
    let recoveryLast: Family<Gauge>

    // MARK: snapshots
    /// Result `taken` or `failed`.
    let snapshots: Family<Counter>
    /// From the beginning of a snapshot to its commit.
    let snapshotSeconds: Family<Histogram>
    /// How long no record was folded for its sake.
    let snapshotPauseSeconds: Family<Histogram>
    let snapshotBytes: Family<Gauge>
    let snapshotOffset: Family<Gauge>
    /// Result `used`, `damaged` or `none`: what a recovery found.
    let snapshotsRead: Family<Counter>

    // MARK: Kafka's client
    let brokersUp: Family<Gauge>
    let brokerRoundTrip: Family<Gauge>
    let brokerTimeouts: Family<Counter>
    let brokerErrors: Family<Counter>
    let stableEnd: Family<Gauge>
    let queuedRecords: Family<Gauge>
    let queuedBytes: Family<Gauge>
    let outdatedDrops: Family<Counter>
    let producerEpochs: Family<Counter>
    let producers: Family<Gauge>

    // MARK: the service itself
    let hangs: Family<Counter>
    let logLines: Family<Counter>
    let logRepeats: Family<Counter>
    let buildInformation: Family<Gauge>

    init() {
        let r = registry
        buildInformation = r.gauges(
            "build_info",
            "1, with the versions of the program and of librdkafka as labels.",
            labels: ["version", "librdkafka"]
        )
        journalPartitions = r.gauges("journal_partitions", "Partitions of the journal topic.")
        journalLagRecords = r.gauges(
            "journal_lag_records",
            "Offsets between the journal record folded last and the partition's end; transaction markers have offsets too.",
            labels: ["partition"]
        )
        journalLagSeconds = r.gauges(
            "journal_lag_seconds",
            "Age of the journal record folded last, while others wait behind it; else 0.",
            labels: ["partition"]
        )
        journalOffset = r.gauges(
            "journal_committed_offset",
            "Offset of the next journal record, as committed with the outputs.",
            labels: ["partition"]
        )
        journalRecords = r.counters(
            "journal_records_total",
            "Journal records whose outputs were committed.",
            labels: ["partition"]
        )
        events = r.counters(
            "events_total",
            "Events of the journal by what became of them.",
            labels: ["result"]
        )
        decisions = r.counters(
            "decisions_total",
            "Decisions published, by outcome.",
            labels: ["outcome"]
        )
        alertsOpened = r.counters(
            "alerts_opened_total",
            "Alerts opened, by rule.",
            labels: ["rule"]
        )
        outputs = r.counters(
            "output_records_total",
            "Output records committed, by topic.",
            labels: ["topic"]
        )
        pendingFills = r.gauges(
            "pending_fills",
            "Fills that wait for an encounter, a claim or a dispense.",
            labels: ["partition"]
        )
        stateRows = r.gauges(
            "state_rows",
            "Rows of the state, by table.",
            labels: ["partition", "table"]
        )
        stateBytes = r.gauges("state_bytes", "Bytes of the state's tables.", labels: ["partition"])
        monitorTime = r.gauges(
            "monitor_time_seconds",
            "Monitor time of the partition, in seconds since 1970: graces run on it.",
            labels: ["partition"]
        )
        sourceLagRecords = r.gauges(
            "source_lag_records",
            "Offsets between the source record copied last and its partition's end.",
            labels: ["topic", "partition"]
        )
        sourceLagSeconds = r.gauges(
            "source_lag_seconds",
            "Age of the source record copied last, while others wait behind it; else 0.",
            labels: ["topic", "partition"]
        )
        sourceOffset = r.gauges(
            "source_committed_offset",
            "Offset of the next source record, as committed with the journal.",
            labels: ["topic", "partition"]
        )
        sourceRecords = r.counters(
            "source_records_total",
            "Source records copied to the journal or the dead letters, by topic.",
            labels: ["topic"]
        )
        deadLetters = r.counters(
            "dead_letters_total",
            "Source records that could not be used, by error code.",
            labels: ["code"]
        )
        journalReady = r.gauges(
            "journal_ready",
            "1 where reference rows and a policy stand in the journal, so that events are copied."
        )
        clockRefused = r.gauges(
            "clock_refused",
            "1 where the wall clock was set by more than is believed; time goes on by the monotonic one."
        )
        transactions = r.counters(
            "transactions_total",
            "Transactions by how they ended: committed, suspect (committed; its producer was replaced), failed.",
            labels: ["role", "outcome"]
        )
        transactionSeconds = r.histograms(
            "transaction_seconds",
            "Time from a transaction's first record to its commit.",
            labels: ["role"],
            bounds: Histogram.shortSeconds
        )
        setbacks = r.counters(
            "setbacks_total",
            "Times that a worker dropped a transaction and took over again, by reason.",
            labels: ["role", "reason"]
        )
        rebalances = r.counters(
            "rebalances_total",
            "Assignments taken from the consumer group.",
            labels: ["role"]
        )
        partitionsOwned = r.gauges(
            "partitions_owned",
            "Partitions that the consumer group has given to this process.",
            labels: ["role"]
        )
        silences = r.counters(
            "fetch_restarts_total",
            "Fetches begun again since records waited that did not come.",
            labels: ["role"]
        )
        partitionPhase = r.gauges(
            "partition_phase",
            "1 for the phase in which a journal partition is that is owned, or followed by a standby.",
            labels: ["partition", "phase"]
        )
        recoveryProgress = r.gauges(
            "recovery_progress_ratio",
            "Share of the journal that a recovering partition has folded.",
            labels: ["partition"]
        )
        recoverySeconds = r.histograms(
            "recovery_seconds",
            "Time from the fence to the first live record, for each take-over.",
            bounds: Histogram.longSeconds
        )
        recoveryLast = r.gauges(
            "recovery_last_seconds",
            "How long the last take-over of the partition took.",
            labels: ["partition"]
        )
        snapshots = r.counters("snapshots_total", "Snapshots by result.", labels: ["result"])
        snapshotSeconds = r.histograms(
            "snapshot_seconds",
            "Time from a snapshot's beginning to its commit.",
            bounds: Histogram.longSeconds
        )
        snapshotPauseSeconds = r.histograms(
            "snapshot_pause_seconds",
            "Time for which no record was folded for a snapshot's sake.",
            bounds: Histogram.shortSeconds
        )
        snapshotBytes = r.gauges(
            "snapshot_bytes",
            "Bytes of the last snapshot.",
            labels: ["partition"]
        )
        snapshotOffset = r.gauges(
            "snapshot_offset",
            "Journal offset of the last snapshot.",
            labels: ["partition"]
        )
        snapshotsRead = r.counters(
            "snapshots_read_total",
            "What recoveries found: a snapshot they used, a damaged one, none.",
            labels: ["result"]
        )
        brokersUp = r.gauges(
            "kafka_brokers_up",
            "Brokers to which a client of this kind is connected.",
            labels: ["client"]
        )
        brokerRoundTrip = r.gauges(
            "kafka_broker_round_trip_seconds",
            "Mean time to a broker's answer in the last interval; the longest of the clients of this kind.",
            labels: ["client", "broker"]
        )
        brokerTimeouts = r.counters(
            "kafka_request_timeouts_total",
            "Requests that a broker did not answer in time.",
            labels: ["client", "broker"]
        )
        brokerErrors = r.counters(
            "kafka_send_errors_total",
            "Requests that could not be sent to a broker.",
            labels: ["client", "broker"]
        )
        stableEnd = r.gauges(
            "kafka_last_stable_offset",
            "End of what is visible of a fetched partition; an open transaction holds it back.",
            labels: ["topic", "partition"]
        )
        queuedRecords = r.gauges(
            "kafka_fetch_queue_records",
            "Records that were fetched and wait.",
            labels: ["topic", "partition"]
        )
        queuedBytes = r.gauges(
            "kafka_fetch_queue_bytes",
            "Bytes that were fetched and wait.",
            labels: ["topic", "partition"]
        )
        outdatedDrops = r.counters(
            "kafka_outdated_drops_total",
            "Fetched records dropped since the partition was stopped or started anew."
        )
        producerEpochs = r.counters(
            "kafka_producer_epochs_total",
            "Epochs that transactional producers were given.",
            labels: ["client"]
        )
        producers = r.gauges(
            "kafka_producers",
            "Transactional producers, by the state of their transaction as librdkafka names it.",
            labels: ["client", "state"]
        )
        hangs = r.counters("hangs_total", "Steps that took longer than they ever should.")
        logLines = r.counters(
            "log_lines_total",
            "Log lines by level, repeats included.",
            labels: ["level"]
        )
        logRepeats = r.counters("log_repeats_total", "Log lines held back as repeats of others.")
        // What is there from the beginning, so that a rate is known from the first time on.
        for one in [hangs, outdatedDrops, logRepeats] { _ = one[] }
        for level in ServiceLog.Level.allCases { _ = logLines[level.rawValue] }
    }

    /// Makes known what a role counts, with zeros.
    func prepare(_ roles: Set<ServiceConfiguration.Role>) {
        for role in roles.map(\.rawValue) {
            for outcome in ["committed", "suspect", "failed"] { _ = transactions[role, outcome] }
            for reason in SetbackReason.Class.allCases { _ = setbacks[role, reason.rawValue] }
            _ = transactionSeconds[role]
            _ = rebalances[role]
            _ = silences[role]
            partitionsOwned[role].set(0)
        }
        if roles.contains(.ingest) {
            for code in Rejection.Code.allCases { _ = deadLetters[code.rawValue] }
            journalReady[].set(0)
            clockRefused[].set(0)
        }
        if roles.contains(.score) {
            for topic in OutputTopic.allCases { _ = outputs[topic.name] }
            _ = recoverySeconds[]
        }
    }
}

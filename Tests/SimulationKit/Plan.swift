import Simulator

/// What a history is made of, all drawn from its seed: sizes, settings, load and faults.
public struct Plan: Sendable {
    /// How much happens in a history.
    public struct Scale: Sendable {
        /// Source events.
        public var events: Int
        /// Faults.
        public var faults: Int

        /// States it.
        public init(events: Int = 5000, faults: Int = 40) {
            self.events = events
            self.faults = faults
        }
    }

    let seed: UInt64
    let scale: Scale
    let journalPartitions: Int
    let sourcePartitions: Int
    let workers: Int
    /// Whether workers have names of their own, by worker.
    let isNamed: [Bool]
    /// Whether workers keep the others' states, by worker.
    let isStandby: [Bool]
    /// Record times are those of the events, and time goes on with them.
    let isHistory: Bool
    let collectMilliseconds: Int
    let transactionRecords: Int
    let snapshotRecords: Int64
    /// Virtual microseconds in which the events come.
    let length: Int64
    let turns: Int
    let forgottenMarkers: Int
    /// The offsets of a group expire in the end.
    let losesOffsets: Bool
    /// The journal is cut when all is done.
    let losesJournal: Bool

    init(seed: UInt64, scale: Scale) {
        var chance = SeededChance(seed: seed ^ 0xA11CE)
        self.seed = seed
        self.scale = scale
        journalPartitions = chance.number(2...3)
        sourcePartitions = chance.number(1...2)
        workers = chance.pick([1, 2, 2, 2, 3])
        let naming = chance.below(3)
        isNamed = (0..<workers).map { _ in naming == 0 ? false : naming == 1 || chance.happens(500)
        }
        isHistory = chance.happens(700)
        collectMilliseconds = chance.pick([10, 50, 100])
        transactionRecords = chance.pick([100, 500, 50_000])
        snapshotRecords = Int64(chance.pick([0, 150, 400, 1000]))
        length = Int64(chance.number(20...35)) * 1_000_000
        turns = chance.number(5...12)
        forgottenMarkers = chance.happens(400) ? 30 : 0
        losesOffsets = chance.happens(60)
        losesJournal = chance.happens(20)
        isStandby = (0..<workers).map { _ in chance.happens(400) }
    }
}

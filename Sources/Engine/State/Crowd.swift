/// What one patient's chains hold, by time: for a patient of whom far more is remembered than anyone can have.
///
/// Such patients are not ill but a mistake: a test patient, or an identifier that stands for "unknown". The chains of the
/// others are walked, since they are short; to walk these for each record would take time in the square of their length.
/// A crowd says nothing that the chains do not say, is no part of a state's image and is made again where it is missed.
/// 25,492 events of one patient in ninety days took 8.4 s, and take 1.1 s with it; other traffic takes as long as before.
final class Crowd: @unchecked Sendable {
    // One machine owns it.

    /// Visits by their start.
    var visits = Timeline()
    /// The same, by each provider that any version names.
    var visitsOfProvider: [UInt32: Timeline] = [:]
    /// Inpatient stays that have ended, by their start; those of any version and any policy.
    var stays = Timeline()
    /// Inpatient stays without an end.
    var openStays: [UInt32] = []
    /// The longest that a visit ever lasted, in microseconds.
    var longestVisit: Int64 = 0
    /// Dispenses by `occurred_at`: the patient's chain from its end.
    var dispenses = Timeline()
    /// Dispenses by the day of `written_on`.
    var written = Timeline()
    /// Retail dispenses of a product, by `occurred_at`.
    var dispensesOfProduct: [UInt32: Timeline] = [:]
    /// Visits in the order in which they came: the patient's chain from its end; and the place of each in that order.
    var chain = Timeline()
    var placeInChain: [UInt32: Int64] = [:]
    private var nextPlace: Int64 = 0

    /// Puts a visit at the chain's beginning.
    func link(_ visit: UInt32) {
        chain.insert(visit, at: nextPlace)
        placeInChain[visit] = nextPlace
        nextPlace += 1
    }

    /// Takes a visit out of the chain.
    ///
    /// - Returns: the one before it, which came after it; 0 where it is the first.
    func unlink(_ visit: UInt32) -> UInt32 {
        guard let place = placeInChain.removeValue(forKey: visit) else { return 0 }
        let previous = chain.row(behind: visit, at: place)
        chain.remove(visit, at: place)
        return previous
    }
}

/// Crowds by patient.
struct Crowds {
    private var crowds: [UInt32: Crowd] = [:]
    /// Bits of patients, by their last digits: one who has no crowd mostly has no bit, and is not looked up.
    private var marks: UInt64 = 0
    /// How many were ever made.
    private(set) var made = 0

    /// The crowd of a patient; nil where none was made.
    subscript(_ patient: UInt32) -> Crowd? {
        @inline(__always)
        get { marks >> UInt64(patient & 63) & 1 == 0 ? nil : crowds[patient] }
    }

    mutating func insert(_ crowd: Crowd, of patient: UInt32) {
        crowds[patient] = crowd
        made += 1
        marks |= 1 << UInt64(patient & 63)
    }

    mutating func remove(_ patient: UInt32) {
        guard self[patient] != nil else { return }
        crowds[patient] = nil
        if crowds.isEmpty { marks = 0 }
    }

    mutating func removeAll() {
        crowds.removeAll()
        marks = 0
    }
}

extension [UInt32: Timeline] {
    /// Puts a row into the timeline of a key.
    mutating func insert(_ row: UInt32, of key: UInt32, at time: Int64) {
        self[key, default: Timeline()].insert(row, at: time)
    }

    /// Takes a row out of the timeline of a key.
    mutating func remove(_ row: UInt32, of key: UInt32, at time: Int64) {
        self[key]?.remove(row, at: time)
        if self[key]?.isEmpty == true { self[key] = nil }
    }
}

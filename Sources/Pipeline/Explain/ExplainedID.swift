/// An identifier of an output that can be explained: `d_3_91823_0`, `i_…`, `r_…`, or `a_` and 32 hexadecimal digits.
public enum ExplainedID: Sendable, Hashable {
    case decision(OutputPlace)
    case increment(OutputPlace)
    case replenishment(OutputPlace)
    /// An alert, by its whole id.
    case alert(String)

    /// Where an output was written: what follows `d_`, `i_` or `r_` (OUTPUTS).
    public struct OutputPlace: Sendable, Hashable {
        /// The journal partition.
        public var partition: Int32
        /// Number of the journal record in it, from 0.
        public var record: Int64
        /// Index among the outputs of its topic that the record caused, from 0.
        public var index: Int64
    }

    /// Reads an identifier; nil where the text is none.
    public init?(_ text: String) {
        if text.hasPrefix("a_") {
            let digits = text.utf8.dropFirst(2)
            guard digits.count == 32, digits.allSatisfy({ 48...57 ~= $0 || 97...102 ~= $0 }) else {
                return nil
            }
            self = .alert(text)
            return
        }
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 4,
            parts.dropFirst().allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 48...57 ~= $0 } }),
            let partition = Int32(parts[1]), let record = Int64(parts[2]),
            let index = Int64(parts[3])
        else { return nil }
        let place = OutputPlace(partition: partition, record: record, index: index)
        switch parts[0] {
        case "d": self = .decision(place)
        case "i": self = .increment(place)
        case "r": self = .replenishment(place)
        default: return nil
        }
    }

    /// What it names: `decision`, `increment`, `replenishment` or `alert`.
    public var kind: String {
        switch self {
        case .decision: "decision"
        case .increment: "increment"
        case .replenishment: "replenishment"
        case .alert: "alert"
        }
    }

    /// As outputs write it.
    public var text: String {
        switch self {
        case .decision(let place): "d_" + place.text
        case .increment(let place): "i_" + place.text
        case .replenishment(let place): "r_" + place.text
        case .alert(let id): id
        }
    }

    /// The place that the id carries; an alert's carries none.
    public var place: OutputPlace? {
        switch self {
        case .decision(let place), .increment(let place), .replenishment(let place): place
        case .alert: nil
        }
    }
}

extension ExplainedID.OutputPlace {
    fileprivate var text: String { "\(partition)_\(record)_\(index)" }
}

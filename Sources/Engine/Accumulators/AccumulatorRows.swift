internal import Journal

/// The ledger of one (entity, pharmacy, product, account): what was earned, ordered and bought.
struct AccumulatorRow: BitwiseCopyable {
    var balance = Balance.zero
    /// Sum of all increments but replenishments: balance + packages proposed × package size.
    var net = Balance.zero
    /// Packages proposed or due elsewhere, less those rejected.
    var proposed: Int64 = 0
    /// Net packages bought.
    var bought: Int64 = 0
    /// Next `key_sequence`.
    var keySequence: Int64 = 0
    /// First `key_sequence` that the next replenishment covers.
    var coveredFrom: Int64 = 0
    var lastMoved: Int64 = .min
    /// What was bought when it last moved: over-accumulation is judged then, not by the clock (30).
    var boughtWhenMoved: Int64 = 0
    /// Moment of the first movement; `Int64.min` before it.
    var firstMoved: Int64 = .min
    /// The deadline at which it is asked whether it has waited too long; `Int64.max` where none is noted.
    var watchedAt: Int64 = .max
    /// Pharmacy of one entity.
    var pharmacy: UInt32
    var product: UInt32
    /// Alerts about the balance, one for each rule; those about invoices, of which there may be many, newest first.
    var firstAlert: UInt32 = 0
    var firstInvoiceAlert: UInt32 = 0
    /// What fills added to it, oldest first.
    var uses = UseList()
    /// How many invoices are too many and not covered, so that almost nobody walks along their alerts.
    var uncoveredInvoices: UInt32 = 0
    var account: Account

    /// Counts of packages come from the world: a sum that is no number stays at the largest there is, and stops nothing.
    static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, isOver) = left.addingReportingOverflow(right)
        return isOver ? (left < 0 ? .min : .max) : sum
    }
}

/// What a fill added to an accumulator, and when.
struct UseRow: BitwiseCopyable {
    var quantity: Quantity
    var at: Int64
    /// The one after it in time.
    var next: UInt32 = 0
}

/// What fills added to an accumulator within the longest window that any version of the policy measures, in order of time,
/// and the sum of those within one window, which moves on with the balance. With the sum made anew for each movement, a
/// million events of 48 busy accumulators took 1.4 × as long.
struct UseList: BitwiseCopyable {
    /// Of those from ``start`` on.
    var sum = Balance.zero
    var oldest: UInt32 = 0
    var newest: UInt32 = 0
    /// The first within the window; 0 for none.
    var start: UInt32 = 0
    /// Length of the window in days; 0 before there is one.
    var days: Int32 = 0
}

/// A proposal of whole packages that nobody has decided about: it is remembered until somebody does, however long that
/// takes (SEMANTICS 35), and forgotten then, since of two decisions the first stands. One cache line.
struct ReplenishmentRow: BitwiseCopyable {
    var balanceBefore: Balance
    var packages: Int64
    var packageSize: Int64
    var recordNumber: Int64
    var first: Int64
    var last: Int64
    var accumulator: UInt32
    var index: UInt32
}

/// What has become of a proposal.
enum ReplenishmentState {
    case proposed, approved, rejected

    var text: StaticString {
        switch self {
        case .proposed: "proposed"
        case .approved: "approved"
        case .rejected: "rejected"
        }
    }
}

/// What a person said about an alert.
struct DispositionNote {
    var offset: Int64
    var decision: DispositionDecision
    var actor: [UInt8]
    var role: [UInt8]
    var note: [UInt8]

    /// One that says nothing.
    static let none = DispositionNote(
        offset: 0,
        decision: .acknowledged,
        actor: [],
        role: [],
        note: []
    )
}

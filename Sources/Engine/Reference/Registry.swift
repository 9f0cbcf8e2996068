internal import Journal

/// A stretch of dates, both ends inclusive, and what holds in it.
struct Period: BitwiseCopyable {
    var from: CivilDate
    var to: CivilDate
    /// Entities: number of the type. Providers: relationship. Pharmacies: 0 in-house, 1 contract.
    var what: UInt16 = 0
    /// Medicaid elections.
    var feeForService = Election.none
    var managedCare = Election.none

    func covers(_ date: CivilDate) -> Bool { from <= date && date <= to }
}

/// Whether Medicaid claims are billed with 340B drugs.
enum Election: UInt8, BitwiseCopyable {
    case none, carveIn, carveOut

    init(_ text: String) {
        switch text {
        case "carve_in": self = .carveIn
        case "carve_out": self = .carveOut
        default: self = .none
        }
    }
}

/// `payer_type` of payers.csv.
enum PayerType: UInt8, BitwiseCopyable {
    case unknown, medicaidFeeForService, medicaidManagedCare, medicareD, commercial

    init(_ text: String) {
        switch text {
        case "medicaid_ffs": self = .medicaidFeeForService
        case "medicaid_mco": self = .medicaidManagedCare
        case "medicare_d": self = .medicareD
        case "commercial": self = .commercial
        default: self = .unknown
        }
    }

    var text: StaticString {
        switch self {
        case .unknown: "unknown"
        case .medicaidFeeForService: "medicaid_ffs"
        case .medicaidManagedCare: "medicaid_mco"
        case .medicareD: "medicare_d"
        case .commercial: "commercial"
        }
    }
}

/// A name that occurs again and again (entity, site, NPI, payer), by number, with the dates that a table gives it.
struct NameRow: BitwiseCopyable {
    /// The covered entity it belongs to; 0 for all.
    var entity: UInt32
    /// Ten digits of an NPI, the code of an NDC, or a packed word; with `isText`, the number of a text.
    var word: UInt64
    var isText: Bool
    var firstPeriod: UInt32 = 0
    var periodCount: UInt32 = 0
    /// The period that began last, in place: most names have just one, and it is what is asked for.
    var latest = Period(from: .distantFuture, to: .distantPast)
}

/// A product, whether or not the product table knows it.
struct ProductRow: BitwiseCopyable {
    /// As `Ndc.code`; with `isText`, the number of a text.
    var word: UInt64
    var packageSize: Int64 = 0
    var labeler: UInt32 = 0
    var mfpFrom = CivilDate.distantFuture
    /// `BillingUnit`, or 0xFF.
    var unit: UInt8 = 0xFF
    var isKnown = false
    var isOrphan = false
    var isText: Bool
}

/// A payer as claims name it, with the type that payers.csv gives it.
struct PayerRow: BitwiseCopyable {
    var bin: UInt32
    var pcn: UInt32
    var group: UInt32
    var type = PayerType.unknown
}

/// A row of restrictions.csv.
struct Restriction: BitwiseCopyable {
    /// 0: all types.
    var type: UInt16
    var isNoContract: Bool
    var from: CivilDate
    var to: CivilDate
}

/// Texts by number, each kept once.
struct Texts: ~Copyable {
    private(set) var all: [[UInt8]] = [[]]
    private var index = Index(small: true)

    /// The number of a text, which is given one if it is new. Number 0 is the empty text.
    mutating func number(of bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard bytes.count > 0 else { return 0 }
        let hash = unsafe Hash.bytes(bytes, seed: Hash.second)
        let found = index.find(hash) { number in
            let text = all[Int(number)]
            return unsafe text.count == bytes.count && text.elementsEqual(bytes)
        }
        if found != 0 { return found }
        all.append(unsafe Array(bytes))
        let number = UInt32(all.count - 1)
        index.insert(hash, number)
        return number
    }

    mutating func number(of text: String) -> UInt32 {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe number(of: $0) }
    }

    func string(_ number: UInt32) -> String { String(decoding: all[Int(number)], as: UTF8.self) }
}

/// Names of one kind by (entity, word), as they come in records.
struct Names: ~Copyable {
    var rows = Column<NameRow>()
    private var index = Index(small: true)

    @inline(__always)
    private static func hash(_ entity: UInt32, _ word: UInt64, _ isText: Bool) -> UInt64 {
        Hash.words(word, UInt64(entity) << 1 | (isText ? 1 : 0))
    }

    /// The number of a name, which is given one if it is new.
    @inline(__always)
    mutating func number(entity: UInt32, word: UInt64, isText: Bool) -> UInt32 {
        let hash = Self.hash(entity, word, isText)
        let found = index.find(hash) {
            rows[$0].word == word && rows[$0].entity == entity && rows[$0].isText == isText
        }
        if found != 0 { return found }
        let number = rows.insert(NameRow(entity: entity, word: word, isText: isText))
        index.insert(hash, number)
        return number
    }
}

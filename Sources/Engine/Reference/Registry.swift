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
///
/// Its fields leave no gap between them: rows are part of an image, as they lie.
struct NameRow: BitwiseCopyable {
    /// Ten digits of an NPI, the code of an NDC, or a packed word; with `isText`, the number of a text.
    var word: UInt64
    /// The covered entity it belongs to; 0 for all.
    var entity: UInt32
    var firstPeriod: UInt32 = 0
    var periodCount: UInt32 = 0
    /// The period that began last, in place: most names have just one, and it is what is asked for.
    var latest = Period(from: .distantFuture, to: .distantPast)
    var isText: Bool

    init(entity: UInt32, word: UInt64, isText: Bool) {
        self.word = word
        self.entity = entity
        self.isText = isText
    }
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
    /// Text of the three together, and the lengths of the first two.
    var joined: UInt32
    var lengths: UInt64
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

/// Texts by number, each kept once, one behind another in flat memory: a text in an array of its own would be counted at
/// each look.
@safe
struct Texts: ~Copyable {
    /// Bytes behind the last text, so that a pen may copy whole blocks.
    private static var padding: Int { 32 }

    private var memory: UnsafeMutableRawPointer
    private var capacity = 4096
    /// Where each text ends; number 0 is the empty text.
    private var ends = Column<UInt64>()
    private var used = 0
    private var index = Index()

    init() {
        unsafe memory = .allocate(byteCount: capacity + Self.padding, alignment: 16)
        // The column's number 0 is never handed out and reads as zero.
    }

    deinit { unsafe memory.deallocate() }

    /// How many there are, the empty one included.
    var count: Int { ends.used }

    /// The bytes of a text, until another is added.
    @inline(__always)
    func bytes(_ number: UInt32) -> UnsafeRawBufferPointer {
        let start = number == 0 ? 0 : Int(ends[number - 1])
        let end = number == 0 ? 0 : Int(ends[number])
        // Ends were written by `number(of:)` and lie inside the memory.
        return unsafe UnsafeRawBufferPointer(start: memory + start, count: end - start)
    }

    /// The bytes of a text as an array.
    func array(_ number: UInt32) -> [UInt8] { unsafe Array(bytes(number)) }

    /// The number of a text, which is given one if it is new. Number 0 is the empty text.
    mutating func number(of bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard bytes.count > 0 else { return 0 }
        let hash = unsafe Hash.bytes(bytes, seed: Hash.second)
        let found = index.find(hash) { unsafe Hash.isEqual(self.bytes($0), bytes) }
        if found != 0 { return found }
        if used + bytes.count > capacity {
            while used + bytes.count > capacity { capacity *= 2 }
            let larger = UnsafeMutableRawPointer.allocate(
                byteCount: capacity + Self.padding,
                alignment: 16
            )
            unsafe larger.copyMemory(from: memory, byteCount: used)
            unsafe memory.deallocate()
            unsafe memory = larger
        }
        if let base = bytes.baseAddress {
            // Room was made above.
            unsafe (memory + used).copyMemory(from: base, byteCount: bytes.count)
        }
        used += bytes.count
        let number = ends.insert(UInt64(used))
        index.insert(hash, number)
        return number
    }

    /// The number of a text; nil where it has none.
    func find(_ bytes: UnsafeRawBufferPointer) -> UInt32? {
        guard bytes.count > 0 else { return 0 }
        let hash = unsafe Hash.bytes(bytes, seed: Hash.second)
        let found = index.find(hash) { unsafe Hash.isEqual(self.bytes($0), bytes) }
        return found == 0 ? nil : found
    }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        used = archive.count(used, of: 1)
        if archive.isReading {
            while capacity < used { capacity *= 2 }
            unsafe memory.deallocate()
            unsafe memory = .allocate(byteCount: capacity + Self.padding, alignment: 16)
        }
        // Room for `used` bytes was made.
        unsafe archive.memory(memory, used)
        ends.visit(&archive)
        index.visit(&archive)
    }

    mutating func number(of text: String) -> UInt32 {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe number(of: $0) }
    }

    func string(_ number: UInt32) -> String {
        unsafe String(decoding: bytes(number), as: UTF8.self)
    }
}

/// A name as outputs write it, quotes included: writing it is copying 32 bytes.
///
/// An NPI took 72 instructions, digit by digit, and takes a dozen.
struct WrittenName: BitwiseCopyable {
    /// The text; its length in the last byte, 0 where the name is too long or holds what JSON must escape.
    private var bytes = SIMD32<UInt8>()

    /// Where it stands in quotes, and so how far a pen moves.
    @inline(__always)
    var count: Int { Int(bytes[31]) }

    /// None: the name is written from its text.
    init() {}

    /// A name of these characters.
    init(_ characters: some Collection<UInt8>) {
        let isPlain = characters.allSatisfy {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        guard isPlain, characters.count <= 29 else { return }
        bytes[0] = UInt8(ascii: "\"")
        for (place, byte) in characters.enumerated() { bytes[place + 1] = byte }
        bytes[characters.count + 1] = UInt8(ascii: "\"")
        bytes[31] = UInt8(characters.count + 2)
    }

    /// So many digits, as NPIs and product codes have them.
    init(_ value: UInt64, digits: Int) { self.init(Machine.digits(value, count: digits)) }
}

/// What of a name is asked for ahead: first its slot in the table, then what that slot leads to.
enum NamePart {
    case slot, row
}

/// Names of one kind by (entity, word), as they come in records.
struct Names: ~Copyable {
    var rows = Column<NameRow>()
    /// How each is written, by the same number.
    private(set) var written = Column<WrittenName>()
    private var index = Index()

    @inline(__always)
    private static func hash(_ entity: UInt32, _ word: UInt64, _ isText: Bool) -> UInt64 {
        Hash.words(word, UInt64(entity) << 1 | (isText ? 1 : 0))
    }

    /// Asks for a name's row and written form.
    @inline(__always)
    func prefetch(_ number: UInt32) {
        rows.prefetch(number)
        written.prefetch(number)
    }

    /// Asks for the slot of a packed word, or for the row that it leads to.
    @inline(__always)
    func prefetch(_ part: NamePart, _ entity: UInt32, word: UInt64) {
        let hash = Self.hash(entity, word, false)
        switch part {
        case .slot: index.prefetch(hash)
        case .row:
            let number = index.guess(hash)
            if number != 0 { prefetch(number) }
        }
    }

    /// The same for an NPI in digits; others are too rare to ask for.
    @inline(__always)
    func prefetch(_ part: NamePart, _ entity: UInt32, _ npi: Npi) {
        if npi.digits != Npi.other { prefetch(part, entity, word: npi.digits) }
    }

    /// Lists its memory.
    mutating func visit(_ archive: inout StateArchive) {
        rows.visit(&archive)
        written.visit(&archive)
        index.visit(&archive)
    }

    /// The number of a name; a new one is given a number and its written form, or has 0 where nothing is added.
    @inline(__always)
    mutating func number(
        entity: UInt32,
        word: UInt64,
        isText: Bool,
        adding: Bool = true,
        written text: () -> WrittenName
    ) -> UInt32 {
        let hash = Self.hash(entity, word, isText)
        let found = index.find(hash) {
            rows[$0].word == word && rows[$0].entity == entity && rows[$0].isText == isText
        }
        if found != 0 || !adding { return found }
        let number = rows.insert(NameRow(entity: entity, word: word, isText: isText))
        let same = written.insert(text())
        precondition(same == number, "a name and its written form have one number")
        index.insert(hash, number)
        return number
    }
}

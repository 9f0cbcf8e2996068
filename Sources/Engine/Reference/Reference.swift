internal import Journal

/// The eight reference tables as the rules use them: names by number, dates in flat arrays.
///
/// Rows are staged as they come and take effect together at the end of their publication (EVENTS, "Keys").
struct Reference: ~Copyable {
    var texts = Texts()
    /// Entity types: number 0 is "none".
    var types = Texts()
    /// Entities: `entity` 0, `word` the number of the 340B ID's text.
    var entities = Names()
    var sites = Names()
    var providers = Names()
    /// Pharmacies of one entity.
    var pharmacies = Names()
    var products = Column<ProductRow>()
    /// How each normalised product is written, by the same number; the others are written as null.
    var writtenProducts = Column<WrittenName>()
    var productIndex = Index()
    var payers = Column<PayerRow>()
    var payerIndex = Index()
    var periods: [Period] = []
    /// Restrictions by the number of the labeler's text.
    private(set) var restrictions: [UInt32: [Restriction]] = [:]
    private var designations: [Designation: [Period]] = [:]
    private var payerTypes: [PayerKey: PayerType] = [:]

    var current: [String: ReferenceRow] = [:]
    /// The rows as an image has them, made once after each publication: the tables that are looked up by a key of their
    /// own, then the others, which are hundreds of thousands of texts.
    var keyedImage: [UInt8]?
    var namedImage: [UInt8]?
    /// Whether `current` is still in these images: after a restore it is not needed before the next publication.
    var isPacked = false
    var staged: [ReferenceRow] = []
    /// Whether a publication has been completed: nothing is scored before.
    var isComplete = false

    struct Designation: Hashable {
        var entity: UInt32
        var labeler: UInt32
        var pharmacy: UInt32
    }
    struct PayerKey: Hashable {
        var bin: UInt32
        var pcn: UInt32
        var group: UInt32
    }

    // MARK: names from records
    //
    // Each gives the number of a name. A new one is given a number only in its record's turn (`adding`), so that numbers do
    // not depend on the groups in which records are folded; looked for ahead of it, it has 0.

    @inline(__always)
    mutating func entity(_ bytes: UnsafeRawBufferPointer, adding: Bool = true) -> UInt32 {
        let incoming = unsafe IncomingIdentifier(bytes)
        let isText = incoming.isLong
        guard let word = unsafe isText ? word(of: bytes, adding) : incoming.word else { return 0 }
        return entities.number(entity: 0, word: word, isText: isText, adding: adding) {
            unsafe WrittenName(bytes)
        }
    }

    mutating func site(_ entity: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        unsafe site(entity, IncomingIdentifier(bytes), adding: true)
    }

    @inline(__always)
    mutating func site(_ entity: UInt32, _ incoming: IncomingIdentifier, adding: Bool) -> UInt32 {
        let isText = incoming.isLong
        guard let word = unsafe isText ? word(of: incoming.bytes, adding) : incoming.word else {
            return 0
        }
        return sites.number(entity: entity, word: word, isText: isText, adding: adding) {
            unsafe WrittenName(incoming.bytes)
        }
    }

    @inline(__always)
    mutating func provider(
        _ entity: UInt32,
        _ npi: Npi,
        in record: RecordView,
        adding: Bool = true
    ) -> UInt32 {
        let isText = npi.digits == Npi.other
        guard
            let word = unsafe isText ? word(of: record.bytes(npi.text), adding) : npi.digits
        else { return 0 }
        return providers.number(entity: entity, word: word, isText: isText, adding: adding) {
            Self.written(npi, in: record)
        }
    }

    @inline(__always)
    mutating func pharmacy(
        _ entity: UInt32,
        _ npi: Npi,
        in record: RecordView,
        adding: Bool = true
    ) -> UInt32 {
        let isText = npi.digits == Npi.other
        guard
            let word = unsafe isText ? word(of: record.bytes(npi.text), adding) : npi.digits
        else { return 0 }
        return pharmacies.number(entity: entity, word: word, isText: isText, adding: adding) {
            Self.written(npi, in: record)
        }
    }

    private static func written(_ npi: Npi, in record: RecordView) -> WrittenName {
        npi.digits == Npi.other
            ? unsafe WrittenName(record.bytes(npi.text)) : WrittenName(npi.digits, digits: 10)
    }

    /// The number of a text that no packed word holds, as the word of its name; nil where it has none and gets none.
    private mutating func word(of bytes: UnsafeRawBufferPointer, _ adding: Bool) -> UInt64? {
        let number = unsafe adding ? texts.number(of: bytes) : texts.find(bytes)
        return number.map { UInt64($0) }
    }

    @inline(__always)
    mutating func product(_ ndc: Ndc, in record: RecordView, adding: Bool = true) -> UInt32 {
        if ndc.isNormalised { return product(word: ndc.code, isText: false, adding: adding) }
        guard let word = unsafe word(of: record.bytes(ndc.text), adding) else { return 0 }
        return product(word: word, isText: true, adding: adding)
    }

    /// Asks for a normalised NDC's slot, or for the row that it leads to; others are too rare to ask for.
    @inline(__always)
    func prefetch(_ part: NamePart, _ ndc: Ndc) {
        guard ndc.isNormalised else { return }
        let hash = Hash.words(ndc.code, 0)
        switch part {
        case .slot: productIndex.prefetch(hash)
        case .row:
            let number = productIndex.guess(hash)
            if number != 0 {
                products.prefetch(number)
                writtenProducts.prefetch(number)
            }
        }
    }

    mutating func product(word: UInt64, isText: Bool, adding: Bool = true) -> UInt32 {
        let hash = Hash.words(word, isText ? 1 : 0)
        let found = productIndex.find(hash) {
            products[$0].word == word && products[$0].isText == isText
        }
        if found != 0 || !adding { return found }
        let number = products.insert(ProductRow(word: word, isText: isText))
        let same = writtenProducts.insert(
            isText
                ? WrittenName()
                : WrittenName(word & (1 << 56 - 1), digits: Int(word >> 56))
        )
        precondition(same == number, "a product and its written form have one number")
        productIndex.insert(hash, number)
        return number
    }

    /// The payer that a claim names by BIN, PCN and group, which is given a number if it is new.
    mutating func payer(_ claim: Claim, in record: RecordView) -> UInt32 {
        // The three stand one behind another, so that they are hashed and compared as one.
        let joined = Text(
            offset: Int(claim.bin.offset),
            count: Int(claim.bin.count) + Int(claim.pcn.count) + Int(claim.group.count)
        )
        let bytes = unsafe record.bytes(joined)
        let lengths = UInt64(claim.bin.count) << 32 | UInt64(claim.pcn.count)
        let hash = unsafe Hash.bytes(bytes, seed: lengths)
        let found = payerIndex.find(hash) {
            guard payers[$0].lengths == lengths else { return false }
            return unsafe Hash.isEqual(texts.bytes(payers[$0].joined), bytes)
        }
        if found != 0 { return found }
        let key = PayerKey(
            bin: unsafe texts.number(of: record.bytes(claim.bin)),
            pcn: unsafe texts.number(of: record.bytes(claim.pcn)),
            group: unsafe texts.number(of: record.bytes(claim.group))
        )
        let number = payers.insert(
            PayerRow(
                bin: key.bin,
                pcn: key.pcn,
                group: key.group,
                joined: unsafe texts.number(of: bytes),
                lengths: lengths,
                type: payerType(key)
            )
        )
        payerIndex.insert(hash, number)
        return number
    }

    /// bin+pcn+group, bin+pcn, bin+group, bin (SEMANTICS 19).
    private func payerType(_ key: PayerKey) -> PayerType {
        guard key.bin != 0 else { return .unknown }
        return payerTypes[key]
            ?? payerTypes[PayerKey(bin: key.bin, pcn: key.pcn, group: 0)]
            ?? payerTypes[PayerKey(bin: key.bin, pcn: 0, group: key.group)]
            ?? payerTypes[PayerKey(bin: key.bin, pcn: 0, group: 0)] ?? .unknown
    }

    // MARK: dates

    /// The period of a name that covers a date: of several the one that began last.
    @inline(__always)
    func period(_ row: NameRow, on date: CivilDate) -> Period? {
        if row.latest.covers(date) { return row.latest }
        guard row.periodCount > 1 else { return nil }
        var index = Int(row.firstPeriod) + Int(row.periodCount) - 1
        while index > Int(row.firstPeriod) {
            index -= 1
            if periods[index].covers(date) { return periods[index] }
        }
        return nil
    }

    func isDesignated(
        entity: UInt32,
        labeler: UInt32,
        pharmacy: UInt32,
        on date: CivilDate
    ) -> Bool {
        designations[Designation(entity: entity, labeler: labeler, pharmacy: pharmacy)]?
            .contains { $0.covers(date) } ?? false
    }

    /// Whether any relationship of the provider on a date is one of `relationships`.
    func hasRelationship(_ row: NameRow, on date: CivilDate, _ relationships: UInt16) -> Bool {
        if row.latest.covers(date), relationships >> row.latest.what & 1 != 0 { return true }
        guard row.periodCount > 1 else { return false }
        for index in Int(row.firstPeriod)..<Int(row.firstPeriod) + Int(row.periodCount)
        where periods[index].covers(date) && relationships >> periods[index].what & 1 != 0 {
            return true
        }
        return false
    }

    static let relationships = ["employed", "contracted", "referral"]

    // MARK: publications

    mutating func stage(_ row: ReferenceRow) { staged.append(row) }

    /// What a publication changed, as numbers of names: the fills that can be touched by it.
    struct Touched {
        var everything = false
        var entities: Set<UInt32> = []
        var sites: Set<UInt32> = []
        var providers: Set<UInt32> = []
        var pharmacies: Set<UInt32> = []
        var products: Set<UInt32> = []
        var labelers: Set<UInt32> = []
        var payers = false
        var isEmpty: Bool {
            !everything && !payers && entities.isEmpty && sites.isEmpty && providers.isEmpty
                && pharmacies.isEmpty && products.isEmpty && labelers.isEmpty
        }
    }

    /// Lets all staged rows take effect together.
    mutating func complete() -> Touched {
        var touched = Touched()
        unpack()
        for row in staged {
            let key = row.key
            let before = current[key]
            if row.isWithdrawn {
                guard before != nil else { continue }
                current[key] = nil
            } else {
                guard before != row else { continue }
                current[key] = row
            }
            touch(before ?? row, &touched)
            touch(row, &touched)
        }
        staged.removeAll()
        isComplete = true
        if !touched.isEmpty { rebuild() }
        keyedImage = nil
        namedImage = nil
        return touched
    }

    private mutating func touch(_ row: ReferenceRow, _ touched: inout Touched) {
        let values = row.values
        switch row.table {
        case .coveredEntities: touched.entities.insert(entityNumber(values[0]))
        case .sites: touched.sites.insert(siteNumber(entityNumber(values[1]), values[0]))
        case .providers:
            touched.providers.insert(providerNumber(entityNumber(values[1]), values[0]))
        case .pharmacies:
            touched.pharmacies.insert(pharmacyNumber(entityNumber(values[1]), values[0]))
        case .products: touched.products.insert(productNumber(values[0]))
        case .payers: touched.payers = true
        case .restrictions: touched.labelers.insert(texts.number(of: values[0]))
        case .designations: touched.labelers.insert(texts.number(of: values[1]))
        }
    }

    private mutating func entityNumber(_ text: String) -> UInt32 {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe entity($0) }
    }
    private mutating func siteNumber(_ entity: UInt32, _ text: String) -> UInt32 {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe site(entity, $0) }
    }
    private mutating func npiWord(_ text: String) -> (UInt64, Bool) {
        let bytes = Array(text.utf8)
        if bytes.count == 10, let digits = UInt64(text), bytes.allSatisfy({ 48...57 ~= $0 }) {
            return (digits, false)
        }
        return (UInt64(texts.number(of: text)), true)
    }
    private mutating func providerNumber(_ entity: UInt32, _ text: String) -> UInt32 {
        let (word, isText) = npiWord(text)
        return providers.number(entity: entity, word: word, isText: isText) {
            WrittenName(Array(text.utf8))
        }
    }
    private mutating func pharmacyNumber(_ entity: UInt32, _ text: String) -> UInt32 {
        let (word, isText) = npiWord(text)
        return pharmacies.number(entity: entity, word: word, isText: isText) {
            WrittenName(Array(text.utf8))
        }
    }
    private mutating func productNumber(_ text: String) -> UInt32 {
        if let digits = UInt64(text), text.utf8.allSatisfy({ 48...57 ~= $0 }) {
            return product(
                word: Ndc(value: digits, digitCount: text.utf8.count).code,
                isText: false
            )
        }
        return product(word: UInt64(texts.number(of: text)), isText: true)
    }

    private static func period(_ from: String, _ to: String) -> Period {
        Period(
            from: CivilDate(text: from) ?? .distantPast,
            to: CivilDate(text: to) ?? .distantFuture
        )
    }

    /// Lays the rows out again: publications are rare, look-ups are not.
    private mutating func rebuild() {
        // In the order of their keys, so that equal tables give equal state whatever order their rows came in.
        let rows = current.sorted { $0.key < $1.key }.map(\.value)
        keepByKey(rows)
        var ofEntities: [UInt32: [Period]] = [:]
        var ofSites: [UInt32: [Period]] = [:]
        var ofProviders: [UInt32: [Period]] = [:]
        var ofPharmacies: [UInt32: [Period]] = [:]
        for number in 1..<UInt32(products.used) {
            products[number].isKnown = false
            products[number].labeler = 0
            products[number].unit = 0xFF
            products[number].isOrphan = false
            products[number].mfpFrom = .distantFuture
        }
        for row in rows {
            let values = row.values
            switch row.table {
            case .coveredEntities:
                var period = Self.period(values[6], values[7])
                period.what = UInt16(truncatingIfNeeded: types.number(of: values[1]))
                period.feeForService = Election(values[4])
                period.managedCare = Election(values[5])
                ofEntities[entityNumber(values[0]), default: []].append(period)
            case .sites:
                let number = siteNumber(entityNumber(values[1]), values[0])
                ofSites[number, default: []].append(Self.period(values[3], values[4]))
            case .providers:
                var period = Self.period(values[3], values[4])
                period.what = UInt16(Self.relationships.firstIndex(of: values[2]) ?? 15)
                let number = providerNumber(entityNumber(values[1]), values[0])
                ofProviders[number, default: []].append(period)
            case .pharmacies:
                var period = Self.period(values[4], values[5])
                period.what = values[3] == "contract" ? 1 : 0
                period.feeForService = Election(values[6])
                period.managedCare = Election(values[7])
                let number = pharmacyNumber(entityNumber(values[1]), values[0])
                ofPharmacies[number, default: []].append(period)
            case .products:
                let number = productNumber(values[0])
                let labeler = texts.number(of: values[4])
                products[number].isKnown = true
                products[number].labeler = labeler
                products[number].unit = BillingUnit(utf8: Array(values[2].utf8))?.rawValue ?? 0xFF
                products[number].packageSize =
                    (try? Quantity(Array(values[3].utf8)))?.millionths ?? 0
                products[number].isOrphan = values[5] == "1"
                products[number].mfpFrom = CivilDate(text: values[6]) ?? .distantFuture
            case .payers, .restrictions, .designations: break
            }
        }
        periods.removeAll()
        Self.lay(ofEntities, &entities, &periods)
        Self.lay(ofSites, &sites, &periods)
        Self.lay(ofProviders, &providers, &periods)
        Self.lay(ofPharmacies, &pharmacies, &periods)
        for number in 1..<UInt32(payers.used) {
            let row = payers[number]
            payers[number].type = payerType(
                PayerKey(bin: row.bin, pcn: row.pcn, group: row.group)
            )
        }
    }

    /// The tables that are looked up by a key of their own.
    mutating func keepByKey(_ rows: [ReferenceRow]) {
        restrictions = [:]
        designations = [:]
        payerTypes = [:]
        for row in rows {
            let values = row.values
            switch row.table {
            case .payers:
                let key = PayerKey(
                    bin: texts.number(of: values[0]),
                    pcn: texts.number(of: values[1]),
                    group: texts.number(of: values[2])
                )
                payerTypes[key] = PayerType(values[3])
            case .restrictions:
                let period = Self.period(values[3], values[4])
                restrictions[texts.number(of: values[0]), default: []].append(
                    Restriction(
                        type: UInt16(truncatingIfNeeded: types.number(of: values[1])),
                        isNoContract: values[2] == "no_contract",
                        from: period.from,
                        to: period.to
                    )
                )
            case .designations:
                let entity = entityNumber(values[0])
                let key = Designation(
                    entity: entity,
                    labeler: texts.number(of: values[1]),
                    pharmacy: pharmacyNumber(entity, values[2])
                )
                designations[key, default: []].append(Self.period(values[3], values[4]))
            case .coveredEntities, .sites, .providers, .pharmacies, .products: break
            }
        }
    }

    private static func lay(
        _ found: [UInt32: [Period]],
        _ names: inout Names,
        _ periods: inout [Period]
    ) {
        for number in 1..<UInt32(names.rows.used) {
            let own = (found[number] ?? []).sorted { $0.from < $1.from }
            names.rows[number].firstPeriod = UInt32(periods.count)
            names.rows[number].periodCount = UInt32(own.count)
            names.rows[number].latest =
                own.last ?? Period(from: .distantFuture, to: .distantPast)
            periods.append(contentsOf: own)
        }
    }
}

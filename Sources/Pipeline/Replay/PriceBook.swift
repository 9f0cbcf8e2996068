internal import Journal

/// What purchases cost, and how large packages are: the last of each that the journal says.
struct PriceBook {
    /// By entity, pharmacy, product and account; and without the pharmacy, for one that has bought none itself.
    private var prices: [String: Quantity] = [:]
    private var sizes: [String: Quantity] = [:]

    /// Takes a purchase or a reference row.
    mutating func take(_ record: RecordView) {
        if record.kind == .referenceRow {
            guard let row = record.referenceRow, row.table == .products else { return }
            let size = row.isWithdrawn ? nil : try? Quantity(Array(row.values[3].utf8))
            if let size { sizes[row.values[0]] = size }
            return
        }
        let purchase = record.purchase
        guard purchase.unitPrice != .absent, purchase.ndc.isNormalised else { return }
        let entity = record.string(record.eventHeader.entity)
        let product = Self.text(of: purchase.ndc)
        let pharmacy =
            purchase.pharmacy.digits == Npi.other
            ? record.string(purchase.pharmacy.text) : Self.padded(purchase.pharmacy.digits, 10)
        let account = purchase.account.name
        prices[Self.key(entity, pharmacy, product, account)] = purchase.unitPrice
        prices[Self.key(entity, "", product, account)] = purchase.unitPrice
    }

    /// What a change of 340B units of a product at a pharmacy is worth.
    func money(
        _ units: Balance,
        _ entity: String,
        _ pharmacy: String,
        _ product: String?
    ) -> VerdictDiff.Money {
        var money = VerdictDiff.Money(units: units)
        guard let product else { return money }
        money.packageSize = sizes[product]
        func price(_ account: String) -> Quantity? {
            prices[Self.key(entity, pharmacy, product, account)]
                ?? prices[Self.key(entity, "", product, account)]
        }
        money.price340B = price("340B")
        for account in ["WAC", "GPO"] where money.otherPrice == nil {
            guard let found = price(account) else { continue }
            money.otherPrice = found
            money.otherAccount = account
        }
        return money
    }

    private static func key(_ parts: String...) -> String { parts.joined(separator: "\u{1F}") }

    private static func text(of ndc: Ndc) -> String {
        padded(ndc.code & (1 << 56 - 1), Int(ndc.code >> 56))
    }

    private static func padded(_ number: UInt64, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}

internal import Journal

// Invoices that bought more than was due: one alert for each (SEMANTICS 25, 28, 31). What counts is the sum of all that was
// bought, so all resolve together once it is covered.

/// What is known of the invoice of an alert about one.
struct InvoiceRow {
    var id: Identifier
    /// Date of the purchase, which gives the version of the policy (34).
    var date: CivilDate
    /// Packages of the accumulator that were bought, and those that were due, as long as this was its newest open alert
    /// about an invoice, and when it resolved.
    ///
    /// An earlier one keeps the counts that its invoice brought: where all went with the newest ones, somebody who buys
    /// each day what is never due would get as many updates with each purchase as there were purchases before.
    var bought: Int64 = 0
    var due: Int64 = 0
    /// Whether it was resolved because that version does not judge it: another may, as long as the count is not covered.
    var isSuspended = false

    /// None.
    static let none = InvoiceRow(id: .none, date: .distantPast)
}

extension Machine {
    /// An invoice of a date buys more than was due: one alert per invoice.
    mutating func openInvoiceAlert(
        _ rule: Rule,
        _ number: UInt32,
        _ invoice: IncomingIdentifier,
        _ date: CivilDate
    ) {
        let hash = Hash.words(UInt64(number) << 8 | UInt64(rule.rawValue), invoice.word)
        var alert = invoiceIndex.find(hash) {
            alerts[$0].subject == number && alerts[$0].rule == rule
                && isEqual(invoices[$0]?.id ?? .none, invoice)
        }
        if alert == 0 {
            let row = InvoiceRow(id: keep(invoice), date: date)
            alert = insertAlert(ofAccumulator: number, rule, invoice: row)
            invoiceIndex.insert(hash, alert)
        }
        if !alerts[alert].isOpen, invoices[alert]?.isSuspended == false {
            accumulators[number].uncoveredInvoices += 1
        }
        // Its last line that was too many gives date and counts.
        invoices[alert]?.date = date
        invoices[alert]?.isSuspended = false
        count(invoiceAlert: alert)
        settle(invoiceAlert: alert, policy(on: date))
    }

    /// Opens an invoice's alert, or updates it where what it says has changed.
    private mutating func settle(invoiceAlert alert: UInt32, _ policy: Int) {
        writeValues(ofAccumulatorAlert: alert, policy)
        let content = contentHash(alerts[alert].rule, policy)
        if !alerts[alert].isOpen {
            open(alert, content)
            writeAccumulatorAlert(alert, .opened, policy)
        } else if alerts[alert].content != content {
            alerts[alert].content = content
            writeAccumulatorAlert(alert, .updated, policy)
        }
    }

    /// Notes how many packages were bought and due by now.
    private mutating func count(invoiceAlert alert: UInt32) {
        let row = accumulators[alerts[alert].subject]
        invoices[alert]?.bought = row.bought
        invoices[alert]?.due = row.proposed
    }

    /// After packages were bought or became due: the newest open alert about an invoice says how many are too many now, and
    /// all resolve once the cumulative count is covered.
    mutating func settleInvoices(_ number: UInt32) {
        let row = accumulators[number]
        var left = row.uncoveredInvoices
        let isCovered = row.bought <= row.proposed
        if isCovered { accumulators[number].uncoveredInvoices = 0 }
        var alert = row.firstInvoiceAlert
        while left > 0, alert != 0 {
            if let invoice = invoices[alert], alerts[alert].isOpen || invoice.isSuspended {
                left -= 1
                if isCovered { invoices[alert]?.isSuspended = false }
                if alerts[alert].isOpen {
                    let policy = policy(on: invoice.date)
                    count(invoiceAlert: alert)
                    guard isCovered else { return settle(invoiceAlert: alert, policy) }
                    resolve(alert, policy, .covered)
                }
            }
            alert = alerts[alert].next
        }
    }

    /// Whether a purchase of a date that bought too much is an exception: of the account's rule, by the version in force
    /// then (28, 31, 34).
    func isJudged(_ rule: Rule, _ number: UInt32, _ date: CivilDate, _ policy: Int) -> Bool {
        guard rulesInForce(policy, on: date).has(rule) else { return false }
        guard rule == .gpoProhibitedPurchase else { return true }
        let row = accumulators[number]
        let entity = reference.pharmacies.rows[row.pharmacy].entity
        let type = reference.period(reference.entities.rows[entity], on: date)?.what ?? 0
        return numbers[policy].gpoProhibitedTypes.has(type)
            && reference.products[row.product].isKnown
    }

    /// Looks at the invoices of an accumulator again after a change of policy or tables: the version of the purchase's date
    /// counts, so most of them don't change.
    mutating func reviewInvoices(_ number: UInt32) {
        var alert = accumulators[number].firstInvoiceAlert
        while alert != 0 {
            if let invoice = invoices[alert], alerts[alert].isOpen || invoice.isSuspended {
                let rule = alerts[alert].rule
                let policy = policy(on: invoice.date)
                if !isJudged(rule, number, invoice.date, policy) {
                    if alerts[alert].isOpen {
                        invoices[alert]?.isSuspended = true
                        let isInForce = rulesInForce(policy, on: invoice.date).has(rule)
                        resolve(alert, policy, isInForce ? .factsChanged : .ruleDisabled)
                    }
                } else if alerts[alert].isOpen || invoice.date >= numbers[policy].alertsFrom {
                    invoices[alert]?.isSuspended = false
                    settle(invoiceAlert: alert, policy)
                }
            }
            alert = alerts[alert].next
        }
    }
}

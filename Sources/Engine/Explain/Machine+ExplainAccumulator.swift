internal import Journal

// An accumulator as it stands now, and what its rules compare.

extension Machine {
    /// Explains an accumulator as it stands now.
    ///
    /// - Parameters:
    ///   - entity: the 340B ID of its covered entity.
    ///   - key: what names it in outputs, from `"pharmacy_npi":` to the end of its account.
    /// - Returns: one JSON object: balances, packages, policy, rules; nil where nothing was ever posted or bought there.
    public mutating func explainAccumulator(entity: [UInt8], key: [UInt8]) -> [UInt8]? {
        let number = accumulator(entityNumber(entity), key)
        guard number != 0 else { return nil }
        let row = accumulators[number]
        let policy = policy(on: CivilDate(day: today))
        let page = OutputBuffer(capacity: 1 << 16)
        var out = page.pen()
        out.put("{\"covered_entity_id\":")
        put(&out, reference.entities, reference.pharmacies.rows[row.pharmacy].entity)
        out.put(",")
        putKey(&out, accumulator: number)
        out.put(",\"unit\":")
        putUnit(&out, row.product)
        let size = Quantity(millionths: reference.products[row.product].packageSize)
        balance(&out, "package_size", Balance(size))
        moment(&out, "monitor_time", now.microseconds)
        balance(&out, "balance", row.balance)
        balance(&out, "net_quantity", row.net)
        self.number(&out, "packages_proposed", row.proposed)
        self.number(&out, "packages_bought", row.bought)
        self.number(&out, "next_key_sequence", row.keySequence)
        moment(&out, "first_moved_at", row.firstMoved)
        moment(&out, "last_moved_at", row.lastMoved)
        putPolicy(&out, policy)
        let table = ExplainedRows(&self, accumulator: number)
        let inForce = rulesInForce(policy, on: CivilDate(day: today))
        out.put(",\"rules\":[")
        var isFirst = true
        for rule in Rule.allCases where RuleSet.accumulator.has(rule) {
            // Purchases of one account are reconciled by one rule, those of the other by the others.
            let isOfGPO = rule == .gpoProhibitedPurchase
            guard isOfGPO == (row.account == .groupPurchasing) else { continue }
            out.reserve(4096)
            if !isFirst { out.put(byte: UInt8(ascii: ",")) }
            isFirst = false
            out.put("{\"rule\":\"")
            out.put(rule.text)
            out.put("\"")
            boolean(&out, "is_in_force", inForce.has(rule))
            putOpenAlerts(&out, rule, [row.firstAlert, row.firstInvoiceAlert])
            putEntry(&out, rule, policy)
            writeValues(of: rule, accumulator: number, policy)
            out.put(",\"values\":{")
            putValues(&out)
            out.put("}")
            table.put(&out, of: rule)
            out.put("}")
        }
        out.put("]}")
        page.keep(out)
        return unsafe Array(page.written)
    }

    private func putOpenAlerts(_ out: inout Pen, _ rule: Rule, _ lists: [UInt32]) {
        out.put(",\"open_alerts\":[")
        var isFirst = true
        for first in lists {
            var alert = first
            while alert != 0 {
                if alerts[alert].rule == rule, alerts[alert].isOpen {
                    out.reserve(4096)
                    if !isFirst { out.put(byte: UInt8(ascii: ",")) }
                    isFirst = false
                    let (high, low) = id(ofAlert: alert)
                    out.put("\"a_")
                    out.put(hex: high)
                    out.put(hex: low)
                    out.put("\"")
                }
                alert = alerts[alert].next
            }
        }
        out.put("]")
    }
}

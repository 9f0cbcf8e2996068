internal import Journal

// Alerts about accumulators, and what those about their invoices have in common with them (SEMANTICS 25).

extension Machine {
    /// Opens, updates or resolves an accumulator's alert.
    mutating func settle(
        _ rule: Rule,
        _ number: UInt32,
        _ holds: Bool,
        _ policy: Int,
        _ inForce: RuleSet
    ) {
        var alert = accumulators[number].firstAlert
        while alert != 0, alerts[alert].rule != rule { alert = alerts[alert].next }
        let isOpen = alert != 0 && alerts[alert].isOpen
        if holds, inForce.has(rule) {
            if !isOpen, CivilDate(day: judgedOn) < numbers[policy].alertsFrom { return }
            if alert == 0 { alert = insertAlert(ofAccumulator: number, rule) }
            writeValues(of: rule, accumulator: number, policy)
            let content = contentHash(rule, policy)
            if !isOpen {
                open(alert, content)
                writeAccumulatorAlert(alert, .opened, policy)
            } else if alerts[alert].content != content {
                alerts[alert].content = content
                writeAccumulatorAlert(alert, .updated, policy)
            }
        } else if isOpen {
            resolve(alert, policy, inForce.has(rule) ? .factsChanged : .ruleDisabled)
        }
    }

    mutating func insertAlert(
        ofAccumulator number: UInt32,
        _ rule: Rule,
        invoice: InvoiceRow? = nil
    ) -> UInt32 {
        let isOfInvoice = invoice != nil
        let row = accumulators[number]
        let alert = insertAlert(
            AlertRow(
                subject: number,
                next: isOfInvoice ? row.firstInvoiceAlert : row.firstAlert,
                rule: rule,
                isOfFill: false
            ),
            invoice: invoice
        )
        if isOfInvoice {
            accumulators[number].firstInvoiceAlert = alert
        } else {
            accumulators[number].firstAlert = alert
        }
        return alert
    }

    mutating func resolve(_ alert: UInt32, _ policy: Int, _ resolution: Resolution) {
        close(alert, resolution)
        writeValues(ofAccumulatorAlert: alert, policy)
        writeAccumulatorAlert(alert, .resolved(resolution), policy)
    }

    /// Writes what an alert about an accumulator, or about one of its invoices, compares.
    mutating func writeValues(ofAccumulatorAlert alert: UInt32, _ policy: Int) {
        if let invoice = invoices[alert] {
            writeValues(of: invoice)
        } else {
            writeValues(of: alerts[alert].rule, accumulator: alerts[alert].subject, policy)
        }
    }

    mutating func writeAccumulatorAlert(_ alert: UInt32, _ state: AlertState, _ policy: Int) {
        if isSilent { return count(.alerts) }
        var out = pen(.alerts)
        let row = alerts[alert]
        let accumulator = accumulators[row.subject]
        let entity = reference.pharmacies.rows[accumulator.pharmacy].entity
        begin(&out, .alerts, entity, policy)
        putHead(&out, alert, state, policy)
        out.put("{\"kind\":\"accumulator\",\"pharmacy_npi\":")
        put(&out, reference.pharmacies, accumulator.pharmacy)
        out.put(",\"ndc11\":")
        putProduct(&out, accumulator.product)
        out.put(",\"account\":")
        put(&out, accumulator.account)
        if let invoice = invoices[alert] {
            out.put(",\"invoice_id\":")
            put(&out, invoice.id)
        }
        out.put(byte: UInt8(ascii: "}"))
        putCause(&out, row.rule, policy)
        putSentence(&out, row.rule, accumulator: row.subject)
        putOccurrence(&out, alert)
        out.put(",\"decision_id\":null,\"patient_token\":null")
        putResolution(&out, state)
        out.put(",\"evidence\":{\"records\":[")
        putCauseAndEnd(&out, alert)
        finish(.alerts, entity, out)
    }
}

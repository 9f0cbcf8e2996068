// A record's own fields by the names of the contract, in its order: for people, never for the fold.

extension RecordView {
    /// The name of the topic or file that the record was copied from; empty where the monitor wrote it by itself.
    public var sourceName: String {
        guard textCount > 0 else { return "" }
        return string(text(0))
    }

    /// The covered entity that the record is about; nil where it is about all, or about none.
    public var coveredEntity: String? {
        guard let kind else { return nil }
        if kind.isEvent { return string(text(1)) }
        guard kind == .referenceRow, let row = referenceRow, let column = row.table.entityColumn
        else { return nil }
        return row.values[column]
    }

    /// Every field of the record's kind; the record must have passed ``check()``.
    public var fields: [RecordField] {
        guard let kind else { return [] }
        switch kind {
        case .genesis:
            let genesis = genesis
            return [
                RecordField("application", genesis.application),
                RecordField("partition", genesis.partition),
                RecordField("partition_count", genesis.partitionCount),
                RecordField("horizon_days", genesis.horizonDays),
                RecordField("clock", genesis.clock == .ticks ? "ticks" : "records"),
            ]
        case .sourceRegistered:
            let source = sourceRegistration
            return [
                RecordField("topic", source.topic), RecordField("partition", source.partition),
                RecordField("first_offset", source.firstOffset),
            ]
        case .sourceRetired:
            let source = retiredSource
            return [
                RecordField("topic", source.topic), RecordField("partition", source.partition),
            ]
        case .tick:
            let rows = progress.map { one in
                [
                    RecordField("topic", one.topic), RecordField("partition", one.partition),
                    RecordField("reached", one.reached),
                ]
            }
            return [RecordField("progress", .rows(rows))]
        case .referenceRow:
            guard let row = referenceRow else { return [] }
            return [
                RecordField("table", row.table.name),
                RecordField("is_withdrawn", .flag(row.isWithdrawn)),
            ] + zip(row.table.columns, row.values).map { RecordField($0, optional: $1) }
        case .referenceComplete:
            let completion = referenceCompletion
            return [
                RecordField("row_count", completion.rowCount),
                RecordField("sha256", optional: SHA256.hex(completion.digest)),
            ]
        case .policy:
            let lines = String(decoding: policyBytes, as: UTF8.self).split(separator: "\n")
            let version = lines.first { $0.hasPrefix("version=") }?.dropFirst("version=".count)
            return [
                RecordField("version", optional: String(version ?? "")),
                RecordField("values", .texts(lines.map(String.init))),
            ]
        case .encounter: return eventFields + fields(of: encounter)
        case .dispense: return eventFields + fields(of: dispense)
        case .claim: return eventFields + fields(of: claim)
        case .purchase: return eventFields + fields(of: purchase)
        case .disposition: return eventFields + fields(of: disposition)
        case .adjustment: return eventFields + fields(of: adjustment)
        }
    }

    private var eventFields: [RecordField] {
        let header = eventHeader
        let tokens = unsafe PatientToken.texts(bytes(header.tokens))
        return [
            RecordField("event_id", string(header.eventID)),
            RecordField("covered_entity_id", string(header.entity)),
            RecordField("occurred_at", header.occurredAt),
            RecordField("patient_tokens", .texts(tokens ?? [])),
        ]
    }

    private func field(_ name: String, _ text: Text) -> RecordField {
        RecordField(name, string(text))
    }
    private func field(_ name: String, optional text: Text) -> RecordField {
        RecordField(name, optional: string(text))
    }

    private func field(_ name: String, _ npi: Npi) -> RecordField {
        guard npi.digits != Npi.other else { return RecordField(name, string(npi.text)) }
        return RecordField(name, padded(npi.digits, 10))
    }

    private func field(_ name: String, _ ndc: Ndc) -> RecordField {
        guard ndc.isNormalised else { return RecordField(name, string(ndc.text)) }
        return RecordField(name, padded(ndc.code & (1 << 56 - 1), Int(ndc.code >> 56)))
    }

    private func field(_ name: String, _ status: DispensingStatus?) -> RecordField {
        status.map { RecordField(name, $0) } ?? RecordField(name, .nothing)
    }

    private func padded(_ number: UInt64, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }

    private func fields(of value: Encounter) -> [RecordField] {
        [
            field("encounter_id", value.encounterID), RecordField("class", value.classCode),
            RecordField("status", value.status), field("site_id", value.siteID),
            field("provider_npi", value.provider), RecordField("start", value.start),
            RecordField("end", value.end),
        ]
    }

    private func fields(of value: Dispense) -> [RecordField] {
        [
            field("dispense_id", value.dispenseID), field("rx_number", value.rxNumber),
            RecordField("fill_number", value.fillNumber), field("pharmacy_npi", value.pharmacy),
            field("prescriber_npi", value.prescriber), field("site_id", value.siteID),
            field("ndc", value.ndc), RecordField("quantity", value.quantity),
            RecordField("unit", value.unit), RecordField("days_supply", optional: value.daysSupply),
            RecordField("written_on", optional: value.writtenOn.text),
            RecordField("status", value.status), RecordField("setting", value.setting),
            field("encounter_id", optional: value.encounterID),
            RecordField("payment", value.payment),
            field("dispensing_status", value.dispensingStatus),
        ]
    }

    private func fields(of value: Claim) -> [RecordField] {
        let codes = string(value.clarificationCodes).split(separator: "\u{1F}").map(String.init)
        return [
            field("claim_id", value.claimID), field("rx_number", value.rxNumber),
            RecordField("fill_number", value.fillNumber), field("pharmacy_npi", value.pharmacy),
            field("ndc", value.ndc), RecordField("quantity", value.quantity),
            RecordField("transaction", value.transaction), RecordField("status", value.status),
            RecordField("coverage_order", value.coverageOrder),
            field("dispensing_status", value.dispensingStatus), field("bin", optional: value.bin),
            field("pcn", optional: value.pcn), field("group", optional: value.group),
            RecordField("submission_clarification_codes", .texts(codes)),
            RecordField("claimed_340b", .flag(value.isClaimed340B)),
        ]
    }

    private func fields(of value: Purchase) -> [RecordField] {
        [
            field("invoice_id", value.invoiceID), RecordField("line", value.line),
            RecordField("account", value.account), field("pharmacy_npi", value.pharmacy),
            field("ndc", value.ndc), RecordField("packages", value.packages),
            RecordField("unit_price", value.unitPrice),
        ]
    }

    private func fields(of value: Disposition) -> [RecordField] {
        [
            field("subject_id", value.subjectID), RecordField("decision", value.decision),
            field("actor", value.actor), field("role", optional: value.role),
            field("note", optional: value.note),
        ]
    }

    private func fields(of value: Adjustment) -> [RecordField] {
        [
            field("adjustment_id", value.adjustmentID), field("pharmacy_npi", value.pharmacy),
            field("ndc", value.ndc), RecordField("account", value.account),
            RecordField("quantity", value.quantity),
            RecordField("packages_outstanding", optional: value.packagesOutstanding),
            RecordField("reason", value.reason), field("actor", value.actor),
            field("approved_by", optional: value.approvedBy), field("note", optional: value.note),
        ]
    }
}

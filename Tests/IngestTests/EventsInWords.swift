import Foundation
import Ingest
import Journal

/// Valid events of every type, as pairs of key and JSON text.
enum Sample {
    static let common: [(String, String)] = [
        ("event_id", "\"e-1\""), ("covered_entity_id", "\"DSH330214\""),
        ("occurred_at", "\"2026-10-05T14:12:03Z\""),
    ]
    static let own: [String: [(String, String)]] = [
        "encounter": [
            ("encounter_id", "\"E7\""), ("patient_id", "\"P19\""), ("class", "\"AMB\""),
            ("status", "\"finished\""), ("site_id", "\"DSH330214A\""),
            ("provider_npi", "\"1457398216\""), ("start", "\"2026-10-05T13:40:00Z\""),
            ("end", "\"2026-10-05T14:10:00Z\""),
        ],
        "dispense": [
            ("dispense_id", "\"D9\""), ("rx_number", "\"7712093\""), ("patient_id", "\"P19\""),
            ("fill_number", "0"), ("pharmacy_npi", "\"1811223340\""),
            ("prescriber_npi", "\"1457398216\""), ("site_id", "\"DSH330214A\""),
            ("ndc", "\"0002-8215-01\""), ("quantity", "10"), ("unit", "\"ML\""),
            ("days_supply", "30"), ("written_on", "\"2026-10-05\""), ("status", "\"completed\""),
        ],
        "claim": [
            ("claim_id", "\"C5\""), ("rx_number", "\"7712093\""), ("fill_number", "0"),
            ("pharmacy_npi", "\"1811223340\""), ("ndc", "\"00002821501\""), ("quantity", "10"),
            ("transaction", "\"B1\""), ("status", "\"paid\""), ("bin", "\"004336\""),
            ("pcn", "\"ADV\""), ("group", "\"RX1234\""),
            ("submission_clarification_codes", "[\"20\"]"), ("claimed_340b", "true"),
        ],
        "purchase": [
            ("invoice_id", "\"INV88120\""), ("line", "4"), ("account", "\"340B\""),
            ("pharmacy_npi", "\"1811223340\""), ("ndc", "\"00002821501\""), ("packages", "3"),
            ("unit_price", "\"12.34\""),
        ],
        "disposition": [
            ("subject_id", "\"a_1b2\""), ("decision", "\"false_positive\""),
            ("actor", "\"analyst-7\""), ("role", "\"analyst\""), ("note", "\"documented late\""),
        ],
        "adjustment": [
            ("adjustment_id", "\"ADJ1\""), ("pharmacy_npi", "\"1811223340\""),
            ("ndc", "\"00002821501\""), ("account", "\"340B\""), ("quantity", "\"-2.5\""),
            ("packages_outstanding", "1"), ("reason", "\"count\""), ("actor", "\"buyer-2\""),
            ("approved_by", "\"lead-1\""), ("note", "\"yearly count\""),
        ],
    ]

    /// The members of a valid event.
    static func event(_ type: String) -> [(key: String, value: String)] {
        ([("event_type", "\"\(type)\"")] + common + (own[type] ?? [])).map {
            (key: $0.0, value: $0.1)
        }
    }

    /// As JSON.
    static func json(_ members: [(key: String, value: String)]) -> String {
        "{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    /// The record that a story gives: `record …` as it is, `value …` as an unknown field of an encounter, or an event
    /// by its type with lines `with "key": value` and `without key`.
    static func record(_ given: [String]) -> [UInt8] {
        let first = given[0]
        if first.hasPrefix("record ") { return Stories.bytes(String(first.dropFirst(7))) }
        if first.hasPrefix("value ") {
            let start = Stories.bytes(json(event("encounter")).dropLast() + ",\"extra\":")
            return start + Stories.bytes(String(first.dropFirst(6)) + "}")
        }
        var members = event(first)
        for line in given.dropFirst() {
            if line.hasPrefix("without ") {
                members.removeAll { $0.key == line.dropFirst(8) }
            } else if line.hasPrefix("with \""), let colon = line.firstRange(of: "\": ") {
                let key = line[line.index(line.startIndex, offsetBy: 6)..<colon.lowerBound]
                let value = String(line[colon.upperBound...])
                if let index = members.firstIndex(where: { $0.key == key }) {
                    members[index].value = value
                } else {
                    members.append((String(key), value))
                }
            } else {
                fatalError("unknown line of a story: \(line)")
            }
        }
        return Stories.bytes(json(members))
    }
}

/// What a decoder makes of a record, as a person would say it.
func inWords(
    _ record: [UInt8],
    _ decoder: inout EventDecoder,
    _ source: SourceName,
    recordedAt: Instant? = nil
) -> String {
    do {
        try decoder.decode(record.span.bytes, from: source, recordedAt: recordedAt)
    } catch {
        let field = error.field.isEmpty ? "" : " \(error.field)"
        let entity = error.coveredEntityID.map { " of \($0)" } ?? ""
        return "\(error.code.rawValue)\(field)\(entity)\n\(error.message)\n\(error.hint)"
    }
    let batch = RecordBatch()
    decoder.append(
        to: batch,
        source: RecordSource(partition: -1, offset: 1, counter: 0)
    )
    let view = batch.record(at: 0)
    do { try view.check() } catch { return "a record that fails its own check: \(error)" }
    return inWords(view)
}

/// An event of the journal in words.
func inWords(_ record: RecordView) -> String {
    guard let kind = record.kind, EventType(rawValue: kind.rawValue) != nil else {
        return "no event"
    }
    let header = record.eventHeader
    func text(_ text: Text) -> String {
        record.string(text).unicodeScalars.map { scalar in
            scalar.value < 0x20 ? "\\x" + String(scalar.value, radix: 16) : String(scalar)
        }.joined()
    }
    func npi(_ npi: Npi) -> String {
        npi.digits == Npi.other ? "“\(text(npi.text))”" : "\(npi.digits)"
    }
    func ndc(_ ndc: Ndc) -> String {
        guard ndc.isNormalised else { return "“\(text(ndc.text))”" }
        let digits = "\(ndc.code & 0xFF_FFFF_FFFF_FFFF)"
        return String(repeating: "0", count: max(0, Int(ndc.code >> 56) - digits.count)) + digits
    }
    var words: [String] = []
    switch kind {
    case .encounter:
        let one = record.encounter
        words = [
            text(one.encounterID), one.classCode.name, one.status.name, "site \(text(one.siteID))",
            "provider \(npi(one.provider))", "from \(inWords(one.start))",
            one.end.isPresent ? "to \(inWords(one.end))" : "open",
        ]
    case .dispense:
        let one = record.dispense
        words = [
            text(one.dispenseID), "prescription \(text(one.rxNumber)) fill \(one.fillNumber)",
            "pharmacy \(npi(one.pharmacy))", "prescriber \(npi(one.prescriber))",
            "site \(text(one.siteID))", "ndc \(ndc(one.ndc))",
            "\(one.quantity.text) \(one.unit.name)",
            one.daysSupply < 0 ? "days unknown" : "for \(one.daysSupply) days",
            "written \(one.writtenOn.text)", one.status.name, one.setting.name, one.payment.name,
        ]
        if let part = one.dispensingStatus { words.append("\(part)") }
        if !one.encounterID.isEmpty { words.append("encounter \(text(one.encounterID))") }
    case .claim:
        let one = record.claim
        words = [
            text(one.claimID), "prescription \(text(one.rxNumber)) fill \(one.fillNumber)",
            "pharmacy \(npi(one.pharmacy))", "ndc \(ndc(one.ndc))", one.quantity.text,
            one.transaction.name, one.status.name, "payer \(one.coverageOrder)",
            "\(text(one.bin))/\(text(one.pcn))/\(text(one.group))",
            "codes "
                + record.string(one.clarificationCodes).split(
                    separator: "\u{1F}",
                    omittingEmptySubsequences: false
                ).joined(separator: "+"),
            one.isClaimed340B ? "340B" : "not 340B",
        ]
        if let part = one.dispensingStatus { words.append("\(part)") }
    case .purchase:
        let one = record.purchase
        words = [
            "\(text(one.invoiceID)) line \(one.line)", one.account.name,
            "pharmacy \(npi(one.pharmacy))", "ndc \(ndc(one.ndc))", "\(one.packages) packages",
            one.unitPrice == .absent ? "no price" : "at \(one.unitPrice.text)",
        ]
    case .disposition:
        let one = record.disposition
        words = [
            text(one.subjectID), one.decision.name, "by \(text(one.actor))",
            "role \(text(one.role))", "note \(text(one.note))",
        ]
    case .adjustment:
        let one = record.adjustment
        words = [
            text(one.adjustmentID), "pharmacy \(npi(one.pharmacy))", "ndc \(ndc(one.ndc))",
            one.account.name, one.quantity.text,
            one.packagesOutstanding < 0
                ? "outstanding unknown" : "\(one.packagesOutstanding) outstanding",
            one.reason.name, "by \(text(one.actor))", "approved by \(text(one.approvedBy))",
            "note \(text(one.note))",
        ]
    case .genesis, .sourceRegistered, .tick, .referenceRow, .referenceComplete, .policy,
        .sourceRetired:
        return "no event"
    }
    let recorded = inWords(Timestamp(header.recordedAt, offsetMinutes: 0))
    return "\(kind) \(text(header.eventID)) of \(text(header.entity))"
        + " at \(inWords(header.occurredAt)) recorded \(recorded)\n" + words.joined(separator: ", ")
}

/// A moment with its offset, to the microsecond where there is a fraction.
func inWords(_ time: Timestamp) -> String {
    let local = time.instant.microseconds &+ Int64(time.offsetMinutes) &* 60_000_000
    var rest = local % 86_400_000_000
    if rest < 0 { rest += 86_400_000_000 }
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let seconds = rest / 1_000_000
    var fraction = "\(rest % 1_000_000)"
    fraction =
        rest % 1_000_000 == 0
        ? "" : "." + String(repeating: "0", count: 6 - fraction.count) + fraction
    let offset = Int64(abs(Int(time.offsetMinutes)))
    let zone =
        time.offsetMinutes == 0
        ? "Z" : (time.offsetMinutes < 0 ? "-" : "+") + two(offset / 60) + ":" + two(offset % 60)
    return time.date.text + "T" + two(seconds / 3600) + ":" + two(seconds / 60 % 60) + ":"
        + two(seconds % 60) + fraction + zone
}

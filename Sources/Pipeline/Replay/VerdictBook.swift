internal import Engine
internal import Journal

/// What two folds of one journal have decided, gathered from their outputs, and what differs.
final class VerdictBook {
    /// Which of the two.
    enum Side: Int, CaseIterable { case before, after }

    /// The last decision about a fill, in few bytes.
    struct Decision: Equatable {
        var outcome: UInt32
        var account: UInt32
        var quantity: Int64
        var unit: UInt32
        var product: UInt32
        var failed: RuleSet
        var pending: RuleSet
        /// Not compared: it informs.
        var dispense: UInt32
        var isInRange: Bool

        static func == (left: Self, right: Self) -> Bool {
            left.outcome == right.outcome && left.account == right.account
                && left.quantity == right.quantity && left.unit == right.unit
                && left.product == right.product && left.failed == right.failed
                && left.pending == right.pending
        }
    }

    /// The last word on an alert.
    struct AlertState: Equatable {
        var rule: Rule
        var isOpen: Bool
        var severity: UInt32
        var owner: UInt32
        var subject: UInt32
        var entity: UInt32
        var isInRange: Bool
    }

    /// What one fold has said.
    struct Account {
        var fills: [UInt32: Decision] = [:]
        var alerts: [UInt32: AlertState] = [:]
        var ledgers: [UInt32: VerdictDiff.Ledger] = [:]
        var opened: [Int] = Rule.allCases.map { _ in 0 }
        var resolved: [Int] = Rule.allCases.map { _ in 0 }
        var versions: [String] = []
    }

    private(set) var sides = Side.allCases.map { _ in Account() }
    /// Keys of fills, alerts and accumulators: raw values joined by 0x1F, which no raw value holds.
    var fillKeys = TextTable()
    var alertKeys = TextTable()
    var ledgerKeys = TextTable()
    /// Everything else, raw.
    var words = TextTable()
    var prices = PriceBook()

    /// Takes what a machine of one side has written.
    func take(_ buffers: [OutputBuffer], _ side: Side, isInRange: Bool) {
        for (topic, buffer) in zip(OutputTopic.allCases, buffers) {
            for index in 0..<buffer.count {
                // The value stands as long as nothing is written to the buffer.
                let line = unsafe buffer.value(at: index)
                switch topic {
                case .decisions: unsafe takeDecision(line, side.rawValue, isInRange)
                case .alerts: unsafe takeAlert(line, side.rawValue, isInRange)
                case .accumulators: unsafe takeIncrement(line, side.rawValue)
                case .replenishments: unsafe takeReplenishment(line, side.rawValue)
                }
            }
        }
    }

    /// The values of some members, in the order of their names; empty where one is not there.
    private func values(
        _ line: UnsafeRawBufferPointer,
        _ names: [StaticString]
    ) -> [UnsafeRawBufferPointer] {
        var members = unsafe OutputMembers(line)
        var found = unsafe [UnsafeRawBufferPointer](
            repeating: UnsafeRawBufferPointer(start: nil, count: 0),
            count: names.count
        )
        var place = 0
        // Our own outputs have their members in a fixed order, so each name is looked for behind the one before.
        while place < names.count, let member = unsafe members.next() {
            let wanted = names[place]
            guard unsafe member.name.count == wanted.utf8CodeUnitCount,
                wanted.withUTF8Buffer({ unsafe $0.elementsEqual(member.name) })
            else { continue }
            unsafe found[place] = unsafe member.value
            place += 1
        }
        return unsafe found
    }

    private func word(_ raw: UnsafeRawBufferPointer) -> UInt32 {
        words.number(of: unsafe Array(raw))
    }

    private static func key(_ parts: UnsafeRawBufferPointer...) -> [UInt8] {
        var key: [UInt8] = []
        for place in unsafe parts.indices {
            if place > 0 { key.append(0x1F) }
            unsafe key.append(contentsOf: parts[place])
        }
        return key
    }

    private func rule(_ raw: UnsafeRawBufferPointer) -> Rule? {
        guard raw.count > 2 else { return nil }
        return unsafe Rule(utf8: raw[1..<raw.count - 1])
    }

    private func takeDecision(_ line: UnsafeRawBufferPointer, _ side: Int, _ isInRange: Bool) {
        let all = unsafe values(
            line,
            [
                "covered_entity_id", "fill", "dispense_id", "ndc11", "quantity", "unit", "account",
                "outcome", "rules",
            ]
        )
        let fill = unsafe values(all[1], ["pharmacy_npi", "rx_number", "fill_number"])
        var decision = Decision(
            outcome: unsafe word(all[7]),
            account: unsafe word(all[6]),
            quantity: Int64(truncatingIfNeeded: unsafe OutputValue.millionths(all[4])),
            unit: unsafe word(all[5]),
            product: unsafe word(all[3]),
            failed: [],
            pending: [],
            dispense: unsafe word(all[2]),
            isInRange: isInRange
        )
        // `[{"rule":"…","result":"fail"},…]`: objects without anything inside.
        let rules = unsafe all[8]
        var place = 1
        while place < rules.count, unsafe rules[place] == UInt8(ascii: "{") {
            var end = place
            while end < rules.count, unsafe rules[end] != UInt8(ascii: "}") { end += 1 }
            let object = unsafe UnsafeRawBufferPointer(
                rebasing: rules[place...min(end, rules.count - 1)]
            )
            let one = unsafe values(object, ["rule", "result"])
            if let rule = unsafe rule(one[0]) {
                // `"fail"` or `"pending"`.
                if unsafe one[1].count > 1 && one[1][1] == UInt8(ascii: "f") {
                    decision.failed.add(rule)
                } else {
                    decision.pending.add(rule)
                }
            }
            place = end + 2
        }
        let key = fillKeys.number(of: unsafe Self.key(all[0], fill[0], fill[1], fill[2]))
        if sides[side].fills[key]?.isInRange == true { decision.isInRange = true }
        sides[side].fills[key] = decision
    }

    private func takeAlert(_ line: UnsafeRawBufferPointer, _ side: Int, _ isInRange: Bool) {
        let all = unsafe values(
            line,
            ["covered_entity_id", "alert_id", "rule", "state", "severity", "owner", "subject"]
        )
        guard let rule = unsafe rule(all[2]) else { return }
        let state = unsafe OutputValue.text(all[3]) ?? ""
        if isInRange, state == "opened" { sides[side].opened[Int(rule.rawValue)] += 1 }
        let key = alertKeys.number(of: unsafe Array(all[1]))
        // What a person says of a resolved alert resolves it no second time.
        if isInRange, state == "resolved", sides[side].alerts[key]?.isOpen != false {
            sides[side].resolved[Int(rule.rawValue)] += 1
        }
        sides[side].alerts[key] = AlertState(
            rule: rule,
            isOpen: state != "resolved",
            severity: unsafe word(all[4]),
            owner: unsafe word(all[5]),
            subject: unsafe word(all[6]),
            entity: unsafe word(all[0]),
            isInRange: isInRange || sides[side].alerts[key]?.isInRange == true
        )
    }

    private func takeIncrement(_ line: UnsafeRawBufferPointer, _ side: Int) {
        let all = unsafe values(
            line,
            [
                "covered_entity_id", "pharmacy_npi", "ndc11", "account", "quantity", "balance",
                "cause",
            ]
        )
        let key = ledgerKeys.number(of: unsafe Self.key(all[0], all[1], all[2], all[3]))
        let kind = unsafe values(all[6], ["kind"])
        var ledger = sides[side].ledgers[key] ?? .init()
        ledger.balance = Balance(millionths: unsafe OutputValue.millionths(all[5]))
        if unsafe OutputValue.text(kind[0]) == "fill" {
            ledger.earned =
                ledger.earned + Balance(millionths: unsafe OutputValue.millionths(all[4]))
        }
        sides[side].ledgers[key] = ledger
    }

    private func takeReplenishment(_ line: UnsafeRawBufferPointer, _ side: Int) {
        let all = unsafe values(
            line,
            ["covered_entity_id", "pharmacy_npi", "ndc11", "account", "packages", "state"]
        )
        let state = unsafe OutputValue.text(all[5])
        guard state != "approved" else { return }
        let key = ledgerKeys.number(of: unsafe Self.key(all[0], all[1], all[2], all[3]))
        let packages = unsafe OutputValue.text(all[4]).flatMap { Int64($0) } ?? 0
        sides[side].ledgers[key, default: .init()].packagesDue +=
            state == "rejected" ? -packages : packages
    }

    /// Takes what only the journal says: prices, and which policy versions it holds.
    func take(_ record: RecordView) {
        switch record.kind {
        case .purchase, .referenceRow: prices.take(record)
        case .policy:
            guard let policy = Policy(canonicalBytes: record.policyBytes),
                !sides[0].versions.contains(policy.version)
            else { return }
            sides[0].versions.append(policy.version)
        case .genesis, .sourceRegistered, .tick, .referenceComplete, .sourceRetired, .encounter,
            .dispense, .claim, .disposition, .adjustment, nil:
            return
        }
    }
}

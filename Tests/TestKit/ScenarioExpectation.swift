/// What one line under the dashes says must follow.
package enum Expectation: Sendable {
    /// The fill's latest decision so far.
    case fill(FillName, FillState)
    /// The fill never had a decision.
    case undecided(FillName)
    /// No decision since the last block; of one fill, or of any.
    case noDecision(FillName?)
    case alert(AlertChange)
    /// No alert opened, updated or resolved since the last block.
    case noAlert(rule: String?, subject: AlertSubject?)
    /// The balance after the latest increment; 0 where there was none.
    case balance(AccumulatorName, quantity: String)
    /// All increments since the last block, in order; of one accumulator, or of all.
    case increments([Increment], AccumulatorName?)
    case replenishment(packages: Int, state: String?, ndc: String?)
    case deadLetter(code: String, field: String?)
    /// No output of any topic since the last block.
    case nothing
}

package struct FillName: Sendable, Hashable {
    var entity: String
    var pharmacy: String
    var prescription: String
    var number: Int
}

package struct AccumulatorName: Sendable, Hashable {
    var entity: String
    var pharmacy: String
    var ndc: String
    var account: String
}

package struct Increment: Sendable, Equatable {
    var quantity: String
    var reason: String
}

/// A fill's decision as a line states it; nil where the line says nothing.
package struct FillState: Sendable {
    var outcome: String
    var account: String?
    var quantity: String?
    /// Always compared, statistical rules aside: a line without `fails` says that none fails.
    var fails: [String] = []
    /// At least these must be pending.
    var pending: [String] = []
    var revision: Int?
    var until: String?
    var product: String?
    var encounter: String?
    var change: String?
    var dispense: String?
}

package enum AlertSubject: Sendable, Hashable {
    case fill(FillName)
    case accumulator(AccumulatorName)
    case invoice(AccumulatorName, id: String)
}

package struct AlertChange: Sendable {
    var rule: String
    /// `opened`, `updated` or `resolved`.
    var state: String
    var resolution: String?
    var subject: AlertSubject
    var severity: String?
    var rootCause: String?
    var occurrence: Int?
}

/// Rules judged by history, not by a single fact: no line has to name their alerts.
package let statisticalRules: Set<String> = [
    "usage_spike", "usage_new_pair", "ineligible_rate_shift", "capture_rate_drop",
    "quantity_outlier", "feed_silent",
]

/// Reads expectation lines, word by word.
struct ExpectationReader {
    let aliases: ScenarioAliases
    let entity: String
    private var words: ArraySlice<Substring> = []

    init(aliases: ScenarioAliases, entity: String) {
        self.aliases = aliases
        self.entity = entity
    }

    mutating func read(_ line: String) throws(ScenarioLineError) -> Expectation {
        words = line.split(separator: " ")[...]
        let meaning = try expectation()
        guard words.isEmpty else {
            throw ScenarioLineError("“\(words.joined(separator: " "))” is not understood")
        }
        return meaning
    }

    private mutating func expectation() throws(ScenarioLineError) -> Expectation {
        switch try next() {
        case "nothing": return .nothing
        case "fill": return try fill()
        case "alert": return try alert()
        case "no": return try absence()
        case "balance":
            let name = try accumulator()
            let quantity = try next()
            return .balance(name.withEntity(readEntity()), quantity: quantity)
        case "increments": return try increments()
        case "replenishment": return try replenishment()
        case "dead":
            try skip("letter")
            return .deadLetter(code: try next(), field: words.popFirst().map(String.init))
        case let word: throw ScenarioLineError("“\(word)” begins no expectation")
        }
    }

    private mutating func fill() throws(ScenarioLineError) -> Expectation {
        let name = try fillName()
        let outcome = try next()
        if outcome == "undecided" { return .undecided(name) }
        let outcomes = ["qualified", "not_qualified", "pending", "reversed", "missed_opportunity"]
        guard outcomes.contains(outcome) else {
            throw ScenarioLineError("“\(outcome)” is no outcome")
        }
        var state = FillState(outcome: outcome)
        while let word = words.popFirst() {
            switch word {
            case "340B", "GPO", "WAC": state.account = String(word)
            case "fails": state.fails = try list()
            case "pending": state.pending = try list()
            case "revision": state.revision = Int(try next())
            case "until": state.until = ScenarioRecordWriter.time(try next())
            case "product": state.product = aliases.value(try next())
            case "encounter": state.encounter = try next()
            case "change": state.change = try next()
            case "dispense": state.dispense = try next()
            case _ where word.first?.isNumber == true: state.quantity = String(word)
            default: throw ScenarioLineError("“\(word)” says nothing about a fill")
            }
        }
        return .fill(name, state)
    }

    private mutating func alert() throws(ScenarioLineError) -> Expectation {
        let rule = try next()
        let change = try next()
        let parts = change.split(whereSeparator: { "()".contains($0) }).map(String.init)
        guard let state = parts.first, ["opened", "updated", "resolved"].contains(state) else {
            throw ScenarioLineError("an alert is opened, updated or resolved, not “\(change)”")
        }
        var alert = AlertChange(
            rule: rule,
            state: state,
            resolution: parts.count > 1 ? parts[1] : nil,
            subject: try subject()
        )
        while let word = words.popFirst() {
            let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
            switch (pair.first, pair.last) {
            case ("severity", let value?): alert.severity = value
            case ("root_cause", let value?): alert.rootCause = value
            case ("occurrence", let value?): alert.occurrence = Int(value)
            default: throw ScenarioLineError("“\(word)” says nothing about an alert")
            }
        }
        return .alert(alert)
    }

    private mutating func absence() throws(ScenarioLineError) -> Expectation {
        switch try next() {
        case "decision":
            guard words.popFirst() != nil else { return .noDecision(nil) }
            return .noDecision(try fillName())
        case "alert":
            guard let word = words.first else { return .noAlert(rule: nil, subject: nil) }
            var rule: String?
            if !["fill", "accumulator", "invoice"].contains(word) {
                rule = try next()
            }
            return .noAlert(rule: rule, subject: words.isEmpty ? nil : try subject())
        case let word: throw ScenarioLineError("“no \(word)” is not understood")
        }
    }

    private mutating func increments() throws(ScenarioLineError) -> Expectation {
        var increments: [Increment] = []
        while let word = words.first, word != "at" {
            words.removeFirst()
            let parts = word.split(whereSeparator: { "()".contains($0) }).map(String.init)
            guard parts.count == 2 else {
                throw ScenarioLineError("write increments as quantity(reason), not “\(word)”")
            }
            increments.append(Increment(quantity: parts[0], reason: parts[1]))
        }
        guard words.popFirst() != nil else { return .increments(increments, nil) }
        return .increments(increments, try accumulator().withEntity(readEntity()))
    }

    private mutating func replenishment() throws(ScenarioLineError) -> Expectation {
        guard let packages = Int(try next()) else {
            throw ScenarioLineError("write “replenishment N packages state”")
        }
        try skip(packages == 1 ? "package" : "packages")
        var state: String?
        if let word = words.first, word != "of" {
            state = String(word)
            words.removeFirst()
        }
        guard words.popFirst() != nil else {
            return .replenishment(packages: packages, state: state, ndc: nil)
        }
        return .replenishment(packages: packages, state: state, ndc: aliases.value(try next()))
    }

    private mutating func subject() throws(ScenarioLineError) -> AlertSubject {
        switch try next() {
        case "fill": return .fill(try fillName())
        case "accumulator": return .accumulator(try accumulator().withEntity(readEntity()))
        case "invoice":
            let id = try next()
            return .invoice(try accumulator().withEntity(readEntity()), id: id)
        case let word: throw ScenarioLineError("“\(word)” is no subject of an alert")
        }
    }

    /// `1`, `1/2`, `1/2@corner-contract`, each with `of CAN1` behind it where needed.
    private mutating func fillName() throws(ScenarioLineError) -> FillName {
        let word = try next()
        guard let match = word.wholeMatch(of: #/([^/@]+)(?:/(\d+))?(?:@(.+))?/#) else {
            throw ScenarioLineError("“\(word)” names no fill; write RX/FILL@pharmacy")
        }
        return FillName(
            entity: readEntity() ?? entity,
            pharmacy: aliases.value(match.3 ?? "main-pharmacy"),
            prescription: String(match.1),
            number: match.2.flatMap { Int($0) } ?? 0
        )
    }

    private mutating func accumulator() throws(ScenarioLineError) -> AccumulatorName {
        AccumulatorName(
            entity: entity,
            pharmacy: aliases.value(try next()),
            ndc: aliases.value(try next()),
            account: try next()
        )
    }

    private mutating func readEntity() -> String? {
        guard words.first == "of" else { return nil }
        words.removeFirst()
        return words.popFirst().map(String.init)
    }

    private mutating func list() throws(ScenarioLineError) -> [String] {
        try next().split(separator: ",").map(String.init)
    }

    private mutating func next() throws(ScenarioLineError) -> String {
        guard let word = words.popFirst() else { throw ScenarioLineError("the line ends too soon") }
        return String(word)
    }

    private mutating func skip(_ expected: String) throws(ScenarioLineError) {
        let word = try next()
        guard word == expected else {
            throw ScenarioLineError("“\(expected)” must follow, not “\(word)”")
        }
    }
}

extension AccumulatorName {
    func withEntity(_ other: String?) -> AccumulatorName {
        var name = self
        if let other { name.entity = other }
        return name
    }
}

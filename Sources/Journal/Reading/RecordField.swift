/// One field of a journal record by the contract's name, as a person or a program reads it.
public struct RecordField: Sendable, Hashable {
    /// What a field may hold.
    public enum Value: Sendable, Hashable {
        case text(String)
        case number(Int64)
        case flag(Bool)
        case texts([String])
        case rows([[RecordField]])
        /// The record gives none.
        case nothing
    }

    public var name: String
    public var value: Value

    init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }

    init(_ name: String, _ text: String) { self.init(name, .text(text)) }
    init(_ name: String, optional text: String) {
        self.init(name, text.isEmpty ? .nothing : .text(text))
    }
    init(_ name: String, _ number: some FixedWidthInteger) {
        self.init(name, .number(Int64(clamping: number)))
    }
    init(_ name: String, optional number: some FixedWidthInteger) {
        self.init(name, number < 0 ? .nothing : .number(Int64(clamping: number)))
    }
    init(_ name: String, _ code: some ContractCode) { self.init(name, .text(code.name)) }
    init(_ name: String, _ time: Timestamp) {
        self.init(name, time.isPresent ? .text(time.text) : .nothing)
    }
    init(_ name: String, _ time: Instant) {
        self.init(name, time == .distantPast ? .nothing : .text(time.text))
    }
    init(_ name: String, _ quantity: Quantity) {
        self.init(name, quantity == .absent ? .nothing : .text(quantity.text))
    }

    /// The value in one word, for a line; nil where there is nothing to say.
    public var word: String? {
        switch value {
        case .text(let text): text
        case .number(let number): String(number)
        case .flag(let flag): flag ? "yes" : "no"
        case .texts(let texts): texts.isEmpty ? nil : texts.joined(separator: ",")
        case .rows(let rows):
            rows.map { $0.compactMap(\.word).joined(separator: "/") }.joined(separator: ",")
        case .nothing: nil
        }
    }
}

extension RecordKind {
    /// The kind's name: of an event its `event_type`.
    public var name: String {
        switch self {
        case .genesis: "genesis"
        case .sourceRegistered: "source_registered"
        case .tick: "tick"
        case .referenceRow: "reference_row"
        case .referenceComplete: "reference_complete"
        case .policy: "policy"
        case .sourceRetired: "source_retired"
        case .encounter: EventType.encounter.name
        case .dispense: EventType.dispense.name
        case .claim: EventType.claim.name
        case .purchase: EventType.purchase.name
        case .disposition: EventType.disposition.name
        case .adjustment: EventType.adjustment.name
        }
    }

    /// Whether a source event stands in the record.
    public var isEvent: Bool { rawValue >= RecordKind.encounter.rawValue }

    /// Whether its record counts in its source: it has a place there and a counter.
    public var isCounted: Bool {
        switch self {
        case .encounter, .dispense, .claim, .purchase, .disposition, .adjustment: true
        case .referenceRow, .referenceComplete, .policy: true
        case .genesis, .sourceRegistered, .sourceRetired, .tick: false
        }
    }
}

extension PatientToken {
    /// The tokens that stand in a record, as outputs write them (`k1:…`), or nil where the bytes are none.
    public static func texts(_ bytes: some Collection<UInt8>) -> [String]? {
        var rest = Array(bytes)[...]
        var texts: [String] = []
        while let count = rest.first {
            let size = PatientToken.size(keyIDCount: Int(count))
            guard (1...16).contains(count), rest.count >= size else { return nil }
            let name = rest.dropFirst().prefix(Int(count))
            guard name.allSatisfy({ (48...57).contains($0) || (97...122).contains($0) }) else {
                return nil
            }
            let hash = rest.prefix(size).suffix(16)
            texts.append(String(decoding: name, as: UTF8.self) + ":" + base64URL(hash))
            rest = rest.dropFirst(size)
        }
        return texts
    }

    /// RFC 4648, section 5, without padding.
    private static func base64URL(_ bytes: ArraySlice<UInt8>) -> String {
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
        )
        var text: [UInt8] = []
        var (bits, count) = (0, 0)
        for byte in bytes {
            bits = bits << 8 | Int(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[bits >> count & 63])
            }
        }
        if count > 0 { text.append(alphabet[bits << (6 - count) & 63]) }
        return String(decoding: text, as: UTF8.self)
    }
}
